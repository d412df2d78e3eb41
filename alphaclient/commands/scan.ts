/** `alphaclient scan [--summary] FILE...`: what old logs say, without a server. */

import type { Readable, Writable } from 'node:stream';
import { Output } from '../../service/terminal/output.ts';
import { Reader } from '../sshd/reader.ts';
import { groupRotations, type LogTaker, readLog, STDIN } from './scan-files.ts';
import { ScanPrinter } from './scan-printer.ts';
import type { ScanSummary } from './scan-summary.ts';

/** Where a command reads and writes; standard input is the process's own where none is given. */
export interface CommandStreams {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly stdin?: Readable;
}

const USAGE = `usage: alphaclient scan [--summary] FILE...

Reads logs of sshd and prints one JSON object per login attempt or probe.
  FILE       a log; - is standard input, .gz is unpacked, rotated files are put in order
  --summary  a table instead
`;

/** Stops the reading of a log that nobody wants any more. */
class NobodyReads extends Error {
  readonly code = 'nobody_reads';
}

/** Where events go: to be printed, or, where that is null, into the summary. */
interface Takers {
  readonly printer: ScanPrinter | null;
  readonly summary: ScanSummary | null;
}

async function scanLog(
  files: readonly string[],
  io: CommandStreams,
  { printer, summary }: Takers,
  nowMs: number,
): Promise<number> {
  const reader = new Reader(null, printer && ((located) => printer.add(located)));
  const print = async (openLine: number): Promise<void> => {
    if (printer !== null && !(await printer.print(openLine))) throw new NobodyReads();
  };
  const taker: LogTaker = {
    take(lines, writtenMs) {
      const sightings = reader.read(lines, { writtenMs, nowMs });
      summary?.take(sightings);
    },
    pause: () => print(reader.firstOpenLine()),
  };
  let failed = 0;
  for (const file of files) {
    printer?.begin(file, reader.counts().lines);
    try {
      await readLog(file, io.stdin ?? process.stdin, nowMs, taker);
    } catch (cause) {
      if (cause instanceof NobodyReads) throw cause;
      failed++;
      const { code, message } = cause as NodeJS.ErrnoException;
      io.stderr.write(
        `scan: cannot read ${file === STDIN ? 'standard input' : file}: ${REASONS[code ?? ''] ?? message}\n`,
      );
    }
  }
  const sightings = reader.end();
  summary?.take(sightings);
  await print(Number.POSITIVE_INFINITY);
  await printer?.flush();
  summary?.finish(reader);
  return failed;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied; read it as root or as a member of its group',
  EISDIR: 'it is a folder; name the files in it',
  Z_BUF_ERROR: 'the .gz file ends too early; what there was of it is counted',
  Z_DATA_ERROR: 'the .gz file is damaged; what there was of it is counted',
};

/**
 * Runs the command. Exit code 0; 1 when a file cannot be read (the others are); 2 on wrong usage. Standard output that is
 * closed early (`| head`) ends it quietly.
 */
export async function scan(args: readonly string[], io: CommandStreams): Promise<number> {
  const wrong = args.find(
    (arg) => arg.startsWith('-') && arg !== STDIN && !['--summary', '--help', '-h'].includes(arg),
  );
  const files = args.filter((arg) => arg === STDIN || !arg.startsWith('-'));
  if (args.includes('--help') || args.includes('-h')) {
    io.stdout.write(USAGE);
    return 0;
  }
  if (wrong !== undefined || files.length === 0) {
    io.stderr.write(`scan: ${wrong === undefined ? 'no file given' : `unknown option ${wrong}`}\n${USAGE}`);
    return 2;
  }
  const output = new Output(io.stdout);
  // Tables and what they need are loaded where one is asked for.
  const summary = args.includes('--summary') ? new (await import('./scan-summary.ts')).ScanSummary() : null;
  const nowMs = Date.now();
  const named = files.length > 1;
  let failed = 0;
  try {
    for (const group of groupRotations(files)) {
      const printer = summary === null ? new ScanPrinter(output, named) : null;
      failed += await scanLog(group, io, { printer, summary }, nowMs);
    }
    if (summary !== null) await output.write(summary.text(io.stdout));
  } catch (cause) {
    if (!(cause instanceof NobodyReads)) throw cause;
  }
  return failed > 0 ? 1 : 0;
}
