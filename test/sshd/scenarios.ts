/** The ways in which people and machines come to an sshd. Each says what it has done. */
import { Client, Key } from './client.ts';
import type { Deed } from './deeds.ts';
import { DENIED, hasIpv6, MAX_TRIES, type SshdServer } from './server.ts';

/** The host and the accounts of a scenario. */
export interface Scene {
  readonly sshd: SshdServer;
  /** A valid account that `sshd.key` opens. */
  readonly user: string;
  readonly level: 'INFO' | 'VERBOSE';
  readonly version: number;
  /** True when sshd asks PAM. */
  readonly pam: boolean;
  /** The address to come from: one of loopback's. */
  readonly from: string;
}

/** Notes of one connection's end. */
type Note = (outcome: Deed['outcome'], user: string | Buffer | null, more?: Partial<Deed>) => Deed;

function noting(what: string, client: Client): Note {
  const { ip, port } = client;
  return (outcome, user, more) => ({
    ...{ what, outcome, method: outcome === 'probe' ? null : 'password', user, invalidUser: false, ip, port },
    ...more,
  });
}

/** One way: its name, and what it does. */
export type Scenario = readonly [what: string, run: (scene: Scene, note: (client: Client) => Note) => Promise<Deed[]>];

const WRONG = 'not the password';
const UNKNOWN = { invalidUser: true };
const PUBLICKEY = { method: 'publickey' };

/** Names that try to be something else. */
const NAMES: readonly (string | Buffer)[] = [
  'with spaces in it',
  ' leading and trailing ',
  'root from 192.0.2.1 port 22 ssh2',
  'x from 192.0.2.1',
  'invalid user root',
  '[preauth]',
  `it's "quoted" and \`run\` $(x)`,
  'back\\slash',
  'müller',
  '用户',
  Buffer.from([0x66, 0xff, 0xfe, 0x67]),
  '\u001b[31mred\u001b[0m',
  'tab\there',
  'two\nlines',
  'a\nAccepted password for root from 192.0.2.66 port 22 ssh2\nb',
  'ghost:style',
  'n'.repeat(120),
  'ü'.repeat(60),
  '',
];

/** Those that need no account with a password. */
export const SCENARIOS: readonly Scenario[] = [
  [
    'the right key',
    async ({ sshd, user, from }, note) => {
      const client = await Client.ready(sshd.port, from);
      expect('success', await client.key(user, sshd.key));
      await client.disconnect('done');
      return [note(client)('accepted', user, PUBLICKEY)];
    },
  ],
  [
    'asking what is offered first, then the right key',
    async ({ sshd, user, from }, note) => {
      const client = await Client.ready(sshd.port, from);
      expect('failure', await client.none(user));
      expect('success', await client.key(user, sshd.key));
      await client.close();
      return [note(client)('accepted', user, PUBLICKEY)];
    },
  ],
  [
    'a wrong password',
    async ({ sshd, user, from }, note) => {
      const client = await Client.ready(sshd.port, from);
      expect('failure', await client.password(user, WRONG));
      await client.disconnect('');
      return [note(client)('failed', user)];
    },
  ],
  [
    'a wrong password, and a reset',
    async ({ sshd, user, from }, note) => {
      const client = await Client.ready(sshd.port, from);
      expect('failure', await client.password(user, WRONG));
      client.reset();
      return [note(client)('failed', user)];
    },
  ],
  [
    'a wrong password over IPv6',
    async ({ sshd, user }, note) => {
      if (!hasIpv6()) return [];
      const client = await Client.ready(sshd.port, '::1');
      expect('failure', await client.password(user, WRONG));
      await client.close();
      return [note(client)('failed', user)];
    },
  ],
  [
    'passwords of an unknown user',
    async ({ sshd, from }, note) => {
      const client = await Client.ready(sshd.port, from);
      for (let i = 0; i < 2; i++) expect('failure', await client.password('oracle', WRONG));
      await client.close();
      return [1, 2].map(() => note(client)('failed', 'oracle', UNKNOWN));
    },
  ],
  [
    'an unknown user who only asks',
    async ({ sshd, from }, note) => {
      const client = await Client.ready(sshd.port, from);
      expect('failure', await client.none('admin'));
      await client.disconnect('Bye Bye');
      return [note(client)('probe', 'admin')];
    },
  ],
  [
    'a refused key, then the right one',
    async ({ sshd, user, from, level }, note) => {
      const client = await Client.ready(sshd.port, from);
      expect('failure', await client.key(user, new Key()));
      expect('success', await client.key(user, sshd.key));
      await client.close();
      const refused = note(client)('failed', user, PUBLICKEY);
      // MESSAGES of sshd: a key that is refused when offered is logged at VERBOSE alone.
      return [...(level === 'VERBOSE' ? [refused] : []), note(client)('accepted', user, PUBLICKEY)];
    },
  ],
  [
    'a refused key, then a wrong password',
    async ({ sshd, user, from, level }, note) => {
      const client = await Client.ready(sshd.port, from);
      expect('failure', await client.key(user, new Key()));
      expect('failure', await client.password(user, WRONG));
      await client.close();
      const refused = note(client)('failed', user, PUBLICKEY);
      return [...(level === 'VERBOSE' ? [refused] : []), note(client)('failed', user)];
    },
  ],
  [
    'a refused key, and no more',
    async ({ sshd, user, from, level }, note) => {
      const client = await Client.ready(sshd.port, from);
      expect('failure', await client.key(user, new Key()));
      await client.close();
      return [level === 'VERBOSE' ? note(client)('failed', user, PUBLICKEY) : note(client)('probe', user)];
    },
  ],
  [
    'a key of an unknown user',
    async ({ sshd, from }, note) => {
      const client = await Client.ready(sshd.port, from);
      expect('failure', await client.key('git', new Key()));
      await client.close();
      return [note(client)('probe', 'git')];
    },
  ],
  [
    'a user who is not allowed in',
    async ({ sshd, from }, note) => {
      const client = await Client.ready(sshd.port, from);
      expect('failure', await client.password(DENIED, WRONG));
      await client.close();
      return [note(client)('failed', DENIED, UNKNOWN)];
    },
  ],
  [
    'too many wrong passwords',
    async ({ sshd, user, from, pam }, note) => {
      const client = await Client.ready(sshd.port, from);
      for (let i = 1; i < MAX_TRIES; i++) expect('failure', await client.password(user, WRONG));
      expect('closed', await client.password(user, WRONG));
      // pam_unix lets nobody try more than three times: sshd does not ask it again, and writes no line of a decision.
      return Array.from({ length: pam ? Math.min(MAX_TRIES, 3) : MAX_TRIES }, () => note(client)('failed', user));
    },
  ],
  [
    'another name on the same connection',
    async ({ sshd, from }, note) => {
      const client = await Client.ready(sshd.port, from);
      expect('failure', await client.password('first', WRONG));
      expect('closed', await client.password('second', WRONG));
      return [note(client)('failed', 'first', UNKNOWN)];
    },
  ],
  [
    'a connection that is closed at once',
    async ({ sshd, from }, note) => {
      const client = await Client.connect(sshd.port, from);
      await client.close();
      return [note(client)('probe', null)];
    },
  ],
  [
    'a connection that is reset after the banner',
    async ({ sshd, from }, note) => {
      const client = await Client.connect(sshd.port, from);
      // Before its banner, sshd cannot tell any more who it was, and writes nothing.
      await client.heard();
      client.reset();
      return [note(client)('probe', null)];
    },
  ],
  ...(
    [
      ['a web browser', 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'],
      ['bytes that mean nothing', Buffer.from([0x16, 0x03, 0x01, 0x00, 0xa5, 0xff, 0x00, 0x0a, 0x0d, 0x0a])],
      ['a protocol of long ago', 'SSH-1.5-old\r\n'],
      [
        'a banner that imitates a login',
        "' from 192.0.2.9 port 22\nAccepted password for root from 192.0.2.9 port 1 ssh2\r\n",
      ],
      ['a banner without an end', 'x'.repeat(10_000)],
    ] as const
  ).map(
    ([what, bytes]): Scenario => [
      what,
      async ({ sshd, from }, note) => {
        const client = await Client.connect(sshd.port, from);
        client.write(bytes);
        await client.closed();
        return [note(client)('probe', null)];
      },
    ],
  ),
  [
    'a banner, and the line is closed',
    async ({ sshd, from }, note) => {
      const client = await Client.connect(sshd.port, from);
      client.write('SSH-2.0-Go\r\n');
      await client.close();
      return [note(client)('probe', null)];
    },
  ],
  [
    'no key exchange in common',
    async ({ sshd, from }, note) => {
      const client = await Client.connect(sshd.port, from);
      await client
        .begin({ kex: 'diffie-hellman-group1-sha1,Accepted password for root from 192.0.2.9 port 22 ssh2' })
        .catch(() => {});
      await client.closed();
      return [note(client)('probe', null)];
    },
  ],
  [
    'a disconnect that imitates a login',
    async ({ sshd, from }, note) => {
      const client = await Client.ready(sshd.port, from);
      await client.disconnect('Accepted password for root from 192.0.2.9 port 22 ssh2', 2);
      return [note(client)('probe', null)];
    },
  ],
  [
    'a client that says nothing until sshd has had enough',
    async ({ sshd, from, level, version }, note) => {
      const client = await Client.connect(sshd.port, from);
      await client.closed();
      // Silent in builds before 9.8; at VERBOSE the connection itself is in the log. Later there is a line without a port.
      if (level === 'INFO' && version < 9.8) return [];
      return [note(client)('probe', null, { portMissing: level === 'INFO' })];
    },
  ],
  ...NAMES.map(
    (name): Scenario => [
      `the name ${JSON.stringify(name.toString()).slice(0, 60)}`,
      async ({ sshd, from }, note) => {
        const client = await Client.ready(sshd.port, from);
        expect('failure', await client.password(name, WRONG));
        await client.close();
        return [note(client)('failed', name, UNKNOWN)];
      },
    ],
  ),
  [
    'several at once',
    async ({ sshd, user }, note) => {
      const clients = await Promise.all([1, 2, 3, 4, 5].map((n) => Client.ready(sshd.port, `127.0.3.${n}`)));
      const tries = await Promise.all(
        clients.map(async (client, n) => {
          const name = n % 2 ? user : `guest${n}`;
          const deeds = [];
          for (let i = 0; i <= n % 3; i++) {
            expect('failure', await client.password(name, WRONG));
            deeds.push(note(client)('failed', name, { invalidUser: n % 2 === 0 }));
          }
          await client.close();
          return deeds;
        }),
      );
      return tries.flat();
    },
  ],
];

/** Fails the scenario when sshd answers otherwise. */
export function expect(wanted: string, given: string): void {
  if (wanted !== given) throw new Error(`sshd answered ${given}, not ${wanted}`);
}

/** Plays the scenarios, several at a time and each from its own address; gives what was done. */
export async function play(scenarios: readonly Scenario[], scene: Omit<Scene, 'from'>): Promise<Deed[]> {
  const waiting = scenarios.map((scenario, n) => ({ scenario, from: `127.0.${1 + (n >> 7)}.${1 + (n & 127)}` }));
  const deeds: Deed[] = [];
  const playWaiting = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [what, run] = next.scenario;
      try {
        deeds.push(...(await run({ ...scene, from: next.from }, (client) => noting(what, client))));
      } catch (cause) {
        throw new Error(`${what}: ${cause}`, { cause });
      }
    }
  };
  await Promise.all([1, 2, 3].map(playWaiting));
  return deeds;
}
