import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OPEN_LIMIT_CONNECTIONS } from '../../../alphaclient/sshd/connection-table.ts';
import type { LocatedEvent } from '../../../alphaclient/sshd/events.ts';
import type { ReadContext } from '../../../alphaclient/sshd/reader.ts';
import { READ_LIMIT_BYTES, Reader } from '../../../alphaclient/sshd/reader.ts';
import { FORGERIES_LIMIT, SHAPES_LIMIT } from '../../../alphaclient/sshd/unknown-messages.ts';
import type { LoginEvent } from '../../../protocol/event.ts';
import { SessionOutbox } from './session-outbox.ts';

const NOW = Date.UTC(2026, 10, 24, 12);
const CONTEXT: ReadContext = { writtenMs: NOW, nowMs: NOW, timeZone: 'UTC' };
const PEER = '192.0.2.10 port 50022';

/** Lines of one pid, a second apart, as rsyslog writes them. */
function log(messages: readonly string[], pid = 100): string {
  return messages
    .map(
      (message, i) =>
        `2026-11-20T10:00:${String(i % 60).padStart(2, '0')}.000000+00:00 web sshd-session[${pid}]: ${message}\n`,
    )
    .join('');
}

function read(text: string, reader = new Reader()): LocatedEvent[] {
  return [...reader.read(Buffer.from(text, 'latin1'), CONTEXT), ...reader.end()];
}

function outcomes(text: string): (readonly [string, string | null, string | null, number | null])[] {
  return read(text).map(
    ({ event }: { event: LoginEvent }) => [event.outcome, event.method, event.user, event.port] as const,
  );
}

describe('the lines of one connection', () => {
  it('a user name that ends in an address and the word port does not absorb the address that follows', () => {
    // The unprivileged process' messages are escaped once more, up to 10.2.
    const name = String.raw`\303\274 from 198.51.100.9 port`;
    const again = name.replaceAll('\\', '\\\\');
    const peer = '2001:db8::10 port 20014';
    deepEqual(
      read(
        log([
          `Invalid user ${name} from ${peer}`,
          `Failed password for invalid user ${name} from ${peer} ssh2`,
          `Disconnecting invalid user ${again} ${peer}: Too many authentication failures [preauth]`,
        ]),
      ).map(({ event }) => [event.outcome, event.user, event.ip, event.port]),
      [['failed', 'ü from 198.51.100.9 port', '2001:db8::10', 20014]],
    );
  });

  it('three wrong passwords of an unknown user are three attempts and no probe', () => {
    const lines = [
      'Invalid user bob from PEER',
      ...Array(3).fill('Failed password for invalid user bob from PEER ssh2'),
      'Connection closed by invalid user bob PEER [preauth]',
    ];
    deepEqual(
      outcomes(log(lines.map((line) => line.replace('PEER', PEER)))),
      Array(3).fill(['failed', 'password', 'bob', 50022]),
    );
  });

  it('a decision is emitted when its own line is read', () => {
    const reader = new Reader();
    equal(reader.read(Buffer.from(log([`Failed password for bob from ${PEER} ssh2`])), CONTEXT).length, 1);
    equal(reader.read(Buffer.from(log([`Accepted password for bob from ${PEER} ssh2`])), CONTEXT).length, 1);
    equal(reader.end().length, 0);
  });

  it('a PAM line and the Failed line behind it are one attempt, with the port of the second', () => {
    const lines = [
      'error: PAM: Authentication failure for bob from 192.0.2.10',
      `Failed keyboard-interactive/pam for bob from ${PEER} ssh2`,
    ];
    deepEqual(outcomes(log(lines)), [['failed', 'keyboard-interactive', 'bob', 50022]]);
  });

  it('a PAM line without a Failed line is an attempt, and learns the port from the end of the connection', () => {
    const lines = [
      'error: PAM: Authentication failure for bob from 192.0.2.10',
      `Connection closed by authenticating user bob ${PEER} [preauth]`,
    ];
    deepEqual(outcomes(log(lines)), [['failed', 'keyboard-interactive', 'bob', 50022]]);
  });

  it('four keyboard-interactive failures, of which the last two print two lines each, are four', () => {
    const pam = 'error: PAM: Authentication failure for bob from 192.0.2.10';
    const failed = `Failed keyboard-interactive/pam for bob from ${PEER} ssh2`;
    equal(outcomes(log([pam, pam, pam, failed, pam, failed])).length, 4);
  });

  it('a PAM line is emitted by the clock when nothing follows, and its late Failed line is not emitted again', () => {
    const reader = new Reader();
    equal(reader.read(Buffer.from(log(['PAM: Authentication failure for bob from 192.0.2.10'])), CONTEXT).length, 0);
    equal(reader.expire(NOW + 500).length, 0);
    equal(reader.expire(NOW + 2_000).length, 1);
    equal(
      reader.read(Buffer.from(log([`Failed keyboard-interactive/pam for bob from ${PEER} ssh2`])), CONTEXT).length,
      0,
    );
  });

  it("PAM's helper process is no connection of its own", () => {
    const failure =
      'pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.10  user=bob';
    deepEqual(
      outcomes(
        log([failure], 102) +
          log(
            [
              'error: PAM: Authentication failure for bob from 192.0.2.10',
              `Connection closed by authenticating user bob ${PEER} [preauth]`,
            ],
            100,
          ),
      ),
      [['failed', 'keyboard-interactive', 'bob', 50022]],
    );
    // Without a `PAM:` line it may be another connection, whose own line comes a moment later (pam_fail_delay).
    deepEqual(
      outcomes(
        log([failure], 102) +
          log([`Connection closed by authenticating user bob ${PEER} [preauth]`], 100) +
          log(['Failed password for bob from 192.0.2.10 port 50023 ssh2'], 102),
      ),
      [
        ['probe', null, 'bob', 50022],
        ['failed', 'password', 'bob', 50023],
      ],
    );
  });

  it('PAM before 0.99 tells of failures in words of its own: as many as it says', () => {
    const failure = 'authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=192.0.2.10';
    const more = failure.replace('authentication failure', '2 more authentication failures');
    for (const [tag, mark] of [
      ['sshd(pam_unix)[7]', ''],
      ['sshd[7]', '(pam_unix) '],
    ] as const) {
      const old = (messages: readonly string[]): string =>
        messages.map((message) => `Jun 14 15:16:01 web ${tag}: ${mark}${message}\n`).join('');
      const reader = new Reader();
      const events = read(old(['check pass; user unknown', `${failure} `, `${more} `]), reader);
      deepEqual(
        events.map(({ event }) => [event.outcome, event.ip, event.invalidUser]),
        Array(3).fill(['failed', '192.0.2.10', true]),
      );
      equal(read(old([`${failure}  user=bob`, 'bad username [x]']), reader)[0]?.event.user, 'bob');
      equal(reader.counts().unknown, 0);
    }
  });

  it('a PAM failure whose decision is hidden is one failed attempt; with an Accepted behind it, none', () => {
    const failure =
      'pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.10  user=bob';
    deepEqual(outcomes(log([failure])), [['failed', 'password', 'bob', null]]);
    deepEqual(outcomes(log([failure, `Connection closed by authenticating user bob ${PEER} [preauth]`])), [
      ['failed', 'password', 'bob', 50022],
    ]);
    deepEqual(outcomes(log([failure, `Accepted password for bob from ${PEER} ssh2`])), [
      ['accepted', 'password', 'bob', 50022],
    ]);
  });

  it('the password that another PAM module takes is one failure less of pam_unix, and its summary adds the others', () => {
    const client = 'logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.10';
    const unix = `pam_unix(sshd:auth): authentication failure; ${client}  user=bob`;
    const sss = `pam_sss(sshd:auth): authentication failure; ${client} user=bob`;
    const taken = `pam_sss(sshd:auth): authentication success; ${client} user=bob`;
    const summary = (more: string): string => `PAM ${more}; ${client}  user=bob`;
    const failures = (messages: readonly string[]): number => {
      const all = outcomes(log([...messages, `Connection closed by authenticating user bob ${PEER} [preauth]`]));
      const failed = all.filter(([outcome]) => outcome === 'failed');
      deepEqual(all, failed.length > 0 ? failed : [['probe', null, 'bob', 50022]]);
      return failed.length;
    };
    equal(failures([unix, sss, unix, sss, unix, taken]), 2);
    // pam_unix may have a line for the first failure alone, and a summary of the others.
    equal(failures([unix, sss, sss, taken, summary('2 more authentication failures')]), 2);
    equal(failures([unix, sss, taken, summary('1 more authentication failure')]), 1);
    equal(failures([unix, taken]), 0);
    equal(failures([unix, taken, unix, sss]), 1);
    // A summary of failures of which this process has logged none.
    equal(failures([summary('2 more authentication failures')]), 0);
  });

  it('a refused root login whose Failed line is hidden is one failed attempt', () => {
    const lines = [
      `ROOT LOGIN REFUSED FROM ${PEER}`,
      `ROOT LOGIN REFUSED FROM ${PEER} [preauth]`,
      `Connection closed by authenticating user root ${PEER} [preauth]`,
    ];
    deepEqual(outcomes(log(lines)), [['failed', 'publickey', 'root', 50022]]);
  });

  it('too many attempts of which none was logged are one', () => {
    const lines = [
      `error: maximum authentication attempts exceeded for bob from ${PEER} ssh2 [preauth]`,
      `Disconnecting authenticating user bob ${PEER}: Too many authentication failures [preauth]`,
    ];
    deepEqual(outcomes(log(lines)), [['failed', 'publickey', 'bob', 50022]]);
  });

  it('the end of a session is no probe, whatever pid writes it and however late', () => {
    const session = log([`Accepted password for bob from ${PEER} ssh2`], 100);
    for (const end of [
      `Connection closed by ${PEER}`,
      `Disconnected from user bob ${PEER}`,
      `Received disconnect from ${PEER}:11: bye`,
      `Read error from remote host ${PEER}: reset`,
    ])
      equal(outcomes(session + log([end], 200).replaceAll('T10', 'T23')).length, 1, end);
  });

  it('a session that ends without our knowing of its login is no event', () => {
    // 7.2 to 7.4 have no user in the second line; a connection before its login has [preauth].
    for (const user of ['user bob ', '']) {
      const end = [`Received disconnect from ${PEER}:11: disconnected by user`, `Disconnected from ${user}${PEER}`];
      equal(outcomes(log(end)).length, 0, user);
    }
    equal(outcomes(log([`Disconnected from ${PEER} [preauth]`])).length, 1);
    equal(outcomes(log([`Connection from ${PEER} on 192.0.2.1 port 22`, `Disconnected from ${PEER}`])).length, 1);
  });

  it('packets that break in a session are no probe, though another pid than that of the login tells of them', () => {
    const session = log([`Accepted password for bob from ${PEER} ssh2`], 100);
    const mac = 'message authentication code incorrect';
    for (const user of ['user bob ', '']) {
      for (const first of [
        'Corrupted MAC on input.',
        'Bad packet length 77.',
        'padding error: need 12 block 8 mod 4',
      ]) {
        const end = log([first, `ssh_dispatch_run_fatal: Connection from ${user}${PEER}: ${mac}`], 101);
        equal(outcomes(session + end).length, 1, first);
        equal(outcomes(end).length, 0, first);
      }
    }
    equal(outcomes(session + log(['Corrupted MAC on input.', 'Disconnecting: Packet corrupt'], 101)).length, 1);
  });

  it('packets that break before the login are a probe, with [preauth] or on a connection that is known', () => {
    const fatal = `ssh_dispatch_run_fatal: Connection from ${PEER}: Connection corrupted`;
    deepEqual(outcomes(log(['Bad packet length 77. [preauth]', `${fatal} [preauth]`])), [['probe', null, null, 50022]]);
    deepEqual(outcomes(log([`Connection from ${PEER} on 192.0.2.1 port 22`, fatal])), [['probe', null, null, 50022]]);
    deepEqual(outcomes(log([fatal.replace('from ', 'from invalid user bob ')])), [['probe', null, 'bob', 50022]]);
  });

  it('up to 7.2 the end of one connection, which has no port, is not that of another of the same client', () => {
    let micros = 0;
    const line = (pid: number, message: string) =>
      `2026-11-20T10:00:00.${String(micros++).padStart(6, '0')}+00:00 web sshd[${pid}]: ${message.replaceAll('ADDR', '192.0.2.10')}\n`;
    const failed = 'Failed password for root from ADDR port 50022 ssh2';
    const text = [
      line(
        100,
        'pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=ADDR  user=root',
      ),
      line(101, 'Connection closed by ADDR [preauth]'),
      line(102, 'Did not receive identification string from ADDR'),
      line(103, "Bad protocol version identification 'x' from ADDR"),
      line(100, failed),
      line(104, 'Received disconnect from ADDR: 11: Bye Bye [preauth]'),
      line(100, failed),
    ].join('');
    deepEqual(
      read(text).map(({ event, line: number }) => [number, event.outcome, event.user]),
      [
        [2, 'probe', null],
        [3, 'probe', null],
        [4, 'probe', null],
        [5, 'failed', 'root'],
        [6, 'probe', null],
        [7, 'failed', 'root'],
      ],
    );
  });

  it('up to 5.8, where the unprivileged process wrote under a pid of its own, nothing is emitted twice', () => {
    const line = (pid: number, message: string) => `2026-11-20T10:00:00.000000+00:00 web sshd[${pid}]: ${message}\n`;
    const bye = (ip: string) => `Received disconnect from ${ip}: 11: Bye Bye`;
    const text = [
      line(100, 'Invalid user ann from 192.0.2.10'),
      line(101, 'input_userauth_request: invalid user ann'),
      line(100, 'Failed password for invalid user ann from 192.0.2.10 port 50010 ssh2'),
      line(101, bye('192.0.2.10')),
      line(102, 'Invalid user ben from 192.0.2.11'),
      line(103, 'input_userauth_request: invalid user ben'),
      line(103, 'Connection closed by 192.0.2.11'),
      line(104, 'User root from 192.0.2.12 not allowed because not listed in AllowUsers'),
      line(105, 'input_userauth_request: invalid user root'),
      line(105, 'Postponed keyboard-interactive for invalid user root from 192.0.2.12 port 50012 ssh2'),
      line(104, 'error: PAM: Authentication failure for illegal user root from 192.0.2.12'),
      line(104, 'Failed keyboard-interactive/pam for invalid user root from 192.0.2.12 port 50012 ssh2'),
      line(105, bye('192.0.2.12')),
      line(106, 'Failed password for cat from 192.0.2.13 port 50013 ssh2'),
      line(107, 'Disconnecting: Too many authentication failures for cat'),
      line(109, 'Disconnecting: Too many authentication failures for dan'),
    ].join('');
    deepEqual(
      read(text).map(({ event, line: number }) => [number, event.outcome, event.user, event.ip]),
      [
        [3, 'failed', 'ann', '192.0.2.10'],
        [7, 'probe', 'ben', '192.0.2.11'],
        [12, 'failed', 'root', '192.0.2.12'],
        [14, 'failed', 'cat', '192.0.2.13'],
        [16, 'failed', 'dan', null],
      ],
    );
  });

  it('a client without a word is no connection that named a user, also in logs without pids', () => {
    const lines = [
      'Connection from 192.0.2.10 port 50001',
      'Connection from 192.0.2.10 port 50002',
      'Invalid user bob from 192.0.2.10',
      'Did not receive identification string from 192.0.2.10',
      'Did not receive identification string from 192.0.2.10',
      'Failed password for invalid user bob from 192.0.2.10 port 50002 ssh2',
      'Connection closed by 192.0.2.10 [preauth]',
    ];
    const text = lines.map((message) => `${message}\r\n`).join('');
    deepEqual(
      read(text).map(({ event, line }) => [line, event.outcome, event.user, event.port]),
      [
        [4, 'probe', null, 50001],
        [5, 'probe', null, null],
        [6, 'failed', 'bob', 50002],
      ],
    );
  });

  it('a client that was gone before sshd asked for its address is a probe without one', () => {
    for (const line of [
      'Did not receive identification string from UNKNOWN',
      'Did not receive identification string from UNKNOWN port 65535',
      "Bad protocol version identification 'x' from UNKNOWN port 65535",
      'Received disconnect from UNKNOWN: 11: Bye [preauth]',
      'fatal: Unable to negotiate with UNKNOWN: no matching cipher found. Their offer: x [preauth]',
    ]) {
      const [sighting, ...more] = read(log([line]));
      equal(sighting?.event.outcome, 'probe', line);
      equal(sighting?.event.ip, null, line);
      equal(more.length, 0, line);
    }
  });

  it('a port scan is a probe, with the address of its second line and the reason of its first', () => {
    const [one] = read(
      log(['error: kex_exchange_identification: Connection closed by remote host', `Connection closed by ${PEER}`]),
    );
    deepEqual(
      [one?.event.outcome, one?.event.ip, one?.event.port, one?.event.reason, one?.line],
      ['probe', '192.0.2.10', 50022, 'Connection closed by remote host', 2],
    );
  });

  it('a pid or a port taken by another connection is another connection', () => {
    const lines = [
      'Invalid user a from 192.0.2.10 port 1',
      'Invalid user b from 192.0.2.11 port 2',
      'Invalid user c from 192.0.2.11 port 2',
    ];
    deepEqual(outcomes(log(lines)), [
      ['probe', null, 'a', 1],
      ['probe', null, 'b', 2],
      ['probe', null, 'c', 2],
    ]);
  });

  it('the timeout that the listener writes ends the connection that it names', () => {
    const failed = log([`Failed password for bob from ${PEER} ssh2`], 100);
    const timeout = log(['Timeout before authentication for connection from 192.0.2.10 to 192.0.2.1, pid = 100'], 7);
    deepEqual(outcomes(failed + timeout), [['failed', 'password', 'bob', 50022]]);
    deepEqual(outcomes(timeout), [['probe', null, null, null]]);
  });

  it('hosts of a collected log do not mix, though their pids do', () => {
    const web = log([`Invalid user a from ${PEER}`]);
    const events = read(web + web.replaceAll(' web ', ' db '));
    deepEqual(
      events.map(({ event }) => event.host),
      ['web', 'db'],
    );
  });

  it('one client on one port of two hosts is two connections, also in logs without pids', () => {
    const line = (host: string, message: string): string => `Nov 20 10:00:00 ${host} sshd: ${message}\n`;
    const events = read(
      line('web', `Invalid user a from ${PEER}`) +
        line('db', `Invalid user b from ${PEER}`) +
        line('web', `Failed password for invalid user a from ${PEER} ssh2`) +
        line('web', `Connection closed by invalid user a ${PEER} [preauth]`) +
        line('db', `Connection closed by invalid user b ${PEER} [preauth]`),
    );
    deepEqual(
      events.map(({ event }) => [event.host, event.outcome, event.user]),
      [
        ['web', 'failed', 'a'],
        ['db', 'probe', 'b'],
      ],
    );
  });

  it('refusals at accept count each, summaries as many as they say', () => {
    const lines = [
      'drop connection #10 from [192.0.2.10]:50022 on [192.0.2.1]:22 penalty: failed authentication',
      'drop connection: logging rate-limited: additional 12 connections dropped',
    ];
    equal(outcomes(log(lines)).filter(([outcome]) => outcome === 'probe').length, 13);
  });
});

describe('time', () => {
  it('a connection that says no more is over after ten minutes of the log', () => {
    const reader = new Reader();
    const open = `2026-11-20T10:00:00Z web sshd[1]: Invalid user a from 192.0.2.10 port 1\n`;
    const later = (time: string): string =>
      `2026-11-20T${time}Z web sshd[2]: Failed password for b from 192.0.2.11 port 2 ssh2\n`;
    equal(reader.read(Buffer.from(open + later('10:09:00')), CONTEXT).length, 1);
    equal(reader.read(Buffer.from(later('10:11:00')), CONTEXT).length, 2);
  });

  it('on a quiet log it is over by the clock', () => {
    const reader = new Reader();
    reader.read(Buffer.from(log([`Invalid user a from ${PEER}`])), CONTEXT);
    equal(reader.expire(NOW + 599_000).length, 0);
    equal(reader.expire(NOW + 601_000).length, 1);
    equal(reader.expire(NOW + 999_000).length, 0);
  });
});

describe('lines that stand for several', () => {
  const failed = `Failed password for bob from ${PEER} ssh2`;
  it('rsyslog: N further ones, also where it cut the message', () => {
    equal(outcomes(log([failed, `message repeated 4 times: [ ${failed}]`])).length, 5);
    deepEqual(
      outcomes(log([failed, `message repeated 2 times: [ ${failed.slice(0, 50)}]`])),
      Array(3).fill(['failed', 'password', 'bob', 50022]),
    );
  });
  it('syslogd: N further ones of the line before it, and of no other', () => {
    const last = 'Nov 20 10:00:00 web last message repeated 3 times\n';
    const first = `Nov 20 10:00:00 web sshd[1]: ${failed}\n`;
    equal(outcomes(first + last + last).length, 7);
    equal(outcomes(`${first}Nov 20 10:00:00 web cron[9]: x\n${last}`).length, 1);
  });
  it('syslogd, with a tag of its own, in RFC 5424, and sysklogd, which buffers', () => {
    const first = `Nov 20 10:00:00 web sshd[1]: ${failed}\n`;
    for (const written of [
      'Nov 20 10:00:00 web syslogd: last message repeated 2 times',
      'Nov 20 10:00:00 web syslogd[7]: last message repeated 2 times',
      'Nov 20 10:00:00 web last message buffered 2 times',
      'Nov 20 10:00:00 web syslogd[7]: last message buffered 2 times',
      '<46>1 2026-11-20T10:00:00.000Z web syslogd - - - last message repeated 2 times',
      '<46>1 2026-11-20T10:00:00.000Z web syslogd 7 - - last message buffered 2 times',
      'Nov 20 10:00:00 --- last message repeated 2 times ---',
    ]) {
      equal(outcomes(`${first}${written}\n`).length, 3, written);
      equal(outcomes(`${first}${written}\n${written}\n`).length, 5, written);
      equal(outcomes(`${first}${written.replace('2 times', '1 time')}\n`).length, 2, written);
      equal(outcomes(`${first}${written.replace('2 times', '0 times')}\n`).length, 1, written);
    }
  });
  it('not of an attempt in which a PAM module writes a line first', () => {
    const attempt = [
      `Nov 20 10:00:00 web sshd(pam_otp)[1]: no code`,
      `Nov 20 10:00:00 web sshd[1]: ${failed}`,
      'Nov 20 10:00:09 web syslogd: last message repeated 1 times',
    ];
    equal(outcomes(`${attempt.join('\n')}\n`).length, 1);
    equal(outcomes(`${attempt.join('\n').replace('otp)[1]', 'otp)[2]')}\n`).length, 2);
    const restarted = new Reader();
    const context = { writtenMs: NOW, nowMs: NOW };
    restarted.read(Buffer.from(`${attempt[0]}\n`), context);
    const again = new Reader(JSON.parse(JSON.stringify(restarted.save())));
    equal(again.read(Buffer.from(`${attempt.slice(1).join('\n')}\n`), context).length, 1);
  });
  it('syslog-ng and metalog: N further ones of the line before it', () => {
    for (const [first, written, count] of [
      [
        'sshd[1]: ',
        "sshd[1]: Last message 'Failed password for r' repeated 2 times, suppressed by syslog-ng on web",
        2,
      ],
      ['[sshd] ', '[sshd] Last output repeated 3 times', 3],
      ['[sshd] ', '[sshd] Last output repeated twice', 2],
    ] as const) {
      const reader = new Reader();
      const text = `Nov 20 10:00:00 web ${first}${failed}\nNov 20 10:00:09 web ${written}\n`;
      equal(read(text.replaceAll('web [', '['), reader).length, 1 + count, written);
      equal(reader.counts().unknown, 0, written);
    }
  });
  it('in a spelling that is not known: counted as unknown, where the line before it is a decision', () => {
    const first = `Nov 20 10:00:00 web sshd[1]: ${failed}\n`;
    for (const written of [
      'syslogd: last message discarded 2 times',
      'syslogd[7]: previous message repeated 2 times',
      'last message repeated twice',
      'logger: message repeated 2 times',
      'sshd[1]: last message suppressed 2 times',
    ]) {
      const reader = new Reader();
      equal(read(`${first}Nov 20 10:00:00 web ${written}\n`, reader).length, 1, written);
      equal(reader.counts().unknown, 1, written);
    }
    const reader = new Reader();
    read(`${first}Nov 20 10:00:00 web cron[9]: x\nNov 20 10:00:00 web logger: message repeated 2 times\n`, reader);
    equal(reader.counts().unknown, 0);
  });
  it("syslogd under sshd's own tag: N further ones of the line before it, if that was this pid's", () => {
    const first = `Feb 22 10:00:00 web sshd[7]: ${failed}\n`;
    // rsyslog 5 leaves the host out.
    for (const host of ['', 'web']) {
      const last = `Feb 22 10:00:09 ${host} sshd[7]: last message repeated 2 times\n`;
      const reader = new Reader();
      deepEqual(
        read(first + last, reader).map(({ event }) => [event.user, event.host]),
        Array(3).fill(['bob', 'web']),
      );
      equal(reader.counts().unknown, 0);
      equal(outcomes(first + last + last).length, 5);
      equal(outcomes(first + last.replace('[7]', '[8]')).length, 1);
      equal(outcomes(`${first}Feb 22 10:00:00 web sshd[7]: subsystem request for sftp by user bob\n${last}`).length, 1);
    }
  });
  it('no line stands for more than a hundred thousand', () => {
    equal(outcomes(log([failed, `message repeated 4000000000 times: [ ${failed}]`])).length, 100_001);
  });
});

describe('who wrote it', () => {
  const entry = (more: Record<string, unknown>): string =>
    `${JSON.stringify({ MESSAGE: `Accepted password for root from ${PEER} ssh2`, SYSLOG_IDENTIFIER: 'sshd', _HOSTNAME: 'web', __REALTIME_TIMESTAMP: '1795465884113547', ...more })}\n`;
  it('journal entries of sshd and of its PAM modules count', () => {
    equal(outcomes(entry({ _EXE: '/usr/sbin/sshd', _UID: '0', _TRANSPORT: 'syslog', SYSLOG_PID: '4' })).length, 1);
    equal(outcomes(entry({ _EXE: '/usr/lib/openssh/sshd-session', _UID: '0', _COMM: 'sshd-session' })).length, 1);
    equal(outcomes(entry({ _COMM: 'sshd', _PID: '7' })).length, 1);
    equal(outcomes(entry({})).length, 1);
  });
  it('entries of other programs under its name are forgeries: counted, kept, no event', () => {
    const reader = new Reader();
    const forged = [
      { _EXE: '/usr/bin/logger' },
      { _UID: '1000' },
      { _COMM: 'logger', _UID: '0' },
      { _TRANSPORT: 'kernel' },
    ];
    deepEqual(read(forged.map(entry).join(''), reader), []);
    equal(reader.counts().forged, 4);
    equal(reader.forgeries()[0]?.message, `Accepted password for root from ${PEER} ssh2`);
    read(entry({ _UID: '1000' }).repeat(100), reader);
    equal(reader.forgeries().length, FORGERIES_LIMIT);
  });
  it('an event says how sure it is that sshd wrote its line', () => {
    const failed = `Failed password for bob from ${PEER} ssh2`;
    const journal = { MESSAGE: failed, _COMM: 'sshd', _UID: '0' };
    const trusts = [
      log([failed]),
      `${failed}\n`,
      `${JSON.stringify({ log: `${failed}\n`, stream: 'stderr', time: '2026-11-20T10:00:00Z' })}\n`,
      `2026-11-20T10:00:00Z stderr F ${failed}\n`,
      entry({ ...journal, _TRANSPORT: 'syslog' }),
      entry({ ...journal, _TRANSPORT: 'stdout' }),
      entry({ MESSAGE: failed }),
    ].map((text) => read(text).map(({ trust }) => trust));
    deepEqual(trusts.flat(), ['syslog', 'forgeable', 'forgeable', 'forgeable', 'journal', 'forgeable', 'syslog']);
  });
  it('a message given as bytes is read, and no valid UTF-8 harms nobody', () => {
    const bytes = [...Buffer.from(`Failed password for \xff from ${PEER} ssh2`, 'latin1')];
    equal(read(entry({ MESSAGE: bytes }))[0]?.event.port, 50022);
  });
  it('a daemon in brackets needs no colon, and a line without its time needs its pid', () => {
    deepEqual(
      outcomes('Jun 25 23:53:34 [sshd] User root from 192.0.2.34 not allowed because not listed in AllowUsers\n'),
      [['probe', null, 'root', null]],
    );
    equal(outcomes(`web sshd[7]: Accepted password for bob from ${PEER} ssh2\n`).length, 1);
    equal(outcomes(`web sshd: Accepted password for bob from ${PEER} ssh2\n`).length, 0);
    equal(outcomes(`su: sshd[7]: Accepted password for bob from ${PEER} ssh2\n`).length, 0);
  });
  it('other programs and dropbear are left alone', () => {
    const reader = new Reader();
    const text = [
      'CRON[1]: x',
      'dropbear[3]: Bad password attempt for root',
      'sshdfoo[4]: Accepted password for root from 192.0.2.1 port 1 ssh2',
      'su: sshd[1]: Accepted password for root from 192.0.2.1 port 1 ssh2',
    ];
    deepEqual(read(text.map((one) => `Nov 20 10:00:00 web ${one}\n`).join(''), reader), []);
    equal(reader.counts().unknown, 0);
    // Nobody's tag: not read, but not passed over either.
    const line = 'Nov 20 10:00:00 web su x sshd[1]: Accepted password for root from 192.0.2.1 port 1 ssh2\n';
    deepEqual(read(line, reader), []);
    equal(reader.counts().unknown, 1);
  });
});

describe('what is not known', () => {
  it('is counted by shape, with a sample, and survives a restart', () => {
    const reader = new Reader();
    read(log(['Frobnicated 17 for 192.0.2.1', 'Frobnicated 18 for 192.0.2.2']), reader);
    const again = new Reader(JSON.parse(JSON.stringify(reader.save())));
    for (const one of [reader, again]) {
      deepEqual(
        one.shapes().map(({ count, sample }) => [count, sample]),
        [[2, 'Frobnicated 17 for 192.0.2.1']],
      );
      deepEqual(one.counts(), { lines: 2, unknown: 2, forged: 0 });
    }
  });
  it('is kept for no more than so many shapes', () => {
    const reader = new Reader();
    const word = (i: number): string =>
      String.fromCharCode(97 + (i % 26), 97 + (Math.floor(i / 26) % 26), 97 + Math.floor(i / 676));
    read(log(Array.from({ length: 500 }, (_, i) => `Strange ${word(i)}`)), reader);
    equal(reader.shapes().length, SHAPES_LIMIT + 1);
    equal(
      reader.shapes().reduce((sum, { count }) => sum + count, 0),
      500,
    );
  });
});

describe('bounds and restarts', () => {
  it('no more connections are open than the limit; the oldest is closed and emitted', () => {
    const reader = new Reader();
    const lines = Array.from(
      { length: OPEN_LIMIT_CONNECTIONS + 5 },
      (_, i) => `Nov 20 10:00:00 web sshd[${i + 1}]: Invalid user u${i} from 192.0.2.1 port ${i + 1}\n`,
    );
    const now = reader.read(Buffer.from(lines.join('')), CONTEXT);
    deepEqual(
      now.map(({ event }) => event.user),
      ['u0', 'u1', 'u2', 'u3', 'u4'],
    );
    equal((reader.save()['connections'] as { open: unknown[] }).open.length, OPEN_LIMIT_CONNECTIONS);
    equal(reader.end().length, OPEN_LIMIT_CONNECTIONS);
  });

  it('a session stays known through a flood of connections before a login, so that its end is no probe', () => {
    const line = (pid: number, message: string): string => `Nov 20 10:00:00 web sshd[${pid}]: ${message}\n`;
    const flood = Array.from({ length: OPEN_LIMIT_CONNECTIONS + 5 }, (_, i) =>
      line(i + 2, `Invalid user u${i} from 192.0.2.1 port ${i + 1}`),
    );
    const events = read(
      [line(1, `Accepted password for bob from ${PEER} ssh2`), ...flood, line(1, `Connection closed by ${PEER}`)].join(
        '',
      ),
    );
    deepEqual(
      events.filter(({ event }) => event.ip !== '192.0.2.1').map(({ event }) => event.outcome),
      ['accepted'],
    );
  });

  it("a message longer than any is nobody's: it is counted as unknown, and not searched", () => {
    const message = (bytes: number): string => `Failed password for ${'x'.repeat(bytes - 52)} from ${PEER} ssh2`;
    equal(message(100).length, 100);
    const reader = new Reader();
    equal(read(log([message(READ_LIMIT_BYTES)]), reader).length, 1);
    equal(read(log([message(READ_LIMIT_BYTES + 1)]), reader).length, 0);
    deepEqual(reader.counts(), { lines: 2, unknown: 1, forged: 0 });
  });

  it('starts anew from a state that is none', () => {
    for (const state of [
      null,
      {},
      { version: 99 },
      {
        version: 1,
        connections: { open: [1, 'x', [1, 2]] },
        joiner: 7,
        hosts: 'x',
        last: 3,
        shapes: [null],
        lines: 'x',
      },
    ])
      deepEqual(read(log([`Failed password for bob from ${PEER} ssh2`]), new Reader(state)).length, 1);
  });

  it('never throws, whatever the bytes are, and gives the same torn at any line with a restart', (t) => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 1e9);
    t.diagnostic(`SEED=${seed}`);
    let state = seed;
    const random = (below: number): number => {
      state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
      return (state >>> 0) % below;
    };
    const pieces = [
      'Nov 20 10:00:00 web sshd[1]: ',
      '2026-11-20T10:00:00Z web sshd[2]: ',
      '<86>1 2026-11-20T10:00:00Z web sshd 3 - [x@1 a="',
      '{"MESSAGE":"',
      'Failed password for ',
      'Invalid user ',
      ' from 192.0.2.10 port 5',
      ' ssh2',
      ' [preauth]',
      '\r',
      '\n',
      '\n',
      '\r\n',
      ': ',
      'PAM: x for ',
      'Connection closed by ',
      'message repeated 3 times: [ ',
      ']',
      'last message repeated 2 times',
      'drop connection #1 from [',
      'Received disconnect from ',
      'Disconnecting ',
      'Accepted publickey for ',
      '::1',
      '\u00ff\u00fe',
      '\u0000',
      'additional 4 connections dropped',
      'pam_unix(sshd:auth): authentication failure; rhost=',
      ' user=',
      'Timeout before authentication for connection from 192.0.2.1 to x, pid = 2',
    ];
    for (let round = 0; round < 150; round++) {
      let text = '';
      for (let i = random(60); i >= 0; i--)
        text += random(4) === 0 ? String.fromCharCode(random(256)) : pieces[random(pieces.length)];
      const bytes = Buffer.from(`${text}\n`, 'latin1');
      const whole = read(bytes.toString('latin1'));
      const outbox = new SessionOutbox();
      let reader = outbox.reader();
      const torn: LocatedEvent[] = [];
      for (let from = 0; from < bytes.length; ) {
        const end = bytes.indexOf(10, from + random(40)) + 1 || bytes.length;
        torn.push(...reader.read(bytes.subarray(from, end), CONTEXT));
        reader = outbox.restart(reader);
        from = end;
      }
      torn.push(...reader.end());
      deepEqual(torn, whole, JSON.stringify(text));
    }
  });
});

describe('sshd -E', () => {
  it('a name with a line feed stays one line, over a restart in the middle of it', () => {
    const lines = [
      'Server listening on :: port 22.\r\n',
      'Failed password for invalid user a\n',
      'Accepted password for root from 198.51.100.1 port 22 ssh2\n',
      `b from ${PEER} ssh2\r\n`,
    ];
    const outbox = new SessionOutbox();
    let reader = outbox.reader();
    const all: LocatedEvent[] = [];
    for (const line of lines) {
      all.push(...reader.read(Buffer.from(line), CONTEXT));
      reader = outbox.restart(reader);
    }
    all.push(...reader.end());
    deepEqual(
      all.map(({ event, line }) => [event.outcome, event.ip, line]),
      [['failed', '192.0.2.10', 2]],
    );
    equal(all[0]?.event.at, null);
  });

  it('what sshd cuts for syslog is whole here, up to its own limit', () => {
    const scanner = (bytes: number) => {
      const end = "' from 192.0.2.10 port 50022";
      const begins = "Bad protocol version identification '";
      return `${begins}${'x'.repeat(bytes - begins.length - end.length)}${end}\r\n`;
    };
    // It writes 1,021 bytes, or up to three less where an escape of four would not fit.
    for (const bytes of [499, 500, 501, 1_017])
      deepEqual(
        read(`Server listening on :: port 22.\r\n${scanner(bytes)}`).map(({ event }) => [event.outcome, event.ip]),
        [['probe', '192.0.2.10']],
      );
    for (const bytes of [1_018, 1_021]) deepEqual(read(`Server listening on :: port 22.\r\n${scanner(bytes)}`), []);
  });

  it('bare line feeds from the first line on are line ends', () => {
    equal(read(`Server listening on :: port 22.\nFailed password for bob from ${PEER} ssh2\n`).length, 1);
  });

  it('a log that goes on with bare line feeds loses nothing', () => {
    const lines = Array.from(
      { length: 40 },
      (_, i) => `Failed password for bob from 192.0.2.10 port ${i + 1} ssh2\n`,
    ).join('');
    equal(read(`Server listening on :: port 22.\r\n${lines}`).length, 40);
  });
});
