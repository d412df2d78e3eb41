/** Standard output as `scan` needs it: events in large writes. */
import { Output } from '../service/output.ts';
import { ScanLines } from './scan-lines.ts';

export class ScanOutput extends Output {
  /** What is to be written: add to it, then `flush`. */
  readonly lines = new ScanLines();

  /** Writes the lines there are; resolves when that is done. */
  async flush(): Promise<void> {
    const lines = this.lines.take();
    await this.write(lines);
    this.lines.give(lines);
  }
}
