/** Standard output as `scan` needs it: large writes, no more than the reader takes, quiet when it goes away. */

import type { Writable } from 'node:stream';
import { ScanLines } from './scan-lines.ts';

export class ScanOutput {
  /** What is to be written: add to it, then `flush`. */
  readonly lines = new ScanLines();
  readonly #stream: Writable;
  #closed = false;
  #wake: (() => void) | null = null;

  /** Errors of the stream (`| head`) end the output, not the program. */
  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on('error', this.#close);
    stream.on('close', this.#close);
    stream.on('drain', this.#go);
  }

  readonly #go = (): void => {
    this.#wake?.();
    this.#wake = null;
  };

  readonly #close = (): void => {
    this.#closed = true;
    this.#go();
  };

  /** True once nobody reads any more. */
  get closed(): boolean {
    return this.#closed || this.#stream.destroyed;
  }

  /** Writes the lines there are; resolves when more can be taken. */
  async flush(): Promise<void> {
    await this.write(this.lines.take());
  }

  /** Writes a text or bytes; resolves when more can be taken. */
  async write(data: Buffer | string): Promise<void> {
    if (data.length > 0 && !this.closed && !this.#stream.write(data) && !this.closed)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  /** Writes the rest and lets go of the stream, which stays open for others; errors after this are still quiet. */
  async end(): Promise<void> {
    await this.flush();
    if (!this.closed) await new Promise<void>((resolve) => this.#stream.write('', () => resolve()));
    this.#stream.off('close', this.#close);
    this.#stream.off('drain', this.#go);
  }
}
