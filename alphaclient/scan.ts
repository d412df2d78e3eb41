/** `alphaclient scan [--summary] FILE...`: what old logs say, without a server. */

import type { Readable, Writable } from 'node:stream';
import { groupRotations, readLog, STDIN } from './log-files.ts';
import { ScanOrder } from './scan-order.ts';
import { ScanOutput } from './scan-output.ts';
import { Reader, type Sighting } from './sshd/reader.ts';

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

/** Counts one event after the other; a sink that is `done` takes no more. */
interface Sink {
  take(sightings: Sighting[], openLine: number): Promise<boolean>;
}

/** Which file a line of a group's reader stands in: readers count over all files of a log. */
class Places {
  readonly #starts: { readonly file: string; readonly before: number }[] = [];

  begin(file: string, before: number): void {
    this.#starts.push({ file, before });
  }

  of(line: number): { readonly file: string; readonly before: number } {
    let at = this.#starts.length - 1;
    while (at > 0 && line <= (this.#starts[at]?.before ?? 0)) at--;
    return this.#starts[at] ?? { file: '', before: 0 };
  }
}

function printing(output: ScanOutput, places: Places, named: boolean): Sink {
  const order = new ScanOrder();
  return {
    async take(sightings, openLine) {
      for (const { event, line } of order.take(sightings, openLine)) {
        const { file, before } = places.of(line);
        output.lines.add(event, line - before, named ? file : null);
        if (output.lines.full) await output.flush();
      }
      return !output.closed;
    },
  };
}

/** Stops the reading of a log that nobody wants any more. */
class NobodyReads extends Error {
  readonly code = 'nobody_reads';
}

async function scanLog(
  files: readonly string[],
  io: CommandStreams,
  sinkOf: (places: Places) => Sink,
  nowMs: number,
): Promise<{ reader: Reader; failed: number }> {
  const reader = new Reader();
  const places = new Places();
  const sink = sinkOf(places);
  let failed = 0;
  for (const file of files) {
    places.begin(file, reader.counts().lines);
    try {
      await readLog(file, io.stdin ?? process.stdin, nowMs, async (lines, writtenMs) => {
        const sightings = reader.read(lines, { writtenMs, nowMs });
        if (!(await sink.take(sightings, reader.firstOpenLine()))) throw new NobodyReads();
      });
    } catch (cause) {
      if (cause instanceof NobodyReads) throw cause;
      failed++;
      const { code, message } = cause as NodeJS.ErrnoException;
      io.stderr.write(
        `scan: cannot read ${file === STDIN ? 'standard input' : file}: ${REASONS[code ?? ''] ?? message}\n`,
      );
    }
  }
  await sink.take(reader.end(), Number.POSITIVE_INFINITY);
  return { reader, failed };
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
  const output = new ScanOutput(io.stdout);
  // Tables and what they need are loaded where one is asked for.
  const summary = args.includes('--summary') ? new (await import('./scan-summary.ts')).ScanSummary() : null;
  const nowMs = Date.now();
  const named = files.length > 1;
  let failed = 0;
  try {
    for (const group of groupRotations(files)) {
      const sinkOf = (places: Places): Sink =>
        summary === null ? printing(output, places, named) : { take: (sightings) => summary.take(sightings) };
      const read = await scanLog(group, io, sinkOf, nowMs);
      failed += read.failed;
      summary?.finish(read.reader);
    }
    if (summary !== null) await output.write(summary.text(io.stdout));
  } catch (cause) {
    if (!(cause instanceof NobodyReads)) throw cause;
  }
  await output.flush();
  return failed > 0 ? 1 : 0;
}
