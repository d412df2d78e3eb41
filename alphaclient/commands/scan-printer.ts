/** Prints the events of one log as `scan` does (contract section 7), in the order of its lines. */

import type { LoginEvent } from '../../protocol/event.ts';
import type { Output } from '../../service/terminal/output.ts';
import type { LocatedEvent } from '../sshd/events.ts';
import { LogOrder } from './log-order.ts';

/** A write costs a system call and a turn of the event loop: one per 256 KiB instead of one per line. */
const WRITE_BYTES = 262_144;

/** Formats one event as a JSON object, fields in the contract's order; `file` is null where one log is read. */
export function scanLine(event: LoginEvent, line: number, file: string | null = null): string {
  const { at, outcome, method, user, invalidUser, ip, port, host = null, reason = null, key = null } = event;
  const named = file ?? undefined;
  return JSON.stringify({ line, file: named, at, outcome, method, user, invalidUser, ip, port, host, reason, key });
}

/** Takes events as they are decided; an event is pending while one of an earlier line may still be decided. */
export class ScanPrinter {
  readonly #output: Output;
  readonly #withFile: boolean;
  readonly #order = new LogOrder();
  /** The log's files, in order, and how many lines there were before each. */
  readonly #files: { readonly file: string; readonly linesBefore: number }[] = [];
  /** Emitted, and not yet written. Bytes: a string that is put together would keep each event's text alive until it is written. */
  #due: Buffer[] = [];
  #dueBytes = 0;

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
  add({ event, line }: LocatedEvent): void {
    const { file, linesBefore } = this.#fileOf(line);
    this.#order.add(line, scanLine(event, line - linesBefore, this.#withFile ? file : null));
  }

  /** Writes the events that no event of `openLine` or later can precede, once they fill a write. Resolves with whether the output is still read. */
  async print(openLine: number): Promise<boolean> {
    let text = '';
    this.#order.emit(openLine, (line) => {
      text += `${line}\n`;
    });
    if (text !== '') {
      const bytes = Buffer.from(text);
      this.#due.push(bytes);
      this.#dueBytes += bytes.length;
    }
    if (this.#dueBytes >= WRITE_BYTES) await this.flush();
    return !this.#output.closed;
  }

  /** Writes all events that were emitted. */
  async flush(): Promise<void> {
    const due = Buffer.concat(this.#due, this.#dueBytes);
    this.#due = [];
    this.#dueBytes = 0;
    await this.#output.write(due);
  }
}
