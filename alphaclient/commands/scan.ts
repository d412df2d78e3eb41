/** `alphaclient scan [--summary] FILE...`: prints the events of old logs, without a server. */

import type { Readable, Writable } from 'node:stream';
import { Output } from '../../service/terminal/output.ts';
import type { HeaderFormat } from '../sshd/header-format.ts';
import { Reader } from '../sshd/reader.ts';
import { groupRotations, type LineConsumer, readLog, STDIN, sizeOf } from './scan-files.ts';
import { ScanPrinter } from './scan-printer.ts';
import { ScanProgress } from './scan-progress.ts';
import type { ScanSummary } from './scan-summary.ts';

/** The streams of a command; standard input is the process's own where none is given. */
export interface CommandStreams {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly stdin?: Readable;
}

const USAGE = `usage: alphaclient scan [--summary] FILE...

Reads logs of sshd and prints one JSON object per login attempt or probe.
  FILE       a log; - is standard input, compressed logs (.gz, .zst, .xz, .bz2) are decompressed,
             rotated files are put in order
  --summary  a table instead
`;

/** Ends the reading of a log because standard output was closed. */
class OutputClosed extends Error {
  readonly code = 'output_closed';
}

/** The destinations of events: printed, or, where `printer` is null, summarized. */
interface Destinations {
  readonly printer: ScanPrinter | null;
  readonly summary: ScanSummary | null;
  readonly progress: ScanProgress;
}

async function scanLog(
  files: readonly string[],
  io: CommandStreams,
  { printer, summary, progress }: Destinations,
  header: HeaderFormat | null,
  nowMs: number,
): Promise<number> {
  const reader = new Reader(null, printer && ((located) => printer.add(located)), header);
  const print = async (openLine: number): Promise<void> => {
    if (printer !== null && !(await printer.print(openLine))) throw new OutputClosed();
  };
  const consumer: LineConsumer = {
    consume(lines, writtenMs) {
      const located = reader.read(lines, { writtenMs, nowMs });
      summary?.add(located);
    },
    async afterRead(bytes) {
      progress.add(bytes);
      await print(reader.firstOpenLine());
    },
  };
  let failed = 0;
  for (const file of files) {
    printer?.begin(file, reader.counts().lines);
    try {
      await readLog(file, io.stdin ?? process.stdin, nowMs, consumer);
    } catch (cause) {
      if (cause instanceof OutputClosed) throw cause;
      failed++;
      summary?.missFile();
      progress.clear();
      const { code, message } = cause as NodeJS.ErrnoException;
      io.stderr.write(
        `scan: cannot read ${file === STDIN ? 'standard input' : file}: ${REASONS[code ?? ''] ?? message}\n`,
      );
    }
  }
  const located = reader.end();
  summary?.add(located);
  await print(Number.POSITIVE_INFINITY);
  await printer?.flush();
  summary?.endLog(reader);
  if (reader.seemsWrittenTwice) {
    progress.clear();
    io.stderr.write(
      `scan: ${files.map((file) => (file === STDIN ? 'standard input' : file)).join(', ')}: ${WRITTEN_TWICE}\n`,
    );
  }
  return failed;
}

const WRITTEN_TWICE =
  'nearly all lines of sshd are there twice: syslog seems to write each one twice, so failed attempts may count twice';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied; read it as root or as a member of its group',
  EISDIR: 'it is a folder; name the files in it',
  Z_BUF_ERROR: 'the .gz file ends too early; what there was of it is counted',
  Z_DATA_ERROR: 'the .gz file is damaged; what there was of it is counted',
};

function isTerminal(stream: Writable): boolean {
  return (stream as Partial<NodeJS.WriteStream>).isTTY === true;
}

/**
 * Runs the command. Returns 0; 1 when a file cannot be read (the others are); 2 on wrong usage. It ends silently when standard
 * output is closed early (`| head`). `header`: the form that is tried before the built-in ones. `clockMs`: the clock of the progress, which nobody sets.
 */
export async function scan(
  args: readonly string[],
  io: CommandStreams,
  header: HeaderFormat | null = null,
  clockMs = (): number => performance.now(),
): Promise<number> {
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
  // The summary's tables are only imported where one is asked for.
  const summary = args.includes('--summary') ? new (await import('./scan-summary.ts')).ScanSummary() : null;
  // Events that are printed to the terminal would run into the line of progress; they are progress enough.
  const showsProgress = isTerminal(io.stderr) && (summary !== null || !isTerminal(io.stdout));
  const totalBytes = files.includes(STDIN) ? 0 : sizeOf(files);
  const progress = new ScanProgress(io.stderr, totalBytes, clockMs, showsProgress);
  const nowMs = Date.now();
  const withFile = files.length > 1;
  let failed = 0;
  try {
    for (const group of groupRotations(files)) {
      const printer = summary === null ? new ScanPrinter(output, withFile) : null;
      failed += await scanLog(group, io, { printer, summary, progress }, header, nowMs);
    }
    progress.clear();
    if (summary !== null) await output.write(summary.text(io.stdout));
  } catch (cause) {
    progress.clear();
    if (!(cause instanceof OutputClosed)) throw cause;
  }
  return failed > 0 ? 1 : 0;
}
