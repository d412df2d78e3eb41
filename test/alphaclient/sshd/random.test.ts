/** Random logs of an imitated sshd and clients that send anything: every attempt and probe, exactly, in every form. */
import { deepEqual, ok } from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LocatedEvent } from '../../../alphaclient/sshd/events.ts';
import type { ReadContext } from '../../../alphaclient/sshd/reader.ts';
import { Reader } from '../../../alphaclient/sshd/reader.ts';
import { Chance } from '../../sshd/chance.ts';
import { ImitatedConnection, type Line, type Truth } from '../../sshd/imitation.ts';
import { VERSIONS, type Version } from '../../sshd/versions.ts';
import { SessionOutbox } from './session-outbox.ts';

const START_MS = Date.UTC(2026, 10, 20, 9);
const CONTEXT: ReadContext = { writtenMs: START_MS + 86_400_000, nowMs: START_MS, timeZone: 'UTC' };
const CONNECTIONS = 40;
const PIDS = 20;
/** As long as the whole suite can bear; RANDOM_SECONDS for more. */
const BUDGET_MS = Number(process.env['RANDOM_SECONDS'] ?? 4) * 1_000;
/** Logs that are enough in any case. */
const LOGS = process.env['RANDOM_SECONDS'] === undefined ? 400 : Number.POSITIVE_INFINITY;
const SEED = Number(process.env['SEED'] ?? Date.now() % 1e9);

const iso = (ms: number): string => new Date(ms).toISOString();
const ascii = (bytes: Buffer): string => bytes.toString('latin1');

/** How a log writes a line of syslog's. */
const FORMS: Readonly<Record<string, (line: Line) => string>> = {
  iso: ({ ms, tag, pid, bytes }) => `${iso(ms)} web ${tag}[${pid}]: ${ascii(bytes)}\n`,
  rfc3164: ({ ms, tag, pid, bytes }) => `Nov 20 ${iso(ms).slice(11, 19)} web ${tag}[${pid}]: ${ascii(bytes)}\n`,
  rfc5424: ({ ms, tag, pid, bytes }) => `<38>1 ${iso(ms)} web ${tag} ${pid} - - ${ascii(bytes)}\n`,
  solaris: ({ ms, tag, pid, bytes }) =>
    `Nov 20 ${iso(ms).slice(11, 19)} web ${tag}[${pid}]: [ID 800047 auth.info] ${ascii(bytes)}\n`,
  macos: ({ ms, tag, pid, bytes }) =>
    `${iso(ms).slice(0, -1).replace('T', ' ')} Df ${tag}[${pid}:${(pid * 7).toString(16)}] ${ascii(bytes)}\n`,
  brackets: ({ ms, tag, pid, bytes }) => `[${iso(ms)}] web ${tag}[${pid}]: ${ascii(bytes)}\n`,
  json: ({ ms, tag, pid, bytes }) =>
    `${JSON.stringify({ MESSAGE: ascii(bytes), SYSLOG_IDENTIFIER: tag, SYSLOG_PID: `${pid}`, _HOSTNAME: 'web', __REALTIME_TIMESTAMP: `${ms}000` })}\n`,
};

/** How a log writes what sshd says on its standard error: as it is, or each piece up to a line feed by itself. */
const RAW_FORMS: Readonly<Record<string, (line: Line) => string>> = {
  raw: ({ bytes }) => `${ascii(bytes)}\r\n`,
  'docker logs -t': (line) => pieces(line, (piece) => `${iso(line.ms)} ${piece}\n`),
  containerd: (line) => pieces(line, (piece) => `${iso(line.ms)} stderr F ${piece}\n`),
  'json-file': (line) =>
    pieces(line, (piece) => `${JSON.stringify({ log: `${piece}\n`, stream: 'stderr', time: iso(line.ms) })}\n`),
};

/** Only sshd ends what it says in CR LF. */
function pieces({ tag, bytes }: Line, write: (piece: string) => string): string {
  return `${ascii(bytes)}${tag === OTHER ? '' : '\r'}`.split('\n').map(write).join('');
}

/** What runs beside sshd in its container. */
const OTHER = 'other';
const OTHERS = [
  '[init] started',
  'cron: done',
  '2026/11/20 09:00:00 notice: ready',
  '',
  'GET / from 192.0.2.1 port 80',
];

interface Log {
  readonly bytes: Buffer;
  readonly truths: readonly Truth[];
  readonly what: string;
}

function make(seed: number): Log {
  const chance = new Chance(seed);
  const version = chance.one<Version>(VERSIONS);
  const form = chance.one([...Object.keys(RAW_FORMS), ...Object.keys(FORMS)]);
  const raw = form in RAW_FORMS;
  const verbose = chance.below(2) === 0;
  const lines: Line[] = [];
  const truths: Truth[] = [];
  for (let n = 0; n < CONNECTIONS; n++) {
    // Without pids the lines that have no port are distinguished by their address alone.
    const ip = raw ? `192.0.2.${n + 10}` : chance.one(['192.0.2.10', '192.0.2.11', '2001:db8::10', 'fe80::1%eth0']);
    // Pids are used again, a minute later.
    const ms = START_MS + n * 400 + Math.floor(n / PIDS) * 60_000;
    const place = { pid: 1_000 + 3 * (n % PIDS), ip, port: 20_000 + n, ms };
    const connection = new ImitatedConnection(chance, version, raw, verbose, place);
    lines.push(...connection.lines);
    truths.push(...connection.truths);
  }
  const write = (FORMS[form] ?? RAW_FORMS[form]) as (line: Line) => string;
  if (raw && form !== 'raw')
    for (const { ms } of [...lines])
      if (chance.below(10) === 0) lines.push({ ms, tag: OTHER, pid: 1, bytes: Buffer.from(chance.one(OTHERS)) });
  lines.sort((a, b) => a.ms - b.ms);
  // So that the reader knows how its lines end.
  const first: Line[] = raw
    ? [{ ms: START_MS, tag: 'sshd', pid: 1, bytes: Buffer.from('Server listening on :: port 22.') }]
    : [];
  const text = [...first, ...lines].map(write).join('');
  const what = `SEED=${seed}: ${version.name}, ${form}, ${verbose ? 'VERBOSE' : 'INFO'}`;
  return { bytes: Buffer.from(text, 'latin1'), truths, what };
}

function whole(bytes: Buffer, reader = new Reader()): LocatedEvent[] {
  return [...reader.read(bytes, CONTEXT), ...reader.end()];
}

/** The same log torn at any byte, with a restart between any two pieces; the follower keeps partial lines back. */
function torn(bytes: Buffer, chance: Chance): LocatedEvent[] {
  const outbox = new SessionOutbox();
  let reader = outbox.reader();
  const all: LocatedEvent[] = [];
  let taken = 0;
  for (let end = 0; end < bytes.length; ) {
    end = Math.min(bytes.length, end + 1 + chance.below(400));
    const upTo = end === bytes.length ? end : bytes.lastIndexOf(10, end - 1) + 1;
    if (upTo > taken) all.push(...reader.read(bytes.subarray(taken, upTo), CONTEXT));
    taken = Math.max(taken, upTo);
    reader = outbox.restart(reader);
  }
  return [...all, ...reader.end()];
}

function differences(
  truths: readonly Truth[],
  sightings: readonly LocatedEvent[],
): { missing: unknown[]; extra: unknown[] } {
  const left = sightings.map(({ event, line }) => ({ ...event, line }));
  const taken = (truth: Truth, port: number | null): boolean => {
    const at = left.findIndex(
      (event) =>
        event.outcome === truth.outcome &&
        event.method === truth.method &&
        (event.user === truth.user || (truth.outcome === 'probe' && event.user === truth.userTwice)) &&
        (truth.outcome === 'probe' || event.invalidUser === truth.invalidUser) &&
        event.ip === truth.ip &&
        event.port === port,
    );
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  };
  // Those that have their port first: one without may be any.
  const missing = truths
    .filter((truth) => !taken(truth, truth.port))
    .filter((truth) => truth.portMissing !== true || !taken(truth, null));
  return { missing, extra: left };
}

describe('an imitated sshd and hostile clients', () => {
  it('every attempt and probe is found, whole or torn at any byte with restarts', (t) => {
    t.diagnostic(`SEED=${SEED}`);
    const until = performance.now() + BUDGET_MS;
    let logs = 0;
    for (let seed = SEED; performance.now() < until && logs < LOGS; seed++, logs++) {
      const { bytes, truths, what } = make(seed);
      const reader = new Reader();
      const events = whole(bytes, reader);
      deepEqual(differences(truths, events), { missing: [], extra: [] }, what);
      deepEqual(reader.shapes(), [], what);
      if (logs % 4 === 0) deepEqual(torn(bytes, new Chance(seed)), events, what);
    }
    ok(logs > 0);
    t.diagnostic(`${logs} logs of ${CONNECTIONS} connections`);
  });
});
