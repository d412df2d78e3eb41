/** `alphaserver tail`: prints events as they are stored, until a signal stops it or nobody reads any more. */
import type { ProgramIo } from '../../service/command-line.ts';
import { escapeJson } from '../../service/escape.ts';
import { Output } from '../../service/terminal/output.ts';
import { terminalOf } from '../../service/terminal/style.ts';
import type { StoredEvent } from '../store/store.ts';
import { EventTailer } from './event-tailer.ts';
import { tailLine } from './tail-line.ts';

/** The time between two looks at the store: soon enough for a person who watches. */
const LOOK_EVERY_MS = 100;

/** The options of the command; `since` is in Unix milliseconds. */
interface TailOptions {
  readonly since: number | null;
  readonly host: string | null;
  readonly json: boolean;
}

/** The streams of the command; `columns` is the variable COLUMNS. */
interface TailIo extends Pick<ProgramIo, 'stdout'> {
  readonly columns: string | undefined;
}

/** Writes events until a signal ends the process. */
export async function tailCommand(options: TailOptions, dataFolder: string, io: TailIo): Promise<number> {
  const signalled = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => signalled.abort());
  await tail(options, dataFolder, { ...io, stop: signalled.signal });
  return 0;
}

/**
 * Writes events in the order they were stored; resolves when `stop` says so, or nobody reads any more. Rejects with a
 * OfflineError where there is no store, and when the store cannot be read any more.
 */
export async function tail(
  { since: sinceMs, host, json }: TailOptions,
  dataFolder: string,
  io: TailIo & { readonly stop: AbortSignal },
): Promise<void> {
  const wanted = (event: StoredEvent): boolean =>
    (host === null || event.host === host) && (sinceMs === null || Date.parse(event.at) >= sinceMs);
  const tailer = new EventTailer(dataFolder, sinceMs);
  const output = new Output(io.stdout);
  try {
    while (!io.stop.aborted && !output.closed) {
      const events = tailer.next();
      if (events.length === 0) await pause(io.stop);
      // The terminal may have been made wider meanwhile.
      const terminal = terminalOf(io.stdout, io.columns);
      const lines = events.filter(wanted).map((event) => (json ? escapeJson(event) : tailLine(event, terminal)));
      await output.write(lines.map((line) => `${line}\n`).join(''));
    }
  } finally {
    tailer.close();
  }
}

function pause(stop: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(end, LOOK_EVERY_MS);
    function end(): void {
      clearTimeout(timer);
      stop.removeEventListener('abort', end);
      done();
    }
    stop.addEventListener('abort', end);
  });
}
