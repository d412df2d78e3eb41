/** Prints the events of one log in the order of its lines. */

import type { Output } from '../../service/terminal/output.ts';
import { isoTime } from '../sshd/events.ts';
import type { EndedSession } from '../sshd/session-changes.ts';
import { Bytes, EventLines, type Printed, type Span } from './event-lines.ts';
import { LogOrder } from './log-order.ts';

/** A write costs a system call and a turn of the event loop: one per 256 KiB instead of one per line. */
const WRITE_BYTES = 262_144;

/** Takes events as they are decided; an event is pending while one of an earlier line may still be decided. */
export class ScanPrinter {
  readonly #output: Output;
  readonly #withFile: boolean;
  readonly #order = new LogOrder<Span>();
  /** The log's files, in order, and how many lines there were before each. */
  readonly #files: { readonly file: string; readonly linesBefore: number }[] = [];
  /** The lines of pending events, and between them those of events that were emitted. */
  readonly #lines = new EventLines();
  #pendingBytes = 0;
  /** Emitted, and not yet written. */
  readonly #due = new Bytes();

  /** `withFile`: whether each line names its file. */
  constructor(output: Output, withFile: boolean) {
    this.#output = output;
    this.#withFile = withFile;
  }

  /** Begins the next file of the log, after so many lines. */
  begin(file: string, linesBefore: number): void {
    this.#files.push({ file, linesBefore });
  }

  /** Finds the file of a line: the reader numbers the lines over all files of a log. */
  #fileOf(line: number): { readonly file: string; readonly linesBefore: number } {
    let at = this.#files.length - 1;
    while (at > 0 && line <= (this.#files[at]?.linesBefore ?? 0)) at--;
    return this.#files[at] ?? { file: '', linesBefore: 0 };
  }

  /** Adds an event of this log. */
  add(located: Printed): void {
    const { line } = located;
    const { file, linesBefore } = this.#fileOf(line);
    const span = this.#lines.add(located, line - linesBefore, this.#withFile ? file : null);
    this.#pendingBytes += span.end - span.from;
    this.#order.add(line, span);
  }

  /** Adds the end of a session of this log. */
  addEnd({ ms, line, trust, how, method, user, ip, port, host }: EndedSession): void {
    const what = { at: isoTime(ms), outcome: 'ended', method, user, invalidUser: null, ip, port, host } as const;
    this.add({ event: { ...what, reason: how, key: null }, line, trust });
  }

  /** Writes the events that no event of `openLine` or later can precede, once they fill a write. Resolves with whether the output is still read. */
  async print(openLine: number): Promise<boolean> {
    this.#emit(openLine);
    if (this.#due.length >= WRITE_BYTES) await this.flush();
    return !this.#output.closed;
  }

  #emit(openLine: number): void {
    const lines = this.#lines;
    // Lines that stand one after the other are copied at once: mostly all.
    let start = 0;
    let stop = 0;
    this.#order.emit(openLine, ({ from, end }) => {
      if (from !== stop) {
        this.#due.add(lines.buffer, start, stop);
        start = from;
      }
      stop = end;
      this.#pendingBytes -= end - from;
    });
    this.#due.add(lines.buffer, start, stop);
    // Moving the pending lines takes time: only where half of the bytes become free.
    if (this.#pendingBytes * 2 <= lines.length) lines.keep(this.#order.pending());
  }

  /** Writes all events that were emitted. */
  async flush(): Promise<void> {
    await this.#output.write(this.#due.buffer.subarray(0, this.#due.length));
    this.#due.length = 0;
  }
}
