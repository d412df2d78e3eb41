/** A stream that keeps what is written, for commands that run within the test's process. */
import { Writable } from 'node:stream';

/** Takes text until it is ended. */
export class Text extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk;
    done();
  }
}
