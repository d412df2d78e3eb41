/** A log that a syslog wrote twice: by the microsecond a line counts once; with whole seconds it is noticed. */
import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DUPLICATE_LIMIT_LINES, exactTimeOf, soughtTime } from '../../../alphaclient/sshd/duplicate-lines.ts';
import { logText } from '../../../alphaclient/sshd/log-text.ts';
import { Reader } from '../../../alphaclient/sshd/reader.ts';
import { Chance } from '../../sshd/chance.ts';
import { SessionOutbox } from './session-outbox.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1e9);
const NOW = Date.UTC(2026, 10, 30);
const CONTEXT = { writtenMs: NOW, nowMs: NOW, timeZone: 'UTC' };

interface Result {
  readonly events: string[];
  readonly unknown: number;
  readonly seemsWrittenTwice: boolean;
}

/** Reads a log at once, and with a restart after each line; both must give the same events. */
function read(lines: readonly string[]): Result {
  const [whole, torn] = [false, true].map((isTorn) => {
    const outbox = new SessionOutbox();
    let reader = outbox.reader();
    const chunks = isTorn ? lines.map((line) => `${line}\n`) : [lines.map((line) => `${line}\n`).join('')];
    const events: string[] = [];
    const take = (found: ReturnType<Reader['end']>) => {
      for (const { event, line } of found) events.push(`${line} ${event.outcome} ${event.user} ${event.port}`);
    };
    for (const chunk of chunks) {
      take(reader.read(Buffer.from(chunk), CONTEXT));
      if (isTorn) reader = outbox.restart(reader);
    }
    const { seemsWrittenTwice } = reader;
    take(reader.end());
    return { events, unknown: reader.counts().unknown, seemsWrittenTwice };
  }) as [Result, Result];
  deepEqual({ ...torn, seemsWrittenTwice: null }, { ...whole, seemsWrittenTwice: null });
  return whole;
}

const twice = (lines: readonly string[]): string[] => lines.flatMap((line) => [line, line]);
const PEER = '192.0.2.10 port 50022';
const MESSAGES = [
  `Invalid user eve from ${PEER}`,
  `Failed password for invalid user eve from ${PEER} ssh2`,
  `Failed password for invalid user eve from ${PEER} ssh2`,
  `Connection closed by invalid user eve ${PEER} [preauth]`,
];

/** Each message a little later than the one before it. */
const exact = (
  messages: readonly string[],
  header = (time: string) => `2026-11-20T10:00:${time}+00:00 web sshd[12]: `,
) =>
  messages.map(
    (message, i) => header(`07.${String(999_998 + i).slice(-6)}`.replace(/^07/, i < 2 ? '07' : '08')) + message,
  );

describe('times to the microsecond', () => {
  const events = ['failed eve 50022', 'failed eve 50022'];
  const outcomes = (lines: readonly string[]) => read(lines).events.map((event) => event.replace(/^\d+ /, ''));

  it('a line that is there twice is one line, wherever its copy stands', () => {
    const log = exact(MESSAGES);
    deepEqual(outcomes(log), events);
    deepEqual(outcomes(twice(log)), events);
    deepEqual(outcomes([...log, ...log]), events);
    deepEqual(outcomes([...log, ...log, ...log.toReversed()]), events);
    deepEqual(outcomes([log[1], log[0], log[1], log[2], log[0], log[3], log[2], log[3]] as string[]), events);
    equal(read(twice(exact(['what no sshd says', 'nor this', 'nor that']))).unknown, 3);
  });

  it('of every form that has them', () => {
    const forms: ((time: string) => string)[] = [
      (time) => `Nov 20 10:00:${time} web sshd[12]: `,
      (time) => `<38>1 2026-11-20T10:00:${time}Z web sshd 12 - - `,
      (time) => `[2026-11-20 10:00:${time}] web sshd[12]: `,
      (time) => `17951688${time} web sshd[12]: `,
      (time) =>
        `@40000000${(0x6b001a31 + Number(time.slice(0, 2))).toString(16)}${Number(`${time.slice(3)}000`)
          .toString(16)
          .padStart(8, '0')} auth.info: Nov 20 10:00:07 sshd[12]: `,
    ];
    for (const form of forms) {
      deepEqual(outcomes(exact(MESSAGES, form)), events, form('07.123456'));
      deepEqual(outcomes(twice(exact(MESSAGES, form))), events, form('07.123456'));
    }
  });

  it('another microsecond, pid, host or text is another line', () => {
    const line = `2026-11-20T10:00:07.123456+00:00 web sshd[12]: ${MESSAGES[1]}`;
    for (const [from, to] of [
      ['123456', '123457'],
      ['[12]', '[13]'],
      [' web ', ' db '],
      ['50022', '50023'],
    ] as const)
      equal(read([line, line.replace(from, to)]).events.length, 2, to);
  });

  it(`a copy stands within ${DUPLICATE_LIMIT_LINES} lines`, () => {
    const line = `2026-11-20T10:00:07.123456+00:00 web sshd[12]: ${MESSAGES[1]}`;
    const others = (count: number) =>
      Array.from({ length: count }, (_, i) => `2026-11-20T10:00:08.${String(i).padStart(6, '0')}+00:00 web sshd[9]: x`);
    const count = (between: number) => read([line, ...others(between), line]).events.length;
    equal(count(DUPLICATE_LIMIT_LINES - 1), 1);
    equal(count(DUPLICATE_LIMIT_LINES), 2);
    equal(read([line, ...others(60), line, ...others(60), line]).events.length, 1);
  });

  it('uptimes are no times to the microsecond', () => {
    const line = `Nov 20 10:00:07 web sshd[12]: kernel: [  970.699396] ${MESSAGES[1]}`;
    equal(read([line, line]).events.length, 2);
  });

  it('with milliseconds alone a line may be another', () => {
    const line = `2026-11-20T10:00:07.123+00:00 web sshd[12]: ${MESSAGES[1]}`;
    equal(read([line, line]).events.length, 2);
  });
});

describe('times in whole seconds', () => {
  const whole = (messages: readonly string[], pid = 12) =>
    messages.map((message) => `Nov 20 10:00:07 web sshd[${pid}]: ${message}`);

  it('a log that is written twice is noticed, and what a connection writes once counts once', () => {
    const login = [
      `Failed password for bob from ${PEER} ssh2`,
      `Accepted password for bob from ${PEER} ssh2`,
      'pam_unix(sshd:session): session opened for user bob by (uid=0)',
    ];
    deepEqual(read(twice(whole(login))), {
      events: ['1 failed bob 50022', '2 failed bob 50022', '3 accepted bob 50022'],
      unknown: 0,
      seemsWrittenTwice: true,
    });
    const probe = [
      `Connection from ${PEER} on 192.0.2.1 port 22`,
      `Invalid user eve from ${PEER}`,
      `Connection closed by invalid user eve ${PEER} [preauth]`,
    ];
    deepEqual(read(twice(whole(probe))).events, ['5 probe eve 50022']);
    equal(read(whole(probe)).events.length, 1);
  });

  it('a client that fails often in one second is no log that is written twice', () => {
    const attack = Array.from({ length: 40 }, (_, i) =>
      whole(
        [
          `Invalid user eve from ${PEER}`,
          ...Array(i % 7).fill(MESSAGES[1]),
          `Connection closed by invalid user eve ${PEER} [preauth]`,
        ],
        i,
      ),
    ).flat();
    equal(read(attack).seemsWrittenTwice, false);
    equal(read(attack).events.filter((event) => event.includes('failed')).length, attack.length - 80);
    equal(read(twice(whole(MESSAGES.slice(0, 2)))).seemsWrittenTwice, false);
  });

  it('it is noticed in a long log, also where that began well', () => {
    const line = (i: number) =>
      `Nov 20 10:${String(Math.floor(i / 60) % 60).padStart(2, '0')}:${String(i % 60).padStart(2, '0')} web sshd[${i}]: ${MESSAGES[0]}`;
    const lines = Array.from({ length: 400 }, (_, i) => line(i));
    equal(read(lines).seemsWrittenTwice, false);
    equal(read(twice(lines)).seemsWrittenTwice, true);
    const later = Array.from({ length: 3_000 }, (_, i) => line(400 + i));
    const reader = new Reader();
    reader.read(Buffer.from([...lines, ...twice(later)].map((one) => `${one}\n`).join('')), CONTEXT);
    equal(reader.seemsWrittenTwice, true);
  });

  it('without a pid, lines that are alike may be of two connections', () => {
    const line = 'Nov 20 10:00:07 web sshd: Did not receive identification string from 192.0.2.10';
    equal(read([line, line]).events.length, 2);
  });

  it(`microseconds are read from a header as they are sought in it (SEED=${SEED})`, () => {
    const chance = new Chance(SEED);
    equal(exactTimeOf(logText('x 2026-11-20T10:00:07.123456+00:00 web'), 2, 38), '123456');
    for (let i = 0; i < 20_000; i++) {
      const signs = [...'2026-11-20T10:00:07.123456+00:00 web sshd[12]: '];
      for (let n = chance.below(4); n > 0; n--)
        signs.splice(chance.below(40), chance.below(2), chance.one([...':.,0 T-@4+']));
      const line = signs.join('');
      const from = chance.below(3);
      const end = chance.below(line.length - from) + from;
      equal(exactTimeOf(logText(line), from, end), soughtTime(line.slice(from, end)), line.slice(from, end));
    }
  });
});
