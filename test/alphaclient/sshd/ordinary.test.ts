/** Ordinary messages are skimmed where the log's lines begin alike, and read by the table where they do not: the same comes of both. */

import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Message,
  type Messages,
  OF_ACCEPTED,
  OF_DECIDED,
  OF_NEW,
  OF_REMARKED,
  OF_TOLD,
  OF_UNDECIDED,
  OF_WITHOUT_PORT,
} from '../../../alphaclient/sshd/ordinary-messages.ts';
import { Reader } from '../../../alphaclient/sshd/reader.ts';
import { Chance } from '../../sshd/chance.ts';

const START_MS = Date.UTC(2026, 10, 20, 9);
const CONTEXT = { writtenMs: START_MS + 86_400_000, nowMs: START_MS, timeZone: 'UTC' };
const SEED = Number(process.env['SEED'] ?? Date.now() % 1e9);
const LOGS = 3_000;
/** Short ones, so that one that fails can be read. */
const LINES = 12;
/** What passes between two lines: mostly little, now and then more than a connection that is about to end waits, or any. */
const STEPS_MS = [0, 0, 1_000, 1_000, 2_000, 3_000, 20_000, 45_000, 700_000];

const messagesIn = (all: Messages): readonly Message[] => [...new Set(all.valid)];
const ALL = [OF_NEW, OF_UNDECIDED, OF_WITHOUT_PORT, OF_DECIDED, OF_ACCEPTED, OF_TOLD, OF_REMARKED].flatMap(messagesIn);

interface Client {
  readonly user: string;
  readonly ip: string;
  readonly port: number;
}

const USERS = [
  'root',
  'alice',
  'x',
  'a.b-c',
  'john doe',
  ' admin',
  'admin ',
  'a b from',
  'n m '.repeat(20).trim(),
  'n m '.repeat(50).trim(),
  'a:b c',
  'a"b',
  '\\303',
  'invalid user x',
  'from',
  '',
  'x from 192.0.2.1 port 1',
];
const IPS = ['192.0.2.1', '192.0.2.10', '2001:db8::1', '2001:db8:0:1:2:3:4:5', '::1', 'fe80::1%eth0', '203.0.113.255'];
const KEYS = ['ED25519 SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG', 'RSA SHA256:x', 'x y'];

/** A message of this kind by this client, or nearly one. */
function written(text: string, { user, ip, port }: Client, chance: Chance): string {
  const rest = chance.one(['', 'alice(uid=1000) by (uid=0)', '11: Bye Bye', 's; logname= uid=0', ': 3: x']);
  const values: Readonly<Record<string, string>> = {
    user,
    ip,
    peer: `${ip} port ${port}`,
    client: `${user} from ${ip} port ${port}`,
    'new user': user,
    'any user': user,
    'new ip': ip,
    'new port': `${port}`,
    'new key': chance.one(KEYS),
    number: `${chance.below(7)}`,
    rest,
    'rest [preauth]': `${rest} [preauth]`,
    more: chance.one(['', ' ', '  user=bob']),
  };
  const message = text
    .replace('{client}{new port}', '{client}')
    .replace(/\{([^}]+)\}/g, (_, place: string) => values[place] as string);
  const at = chance.below(message.length);
  switch (chance.below(40)) {
    case 0:
      return message.slice(0, at);
    case 1:
      return `${message.slice(0, at)}${chance.one([' ', 'x', '1', '"'])}${message.slice(at)}`;
    default:
      return message;
  }
}

interface Line {
  readonly ms: number;
  readonly pid: number;
  readonly message: string;
}

/** A few connections that say anything, but mostly what such a one says next. */
function log(chance: Chance): Line[] {
  const clients = Array.from({ length: 2 }, (_, i) => ({
    user: chance.one(USERS),
    ip: chance.one(IPS),
    // No two clients of a host have the same.
    port: 50_000 + i,
  }));
  let ms = START_MS;
  return Array.from({ length: 2 + chance.below(LINES) }, () => {
    ms += chance.one(STEPS_MS);
    const who = chance.below(clients.length);
    const client = clients[who] as Client;
    // Sometimes another user's name; the peer is nobody else's.
    const one = chance.below(12) === 0 ? { ...client, user: chance.one(USERS) } : client;
    const message = written(chance.one(ALL).template, one, chance);
    return { ms, pid: 100 + who, message };
  });
}

/** Events by line: a message of no account may be when others are told, where it is skimmed. */
function events(bytes: Buffer): unknown[] {
  const reader = new Reader();
  const told = [...reader.read(bytes, CONTEXT), ...reader.end()].sort((a, b) => a.line - b.line);
  return told.map(({ event, line }) => ({ ...event, line }));
}

const syslog = ({ ms, pid, message }: Line): string =>
  `${new Date(ms).toISOString().slice(0, 19)}+00:00 web sshd[${pid}]: ${message}\n`;
const journal = ({ ms, pid, message }: Line): string =>
  `${JSON.stringify({ MESSAGE: message, SYSLOG_IDENTIFIER: 'sshd', SYSLOG_PID: `${pid}`, _HOSTNAME: 'web', __REALTIME_TIMESTAMP: `${Math.floor(ms / 1_000)}000000` })}\n`;

describe('ordinary messages', () => {
  it(`say the same, skimmed or read (SEED=${SEED})`, () => {
    let told = 0;
    for (let i = 0; i < LOGS; i++) {
      const lines = log(new Chance(SEED + i));
      const read = events(Buffer.from(lines.map(journal).join('')));
      deepEqual(
        events(Buffer.from(lines.map(syslog).join(''))),
        read,
        `SEED=${SEED + i}\n${lines.map(syslog).join('')}`,
      );
      told += read.length;
    }
    ok(told > LOGS);
  });

  it('an end is awaited alike after what is evidence of a failure, but none of an invalid user', () => {
    const peer = '192.0.2.10 port 50000';
    const lines = [
      { ms: 0, message: `Invalid user bob from ${peer}` },
      { ms: 1_000, message: `error: maximum authentication attempts exceeded for bob from ${peer} ssh2 [preauth]` },
      { ms: 2_000, message: `message repeated 4 times: [ Failed password for invalid user bob from ${peer} ssh2]` },
      {
        ms: 3_000,
        message: 'PAM 5 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.10 ',
      },
      { ms: 52_000, message: `Disconnected from ${peer} [preauth]` },
    ].map(({ ms, message }) => ({ ms: START_MS + ms, pid: 100, message }));
    deepEqual(events(Buffer.from(lines.map(syslog).join(''))), events(Buffer.from(lines.map(journal).join(''))));
  });

  it('an end is awaited from the last line on, whoever says it', () => {
    const peer = '192.0.2.10 port 50000';
    const lines = [
      { ms: 0, pid: 100, message: `Failed password for bob from ${peer} ssh2` },
      { ms: 1_000, message: `error: maximum authentication attempts exceeded for bob from ${peer} ssh2 [preauth]` },
      {
        ms: 25_000,
        message: 'pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.10 ',
      },
      { ms: 40_000, pid: 101, message: 'Failed password for eve from 192.0.2.11 port 50001 ssh2' },
      {
        ms: 41_000,
        message: `Disconnecting authenticating user bob ${peer}: Too many authentication failures [preauth]`,
      },
    ].map(({ ms, pid = 100, message }) => ({ ms: START_MS + ms, pid, message }));
    const read = events(Buffer.from(lines.map(journal).join('')));
    equal(read.length, 2);
    deepEqual(events(Buffer.from(lines.map(syslog).join(''))), read);
  });

  it("a name that is longer than what is kept of a connection is nobody else's", () => {
    const lines = [100, 101, 100, 101].map((pid, i) => {
      const client = `${`${pid} `.repeat(46)}x from 192.0.2.${pid} port ${pid}`;
      const said = i < 2 ? `Invalid user ${client}` : `Failed password for invalid user ${client} ssh2`;
      return { ms: START_MS, pid, message: said };
    });
    const all = [{ ms: START_MS, pid: 7, message: 'Server listening on :: port 22.' }, ...lines];
    const read = events(Buffer.from(all.map(journal).join('')));
    equal(read.length, 2);
    deepEqual(events(Buffer.from(all.map(syslog).join(''))), read);
  });

  it('are each known again where their connection is as far', () => {
    const client = { user: 'alice', ip: '192.0.2.10', port: 50_022 };
    const before: Readonly<Record<string, Messages>> = {
      '': OF_NEW,
      'Invalid user alice from 192.0.2.10 port 50022': OF_UNDECIDED,
      'pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.10  user=alice':
        OF_WITHOUT_PORT,
      'Failed password for alice from 192.0.2.10 port 50022 ssh2': OF_DECIDED,
      'Accepted password for alice from 192.0.2.10 port 50022 ssh2': OF_ACCEPTED,
      'error: kex_exchange_identification: Connection closed by remote host': OF_REMARKED,
    };
    for (const [first, all] of Object.entries(before))
      for (const { template } of messagesIn(all)) {
        const reader = new Reader();
        const message = written(template, client, {
          one: (of: unknown[]) => of[0],
          below: () => 5,
        } as unknown as Chance);
        // The second line is the first that begins like another.
        const log = ['Server listening on :: port 22.', first, message].filter((text) => text !== '');
        reader.read(Buffer.from(log.map((text) => syslog({ ms: START_MS, pid: 7, message: text })).join('')), CONTEXT);
        equal(reader.skimmed, log.length - 1, `${first}\n${message}`);
      }
  });
});
