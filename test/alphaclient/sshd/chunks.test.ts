/** The events of a log are the same however it is divided into reads, and whichever other logs are read between. */

import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LocatedEvent } from '../../../alphaclient/sshd/events.ts';
import type { ReadContext } from '../../../alphaclient/sshd/reader.ts';
import { Reader } from '../../../alphaclient/sshd/reader.ts';
import { Chance } from '../../sshd/chance.ts';
import { ImitatedConnection, type Line } from '../../sshd/imitation.ts';
import { VERSIONS, type Version } from '../../sshd/versions.ts';
import { SessionOutbox } from './session-outbox.ts';

const START_MS = Date.UTC(2026, 10, 20, 9);
const CONTEXT: ReadContext = { writtenMs: START_MS + 86_400_000, nowMs: START_MS, timeZone: 'UTC' };
/** The same zone by another name: where it changes, no line is taken to begin like the one before. */
const CONTEXT_AGAIN: ReadContext = { ...CONTEXT, timeZone: 'Etc/UTC' };
const SEED = Number(process.env['SEED'] ?? Date.now() % 1e9);
const LOGS = 60;
const HOSTS = ['web', 'db-01', 'AUTH', 'auth.info'];
/** What other programs may be called, and what is none. */
const TAGS = [
  'CRON[77]: ',
  'sudo:   ',
  'systemd-logind[612]: ',
  'su[9]: ',
  'ss[1]: ',
  'ssh[1]: ',
  'sshd2[1]: ',
  'sshguard[7]: ',
  'ssh.service[1]: ',
  '/usr/sbin/sshd[1]: ',
  '[sshd][1]: ',
  'last message repeated 2 times',
  'last[3]: ',
  'kernel: ',
  'error: ',
  'UTC ',
  'auth.info ',
  'a-program-with-a-name-that-is-longer-than-anybody-would-take-for-a-program-name[1]: ',
  'no tag at all ',
  'x:y ',
  ': ',
  '',
];

type Write = (ms: number, host: string, rest: string) => string;
const FORMS: readonly Write[] = [
  (ms, host, rest) => `${new Date(ms).toISOString()} ${host} ${rest}\n`,
  (ms, host, rest) => `Nov 20 ${new Date(ms).toISOString().slice(11, 19)} ${host} ${rest}\n`,
  (ms, host, rest) => `Nov 20 ${new Date(ms).toISOString().slice(11, 19)}  ${host} ${rest}\r\n`,
];

/** Connections one after the other and beside each other, on one host or several, with other programs' lines among them. */
function log(chance: Chance, connections: number): string[] {
  const write = chance.one<Write>(FORMS);
  const hosts = chance.below(2) === 0 ? [chance.one(HOSTS)] : HOSTS;
  const version = chance.one<Version>(VERSIONS);
  const lines: (Line & { readonly host: string })[] = [];
  for (let n = 0; n < connections; n++) {
    const place = { pid: 900 + n, ip: `192.0.2.${1 + (n % 9)}`, port: 20_000 + n, ms: START_MS + n * 700 };
    const host = chance.one(hosts);
    lines.push(
      ...new ImitatedConnection(chance, version, false, false, place).lines.map((line) => ({ ...line, host })),
    );
  }
  lines.sort((a, b) => a.ms - b.ms);
  return lines.flatMap(({ ms, host, tag, pid, bytes }) => {
    const others = Array.from({ length: chance.below(8) === 0 ? 1 + chance.below(3) : 0 }, () =>
      // A little before or after: time need not go on with every line.
      write(
        ms + 1_000 - chance.below(3) * 1_000,
        host,
        `${chance.one(TAGS)}Failed password for x from 192.0.2.1 port 1 ssh2`,
      ),
    );
    return [...others, write(ms, host, `${tag}[${pid}]: ${bytes.toString('latin1')}`)];
  });
}

interface Outcome {
  readonly emitted: readonly LocatedEvent[];
  readonly counts: unknown;
  readonly shapes: unknown;
}

function outcome(reader: Reader, emitted: readonly LocatedEvent[]): Outcome {
  const all = [...emitted, ...reader.end()].sort((a, b) => a.line - b.line);
  // Of those that are as frequent, a restart may change the order.
  const shapes = [...reader.shapes()].sort((a, b) => (a.shape < b.shape ? -1 : 1));
  return { emitted: all, counts: reader.counts(), shapes };
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

function atOnce(lines: readonly string[]): Outcome {
  const reader = new Reader();
  return outcome(reader, reader.read(latin1(lines.join('')), CONTEXT));
}

/** Every line by itself, and none begins like another. */
function eachAlone(lines: readonly string[]): Outcome {
  const reader = new Reader();
  return outcome(
    reader,
    lines.flatMap((line, i) => reader.read(latin1(line), i % 2 === 0 ? CONTEXT : CONTEXT_AGAIN)),
  );
}

describe('a log read in chunks', () => {
  it(`gives the events of each line read alone, whatever other programs write between (SEED=${SEED})`, () => {
    for (let i = 0; i < LOGS; i++) {
      const lines = log(new Chance(SEED + i), 30);
      deepEqual(atOnce(lines), eachAlone(lines), `SEED=${SEED + i}\n${lines.join('')}`);
    }
  });

  it(`gives the events of each line read alone, also around lines longer than a chunk (SEED=${SEED})`, () => {
    const chance = new Chance(SEED);
    const long = (bytes: number): string => `${'x'.repeat(bytes)}\n`;
    for (const between of [[], [70_000], [65_535], [65_536, 65_537, 131_072, 10]]) {
      const lines = log(chance, 400).flatMap((line, i) => (i % 50 === 49 ? [...between.map(long), line] : [line]));
      deepEqual(atOnce(lines), eachAlone(lines), `SEED=${SEED}, ${between}`);
      const withoutEnd = [...lines.slice(0, -1), (lines.at(-1) as string).trimEnd()];
      deepEqual(atOnce(withoutEnd).emitted, eachAlone(lines).emitted);
    }
  });

  it('a long line of another host does not change whose the next lines are', () => {
    const failed = (host: string, pid: number, behind = ''): string =>
      `Nov 20 10:00:00 ${host} sshd[${pid}]: Failed password for root from 192.0.2.1 port ${pid} ssh2${behind}\n`;
    const lines = [failed('web', 1), failed('web', 2), failed('db', 3, 'x'.repeat(70_000)), failed('web', 4)];
    deepEqual(
      atOnce(lines).emitted.map(({ event, line }) => [line, event.host]),
      [
        [1, 'web'],
        [2, 'web'],
        [4, 'web'],
      ],
    );
  });

  it(`gives the same events while other readers read other logs (SEED=${SEED})`, () => {
    for (let i = 0; i < LOGS; i++) {
      const chance = new Chance(SEED + i);
      const logs = [log(chance, 12), log(chance, 12), log(chance, 12)];
      const outboxes = logs.map(() => new SessionOutbox());
      const readers = outboxes.map((outbox) => outbox.reader());
      const emitted: LocatedEvent[][] = logs.map(() => []);
      const next = logs.map(() => 0);
      while (logs.some((lines, n) => (next[n] as number) < lines.length)) {
        const n = chance.below(logs.length);
        const reader = readers[n] as Reader;
        const from = next[n] as number;
        next[n] = from + chance.below(9);
        emitted[n]?.push(...reader.read(latin1((logs[n] as string[]).slice(from, next[n]).join('')), CONTEXT));
        // Asking changes nothing.
        if (chance.below(4) === 0) reader.firstOpenLine();
        if (chance.below(9) === 0) readers[n] = (outboxes[n] as SessionOutbox).restart(reader);
      }
      for (const [n, lines] of logs.entries()) {
        const one = outcome(readers[n] as Reader, emitted[n] as LocatedEvent[]);
        deepEqual(one, atOnce(lines), `SEED=${SEED + i}, log ${n}\n${lines.join('')}`);
      }
    }
  });

  it('tells of its last line what it was, though another reader has read since', () => {
    const line = (message: string): Buffer => latin1(`Nov 20 10:00:00 web sshd[9]: ${message}\n`);
    const reader = new Reader();
    reader.read(line('Failed password for root from 192.0.2.1 port 9 ssh2'), CONTEXT);
    reader.read(line('Failed password for root from 192.0.2.1 port 9 ssh2'), CONTEXT);
    new Reader().read(line('Server listening on :: port 22.'), CONTEXT);
    equal(reader.inspect().message?.row.name, 'failed');
    equal(reader.inspect().writer, 'sshd');
  });
});
