/** `alphaclient scan [--summary] [--json] [--sessions] FILE...`: prints the events of old logs, without a server. */

import type { Readable, Writable } from 'node:stream';
import { Output } from '../../service/terminal/output.ts';
import type { HeaderFormat } from '../sshd/header-format.ts';
import { Reader } from '../sshd/reader.ts';
import type { EndedSession } from '../sshd/session-changes.ts';
import { ScanCoverage } from './scan-coverage.ts';
import { groupRotations, type LineConsumer, OutputClosed, readLog, STDIN, sizeOf } from './scan-files.ts';
import { ScanPrinter } from './scan-printer.ts';
import { ScanProgress } from './scan-progress.ts';
import type { ScanSummary } from './scan-summary.ts';

/** The streams of a command; standard input is the process's own where none is given. */
export interface CommandStreams {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly stdin?: Readable;
}

/** The options of the command. `json` decides the form of a summary; events are JSON anyway. */
export interface ScanOptions {
  readonly files: readonly string[];
  readonly summary: boolean;
  readonly json: boolean;
  /** Whether the ends of sessions are printed too; a summary has none. */
  readonly sessions?: boolean;
}

/** The destinations of events: printed, or, where `printer` is null, summarized. */
interface Destinations {
  readonly printer: ScanPrinter | null;
  readonly summary: ScanSummary | null;
  readonly progress: ScanProgress;
  readonly coverage: ScanCoverage;
  readonly sessions: boolean;
}

async function scanLog(
  files: readonly string[],
  io: CommandStreams,
  { printer, summary, progress, coverage, sessions }: Destinations,
  header: HeaderFormat | null,
  nowMs: number,
): Promise<void> {
  const listener = { ended: (end: EndedSession) => printer?.addEnd(end), touched: () => {}, evicted: () => {} };
  const ends = printer !== null && sessions ? { listener } : null;
  const reader = new Reader(null, printer && ((located) => printer.add(located)), header, ends);
  const print = async (openLine: number): Promise<void> => {
    if (printer !== null && !(await printer.print(openLine))) throw new OutputClosed();
  };
  const consumer: LineConsumer = {
    consume(lines, writtenMs) {
      const located = reader.read(lines, { writtenMs, nowMs });
      summary?.add(located);
    },
    cut: (lines) => coverage.cut(lines),
    async afterRead(bytes) {
      progress.add(bytes);
      await print(reader.firstOpenLine());
    },
  };
  for (const file of files) {
    printer?.begin(file, reader.counts().lines);
    try {
      await readLog(file, io.stdin ?? process.stdin, nowMs, consumer);
    } catch (cause) {
      if (cause instanceof OutputClosed) throw cause;
      coverage.missFile();
      progress.clear();
      const { code, message } = cause as NodeJS.ErrnoException;
      io.stderr.write(
        `${NAME}: cannot read ${file === STDIN ? 'standard input' : file}: ${REASONS[code ?? ''] ?? message}\n`,
      );
    }
  }
  const located = reader.end();
  summary?.add(located);
  await print(Number.POSITIVE_INFINITY);
  await printer?.flush();
  summary?.endLog(reader);
  coverage.endLog(reader);
  if (reader.seemsWrittenTwice) {
    progress.clear();
    io.stderr.write(
      `${NAME}: ${files.map((file) => (file === STDIN ? 'standard input' : file)).join(', ')}: ${WRITTEN_TWICE}\n`,
    );
  }
}

/** An error begins with the command's name. */
const NAME = 'alphaclient scan';

const WRITTEN_TWICE =
  'nearly all lines of sshd are there twice: syslog seems to write each one twice, so failed attempts may count twice';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied; read it as root or as a member of its group',
  EISDIR: 'it is a folder; name the files in it',
  Z_BUF_ERROR: 'it is compressed by gzip and ends too early; what there was of it is counted',
  Z_DATA_ERROR: 'it is compressed by gzip and damaged; what there was of it is counted',
};

function isTerminal(stream: Writable): boolean {
  return (stream as Partial<NodeJS.WriteStream>).isTTY === true;
}

/**
 * Runs the command. Returns 0, or 1 where a file or a line could not be read to its end (the others are). It ends silently when
 * standard output is closed early (`| head`). `header`: the form that is tried before the built-in ones. `clockMs`: the clock of
 * the progress, which nobody sets.
 */
export async function scan(
  { files, summary: asksSummary, json, sessions = false }: ScanOptions,
  io: CommandStreams,
  header: HeaderFormat | null = null,
  clockMs = (): number => performance.now(),
): Promise<number> {
  const output = new Output(io.stdout);
  // The summary's tables are only imported where one is asked for.
  const summary = asksSummary ? new (await import('./scan-summary.ts')).ScanSummary() : null;
  // Events that are printed to the terminal would run into the line of progress; they are progress enough.
  const showsProgress = isTerminal(io.stderr) && (summary !== null || !isTerminal(io.stdout));
  const totalBytes = files.includes(STDIN) ? 0 : sizeOf(files);
  const progress = new ScanProgress(io.stderr, totalBytes, clockMs, showsProgress);
  const nowMs = Date.now();
  const withFile = files.length > 1;
  const coverage = new ScanCoverage();
  try {
    for (const group of groupRotations(files)) {
      const printer = summary === null ? new ScanPrinter(output, withFile) : null;
      await scanLog(group, io, { printer, summary, progress, coverage, sessions }, header, nowMs);
    }
    progress.clear();
    if (summary !== null) await output.write(json ? summary.json(coverage) : summary.text(io.stdout, coverage));
    const words = coverage.words();
    if (words !== null) io.stderr.write(`${NAME}: ${words}\n`);
  } catch (cause) {
    progress.clear();
    if (!(cause instanceof OutputClosed)) throw cause;
  }
  return coverage.isComplete ? 0 : 1;
}
