/** Standard output for programs that write for long: no faster than it is read, quiet when nobody reads any more. */
import type { Writable } from 'node:stream';

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

  /** Writes a text; resolves when it is written, or nobody reads any more. Never rejects. */
  async write(text: string): Promise<void> {
    if (text === '' || this.closed) return;
    await new Promise<void>((done) => {
      this.#stream.once('close', done);
      this.#stream.write(text, () => {
        this.#stream.off('close', done);
        done();
      });
    });
  }
}
