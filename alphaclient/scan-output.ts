/** Standard output as `scan` needs it: large writes, no more than the reader takes, quiet when it goes away. */

import type { Writable } from 'node:stream';
import { ScanLines } from './scan-lines.ts';

export class ScanOutput {
  /** What is to be written: add to it, then `flush`. */
  readonly lines = new ScanLines();
  readonly #stream: Writable;
  #closed = false;

  /** Errors of the stream (`| head`) end the output, not the program. */
  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on('error', this.#close);
    stream.on('close', this.#close);
  }

  readonly #close = (): void => {
    this.#closed = true;
  };

  /** True once nobody reads any more. */
  get closed(): boolean {
    return this.#closed || this.#stream.destroyed;
  }

  /** Writes the lines there are; resolves when that is done. */
  async flush(): Promise<void> {
    const lines = this.lines.take();
    await this.write(lines);
    this.lines.give(lines);
  }

  /**
   * Writes a text or bytes; resolves when they are written, or nobody reads any more. Waiting for each write also lets the event
   * loop turn, without which neither the stream's memory nor its errors would ever come back.
   */
  async write(data: Buffer | string): Promise<void> {
    if (data.length === 0 || this.closed) return;
    await new Promise<void>((resolve) => {
      this.#stream.once('close', resolve);
      this.#stream.write(data, () => {
        this.#stream.off('close', resolve);
        resolve();
      });
    });
  }

  /** Writes the rest and lets go of the stream, which stays open for others; errors after this are still quiet. */
  async end(): Promise<void> {
    await this.flush();
    this.#stream.off('close', this.#close);
  }
}
