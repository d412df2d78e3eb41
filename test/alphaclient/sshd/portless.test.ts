/** OpenSSH up to 7.1: the ends of connections have an address and no port, and a session's are of another pid than its login. */
import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ReadContext } from '../../../alphaclient/sshd/reader.ts';
import { Reader } from '../../../alphaclient/sshd/reader.ts';

const NOW = Date.UTC(2026, 10, 24, 12);
const CONTEXT: ReadContext = { writtenMs: NOW, nowMs: NOW, timeZone: 'UTC' };

/** Each message with the pid that wrote it, `ADDR` in place of the client's address; what was emitted, by line. */
function outcomes(
  messages: readonly (readonly [pid: number | null, message: string])[],
  address = '192.0.2.10',
): (readonly [number, string, string | null, number | null])[] {
  const text = messages
    .map(
      ([pid, message], i) =>
        `${pid === null ? '' : `2026-11-20T10:00:00.${String(i).padStart(6, '0')}+00:00 web sshd[${pid}]: `}${message}\r\n`,
    )
    .join('')
    .replaceAll('ADDR', address);
  const reader = new Reader();
  const sightings = [...reader.read(Buffer.from(text), CONTEXT), ...reader.end()];
  deepEqual(reader.shapes(), []);
  return sightings.map(({ line, event }) => [line, event.outcome, event.user, event.port] as const);
}

const BYE = 'Received disconnect from ADDR: 11: disconnected by user';
const LOGIN = [100, 'Accepted password for bob from ADDR port 4001 ssh2'] as const;
const WRONG = [200, 'Failed password for invalid user joe from ADDR port 4002 ssh2'] as const;
const ACCEPTED = [1, 'accepted', 'bob', 4001] as const;

describe('ends without a port', () => {
  it("a session's end, of another pid, is not that of another connection of the same client", () => {
    // The child's pid is mostly the next one, but need not be.
    for (const child of [101, 107])
      for (const end of [[BYE], [BYE, 'Disconnected from ADDR'], ['Connection closed by ADDR']])
        deepEqual(
          outcomes([
            LOGIN,
            WRONG,
            ...end.map((message) => [child, message] as const),
            [200, 'Connection closed by ADDR [preauth]'],
          ]),
          [ACCEPTED, [2, 'failed', 'joe', 4002]],
          `${child} ${end}`,
        );
  });

  it("of two sessions of one client, the parent's is the one that is over", () => {
    const second = [300, 'Accepted password for eve from ADDR port 4003 ssh2'] as const;
    const both = [ACCEPTED, [2, 'accepted', 'eve', 4003]];
    deepEqual(outcomes([LOGIN, second, [101, BYE], [301, BYE]]), both);
    deepEqual(outcomes([LOGIN, second, [301, BYE], [101, BYE]]), both);
  });

  it('a client that disconnects before its login is one probe, whether `Disconnected from` follows or not', () => {
    for (const pid of [100, null])
      for (const more of [[], ['Disconnected from ADDR [preauth]']])
        equal(outcomes([`${BYE} [preauth]`, ...more].map((message) => [pid, message] as const)).length, 1);
    equal(
      outcomes([
        [100, `${BYE} [preauth]`],
        [100, `${BYE} [preauth]`],
      ]).length,
      2,
      'a pid that was used again',
    );
    // Nor is it where syslog has cut that message, and [preauth] with it.
    const long = `Received disconnect from ADDR: 11: ${'x'.repeat(500)}`.slice(
      0,
      500 + 'ADDR'.length - '192.0.2.10'.length,
    );
    deepEqual(
      outcomes([
        WRONG,
        [100, long],
        [100, 'Disconnected from ADDR [preauth]'],
        [200, 'Connection closed by ADDR [preauth]'],
      ]),
      [
        [1, 'failed', 'joe', 4002],
        [3, 'probe', null, null],
      ],
    );
  });

  it('who has logged in makes no probe with a disconnect that ends in [preauth]', () => {
    deepEqual(outcomes([LOGIN, [101, `${BYE} [preauth]`], [101, 'Disconnected from ADDR']]), [ACCEPTED]);
    // There the word is sshd's own.
    deepEqual(outcomes([LOGIN, [101, 'Connection closed by ADDR [preauth]']]), [ACCEPTED, [2, 'probe', null, null]]);
  });

  it('an address with a scope ends at its last colon', () => {
    for (const end of [
      'Received disconnect from ADDR: 3: no key: none [preauth]',
      'Unable to negotiate with ADDR: no matching cipher found. Their offer: a:b,c [preauth]',
      'Connection to ADDR timed out [preauth]',
      'Connection to ADDR: message authentication code incorrect [preauth]',
      'ssh_dispatch_run_fatal: Connection to ADDR: message authentication code incorrect [preauth]',
    ])
      for (const address of ['192.0.2.10', '2001:db8::', 'fe80::1%eth0', 'fe80::1%et:0']) {
        deepEqual(outcomes([[100, `fatal: ${end}`]], address), [[1, 'probe', null, null]], `${end} ${address}`);
        deepEqual(outcomes([[100, end]], address), [[1, 'probe', null, null]], `${end} ${address}`);
      }
  });

  it('connections that break are called `to` up to 7.3, of sessions too', () => {
    for (const end of [
      'Connection to ADDR timed out',
      'Connection to ADDR: message authentication code incorrect',
      'packet_read_seqnr: Connection to ADDR: message authentication code incorrect',
      'packet_write_wait: Connection to ADDR: Broken pipe',
    ]) {
      deepEqual(outcomes([LOGIN, WRONG, [101, end], [200, 'Connection closed by ADDR [preauth]']]), [
        ACCEPTED,
        [2, 'failed', 'joe', 4002],
      ]);
      deepEqual(outcomes([[101, end]]), []);
    }
  });

  it('up to 5.8 the unprivileged process has the pid after its parent, and its end belongs to no other', () => {
    const pam = (user: string) => `error: PAM: Authentication failure for ${user} from ADDR`;
    deepEqual(
      outcomes([
        [100, pam('joe')],
        // Of a client of which nothing is known: the other one has not left.
        [151, 'Received disconnect from ADDR: 11: Bye Bye'],
        [100, 'Failed keyboard-interactive/pam for joe from ADDR port 4001 ssh2'],
        [200, 'Failed password for ann from ADDR port 4002 ssh2'],
        [300, pam('ann')],
        [201, 'Disconnecting: Too many authentication failures for ann'],
        [300, 'Failed keyboard-interactive/pam for ann from ADDR port 4003 ssh2'],
      ]),
      [
        [3, 'failed', 'joe', 4001],
        [4, 'failed', 'ann', 4002],
        [7, 'failed', 'ann', 4003],
      ],
    );
  });

  it('up to 5.8 a name at the end of a line has no spaces behind it, or is nothing', () => {
    for (const name of ['', ' ', 'joe ', '\tjoe  '])
      deepEqual(
        outcomes([
          [100, `Failed password for invalid user ${name} from ADDR port 4001 ssh2`],
          [101, `input_userauth_request: invalid user ${name}`],
          [101, `Disconnecting: Too many authentication failures for ${name}`],
        ]),
        [[1, 'failed', name, 4001]],
        JSON.stringify(name),
      );
  });

  it('a name at the end of a line may be escaped once more, in logs without pids too', () => {
    deepEqual(
      outcomes([
        [null, String.raw`Failed password for invalid user j\303o from ADDR port 4001 ssh2`],
        [null, String.raw`Disconnecting: Too many authentication failures for j\\303o [preauth]`],
      ]),
      [[1, 'failed', String.raw`j\303o`, 4001]],
    );
  });

  it('without pids a line that has nothing but the name ends nobody who has failed: it may be of another of that name', () => {
    const pam = 'PAM: Authentication failure for root from ADDR';
    for (const line of [
      'Disconnecting: Too many authentication failures for root [preauth]',
      'input_userauth_request: invalid user root [preauth]',
    ])
      deepEqual(
        outcomes(
          [
            'Failed password for root from 192.0.2.11 port 4001 ssh2',
            pam,
            line,
            'Failed keyboard-interactive/pam for root from ADDR port 4002 ssh2',
          ].map((message) => [null, message] as const),
        ),
        [
          [1, 'failed', 'root', 4001],
          [4, 'failed', 'root', 4002],
        ],
        line,
      );
  });

  const withoutPids = (messages: readonly string[]): ReturnType<typeof outcomes> =>
    outcomes(messages.map((message) => [null, message] as const));
  const opened = (port: number): string => `Connection from ADDR port ${port} on 192.0.2.1 port 22 rdomain ""`;
  const postponed = (port: number): string =>
    `Postponed keyboard-interactive for root from ADDR port ${port} ssh2 [preauth]`;
  const pam = 'PAM: Authentication failure for root from ADDR';
  const failed = (port: number): string => `Failed keyboard-interactive/pam for root from ADDR port ${port} ssh2`;
  const closed = (port: number): string => `Connection closed by authenticating user root ADDR port ${port} [preauth]`;
  const invalid = (port: number): string => `Invalid user test from ADDR port ${port}`;
  const pamInvalid = 'PAM: User not known to the underlying authentication module for illegal user test from ADDR';
  const failedInvalid = (port: number): string =>
    `Failed keyboard-interactive/pam for invalid user test from ADDR port ${port} ssh2`;

  it('without pids a failure that PAM: reports is that of the connection that has asked for the user', () => {
    deepEqual(
      withoutPids([
        opened(5001),
        invalid(5001),
        opened(5002),
        pamInvalid,
        failedInvalid(5001),
        closed(5001).replace('authenticating user root', 'invalid user test'),
        closed(5002).replace('root', 'alice'),
      ]),
      [
        [4, 'failed', 'test', 5001],
        [7, 'probe', 'alice', 5002],
      ],
    );
  });

  it('without pids parallel failures of one user are one attempt each, with their own ports', () => {
    deepEqual(
      withoutPids([invalid(5001), invalid(5002), ...[5001, 5002].flatMap((port) => [pamInvalid, failedInvalid(port)])]),
      [
        [4, 'failed', 'test', 5001],
        [6, 'failed', 'test', 5002],
      ],
    );
    const ports = [5001, 5002, 5003, 5004];
    const before = [...ports.map(opened), ...ports.map(postponed)];
    deepEqual(
      withoutPids([...before, ...ports.flatMap((port) => [pam, failed(port)]), ...ports.map(closed)]),
      ports.map((port, i) => [10 + 2 * i, 'failed', 'root', port]),
    );
    // The lines of one attempt need not follow each other.
    equal(withoutPids([...before, ...ports.map(() => pam), ...ports.map(failed), ...ports.map(closed)]).length, 4);
    equal(withoutPids([...before, ...ports.flatMap((port) => [pam, pam, failed(port), failed(port)])]).length, 8);
  });

  it('without pids a client that has named nobody ends without the failure of another', () => {
    deepEqual(
      withoutPids([
        opened(5001),
        opened(5002),
        ...[5001, 5002].map(postponed),
        opened(5003),
        pam,
        'Connection closed by ADDR port 5003 [preauth]',
        failed(5001),
      ]),
      [
        [7, 'probe', null, 5003],
        [8, 'failed', 'root', 5001],
        [4, 'probe', 'root', 5002],
      ],
    );
  });

  it('without pids two failures of one user are two attempts, whichever connections they were of', () => {
    // One connection may have failed twice and the other not at all: the log does not tell.
    deepEqual(withoutPids([pam, pam, closed(5001), closed(5002)]), [
      [1, 'failed', 'root', null],
      [2, 'failed', 'root', 5001],
      [4, 'probe', 'root', 5002],
    ]);
  });

  it('without pids a failure that went to another connection of its user is counted once, by its Failed line too', () => {
    const reader = new Reader();
    const lines = ['Failed password for root from ADDR port 5001 ssh2', pam, pam, pam, failed(5002)];
    const text = lines.map((message) => `${message.replace('ADDR', '192.0.2.10')}\r\n`).join('');
    deepEqual(
      [...reader.read(Buffer.from(text), CONTEXT), ...reader.end()].map(({ event }) => event.method),
      ['password', ...Array(3).fill('keyboard-interactive')],
    );
    // Each PAM: line is of one Failed line at most.
    equal(outcomes([...lines, failed(5002)].map((message) => [null, message] as const)).length, 5);
  });

  it('without pids the failures of clients that are over take no probe of a later one', () => {
    const password = (port: number): string => `Failed password for root from ADDR port ${port} ssh2`;
    // At INFO only the third failure has a Failed line.
    const parallel = [password(5001), password(5002), ...Array(5).fill(pam), failed(5001), pam, failed(5002)];
    const found = withoutPids([...parallel, ...[5001, 5002, 5003, 5004, 5005].map(closed)]);
    deepEqual(found.slice(8), [
      [13, 'probe', 'root', 5003],
      [14, 'probe', 'root', 5004],
      [15, 'probe', 'root', 5005],
    ]);
    deepEqual(
      found.slice(0, 8).map(([, outcome]) => outcome),
      Array(8).fill('failed'),
    );
    // While another one of the user is open, a failure may be that of a client that the log has not named yet.
    deepEqual(withoutPids([...parallel, closed(5001), closed(5003), closed(5002)]).slice(8), []);
  });

  it('without pids a failure ends no session of its user', () => {
    const reader = new Reader();
    const lines = [LOGIN[1].replace('bob', 'root'), pam].map(
      (message) => `${message.replace('ADDR', '192.0.2.10')}\r\n`,
    );
    equal(reader.read(Buffer.from(lines.join('')), CONTEXT).length, 1);
    equal(reader.connections.table.sessions, 1);
    equal(reader.end().length, 1);
  });

  it('without pids a client whose address has become a name may fail again', () => {
    const failed = 'Failed password for root from web.example.org port 4001 ssh2';
    equal(outcomes([failed, failed].map((message) => [null, message] as const)).length, 2);
  });
});
