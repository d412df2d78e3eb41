/** Bytes as they come to whole lines, in bounded memory whatever comes. Pure. */

import { LINE_LIMIT_BYTES } from './source.ts';

/** Ends a line that was cut: sshd's messages are read to their end, so that a cut line is never mistaken for a whole one. */
export const CUT_MARK = ' [line cut here: too long]';

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;
const NOTHING = Buffer.alloc(0);

/** Whole lines, and how much of the log they take. */
export interface Lines {
  /** Whole lines, each ended by `\n`; empty where no line was ended. */
  readonly bytes: Buffer;
  /** How many bytes of the log these lines stand for: more than `bytes` where a line was cut or a hole skipped. */
  readonly taken: number;
  /** How many of the lines were cut. */
  readonly cut: number;
}

/**
 * Keeps the half line between one read and the next: at most `LINE_LIMIT_BYTES` of it, however long it gets. A line that
 * is longer (without its `\n`) comes out at that length with `CUT_MARK` at its end, never cut inside a character. NUL bytes before a
 * line are skipped: they are the hole that a copied-and-truncated or power-cut log begins with, not text.
 */
export class LineBuffer {
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #lineBytes = 0;
  #halfBytes = 0;
  #carriageReturn: boolean;

  /** `before`: what stands in the log before the first bytes that are added, if anything; tells how its lines end. */
  constructor(before: Buffer = NOTHING) {
    this.#carriageReturn = endsWithCarriageReturn(before);
  }

  /** How many bytes of the log stand after the last whole line. */
  get halfBytes(): number {
    return this.#halfBytes;
  }

  /** Takes the next bytes of the log (and may keep them: they must not be written to again); gives the lines that they end. */
  add(bytes: Buffer): Lines {
    const last = bytes.lastIndexOf(NEWLINE);
    if (last < 0) {
      this.#keep(bytes);
      return { bytes: NOTHING, taken: 0, cut: 0 };
    }
    const taken = this.#halfBytes + last + 1;
    const lines: Buffer[] = [];
    let cut = 0;
    let at = 0;
    const whole = bytes.subarray(0, last + 1);
    this.#carriageReturn = endsWithCarriageReturn(whole);
    const plain = !whole.includes(0) && !hasLongLine(whole);
    while (at <= last) {
      if (plain && this.#halfBytes === 0) {
        lines.push(whole.subarray(at));
        break;
      }
      const end = bytes.indexOf(NEWLINE, at);
      this.#keep(bytes.subarray(at, end));
      if (this.#lineBytes > LINE_LIMIT_BYTES) cut += 1;
      lines.push(...this.#end());
      at = end + 1;
    }
    // A copy, so that a short half line does not hold on to a whole read.
    if (last + 1 < bytes.length) this.#keep(Buffer.from(bytes.subarray(last + 1)));
    return { bytes: lines.length === 1 && lines[0] !== undefined ? lines[0] : Buffer.concat(lines), taken, cut };
  }

  /**
   * The half line as a line of its own, for a log that will not end it any more. It gets the end that the lines before it
   * have: among lines that end in CR LF, one that ends in LF would go on in the next. Empty where there is none.
   */
  end(): Lines {
    if (this.#halfBytes === 0) return { bytes: NOTHING, taken: 0, cut: 0 };
    const taken = this.#halfBytes;
    const cut = this.#lineBytes > LINE_LIMIT_BYTES ? 1 : 0;
    const empty = this.#lineBytes === 0;
    const torn = this.#kept.at(-1)?.at(-1) === CARRIAGE_RETURN;
    const line = this.#end(this.#carriageReturn && !torn ? '\r\n' : '\n');
    return { bytes: empty ? NOTHING : Buffer.concat(line), taken, cut };
  }

  #keep(bytes: Buffer): void {
    this.#halfBytes += bytes.length;
    let text = bytes;
    if (this.#lineBytes === 0) {
      let holes = 0;
      while (holes < text.length && text[holes] === 0) holes += 1;
      text = text.subarray(holes);
    }
    this.#lineBytes += text.length;
    const room = LINE_LIMIT_BYTES - this.#keptBytes;
    if (text.length === 0 || room === 0) return;
    const kept = text.subarray(0, room);
    this.#kept.push(kept);
    this.#keptBytes += kept.length;
    // A line that comes byte by byte would be kept as that many small buffers.
    if (this.#kept.length > 64) this.#kept = [Buffer.concat(this.#kept)];
  }

  #end(ending = '\n'): Buffer[] {
    let line = this.#kept;
    if (this.#lineBytes > LINE_LIMIT_BYTES) {
      const kept = Buffer.concat(this.#kept);
      let end = LINE_LIMIT_BYTES - CUT_MARK.length;
      // Back to the first byte of a UTF-8 character (continuation bytes are 10xxxxxx), at most 3 bytes.
      for (let back = 0; back < 3 && ((kept[end] ?? 0) & 0xc0) === 0x80; back += 1) end -= 1;
      line = [kept.subarray(0, end), Buffer.from(CUT_MARK)];
    }
    this.#kept = [];
    this.#keptBytes = 0;
    this.#lineBytes = 0;
    this.#halfBytes = 0;
    return [...line, Buffer.from(ending)];
  }
}

function endsWithCarriageReturn(lines: Buffer): boolean {
  return lines.at(-1) === NEWLINE && lines.at(-2) === CARRIAGE_RETURN;
}

/** Several as one. */
export function joined(all: readonly Lines[]): Lines {
  return {
    bytes: Buffer.concat(all.map(({ bytes }) => bytes)),
    taken: all.reduce((sum, { taken }) => sum + taken, 0),
    cut: all.reduce((sum, { cut }) => sum + cut, 0),
  };
}

/** Whether one of these whole lines is longer than the limit; jumps from line end to line end instead of looking at each. */
function hasLongLine(lines: Buffer): boolean {
  let at = 0;
  while (lines.length - at > LINE_LIMIT_BYTES + 1) {
    const end = lines.lastIndexOf(NEWLINE, at + LINE_LIMIT_BYTES);
    if (end < at) return true;
    at = end + 1;
  }
  return false;
}
