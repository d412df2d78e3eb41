/** Lines that have no prefix: what sshd writes on its standard error, as it is or as a container's runtime keeps it. */

import { type Each, Joiner } from './joiner.ts';
import type { Messages } from './messages.ts';
import type { Prefix } from './prefix.ts';
import { type Contained, unwrapped } from './unwrapped.ts';

const LF = 10;
const CR = 13;

/** Joins what a line feed in a user name has torn, and hands it to the messages. */
export class RawLines {
  readonly #joiner = new Joiner();
  readonly #messages: Messages;
  readonly #prefix: Prefix;
  /** The time of the line that was begun last, and of its last piece: NaN where nobody wrote one. */
  #ms = Number.NaN;
  #pieceMs = Number.NaN;
  /** The number of that piece's line. */
  #line = 0;
  /** Whether this is a container's log, with a time before each line. */
  #wrapped = false;

  constructor(messages: Messages, prefix: Prefix) {
    this.#messages = messages;
    this.#prefix = prefix;
  }

  /** True while the beginning of a line is held: the next one goes on with it, whatever it looks like. */
  get holds(): boolean {
    return this.#joiner.holds;
  }

  /** Takes a line that stands for itself; `ms`: when a container's runtime wrote it, else NaN. */
  take(bytes: Buffer, ms: number, line: number): void {
    this.#ms = ms;
    if (bytes[bytes.length - 1] === CR) this.#wrapped = !Number.isNaN(ms);
    this.#piece({ bytes, ms }, line);
  }

  /** Takes a line that goes on with what is held; false where it cannot, and what is held was a line of its own. */
  goOn(buffer: Buffer, from: number, end: number, line: number): boolean {
    const plain = { bytes: buffer.subarray(from, end), ms: Number.NaN };
    const piece = this.#wrapped ? unwrapped(this.#prefix, buffer, from, end) : plain;
    if (piece === null) this.end();
    else this.#piece(piece, line);
    return piece !== null;
  }

  /** In a container's log what it wrote: there no program has a tag, and any message may begin with a word and a colon. */
  contained(buffer: Buffer, from: number, end: number): Contained | null {
    return this.#wrapped ? unwrapped(this.#prefix, buffer, from, end) : null;
  }

  #piece({ bytes, ms }: Contained, line: number): void {
    this.#pieceMs = ms;
    this.#line = line;
    this.#joiner.take(bytes, line, this.#whole);
  }

  readonly #whole: Each = (message, line, ended) => {
    const mixed = this.#wrapped || this.#joiner.endsInCr;
    // Only lines that ended in CR are joined, and may have another program's before them.
    const from = mixed && ended ? this.#begins(message) : 0;
    if (from > 0) this.#messages.stray(message, 0, from - 1);
    this.#messages.stands(0, -1, from > 0 ? this.#pieceMs : this.#ms, from > 0 ? this.#line : line);
    if (mixed && !ended && !this.#messages.knows(message)) this.#messages.stray(message, 0, message.length);
    else this.#messages.take(message, from, message.length, true);
  };

  /**
   * Where sshd's message begins. What else writes to the same output, as in a container, ends its lines without CR, which is no
   * beginning of sshd's. The longest end that is a message is the one: a user name may hold a shorter one.
   */
  #begins(message: Buffer): number {
    let from = 0;
    for (let lf = message.indexOf(LF); lf >= 0 && !this.#messages.knows(message.subarray(from)); ) {
      from = lf + 1;
      lf = message.indexOf(LF, from);
    }
    return from;
  }

  /** The log ends here, or goes on in another form: what is held was a line. */
  end(): void {
    this.#joiner.end(this.#whole);
  }

  /** Plain JSON. */
  save(): Readonly<Record<string, unknown>> {
    return { ...this.#joiner.save(), wrapped: this.#wrapped, ms: Number.isNaN(this.#ms) ? null : this.#ms };
  }

  /** Takes over what `save` gave; what is damaged is left out. */
  restore(saved: unknown): void {
    this.#joiner.restore(saved);
    if (typeof saved !== 'object' || saved === null) return;
    const { wrapped, ms } = saved as { wrapped?: unknown; ms?: unknown };
    this.#wrapped = wrapped === true;
    if (typeof ms === 'number') this.#ms = ms;
  }
}
