/** Events of one log, one after the other as they are read, on their way to the output. */

import type { LoginEvent } from '../../protocol/event.ts';
import type { Output } from '../../service/output.ts';
import type { Lane } from '../sshd/lane.ts';
import type { Attempt, Listener } from '../sshd/telling.ts';
import { ScanOrder } from './log-order.ts';
import { ScanLines } from './scan-lines.ts';

/** A write costs a system call and a turn of the event loop: one per 256 KiB instead of one per line. */
const WRITE_BYTES = 262_144;
/** Lines that wait are moved together once so many bytes lie about. */
const TIDY_BYTES = 1_048_576;

/**
 * Prints the events of one log in the order of its lines: an event waits while one of an earlier line may still be
 * told.
 */
export class ScanPrinter implements Listener {
  readonly #output: Output;
  readonly #named: boolean;
  readonly #lines = new ScanLines();
  readonly #order = new ScanOrder();
  /** The log's files, in order, and how many lines there were before each. */
  readonly #files: { readonly file: string; readonly before: number }[] = [];
  readonly #due = Buffer.allocUnsafeSlow(WRITE_BYTES * 2);
  #dueBytes = 0;

  /** `named`: each line is to say which file it is of. */
  constructor(output: Output, named: boolean) {
    this.#output = output;
    this.#named = named;
  }

  /** The log goes on with this file, after so many lines. */
  begin(file: string, before: number): void {
    this.#files.push({ file, before });
  }

  /** Readers count over all files of a log. */
  #fileOf(line: number): { readonly file: string; readonly before: number } {
    let at = this.#files.length - 1;
    while (at > 0 && line <= (this.#files[at]?.before ?? 0)) at--;
    return this.#files[at] ?? { file: '', before: 0 };
  }

  event(event: LoginEvent, line: number): void {
    const { file, before } = this.#fileOf(line);
    const from = this.#lines.length;
    this.#lines.add(event, line - before, this.#named ? file : null);
    this.#order.add(line, from, this.#lines.length - from);
  }

  attempt(attempt: Attempt, lane: Lane, at: number, host: string | null): boolean {
    const line = lane.lines[at] as number;
    const { file, before } = this.#fileOf(line);
    const from = this.#lines.length;
    if (!this.#lines.addAttempt(attempt, lane, at, host, line - before, this.#named ? file : null)) return false;
    this.#order.add(line, from, this.#lines.length - from);
    return true;
  }

  /**
   * Writes what nothing can come in front of, once it is enough; nothing is to be told until then. Resolves to false when nobody
   * reads any more.
   */
  async print(openLine: number): Promise<boolean> {
    const due: [from: number, end: number][] = [];
    this.#order.due(openLine, (from, end) => due.push([from, end]));
    const { bytes } = this.#lines;
    for (const [from, end] of due)
      for (let at = from; at < end; ) {
        const count = bytes.copy(this.#due, this.#dueBytes, at, Math.min(end, at + this.#due.length - this.#dueBytes));
        this.#dueBytes += count;
        at += count;
        if (this.#dueBytes >= WRITE_BYTES) await this.flush();
      }
    this.#tidy();
    return !this.#output.closed;
  }

  /** Writes all that is due. */
  async flush(): Promise<void> {
    await this.#output.write(this.#due.subarray(0, this.#dueBytes));
    this.#dueBytes = 0;
  }

  #tidy(): void {
    if (this.#lines.length >= Math.max(TIDY_BYTES, this.#order.waitingBytes * 2)) this.#lines.keep(this.#order);
  }
}
