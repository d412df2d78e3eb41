import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sentName } from '../../../alphaclient/sshd/client-name.ts';
import { MESSAGE_ROWS, parseMessage } from '../../../alphaclient/sshd/message-parser.ts';
import type { ParsedMessage } from '../../../alphaclient/sshd/message-types.ts';
import { PAM_SUMMARY_LIMIT_FAILURES } from '../../../alphaclient/sshd/messages/authentication.ts';
import { SUMMARY_LIMIT_EVENTS } from '../../../alphaclient/sshd/messages/connections.ts';
import { Chance } from '../../sshd/chance.ts';
import { hostile } from '../../sshd/hostile.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1e9);

function parse(message: string): ParsedMessage | null {
  return parseMessage(message, false);
}

/** Names that look like what sshd appends. A colon is missing: sshd cuts names there. */
const HOSTILE = [
  '',
  ' ',
  ' lead and trail ',
  'from',
  'root from 198.51.100.1 port 1 ssh2',
  'a from 198.51.100.1 port 1 ssh2 from 198.51.100.2 port 2',
  'invalid user bob',
  '[preauth]',
  'x [preauth]',
  '198.51.100.1 port 1',
  'a 198.51.100.1 port 1 [preauth]',
  '"quoted" \'name\'',
  "' from 198.51.100.1 port 1",
  '\\033[31mred',
  '\u001b[31mred',
  'two\nlines',
  '%s%n',
  ' for root from 198.51.100.1 port 1 ssh2',
  'not allowed because',
  'x'.repeat(100),
  '\\\\'.repeat(50),
];

const PEERS: readonly [string, string, number | null][] = [
  ['192.0.2.10 port 50022', '192.0.2.10', 50022],
  ['2001:db8::10 port 50022', '2001:db8::10', 50022],
  ['2001:db8:: port 50022', '2001:db8::', 50022],
  ['fe80::1%eth0 port 22', 'fe80::1%eth0', 22],
  ['::ffff:192.0.2.10 port 22', '192.0.2.10', 22],
];

/** Every message with a name in it, NAME standing for the name and PEER for address and port. */
const WITH_USER: readonly [string, Partial<ParsedMessage>][] = [
  ['Accepted password for NAME from PEER ssh2', { kind: 'accepted', method: 'password' }],
  ['Accepted publickey for NAME from PEER ssh2: ED25519 SHA256:abc', { kind: 'accepted', key: 'ED25519 SHA256:abc' }],
  [
    'Accepted publickey for NAME from PEER ssh2: RSA-CERT SHA256:abc ID x from 198.51.100.1 port 1 ssh2: y (serial 1) CA RSA SHA256:def',
    { kind: 'accepted' },
  ],
  ['Failed password for NAME from PEER ssh2', { kind: 'failed', method: 'password' }],
  ['Failed password for invalid user NAME from PEER ssh2', { kind: 'failed', invalidUser: true }],
  ['Failed keyboard-interactive/pam for invalid user NAME from PEER ssh2', { method: 'keyboard-interactive' }],
  ['Failed none for invalid user NAME from PEER ssh2', { kind: 'pending', method: null }],
  ['Partial publickey for NAME from PEER ssh2: RSA SHA256:abc', { kind: 'pending' }],
  ['Postponed publickey for invalid user NAME from PEER ssh2 [preauth]', { kind: 'pending', beforeLogin: true }],
  ['Invalid user NAME from PEER', { kind: 'invalid-user', invalidUser: true }],
  ['Connection closed by invalid user NAME PEER [preauth]', { kind: 'ended', invalidUser: true }],
  ['Connection closed by authenticating user NAME PEER [preauth]', { kind: 'ended', invalidUser: false }],
  ['Connection reset by invalid user NAME PEER [preauth]', { kind: 'ended' }],
  ['Connection from invalid user NAME PEER timed out [preauth]', { kind: 'ended' }],
  ['Disconnected from invalid user NAME PEER [preauth]', { kind: 'ended' }],
  ['Disconnected from user NAME PEER', { kind: 'session-ended' }],
  ['Disconnecting invalid user NAME PEER: Too many authentication failures [preauth]', { kind: 'evidence' }],
  [
    'Disconnecting invalid user NAME PEER: Change of username or service not allowed: (a,ssh-connection) -> (b 198.51.100.1 port 1: ,ssh-connection) [preauth]',
    { kind: 'ended' },
  ],
  [
    'error: maximum authentication attempts exceeded for invalid user NAME from PEER ssh2 [preauth]',
    { kind: 'attempts-exceeded' },
  ],
  [
    'error: public key ED25519-SK SHA256:x signature for invalid user NAME from PEER rejected: user verification requirement not met ',
    { kind: 'evidence', method: 'publickey' },
  ],
  ['terminating inactive connection from user NAME PEER', { kind: 'session-ended' }],
  ['administratively prohibited connection for NAME from PEER', { kind: 'ended' }],
  ['ssh_dispatch_run_fatal: Connection from invalid user NAME PEER: Broken pipe [preauth]', { kind: 'ended' }],
];

/** Messages with other text of the client's choice; none of it may become a field. */
const WITH_TEXT: readonly string[] = [
  'Received disconnect from PEER:11: TEXT [preauth]',
  'Unable to negotiate with PEER: no matching cipher found. Their offer: TEXT [preauth]',
  "Bad protocol version identification 'TEXT' from PEER",
  'banner exchange: Connection from PEER: invalid format',
  "probed from PEER with TEXT.  Don't panic.",
];
const TEXTS = [
  '',
  'Accepted password for root from 198.51.100.1 port 1 ssh2',
  "' from 198.51.100.1 port 1",
  ': from 198.51.100.1 port 1: x',
  '[preauth]',
  'user root 198.51.100.1 port 1',
  '\r\nAccepted password for root from 198.51.100.1 port 1 ssh2',
  'x'.repeat(400),
];

describe('the table of messages', () => {
  it('has a name of its own for every row', () => {
    equal(new Set(MESSAGE_ROWS.map((row) => row.name)).size, MESSAGE_ROWS.length);
  });

  it('knows whatever is fatal, but leaves unknown what names an address and has no row', () => {
    for (const [words = '', row] of [
      ['fatal: no such thing [preauth]', 'fatal-error'],
      ['fatal: no such thing of 192.0.2.10 [preauth]', 'fatal-error'],
      ['fatal: no such thing', 'fatal-error'],
      ['fatal: no such thing of 192.0.2.10', undefined],
      ['fatal: no such thing of 2001:db8::10', undefined],
      ['error: no such thing', undefined],
    ])
      equal(parse(words)?.row.name, row, words);
  });

  for (const row of MESSAGE_ROWS)
    it(`knows the example of ${row.name}`, () => {
      const message = parse(row.example);
      equal(message?.row.name, row.name);
      equal(message.kind, row.kind);
      if (row.kind === 'ignored') return;
      for (const field of ['ip', 'port', 'user'] as const) {
        const value = row.name === 'root-refused' && field === 'user' ? null : message[field];
        if (value !== null) ok(row.example.toLowerCase().includes(String(value)), field);
      }
      if (
        /192\.0\.2\.10\b/.test(row.example) &&
        message.kind !== 'evidence' &&
        !row.template.endsWith('{text}: refusing non-sftp session')
      )
        equal(message.ip, '192.0.2.10');
      if (/port 50022/.test(row.example) && message.ip !== null) equal(message.port, 50022);
    });

  for (const [words, expected] of WITH_USER)
    it(`takes address and port from sshd alone: ${words}`, () => {
      for (const name of HOSTILE)
        for (const [peer, ip, port] of PEERS) {
          const text = words.replace('NAME', () => name).replace('PEER', peer);
          const message = parse(text);
          notEqual(message, null, text);
          equal(message?.ip, ip, text);
          equal(message?.port, port, text);
          // A valid account whose name begins with `invalid user ` cannot be distinguished from an invalid user.
          if (!(name.startsWith('invalid user ') && /for NAME/.test(words)))
            equal(message?.user, sentName(name, words.endsWith('[preauth]') ? 2 : 1), text);
          for (const [field, value] of Object.entries(expected))
            if (!(field === 'invalidUser' && name.startsWith('invalid user ')))
              equal(message?.[field as keyof ParsedMessage], value, text);
        }
    });

  for (const words of WITH_TEXT)
    it(`takes nothing from the client's text: ${words}`, () => {
      for (const clientText of TEXTS)
        for (const [peer, ip, port] of PEERS) {
          const text = words.replace('TEXT', () => clientText).replace('PEER', peer);
          const message = parse(text);
          equal(message?.ip, ip, text);
          equal(message?.port, port, text);
          equal(message?.user, null, text);
          ok(message?.kind === 'ended' || message?.kind === 'end-reason', text);
        }
    });

  it('reads forms without port and without ssh2, with ssh1, and with the levels that syslog gets', () => {
    deepEqual(
      [parse('Failed password for bob from 192.0.2.10')?.port, parse('Failed password for bob from 192.0.2.10')?.ip],
      [null, '192.0.2.10'],
    );
    equal(parse('Failed password for bob from 192.0.2.10 port 7')?.port, 7);
    equal(parse('Failed password for bob from 192.0.2.10 port 7 ssh1')?.port, 7);
    equal(parse('error: PAM: Authentication failure for bob from 192.0.2.10')?.kind, 'pam-failed');
    equal(parse('fatal: Timeout before authentication for 192.0.2.10 port 7')?.kind, 'ended');
    equal(parse('Timeout before authentication for connection from 192.0.2.10 to 192.0.2.1, pid = 77')?.pid, 77);
  });

  it('a decision begins the message: anything else that holds one is none', () => {
    for (const words of [
      'Accepted key RSA SHA256:abc found at /x:1',
      'Accepted certificate ID "Accepted password for root from 198.51.100.1 port 1 ssh2" (serial 1) signed by RSA',
      'subsystem request for Accepted password for root from 198.51.100.1 port 1 ssh2 by user bob failed',
      'Failed to allocate pty for root from 198.51.100.1 port 1 ssh2',
      ' Accepted password for root from 198.51.100.1 port 1 ssh2',
      'kex_exchange_identification: client sent invalid protocol identifier "Accepted password for root from 198.51.100.1 port 1 ssh2"',
    ]) {
      const kind = parse(words)?.kind ?? 'ignored';
      ok(kind === 'ignored' || kind === 'end-reason', `${words}: ${kind}`);
    }
  });

  it('names that are no address are no address', () => {
    const message = parse('PAM: Authentication failure for bob from client.example');
    deepEqual([message?.ip, message?.hostName, message?.user], [null, 'client.example', 'bob']);
    equal(parse('Failed password for bob from UNKNOWN port 65535 ssh2')?.ip, null);
  });

  it('reads a session from PAM and from sshd', () => {
    const opened = parse('pam_unix(sshd:session): session opened for user alice(uid=1000) by (uid=0)');
    deepEqual([opened?.kind, opened?.user], ['session-opened', 'alice']);
    equal(parse('pam_unix(sshd:session): session opened for user alice by (uid=0)')?.user, 'alice');
    deepEqual(parse('pam_unix(sshd:session): session closed for user alice')?.user, 'alice');
    for (const end of ['Disconnected from ', 'Connection closed by ', 'Connection reset by '])
      equal(parse(`${end}user alice 192.0.2.10 port 50022`)?.kind, 'session-ended');
  });

  it('gives one frozen message for all that a row ignores, and a fresh one for any other', () => {
    const ignored = parse('User child is on pid 7');
    equal(parse('User child is on pid 8'), ignored);
    ok(Object.isFrozen(ignored));
    const failed = 'Failed password for bob from 192.0.2.10 port 7 ssh2';
    notEqual(parse(failed), parse(failed));
  });

  it('takes at most 100,000 dropped connections and 100 failures of PAM from one summary', () => {
    const summary = (count: number): string => `drop connection: additional ${count} connections dropped`;
    equal(parse(summary(SUMMARY_LIMIT_EVENTS))?.count, 100_000);
    equal(parse(summary(SUMMARY_LIMIT_EVENTS + 1))?.count, 100_000);
    equal(parse(`PAM ${PAM_SUMMARY_LIMIT_FAILURES} more authentication failures; rhost=192.0.2.10`)?.count, 100);
    equal(parse(`PAM ${PAM_SUMMARY_LIMIT_FAILURES + 1} more authentication failures; rhost=192.0.2.10`)?.count, 100);
  });
});

describe('a truncated message', () => {
  /** As syslog cuts it: 500 bytes, the name in it as long as that needs. */
  function truncated(before: string, after: string): string {
    return `${before}${'x'.repeat(Math.max(0, 500 - before.length - after.length))}${after}`.slice(0, 500);
  }

  it('keeps an address that a port follows, and neither a port nor an address that may be half of one', () => {
    const half = parse(truncated('Failed password for ', ' from 192.0.2.10 port 500'));
    deepEqual([half?.kind, half?.ip, half?.port], ['failed', '192.0.2.10', null]);
    const address = parse(truncated('Failed password for ', ' from 192.0.2.1'));
    deepEqual([address?.kind, address?.ip, address?.hostName, address?.port], ['failed', null, null, null]);
    const whole = parse(truncated('Failed password for ', ' from 192.0.2.10 port 50022 ssh2'));
    deepEqual([whole?.ip, whole?.port], ['192.0.2.10', 50022]);
  });

  it('says whose it is by its pid alone, where the client may have written what looks like an address', () => {
    for (const [before, kind, reason] of [
      ['Connection closed by invalid user ', 'ended', 'connection closed'],
      ['Connection from invalid user ', 'ended', 'timed out'],
      ['Disconnected from invalid user ', 'ended', 'disconnected'],
      ['Bad protocol version identification ', 'ended', 'no SSH client: bad protocol version'],
      [
        'error: maximum authentication attempts exceeded for ',
        'attempts-exceeded',
        'maximum authentication attempts exceeded',
      ],
      ['Postponed keyboard-interactive for invalid user ', 'pending', null],
      ['PAM: Authentication failure for illegal user ', 'pam-failed', null],
    ] as const)
      for (const after of [' from 198.51.100.9 port 22', ' 198.51.100.9 port 22 timed out', ' from 198.51.100.9']) {
        const message = parse(truncated(before, after));
        deepEqual([message?.kind, message?.reason], [kind, reason], before);
        deepEqual([message?.user, message?.ip, message?.hostName, message?.port], [null, null, null, null], before);
      }
  });

  it('of `sshd -E` is one of more than 1,017 bytes', () => {
    const whole = `Postponed password for ${'x'.repeat(1_017 - 51)} from 192.0.2.10 port 7 ssh2`;
    equal(whole.length, 1_017);
    equal(parseMessage(whole, true)?.ip, '192.0.2.10');
    equal(parseMessage(whole.replace('xx', 'xxx'), true)?.ip, null);
  });
});

describe('a hostile message', () => {
  const BYTES = 65_536;
  const FILLINGS = [
    ' ',
    '\\',
    '\\303\\274',
    ' from ',
    ' from x',
    ' port 1',
    ' for ',
    ' with ',
    ':',
    ': ',
    'x',
    '7',
    'user ',
    ' [',
    'rhost=',
  ];
  /** Far above what a linear expression needs for so many bytes, and far below what a quadratic one does. */
  const LIMIT_MS = 100;

  /** Milliseconds of processor time, the best of three where the first took longer than the limit: it may be the compiler's. */
  function parseMs(text: string): number {
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 3 && best > LIMIT_MS; i++) {
      const before = process.cpuUsage();
      parse(text);
      const { user, system } = process.cpuUsage(before);
      best = Math.min(best, (user + system) / 1_000);
    }
    return best;
  }

  it('of 64 KiB costs any row a time that grows with its length alone', () => {
    for (const { name, example } of MESSAGE_ROWS) {
      // Behind each word of the example, so that it stands in each of the holes.
      for (let at = example.indexOf(' '); at >= 0; at = example.indexOf(' ', at + 1))
        for (const filling of FILLINGS) {
          const filled = filling.repeat(Math.ceil(BYTES / filling.length)).slice(0, BYTES);
          const ms = parseMs(`${example.slice(0, at)}${filled}${example.slice(at)}`);
          ok(ms < LIMIT_MS, `${name}, ${JSON.stringify(filling)} at ${at}: ${ms.toFixed(0)} ms`);
        }
    }
  });

  it('of any bytes never throws', () => {
    const chance = new Chance(SEED);
    for (let i = 0; i < 20_000; i++) {
      const { example } = chance.one(MESSAGE_ROWS);
      const at = chance.below(example.length + 1);
      const text = `${example.slice(0, at)}${hostile(chance, 200, false).toString('latin1')}${example.slice(at + chance.below(20))}`;
      try {
        parseMessage(text, chance.below(2) === 0);
      } catch (error) {
        throw new Error(`SEED=${SEED}: ${JSON.stringify(text)}`, { cause: error });
      }
    }
  });
});
