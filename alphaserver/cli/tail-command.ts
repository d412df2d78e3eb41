/** `alphaserver tail`: events as they are stored, until it is told to stop or nobody reads any more. */
import type { Writable } from 'node:stream';
import { escapeJson } from '../../service/escape.ts';
import { Output } from '../../service/terminal/output.ts';
import { terminalOf } from '../../service/terminal/style.ts';
import type { StoredEvent } from '../store/store.ts';
import { Following } from './event-tailer.ts';
import { Options } from './options.ts';
import { tailLine } from './tail-line.ts';

/** How often the store is looked at: soon enough for a person who watches. */
const LOOK_EVERY_MS = 100;

/** What the command is given. */
export interface TailIo {
  readonly dataFolder: string;
  readonly nowMs: number;
  readonly stdout: Writable;
  readonly columns: string | undefined;
  /** Ends it. */
  readonly stop: AbortSignal;
}

/**
 * Writes events in the order they were stored; resolves when it is told to stop, or nobody reads any more. Rejects with
 * a UsageError, a OfflineError where there is no store, and when the store cannot be read any more.
 */
export async function tailCommand(args: readonly string[], io: TailIo): Promise<void> {
  const options = new Options('tail', args, { since: 'text', host: 'text', json: 'flag' }, io.nowMs);
  const [sinceMs, host, json] = [options.time('since'), options.text('host'), options.flag('json')];
  const wanted = (event: StoredEvent): boolean =>
    (host === null || event.host === host) && (sinceMs === null || Date.parse(event.at) >= sinceMs);
  const following = new Following(io.dataFolder, sinceMs);
  const output = new Output(io.stdout);
  try {
    while (!io.stop.aborted && !output.closed) {
      const events = following.next();
      if (events.length === 0) await pause(io.stop);
      // The terminal may have been made wider meanwhile.
      const terminal = terminalOf(io.stdout, io.columns);
      const lines = events.filter(wanted).map((event) => (json ? escapeJson(event) : tailLine(event, terminal)));
      await output.write(lines.map((line) => `${line}\n`).join(''));
    }
  } finally {
    following.close();
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
