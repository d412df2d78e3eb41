import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Reading, RULES, readMessage } from '../../../alphaclient/sshd/grammar.ts';
import type { ParsedMessage } from '../../../alphaclient/sshd/message-types.ts';

function read(message: string): Reading {
  const reading: Reading = { rule: null, fact: null, text: '' };
  const bytes = Buffer.from(message, 'latin1');
  readMessage(bytes, 0, bytes.length, reading);
  return reading;
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
    { kind: 'evidence' },
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

describe('the grammar', () => {
  it('has a name of its own for every rule, and four characters at least to know it by', () => {
    equal(new Set(RULES.map((rule) => rule.name)).size, RULES.length);
    for (const rule of RULES) ok(rule.begins.length >= 4, rule.name);
  });

  it('knows whatever is fatal, but leaves what names an address to the radar where it has no rule', () => {
    for (const [message, rule] of [
      ['fatal: no such thing [preauth]', 'fatal-error'],
      ['fatal: no such thing of 192.0.2.10 [preauth]', 'fatal-error'],
      ['fatal: no such thing', 'fatal-error'],
      ['fatal: no such thing of 192.0.2.10', undefined],
      ['fatal: no such thing of 2001:db8::10', undefined],
      ['error: no such thing', undefined],
    ])
      equal(read(message ?? '').rule?.name, rule, message);
  });

  for (const rule of RULES)
    it(`knows the example of ${rule.name}`, () => {
      const reading = read(rule.example);
      equal(reading.rule?.name, rule.name);
      equal(reading.fact === null, rule.read === undefined);
      for (const field of ['ip', 'port', 'user'] as const) {
        const value = rule.name === 'root-refused' && field === 'user' ? null : reading.fact?.[field];
        if (value !== undefined && value !== null) ok(rule.example.toLowerCase().includes(String(value)), field);
      }
      if (/192\.0\.2\.10\b/.test(rule.example) && reading.fact !== null && reading.fact.kind !== 'evidence')
        equal(reading.fact.ip, '192.0.2.10');
      if (/port 50022/.test(rule.example) && reading.fact !== null) equal(reading.fact.port, 50022);
    });

  for (const [message, expected] of WITH_USER)
    it(`takes address and port from sshd alone: ${message}`, () => {
      for (const name of HOSTILE)
        for (const [peer, ip, port] of PEERS) {
          const text = message.replace('NAME', () => name).replace('PEER', peer);
          const { fact } = read(text);
          notEqual(fact, null, text);
          equal(fact?.ip, ip, text);
          equal(fact?.port, port, text);
          // A valid account whose name begins with `invalid user ` cannot be told from an invalid user.
          if (!(name.startsWith('invalid user ') && /for NAME/.test(message))) equal(fact?.user, name, text);
          for (const [field, value] of Object.entries(expected))
            if (!(field === 'invalidUser' && name.startsWith('invalid user ')))
              equal(fact?.[field as keyof ParsedMessage], value, text);
        }
    });

  for (const message of WITH_TEXT)
    it(`takes nothing from the client's text: ${message}`, () => {
      for (const words of TEXTS)
        for (const [peer, ip, port] of PEERS) {
          const text = message.replace('TEXT', () => words).replace('PEER', peer);
          const { fact } = read(text);
          equal(fact?.ip, ip, text);
          equal(fact?.port, port, text);
          equal(fact?.user, null, text);
          ok(fact?.kind === 'ended' || fact?.kind === 'end-reason', text);
        }
    });

  it('reads forms without port and without ssh2, with ssh1, and with the levels that syslog gets', () => {
    deepEqual(
      [
        read('Failed password for bob from 192.0.2.10').fact?.port,
        read('Failed password for bob from 192.0.2.10').fact?.ip,
      ],
      [null, '192.0.2.10'],
    );
    equal(read('Failed password for bob from 192.0.2.10 port 7').fact?.port, 7);
    equal(read('Failed password for bob from 192.0.2.10 port 7 ssh1').fact?.port, 7);
    equal(read('error: PAM: Authentication failure for bob from 192.0.2.10').fact?.kind, 'pam-failed');
    equal(read('fatal: Timeout before authentication for 192.0.2.10 port 7').fact?.kind, 'ended');
    equal(read('Timeout before authentication for connection from 192.0.2.10 to 192.0.2.1, pid = 77').fact?.pid, 77);
  });

  it('a decision begins the message: anything else that holds one is none', () => {
    for (const message of [
      'Accepted key RSA SHA256:abc found at /x:1',
      'Accepted certificate ID "Accepted password for root from 198.51.100.1 port 1 ssh2" (serial 1) signed by RSA',
      'subsystem request for Accepted password for root from 198.51.100.1 port 1 ssh2 by user bob failed',
      'Failed to allocate pty for root from 198.51.100.1 port 1 ssh2',
      ' Accepted password for root from 198.51.100.1 port 1 ssh2',
      'kex_exchange_identification: client sent invalid protocol identifier "Accepted password for root from 198.51.100.1 port 1 ssh2"',
    ]) {
      const kind = read(message).fact?.kind ?? null;
      ok(kind === null || kind === 'end-reason', `${message}: ${kind}`);
    }
  });

  it('names that are no address are no address', () => {
    const { fact } = read('PAM: Authentication failure for bob from client.example');
    deepEqual([fact?.ip, fact?.hostName, fact?.user], [null, 'client.example', 'bob']);
    equal(read('Failed password for bob from UNKNOWN port 65535 ssh2').fact?.ip, null);
  });
});
