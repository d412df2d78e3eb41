/** Standard output for programs that write for long: no faster than it is read, quiet when nobody reads any more. */
import type { Writable } from 'node:stream';

/** One stream that is written to in order. Whoever writes waits for it, and looks at `closed` for whether to go on. */
export class Output {
  readonly #stream: Writable;
  #closed = false;

  /** Errors of the stream (`| head`) end the output, not the program. */
  constructor(stream: Writable) {
    this.#stream = stream;
    const close = (): void => {
      this.#closed = true;
    };
    stream.on('error', close);
    stream.on('close', close);
  }

  /** True once nobody reads any more. */
  get closed(): boolean {
    return this.#closed || this.#stream.destroyed;
  }

  /**
   * Writes a text or bytes; resolves when they are written, or nobody reads any more. Never rejects. Waiting for each write
   * lets the event loop turn, without which neither the stream's memory nor its errors would ever come back.
   */
  async write(data: string | Buffer): Promise<void> {
    if (data.length === 0 || this.closed) return;
    await new Promise<void>((done) => {
      this.#stream.once('close', done);
      this.#stream.write(data, () => {
        this.#stream.off('close', done);
        done();
      });
    });
  }
}
