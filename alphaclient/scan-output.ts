/** Standard output as `scan` needs it: large writes, no more than the reader takes, quiet when it goes away. */

import type { Writable } from 'node:stream';

/** A write costs a system call: one per 64 KiB instead of one per line. */
const WRITE_CHARS = 65_536;

export class ScanOutput {
  readonly #stream: Writable;
  #text = '';
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

  /** Takes text; it is written once there is enough of it. */
  add(text: string): void {
    this.#text += text;
  }

  /** Writes what there is, or waits until more has come (unless `all`); resolves when more can be taken. */
  async flush(all: boolean): Promise<void> {
    if (this.#text === '' || (!all && this.#text.length < WRITE_CHARS) || this.closed) return;
    const text = this.#text;
    this.#text = '';
    if (!this.#stream.write(text) && !this.closed)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  /** Writes the rest and lets go of the stream, which stays open for others; errors after this are still quiet. */
  async end(): Promise<void> {
    await this.flush(true);
    if (!this.closed) await new Promise<void>((resolve) => this.#stream.write('', () => resolve()));
    this.#stream.off('close', this.#close);
    this.#stream.off('drain', this.#go);
  }
}
