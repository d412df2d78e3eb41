/** Prints the events of one log in the order of its lines. */

import type { Output } from '../../service/terminal/output.ts';
import type { LocatedEvent } from '../sshd/events.ts';
import { ScanOrder } from './log-order.ts';
import { scanLine } from './scan-lines.ts';

/** A write costs a system call and a turn of the event loop: one per 256 KiB instead of one per line. */
const WRITE_CHARS = 262_144;

/** Takes events as they are decided; an event waits while one of an earlier line may still be decided. */
export class ScanPrinter {
  readonly #output: Output;
  readonly #named: boolean;
  readonly #order = new ScanOrder();
  /** The log's files, in order, and how many lines there were before each. */
  readonly #files: { readonly file: string; readonly before: number }[] = [];
  #text = '';

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

  /** Takes an event of this log. */
  add({ event, line }: LocatedEvent): void {
    const { file, before } = this.#fileOf(line);
    this.#order.add(line, scanLine(event, line - before, this.#named ? file : null));
  }

  /** Writes what no event of `openLine` or later can precede, once it is enough. Resolves to false when nobody reads any more. */
  async print(openLine: number): Promise<boolean> {
    this.#order.due(openLine, (text) => {
      this.#text += `${text}\n`;
    });
    if (this.#text.length >= WRITE_CHARS) await this.flush();
    return !this.#output.closed;
  }

  /** Writes all that is due. */
  async flush(): Promise<void> {
    const text = this.#text;
    this.#text = '';
    await this.#output.write(text);
  }
}
