/**
 * Lines of `sshd -E`. sshd ends its own in CR LF and writes a line feed of a user name as it is, so a line that ends
 * in a bare LF goes on in the next one. A log that was converted to bare LF has no CR at all, and then every
 * line stands for itself.
 */

/** sshd cuts any message at 1,023 bytes: what is longer was never one line of sshd. */
export const JOIN_LIMIT_BYTES = 1_100;
const CR = 13;
const LF = 10;

/** Takes a message and the number of its first line; `ended` where it ended in CR LF. */
export type Each = (message: Buffer, line: number, ended: boolean) => void;

/** What is known about the line ends of this log. */
export type LineEnds = 'unknown' | 'crlf' | 'lf';

/** Gives whole raw lines; holds the beginning of one over chunk borders and restarts. */
export class Joiner {
  #ends: LineEnds = 'unknown';
  #parts: Buffer[] = [];
  #bytes = 0;
  #line = 0;

  /** True where this log's lines have been seen to end in CR LF. */
  get endsInCr(): boolean {
    return this.#ends === 'crlf';
  }

  /** True while the beginning of a line is held, so that the next line belongs to it whatever it looks like. */
  get holds(): boolean {
    return this.#parts.length > 0;
  }

  /**
   * Takes one line without its LF, `line` being its number, and hands every message that is now whole to `each`,
   * without CR.
   */
  take(bytes: Buffer, line: number, each: Each): void {
    const whole = bytes.length > 0 && bytes[bytes.length - 1] === CR;
    if (whole) {
      this.#ends = 'crlf';
      if (this.#parts.length === 0) {
        each(bytes.subarray(0, -1), line, true);
        return;
      }
      const all = Buffer.concat([...this.#parts, bytes.subarray(0, -1)]);
      const first = this.#line;
      this.#clear();
      if (all.length <= JOIN_LIMIT_BYTES) each(all, first, true);
      else this.#apart(all, first, each);
      return;
    }
    if (this.#ends !== 'crlf') {
      this.#ends = 'lf';
      each(bytes, line, false);
      return;
    }
    if (this.#parts.length === 0) this.#line = line;
    // A copy: the bytes given are the caller's to use again.
    this.#parts.push(Buffer.concat([bytes, Buffer.from([LF])]));
    this.#bytes += bytes.length + 1;
    if (this.#bytes <= JOIN_LIMIT_BYTES) return;
    // Too long for sshd: the log has been converted, or goes on with bare line ends.
    const all = Buffer.concat(this.#parts);
    const first = this.#line;
    this.#clear();
    this.#ends = 'lf';
    this.#apart(all.subarray(0, -1), first, each);
  }

  /** The log ends here: what is held was a line. */
  end(each: Each): void {
    if (this.#parts.length === 0) return;
    const all = Buffer.concat(this.#parts);
    const first = this.#line;
    this.#clear();
    this.#apart(all.subarray(0, -1), first, each);
  }

  #apart(all: Buffer, first: number, each: Each): void {
    let from = 0;
    let line = first;
    while (from <= all.length) {
      const at = all.indexOf(LF, from);
      const end = at < 0 ? all.length : at;
      each(all.subarray(from, end), line++, false);
      from = end + 1;
    }
  }

  #clear(): void {
    this.#parts = [];
    this.#bytes = 0;
  }

  /** Plain JSON. */
  save(): { ends: LineEnds; held: string; line: number } {
    return { ends: this.#ends, held: Buffer.concat(this.#parts).toString('latin1'), line: this.#line };
  }

  /** Takes over what `save` gave; anything else leaves it as it is. */
  restore(saved: unknown): void {
    if (typeof saved !== 'object' || saved === null) return;
    const { ends, held, line } = saved as { ends?: unknown; held?: unknown; line?: unknown };
    if (ends === 'unknown' || ends === 'crlf' || ends === 'lf') this.#ends = ends;
    if (typeof held !== 'string' || typeof line !== 'number' || held === '' || held.length > JOIN_LIMIT_BYTES) return;
    this.#parts = [Buffer.from(held, 'latin1')];
    this.#bytes = held.length;
    this.#line = line;
  }
}

/** Where the line from `from` to `end` ends without its CR. */
export function withoutCr(bytes: Buffer, from: number, end: number): number {
  return end > from && bytes[end - 1] === CR ? end - 1 : end;
}
