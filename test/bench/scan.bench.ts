/**
 * `scan` of a large log, side by side with grep of a pattern on the same file; its memory at two sizes; lines made to be
 * slow. Both programs run on one core where taskset (util-linux) is there to keep them on it.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { READ_LIMIT_BYTES, Reader } from '../../alphaclient/sshd/reader.ts';
import { writeAuthLog } from './auth-log.ts';

export interface BenchRow {
  readonly name: string;
  readonly value: string;
  readonly note: string;
}

const LINES = 1_000_000;
const MORE_LINES = 4_000_000;
/** The best of so many runs: what is measured is the program, not what else the machine does. */
const RUNS = 3;
/** Patterns that people give to grep: wrong passwords alone, and every decision of sshd, which is what `scan` prints. */
const PATTERNS = {
  'wrong passwords': 'sshd\\[[0-9]+\\]: Failed password for .* from [0-9a-f.:]+ port [0-9]+',
  'all decisions': 'sshd\\[[0-9]+\\]: (Accepted|Failed) [^ ]+ for (invalid user )?.* from [0-9a-f.:]+ port [0-9]+',
};
const ROOT = join(import.meta.dirname, '..', '..');
/** As `npm run alphaclient` starts it, but for npm itself. */
const SCAN = ['alphaclient/start.sh', 'scan'];
/** Makes it write its largest memory, KiB, to standard error when it ends. NODE_OPTIONS takes double quotes away. */
const MEMORY_HOOK =
  "--import=data:text/javascript,process.on('exit',()=>process.stderr.write(String(process.resourceUsage().maxRSS)))";
const PINNED = spawnSync('taskset', ['-c', '0', 'true']).status === 0;

interface Best {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  /** The text on its standard error. */
  readonly err: string;
}

/** The best of so many runs, with what the children of this process used meanwhile. */
function best(command: string, args: readonly string[], stdout: 'ignore' | 'pipe', runs = RUNS): Best {
  let wallSeconds = Number.POSITIVE_INFINITY;
  let cpuSeconds = Number.POSITIVE_INFINITY;
  let err = '';
  const line = PINNED ? ['taskset', '-c', '0', command, ...args] : [command, ...args];
  for (let run = 0; run < runs; run++) {
    const before = childrenSeconds();
    const start = performance.now();
    const done = spawnSync(line[0] as string, line.slice(1), {
      stdio: ['ignore', stdout, 'pipe'],
      cwd: ROOT,
      env: {
        ...process.env,
        PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
        LC_ALL: 'C',
        NODE_COMPILE_CACHE: join(ROOT, 'node_modules', '.cache', 'node'),
        NODE_OPTIONS: MEMORY_HOOK,
      },
    });
    if (done.error !== undefined) throw done.error;
    if (done.status !== 0) throw new Error(`${command} ended with ${done.status}: ${done.stderr}`);
    wallSeconds = Math.min(wallSeconds, (performance.now() - start) / 1_000);
    cpuSeconds = Math.min(cpuSeconds, childrenSeconds() - before);
    err = String(done.stderr);
  }
  return { wallSeconds, cpuSeconds, err };
}

/** Processor time of all children that have ended, from Linux' /proc (proc(5): fields 16 and 17, in hundredths). */
function childrenSeconds(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

function rate(seconds: number): string {
  return `${Math.round(LINES / seconds).toLocaleString('en-US')} lines/s`;
}

/** Nearly the longest line a log is cut into, and nearly the longest that is read as a message. */
const HOSTILE_BYTES = [65_000, READ_LIMIT_BYTES - 200];
const NORMAL_BYTES = 65_000;
/** Each line is read a few times, and those that took longest often: the first times are the compiler's. */
const FEW_READS = 3;
const MANY_READS = 200;
const SLOWEST = 10;
const HEAD = 'Nov 20 10:00:00 web sshd[4321]: ';

/** Nanoseconds a byte that the reader takes for this text, the best of many reads. */
function nanosecondsAByte(text: string, reads: number): number {
  const bytes = Buffer.from(text, 'latin1');
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < reads; i++) {
    // Made anew: what one read leaves behind is not the next one's to find. Its making is not a line's cost.
    const reader = new Reader();
    const start = performance.now();
    reader.read(bytes, { writtenMs: Date.UTC(2026, 10, 21), nowMs: Date.UTC(2026, 10, 21), timeZone: 'UTC' });
    reader.end();
    least = Math.min(least, performance.now() - start);
  }
  return (least * 1e6) / bytes.length;
}

function hostileRows(): BenchRow[] {
  const normal = `${HEAD}Failed password for root from 192.0.2.10 port 50022 ssh2\n`;
  const usual = nanosecondsAByte(normal.repeat(Math.floor(NORMAL_BYTES / normal.length)), MANY_READS);
  const rows: BenchRow[] = [
    { name: 'reader, normal lines', value: `${usual.toFixed(2)} ns/byte`, note: `${NORMAL_BYTES} bytes of them` },
  ];
  const fillings = [
    ' ',
    ' from ',
    ' port 1',
    '"',
    "'",
    '7',
    '\\',
    '[',
    ']',
    ':',
    ' user ',
    'rhost=',
    '=',
    '\u00e9',
    '\t',
    'a\0',
    '<38>1 ',
    '@4',
    '{"a":',
  ];
  const beginnings = [
    'Failed password for ',
    'Failed password for invalid user ',
    'Invalid user ',
    'Connection closed by invalid user ',
    'Received disconnect from ',
    'Disconnecting ',
    'User ',
    'PAM: ',
    'pam_unix(sshd:auth): authentication failure; ',
    'message repeated 2 times: [ ',
    'no message begins so ',
    '',
  ];
  const lines: { readonly name: string; readonly line: string; ns: number }[] = [];
  for (const filling of fillings)
    for (const begins of beginnings)
      for (const head of [HEAD, ''])
        for (const ends of ['', ' from 192.0.2.10 port 50022 ssh2', ' [preauth]'])
          for (const bytes of HOSTILE_BYTES) {
            const filled = `${head}${begins}${filling.repeat(bytes)}`.slice(0, bytes);
            lines.push({
              name: `${bytes} bytes: ${JSON.stringify(begins)}, then ${JSON.stringify(filling)}`,
              line: `${filled}${ends}\n`,
              ns: 0,
            });
          }
  for (const one of lines) one.ns = nanosecondsAByte(one.line, FEW_READS);
  const slowest = lines.sort((a, b) => b.ns - a.ns).slice(0, SLOWEST);
  for (const one of slowest) one.ns = nanosecondsAByte(one.line, MANY_READS);
  const [worst] = slowest.sort((a, b) => b.ns - a.ns);
  rows.push({
    name: 'reader, the slowest long line',
    value: `${worst?.ns.toFixed(2)} ns/byte`,
    note: `${worst?.name}; of ${lines.length}`,
  });
  return rows;
}

/** Makes the log, reads it both ways. Needs grep. */
export async function run(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-scan-'));
  try {
    const log = join(folder, 'auth.log');
    writeAuthLog(log, LINES);
    // With its output at /dev/null, grep would stop at the first match.
    const greps = Object.entries(PATTERNS).map(([of, pattern]) => ({
      of,
      ...best('grep', ['-cE', pattern, log], 'pipe'),
    }));
    const scan = best('sh', [...SCAN, log], 'ignore');
    const share = (part: number, whole: number): string => `${((part / whole) * 100).toFixed(0)} %`;
    const more = join(folder, 'more.log');
    writeAuthLog(more, MORE_LINES);
    const { err } = best('sh', [...SCAN, more], 'ignore', 1);
    const mebibytes = (text: string): string => `${Math.round(Number(text) / 1024)} MiB`;
    return [
      {
        name: 'scan, whole program',
        value: rate(scan.wallSeconds),
        note: `${LINES.toLocaleString('en-US')} lines of auth.log to /dev/null, ${PINNED ? 'on one core' : 'no taskset: on any core'}`,
      },
      ...greps.map(({ of, wallSeconds, cpuSeconds }) => ({
        name: `grep -cE, one pattern for ${of}`,
        value: rate(wallSeconds),
        note: `LC_ALL=C; scan has ${share(wallSeconds, scan.wallSeconds)} of it (processor time: ${share(cpuSeconds, scan.cpuSeconds)})`,
      })),
      { name: 'scan, memory at most', value: mebibytes(scan.err), note: `${LINES.toLocaleString('en-US')} lines` },
      { name: 'scan, memory at most', value: mebibytes(err), note: `${MORE_LINES.toLocaleString('en-US')} lines` },
      ...hostileRows(),
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
