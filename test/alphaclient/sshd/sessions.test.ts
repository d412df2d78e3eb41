/** Sessions in the log: followed from `Accepted` to their end, over restarts of the reader. */
import { deepEqual, equal } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  HOST_SESSION_LIMIT_CONNECTIONS,
  SESSION_LIMIT_CONNECTIONS,
} from '../../../alphaclient/sshd/connection-table.ts';
import { Reader } from '../../../alphaclient/sshd/reader.ts';
import type { EndedSession } from '../../../alphaclient/sshd/session-changes.ts';
import { SessionOutbox } from './session-outbox.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const CONTEXT = { writtenMs: NOW, nowMs: NOW, timeZone: 'UTC' };
const AT = '192.0.2.10 port 50022';

/** Reads lines, all at once and with a restart after each; returns the ends and the numbers of the open sessions. */
function follow(lines: readonly string[]): { ends: readonly EndedSession[]; open: readonly number[] } {
  const [whole, torn] = [lines.length, 1].map((step) => {
    const outbox = new SessionOutbox();
    let reader = outbox.reader();
    for (let i = 0; i < lines.length; i += step) {
      reader.read(Buffer.from(lines.slice(i, i + step).join('')), CONTEXT);
      reader = outbox.restart(reader);
    }
    return { ends: outbox.ends, open: outbox.open };
  }) as [ReturnType<typeof follow>, ReturnType<typeof follow>];
  deepEqual(torn, whole);
  return whole;
}

const line = (second: number, pid: number, message: string): string =>
  `2026-11-29T10:00:${String(second).padStart(2, '0')}.000000+00:00 web sshd[${pid}]: ${message}\n`;
const accepted = line(0, 7, `Accepted publickey for alice from ${AT} ssh2: ED25519 SHA256:abc`);

describe('a session', () => {
  const endings: readonly (readonly [how: string, messages: readonly string[]])[] = [
    [
      'disconnected',
      [
        line(9, 8, `Received disconnect from ${AT}:11: disconnected by user`),
        line(9, 8, `Disconnected from user alice ${AT}`),
      ],
    ],
    [
      'disconnected',
      [
        line(9, 8, `Disconnected from user alice ${AT}`),
        line(9, 7, 'pam_unix(sshd:session): session closed for user alice'),
      ],
    ],
    ['closed', [line(9, 8, `Connection closed by user alice ${AT}`)]],
    ['closed', [line(9, 8, `Connection reset by user alice ${AT}`)]],
    ['closed', [line(9, 8, `Read error from remote host 192.0.2.10 port 50022: Connection timed out`)]],
    [
      'timeout',
      [
        line(9, 8, `Timeout, client not responding from user alice ${AT}`),
        line(9, 7, 'pam_unix(sshd:session): session closed for user alice'),
      ],
    ],
    ['timeout', [line(9, 8, `terminating inactive connection from user alice ${AT}`)]],
    ['closed', [line(9, 1, 'session process 7 for connection from 192.0.2.10 to 192.0.2.1 killed by signal 9')]],
    ['unknown', [line(9, 7, 'Accepted password for bob from 192.0.2.11 port 40000 ssh2')]],
    ['unknown', [line(9, 99, `Accepted password for bob from ${AT} ssh2`)]],
  ];
  for (const [how, messages] of endings)
    it(`ends, ${how}: ${messages.at(-1)?.slice(38).trim()}`, () => {
      const { ends } = follow([accepted, ...messages]);
      equal(ends.length, 1);
      const [end] = ends;
      deepEqual([end?.session, end?.how, end?.lastedSeconds], [1, how, 9]);
      deepEqual([end?.user, end?.ip, end?.port, end?.pid], ['alice', '192.0.2.10', 50_022, 7]);
    });

  it('that PAM closes ends when it was closed, once no last line has come for half a minute', () => {
    const closed = line(9, 7, 'pam_unix(sshd:session): session closed for user alice');
    deepEqual(follow([accepted, closed]).ends, []);
    const { ends } = follow([accepted, closed, line(59, 50, 'Invalid user eve from 192.0.2.66 port 1')]);
    deepEqual(
      ends.map(({ how, lastedSeconds, line: at }) => [how, lastedSeconds, at]),
      [['closed', 9, 2]],
    );
  });

  it('is open until a line is about its end, whatever others do', () => {
    const { ends, open } = follow([
      accepted,
      line(1, 50, 'Failed password for alice from 192.0.2.10 port 50023 ssh2'),
      line(2, 50, 'Connection closed by authenticating user alice 192.0.2.10 port 50023 [preauth]'),
      line(3, 7, 'pam_unix(sshd:session): session opened for user alice(uid=1000) by (uid=0)'),
      line(4, 8, 'Starting session: shell on pts/0 for alice from 192.0.2.10 port 50022 id 0'),
      line(5, 60, 'Disconnected from user alice 192.0.2.10 port 50024'),
    ]);
    deepEqual(open, [1]);
    // The session whose login no line reported has an end all the same.
    deepEqual(
      ends.map(({ session, user, port, lastedSeconds }) => [session, user, port, lastedSeconds]),
      [[0, 'alice', 50_024, null]],
    );
  });

  it('ends by one line of a process whose pid another client, of which no end was logged, had before', () => {
    const { ends, open } = follow([
      accepted,
      line(1, 8, 'Failed password for eve from 192.0.2.66 port 99 ssh2'),
      line(9, 8, `Timeout, client not responding from user alice ${AT}`),
    ]);
    deepEqual(
      [ends.map(({ session, how, lastedSeconds }) => [session, how, lastedSeconds]), open],
      [[[1, 'timeout', 9]], []],
    );
    // Where that port was another session's, which no line has ended, that one is over as well.
    const again = follow([
      accepted,
      line(1, 8, 'Failed password for eve from 192.0.2.66 port 99 ssh2'),
      line(9, 8, `Accepted password for bob from ${AT} ssh2`),
    ]);
    deepEqual([again.ends.map(({ session, how }) => [session, how]), again.open], [[[1, 'unknown']], [2]]);
  });

  it('is over, nobody knows when, where another process ends a client of its port that has not logged in', () => {
    const lines = [accepted, line(9, 60, `Connection closed by authenticating user root ${AT} [preauth]`)];
    const { ends, open } = follow(lines);
    deepEqual([ends.map(({ session, how }) => [session, how]), open], [[[1, 'unknown']], []]);
    const reader = new Reader();
    const events = [...reader.read(Buffer.from(lines.join('')), CONTEXT), ...reader.end()];
    deepEqual(
      events.map(({ event: { outcome, user }, pid }) => [outcome, user, pid]),
      [
        ['accepted', 'alice', 7],
        ['probe', 'root', 60],
      ],
    );
  });

  it("ends by the process whose pid comes after that of PAM's helper, up to OpenSSH 7.1", () => {
    const client = 'tty=ssh ruser= rhost=192.0.2.10';
    const { ends, open } = follow([
      line(0, 642, `pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 ${client}  user=mia`),
      line(0, 642, `pam_sss(sshd:auth): authentication success; logname= uid=0 euid=0 ${client} user=mia`),
      line(0, 640, `Partial keyboard-interactive/pam for mia from ${AT} ssh2`),
      line(0, 640, `Accepted publickey for mia from ${AT} ssh2: ED25519 SHA256:abc`),
      line(9, 643, 'Received disconnect from 192.0.2.10: 11: disconnected by user'),
    ]);
    deepEqual([ends.map(({ session, how }) => [session, how]), open], [[[1, 'disconnected']], []]);
  });

  it('is not ended by the timeout of another client of its address, where the log has no pids', () => {
    const login = `Accepted publickey for alice from ${AT} ssh2: ED25519 SHA256:abc\n`;
    // Since 9.8 the listener writes it: without a port, and with the pid of a process that has written nothing.
    const timeout = 'Timeout before authentication for connection from 192.0.2.10 to 192.0.2.1, pid = 4321\n';
    const session = { ends: [], open: [1] };
    deepEqual(follow([login, timeout, timeout]), session);
    deepEqual(follow([login, 'mm_reap: preauth child terminated by signal 9\n', timeout]), session);
    const { ends, open } = follow([login, timeout, `Disconnected from user alice ${AT}\n`]);
    deepEqual([ends.map(({ how }) => how), open], [['disconnected'], []]);
  });

  it('is not ended by a process that was killed, where the log has no pids and its address has several connections', () => {
    const login = (port: number): string =>
      `Accepted publickey for alice from 192.0.2.10 port ${port} ssh2: ED25519 SHA256:abc\n`;
    const killed = 'error: session process 4321 for connection from 192.0.2.10 to 192.0.2.1 killed by signal 9\n';
    deepEqual(follow([login(1), login(2), killed]), { ends: [], open: [1, 2] });
    deepEqual(follow(['Invalid user bob from 192.0.2.10 port 3\n', login(1), killed]), { ends: [], open: [1] });
    const other = 'Accepted password for eve from 192.0.2.11 port 1 ssh2\n';
    const { ends, open } = follow([other, login(1), killed]);
    deepEqual([ends.map(({ session, how }) => [session, how]), open], [[[2, 'closed']], [1]]);
  });

  it('that began before the clock was set back has lasted no time rather than less', () => {
    const early = accepted.replace('10:00:00', '11:00:00');
    equal(follow([early, line(9, 8, `Disconnected from user alice ${AT}`)]).ends[0]?.lastedSeconds, 0);
  });

  it('of a log without times has no length', () => {
    const lines = [`Accepted password for alice from ${AT} ssh2\r\n`, `Disconnected from user alice ${AT}\r\n`];
    const [end] = follow(lines).ends;
    deepEqual([end?.session, end?.lastedSeconds, Number.isNaN(end?.ms)], [1, null, true]);
  });
});

describe("sshd's listener", () => {
  it('names its ports, of which the newest sixteen are remembered, and when it was started or stopped, over a restart', () => {
    const outbox = new SessionOutbox();
    let reader = outbox.reader();
    for (let port = 1; port <= 17; port++)
      reader.read(Buffer.from(line(port, 1, `Server listening on 0.0.0.0 port ${port}.`)), CONTEXT);
    reader.read(Buffer.from(line(18, 1, 'Server listening on :: port 2.')), CONTEXT);
    reader.read(Buffer.from(line(20, 1, 'Received signal 15; terminating.')), CONTEXT);
    reader = outbox.restart(reader);
    deepEqual(reader.sshdListener.ports, [...Array.from({ length: 15 }, (_, i) => i + 3), 2]);
    equal(reader.sshdListener.changedMs, Date.parse('2026-11-29T10:00:20Z'));
  });
});

describe('recordings of real sshds', () => {
  const FOLDER = join(import.meta.dirname, '..', '..', 'fixtures', 'recorded');
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.log')))
    it(`${file}: every login ends at most once, and at all where PAM or VERBOSE says so`, () => {
      const outbox = new SessionOutbox();
      const reader = outbox.reader();
      const nowMs = Date.now();
      const located = reader.read(readFileSync(join(FOLDER, file)), { writtenMs: nowMs, nowMs, timeZone: 'UTC' });
      reader.end();
      const logins = located.filter(({ event }) => event.outcome === 'accepted').map(({ session }) => session);
      const ended = outbox.ends.filter(({ session }) => session > 0).map(({ session }) => session);
      equal(new Set(ended).size, ended.length);
      deepEqual(
        [...ended, ...outbox.open].sort((a, b) => a - b),
        logins.toSorted((a, b) => a - b),
      );
      // At INFO sshd itself says nothing of a client that just closes, and PAM's lines go to syslog.
      if (!file.includes('info-raw')) deepEqual(outbox.open, []);
    });
});

describe('more sessions than are followed', () => {
  /** The login of the session with this number, on a host of its own for each `perHost`. */
  const login = (n: number, perHost: number): string => {
    const address = `10.0.${n >> 8}.${n & 255}`;
    return `2026-11-29T10:00:00.000000+00:00 h${Math.floor(n / perHost)} sshd[${n}]: Accepted password for u${n} from ${address} port 4000 ssh2\n`;
  };
  const logins = (count: number, perHost: number): string =>
    Array.from({ length: count }, (_, n) => login(n, perHost)).join('');

  for (const [what, limit, perHost] of [
    ['of one host', HOST_SESSION_LIMIT_CONNECTIONS, 1e9],
    ['of all hosts of a collector', SESSION_LIMIT_CONNECTIONS, HOST_SESSION_LIMIT_CONNECTIONS],
  ] as const)
    it(`${what}: those that began first are evicted, which is no end; what ends later ends once`, () => {
      const outbox = new SessionOutbox();
      let reader = outbox.reader();
      reader.read(Buffer.from(logins(limit, perHost)), CONTEXT);
      reader = outbox.restart(reader);
      equal(outbox.open.length, limit);
      const more = Array.from({ length: 3 }, (_, i) => login(limit + i, perHost)).join('');
      reader.read(Buffer.from(more), CONTEXT);
      reader = outbox.restart(reader);
      equal(reader.connections.table.sessions, limit);
      equal(outbox.open.length, limit);
      deepEqual([Math.min(...outbox.open), Math.max(...outbox.open)], [4, limit + 3]);
      deepEqual(outbox.ends, []);
      const end = (n: number): string =>
        login(n, perHost)
          .replace(`sshd[${n}]`, `sshd[${100_000 + n}]`)
          .replace(/Accepted .*$/m, `Disconnected from user u${n} 10.0.${n >> 8}.${n & 255} port 4000`);
      reader.read(Buffer.from(end(0) + end(3)), CONTEXT);
      reader = outbox.restart(reader);
      // Of the evicted one the agent knows no login any more: its server does.
      deepEqual(
        outbox.ends.map(({ session, user, how }) => [session, user, how]),
        [
          [0, 'u0', 'disconnected'],
          [4, 'u3', 'disconnected'],
        ],
      );
      equal(outbox.open.length, limit - 1);
    });

  it('a host that has too many evicts its own, whoever came before', () => {
    const outbox = new SessionOutbox();
    const reader = outbox.reader();
    const first = login(0, 1).replace(' h0 ', ' other ');
    reader.read(Buffer.from(first + logins(HOST_SESSION_LIMIT_CONNECTIONS + 1, 1e9).replaceAll(' u', ' v')), CONTEXT);
    outbox.restart(reader);
    deepEqual(outbox.open.slice(0, 2), [1, 3]);
    deepEqual(outbox.ends, []);
  });
});
