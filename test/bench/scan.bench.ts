/** `scan` of a large log, side by side with grep of one pattern on the same file. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeAuthLog } from './auth-log.ts';

export interface BenchRow {
  readonly name: string;
  readonly value: string;
  readonly note: string;
}

const LINES = 1_000_000;
/** The best of so many runs: what is measured is the program, not what else the machine does. */
const RUNS = 3;
const PATTERN = 'sshd\\[[0-9]+\\]: Failed password for .* from [0-9a-f.:]+ port [0-9]+';
const SCAN = pathToFileURL(join(import.meta.dirname, '..', '..', 'alphaclient', 'scan.ts')).href;
const PROGRAM = `
const { scan } = await import(${JSON.stringify(SCAN)});
process.exitCode = await scan(process.argv.slice(1), process);
process.stderr.write(String(process.resourceUsage().maxRSS));
`;

/** Seconds that the best of the runs took, and what it wrote on standard error. */
function best(command: string, args: readonly string[], stdout: 'ignore' | 'pipe'): { seconds: number; err: string } {
  let seconds = Number.POSITIVE_INFINITY;
  let err = '';
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now();
    const done = spawnSync(command, args, {
      stdio: ['ignore', stdout, 'pipe'],
      env: { ...process.env, LC_ALL: 'C' },
    });
    if (done.error !== undefined) throw done.error;
    if (done.status !== 0) throw new Error(`${command} ended with ${done.status}: ${done.stderr}`);
    seconds = Math.min(seconds, (performance.now() - start) / 1_000);
    err = String(done.stderr);
  }
  return { seconds, err };
}

function rate(seconds: number): string {
  return `${Math.round(LINES / seconds).toLocaleString('en-US')} lines/s`;
}

/** Makes the log, reads it both ways. Needs grep. */
export async function run(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-scan-'));
  try {
    const log = join(folder, 'auth.log');
    writeAuthLog(log, LINES);
    // With its output at /dev/null, grep would stop at the first match.
    const grep = best('grep', ['-cE', PATTERN, log], 'pipe');
    const scan = best(process.execPath, ['--input-type=module', '-e', PROGRAM, '--', log], 'ignore');
    const share = grep.seconds / scan.seconds;
    return [
      {
        name: 'grep -cE, one pattern',
        value: rate(grep.seconds),
        note: `LC_ALL=C, ${LINES.toLocaleString('en-US')} lines of auth.log`,
      },
      {
        name: 'scan, whole program',
        value: rate(scan.seconds),
        note: `${(share * 100).toFixed(0)} % of grep; output to /dev/null; ${Math.round(Number(scan.err) / 1024)} MiB at most`,
      },
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
