/** Splits a stream of bytes into whole lines, in bounded memory. Pure. */

import { endOfFrames } from '../sshd/line-cleaning.ts';
import { LOG_LINE_LIMIT_BYTES } from './source.ts';

/** The end of a line that was cut: it matches no message of sshd, so that a cut line is never taken for a whole one. */
export const CUT_MARK = ' [line cut here: too long]';

/**
 * A line keeps only so many of NUL bytes that stand together: a hole of any size must not push out the line behind it. Text in
 * UTF-16 has fewer.
 */
const NUL_RUN_LIMIT_BYTES = 4;

/** More buffers of a partial line are joined into one: a line may come byte by byte. */
const KEPT_BUFFERS_LIMIT = 64;

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;
const NOTHING = Buffer.alloc(0);
const LINE_END = Buffer.from('\n');

/** Whole lines, and how much of the log they take. */
export interface Lines {
  /** Whole lines, each ended by `\n`; empty where no line was ended. */
  readonly bytes: Buffer;
  /** The bytes of the log that these lines take: more than `bytes` where a line was cut or NUL bytes were skipped. */
  readonly consumedBytes: number;
  /** The number of these lines that were cut. */
  readonly cutLines: number;
}

const NO_LINES: Lines = { bytes: NOTHING, consumedBytes: 0, cutLines: 0 };

/**
 * Keeps the partial line between one read and the next: at most `LOG_LINE_LIMIT_BYTES` of it, however long it gets. A line that is
 * longer (without its `\n`) is cut to that length, with `CUT_MARK` at its end, never inside a character. NUL bytes before a
 * line are skipped: a log that was copied and truncated, or cut off by a power failure, begins with a hole of them. Within a line
 * a hole is kept as NUL_RUN_LIMIT_BYTES.
 */
export class LineSplitter {
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #lineBytes = 0;
  #partialBytes = 0;
  /** The number of NUL bytes that the partial line ends in. */
  #nulRunBytes = 0;
  #carriageReturn: boolean;

  /** `before`: the bytes of the log before the first ones added, if any; they show how its lines end. */
  constructor(before: Buffer = NOTHING) {
    this.#carriageReturn = endsWithCarriageReturn(before);
  }

  /** The bytes of the log after the last whole line. */
  get partialBytes(): number {
    return this.#partialBytes;
  }

  /** Adds the next bytes of the log; returns the lines that they end, which may share their memory. What is kept is copied. */
  add(bytes: Buffer): Lines {
    const last = bytes.lastIndexOf(NEWLINE);
    const partialFrom = last + 1;
    const lines: Buffer[] = [];
    let consumedBytes = 0;
    let cutLines = 0;
    if (last >= 0) {
      consumedBytes = this.#partialBytes + partialFrom;
      let at = 0;
      const whole = bytes.subarray(0, partialFrom);
      this.#carriageReturn = endsWithCarriageReturn(whole);
      const plain = !whole.includes(0) && !hasLongLine(whole);
      while (at <= last) {
        if (plain && this.#partialBytes === 0) {
          lines.push(whole.subarray(at));
          break;
        }
        const end = bytes.indexOf(NEWLINE, at);
        at += end - at > LOG_LINE_LIMIT_BYTES ? this.#takeFrames(bytes.subarray(at, end), lines) : 0;
        this.#keep(bytes.subarray(at, end));
        if (this.#lineBytes > LOG_LINE_LIMIT_BYTES) cutLines += 1;
        lines.push(...this.#endLine());
        at = end + 1;
      }
    }
    const partial = bytes.subarray(partialFrom);
    const keptBytes = this.#partialBytes;
    const framesEnd = this.#takeFrames(partial, lines);
    if (framesEnd > 0) consumedBytes += keptBytes + framesEnd;
    // A copy: `scan` reads into one buffer again and again.
    if (framesEnd < partial.length)
      this.#keep(last < 0 ? Buffer.from(partial.subarray(framesEnd)) : partial.subarray(framesEnd));
    if (consumedBytes === 0) return NO_LINES;
    return {
      bytes: lines.length === 1 && lines[0] !== undefined ? lines[0] : Buffer.concat(lines),
      consumedBytes,
      cutLines,
    };
  }

  /**
   * Takes the whole messages with octet counts that the partial line and `bytes` begin with, as one line: nothing else ends them. Returns
   * how many of `bytes` they take.
   */
  #takeFrames(bytes: Buffer, lines: Buffer[]): number {
    const isWhole = this.#keptBytes === this.#partialBytes;
    const text = this.#partialBytes === 0 ? bytes : isWhole ? Buffer.concat([...this.#kept, bytes]) : NOTHING;
    const end = endOfFrames(text);
    if (end <= this.#partialBytes) return 0;
    const taken = end - this.#partialBytes;
    lines.push(Buffer.from(text.subarray(0, end)), LINE_END);
    this.#endLine();
    return taken;
  }

  /**
   * Returns the partial line as a whole one, for a log that will not end it; no lines where there is none. It gets the line end
   * of the lines before it: among lines that end in CR LF, one that ends in LF would continue in the next.
   */
  flush(): Lines {
    if (this.#partialBytes === 0) return NO_LINES;
    const consumedBytes = this.#partialBytes;
    const cutLines = this.#lineBytes > LOG_LINE_LIMIT_BYTES ? 1 : 0;
    const empty = this.#lineBytes === 0;
    const endsInCarriageReturn = this.#kept.at(-1)?.at(-1) === CARRIAGE_RETURN;
    const line = this.#endLine(this.#carriageReturn && !endsInCarriageReturn ? '\r\n' : '\n');
    return { bytes: empty ? NOTHING : Buffer.concat(line), consumedBytes, cutLines };
  }

  #keep(bytes: Buffer): void {
    this.#partialBytes += bytes.length;
    let text = bytes;
    if (this.#lineBytes === 0) {
      let nulBytes = 0;
      while (nulBytes < text.length && text[nulBytes] === 0) nulBytes += 1;
      text = text.subarray(nulBytes);
    }
    text = this.#withoutHoles(text);
    this.#lineBytes += text.length;
    const room = LOG_LINE_LIMIT_BYTES - this.#keptBytes;
    if (text.length === 0 || room === 0) return;
    // A copy: a short partial line must not keep a whole read in memory, and the reader may reuse its buffer.
    const kept = Buffer.from(text.subarray(0, room));
    this.#kept.push(kept);
    this.#keptBytes += kept.length;
    if (this.#kept.length > KEPT_BUFFERS_LIMIT) this.#kept = [Buffer.concat(this.#kept)];
  }

  /** Leaves out the NUL bytes beyond the first NUL_RUN_LIMIT_BYTES of each run, which may have begun in the bytes before. */
  #withoutHoles(bytes: Buffer): Buffer {
    if (!bytes.includes(0)) {
      if (bytes.length > 0) this.#nulRunBytes = 0;
      return bytes;
    }
    const kept = Buffer.allocUnsafe(bytes.length);
    let length = 0;
    for (const byte of bytes) {
      this.#nulRunBytes = byte === 0 ? this.#nulRunBytes + 1 : 0;
      if (this.#nulRunBytes <= NUL_RUN_LIMIT_BYTES) kept[length++] = byte;
    }
    return kept.subarray(0, length);
  }

  #endLine(ending = '\n'): Buffer[] {
    let line = this.#kept;
    if (this.#lineBytes > LOG_LINE_LIMIT_BYTES) {
      const kept = Buffer.concat(this.#kept);
      let end = LOG_LINE_LIMIT_BYTES - CUT_MARK.length;
      // Back to the first byte of a UTF-8 character (continuation bytes are 10xxxxxx), at most 3 bytes.
      for (let back = 0; back < 3 && ((kept[end] ?? 0) & 0xc0) === 0x80; back += 1) end -= 1;
      line = [kept.subarray(0, end), Buffer.from(CUT_MARK)];
    }
    this.#kept = [];
    this.#keptBytes = 0;
    this.#lineBytes = 0;
    this.#partialBytes = 0;
    this.#nulRunBytes = 0;
    return [...line, Buffer.from(ending)];
  }
}

function endsWithCarriageReturn(lines: Buffer): boolean {
  return lines.at(-1) === NEWLINE && lines.at(-2) === CARRIAGE_RETURN;
}

/** Joins several results into one. */
export function joinLines(all: readonly Lines[]): Lines {
  return {
    bytes: Buffer.concat(all.map(({ bytes }) => bytes)),
    consumedBytes: all.reduce((sum, { consumedBytes }) => sum + consumedBytes, 0),
    cutLines: all.reduce((sum, { cutLines }) => sum + cutLines, 0),
  };
}

/** Returns whether one of these whole lines exceeds the limit; jumps from line end to line end instead of visiting each. */
function hasLongLine(lines: Buffer): boolean {
  let at = 0;
  while (lines.length - at > LOG_LINE_LIMIT_BYTES + 1) {
    const end = lines.lastIndexOf(NEWLINE, at + LOG_LINE_LIMIT_BYTES);
    if (end < at) return true;
    at = end + 1;
  }
  return false;
}
