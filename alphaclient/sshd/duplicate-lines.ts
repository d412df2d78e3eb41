/**
 * Lines of sshd that a syslog wrote twice, as with two rules for one file. Where times are exact to the microsecond, lines of one host, time,
 * pid and text are one line. With whole seconds they need not be, since a client may fail twice in a second; that a log seems to be written
 * twice shows in nearly all of its lines being there exactly twice.
 */

import { detached } from './latin1.ts';
import type { LineContext } from './line-context.ts';
import type { LogText } from './log-text.ts';

/** Copies of a line stand within so many lines. */
export const DUPLICATE_LIMIT_LINES = 64;
/** The microseconds behind a clock's seconds or seconds since 1970 in a header, or the nanoseconds of TAI64N. */
const EXACT_TIME = /(?::\d\d[.,]|\b\d{10}\.)(\d{6})|@4[0-9a-f]{15}([0-9a-f]{8})/;
const SECOND_MS = 1_000;
/** So many lines must be there twice, and for each that is not so many, before a log seems to be written twice. */
const TWICE_MIN_LINES = 3;
const TWICE_SHARE = 9;
/** Beyond so many lines the older ones count half: a log may begin to be written twice at any time. */
const COUNTED_LIMIT_LINES = 256;

/**
 * - `first`: no other line is like it.
 * - `copy`: the same line again, by its microseconds.
 * - `alike`: the same in the same second.
 */
export type Likeness = 'first' | 'copy' | 'alike';

/** More slots than lines are known, so that most lines find no other in theirs. A power of two. */
const SLOTS = 1_024;

/** Knows the last DUPLICATE_LIMIT_LINES lines. Must outlive a restart. */
export class DuplicateLines {
  /** The lines, as a ring of columns: a million lines leave no garbage. The oldest stands at `#next`. */
  readonly #lines = new Float64Array(DUPLICATE_LIMIT_LINES);
  readonly #hosts = new Int32Array(DUPLICATE_LIMIT_LINES);
  readonly #pids = new Float64Array(DUPLICATE_LIMIT_LINES);
  readonly #times = new Float64Array(DUPLICATE_LIMIT_LINES);
  /** The digits of a time below the millisecond; empty where it is not known to the microsecond. */
  readonly #exactTimes: string[] = Array(DUPLICATE_LIMIT_LINES).fill('');
  /** The index at which each message of this chunk of the log begins; -1 for those of earlier ones. */
  readonly #froms = new Int32Array(DUPLICATE_LIMIT_LINES).fill(-1);
  /** The messages of earlier chunks. Null where a restart has left only the hash and the length. */
  readonly #messages: (string | null)[] = Array(DUPLICATE_LIMIT_LINES).fill(null);
  readonly #hashes = new Float64Array(DUPLICATE_LIMIT_LINES);
  readonly #lengths = new Uint32Array(DUPLICATE_LIMIT_LINES);
  /** Counts how often a line is there. */
  readonly #counts = new Uint32Array(DUPLICATE_LIMIT_LINES);
  #size = 0;
  #next = 0;
  #newestMs = Number.NEGATIVE_INFINITY;
  /** The last line of each pid and length of message: no other line need be looked for a copy. */
  readonly #lastLines = new Float64Array(SLOTS).fill(Number.NEGATIVE_INFINITY);
  /** True once a time had a fraction: then times are looked at to the microsecond. */
  #hasFractions = false;
  /** Count, of the lines that left the ring, those that were there exactly twice, and the others. */
  #twice = 0;
  #others = 0;
  /** The chunk of the log that is read, and how many of the known lines are its. */
  #chunk: LogText | null = null;
  #fresh = 0;

  /** True where nearly all of the log's lines, whose times are in whole seconds, are there twice. */
  get seemsWrittenTwice(): boolean {
    let twice = this.#twice;
    let others = this.#others;
    for (let at = 0; at < this.#size; at++) {
      if (this.#exactTimes[at] !== '') continue;
      if (this.#counts[at] === 2) twice++;
      else others++;
    }
    return twice >= TWICE_MIN_LINES && twice >= others * TWICE_SHARE;
  }

  /** The numbers of the hosts of the known lines. */
  hosts(): Iterable<number> {
    return this.#hosts.subarray(0, this.#size);
  }

  /** Begins a chunk of the log; `endChunk` ends it. */
  beginChunk(chunk: LogText): void {
    this.#chunk = chunk;
    this.#fresh = 0;
  }

  /** Takes the next line that has a time: it begins at `lineFrom` of `log`, which may be the chunk, and its message stands from `from` to `end`. */
  take(context: LineContext, log: LogText, lineFrom: number, from: number, end: number): Likeness {
    const { line, pid, ms } = context;
    // The first two times are looked at whole: they may be in the first millisecond of a second.
    const isLookedAt = this.#hasFractions || hasFraction(ms) || this.#size < 2;
    const exactTime = isLookedAt ? exactTimeOf(log, lineFrom, from) : '';
    if (isLookedAt && (exactTime !== '' || hasFraction(ms))) this.#hasFractions = true;
    const slot = slotOf(pid, end - from);
    // With whole seconds only lines of the newest second are compared.
    const isNew =
      ms > this.#newestMs ||
      (ms < this.#newestMs && !this.#hasFractions) ||
      line - (this.#lastLines[slot] as number) > DUPLICATE_LIMIT_LINES;
    const known = isNew ? -1 : this.#find(context, log, from, end, exactTime);
    this.#lastLines[slot] = line;
    if (known < 0) {
      this.#fresh++;
      const at = this.#add(context, exactTime);
      if (log === this.#chunk) this.#froms[at] = from;
      else this.#messages[at] = detached(log.slice(from, end));
      this.#lengths[at] = end - from;
      this.#counts[at] = 1;
      return 'first';
    }
    this.#lines[known] = line;
    this.#counts[known] = (this.#counts[known] as number) + 1;
    return exactTime === '' ? 'alike' : 'copy';
  }

  /** Returns the index in the ring of a line like this one, or -1. */
  #find({ line, host, pid, ms }: LineContext, log: LogText, from: number, end: number, exactTime: string): number {
    for (let lines = 1; lines <= this.#size; lines++) {
      const at = this.#ago(lines);
      if (!this.#hasFractions && (this.#times[at] as number) < ms) break;
      if (this.#times[at] !== ms || this.#pids[at] !== pid || this.#hosts[at] !== host) continue;
      if (line - (this.#lines[at] as number) > DUPLICATE_LIMIT_LINES || this.#exactTimes[at] !== exactTime) continue;
      if (this.#lengths[at] === end - from && this.#isMessage(at, log, from, end)) return at;
    }
    return -1;
  }

  /** Returns true where the message at `at` of the ring, of the same length, is the same. */
  #isMessage(at: number, log: LogText, from: number, end: number): boolean {
    const known = this.#froms[at] as number;
    if (known >= 0 && log === this.#chunk) return log.isSame(known, from, end - from);
    const message = log.slice(from, end);
    const text = this.#textOf(at);
    return text === null ? this.#hashes[at] === hashOf(message) : text === message;
  }

  /** Adds a line in place of the oldest; gives where it stands. */
  #add({ line, host, pid, ms }: Pick<LineContext, 'line' | 'host' | 'pid' | 'ms'>, exactTime: string): number {
    if (ms > this.#newestMs) this.#newestMs = ms;
    const at = this.#next;
    this.#next = (at + 1) % DUPLICATE_LIMIT_LINES;
    if (this.#size < DUPLICATE_LIMIT_LINES) this.#size++;
    else if (this.#exactTimes[at] === '') this.#count(this.#counts[at] === 2);
    this.#lines[at] = line;
    this.#hosts[at] = host;
    this.#pids[at] = pid;
    this.#times[at] = ms;
    this.#exactTimes[at] = exactTime;
    this.#froms[at] = -1;
    return at;
  }

  #count(isTwice: boolean): void {
    if (isTwice) this.#twice++;
    else this.#others++;
    if (this.#twice + this.#others <= COUNTED_LIMIT_LINES) return;
    this.#twice /= 2;
    this.#others /= 2;
  }

  /** Returns the index of the line that was added so many lines ago. */
  #ago(lines: number): number {
    return (this.#next + DUPLICATE_LIMIT_LINES - lines) % DUPLICATE_LIMIT_LINES;
  }

  /** The message at `at` of the ring; null where only its hash is known. */
  #textOf(at: number): string | null {
    const from = this.#froms[at] as number;
    if (from < 0 || this.#chunk === null) return this.#messages[at] ?? null;
    return this.#chunk.slice(from, from + (this.#lengths[at] as number));
  }

  /**
   * Keeps the messages that the chunk has: it is read to its end. Where all that are known are of it, they may share its memory; with those of
   * other chunks they would keep them all.
   */
  endChunk(): void {
    const isAll = this.#fresh >= this.#size;
    for (let lines = Math.min(this.#fresh, this.#size); lines > 0; lines--) {
      const at = this.#ago(lines);
      if ((this.#froms[at] as number) < 0) continue;
      const message = this.#textOf(at) ?? '';
      this.#messages[at] = isAll ? message : detached(message);
      this.#froms[at] = -1;
    }
    this.#chunk = null;
  }

  /** Plain JSON: the lines that others can still be like, oldest first. */
  save(): unknown {
    const saved: unknown[] = [];
    for (let lines = this.#size; lines > 0; lines--) {
      const at = this.#ago(lines);
      if (!this.#hasFractions && this.#times[at] !== this.#newestMs) continue;
      const message = this.#textOf(at);
      const hash = message === null ? this.#hashes[at] : hashOf(message);
      const where = [this.#lines[at], this.#hosts[at], this.#pids[at], this.#times[at]];
      saved.push([...where, this.#lengths[at], hash, this.#counts[at], this.#exactTimes[at]]);
    }
    return saved;
  }

  /** Takes over what `save` gave; what is damaged is left out. */
  restore(saved: unknown): void {
    if (!Array.isArray(saved)) return;
    for (const value of saved.slice(-DUPLICATE_LIMIT_LINES) as unknown[]) {
      if (!Array.isArray(value)) continue;
      const [line, host, pid, ms, length, hash, count] = value as number[];
      const exactTime: unknown = value[7];
      if (!areNumbers([line, host, pid, ms, length, hash, count]) || typeof exactTime !== 'string') continue;
      const context = { line, host, pid, ms } as Pick<LineContext, 'line' | 'host' | 'pid' | 'ms'>;
      const at = this.#add(context, exactTime);
      this.#messages[at] = null;
      this.#lengths[at] = length as number;
      this.#hashes[at] = hash as number;
      this.#counts[at] = count as number;
      this.#lastLines[slotOf(context.pid, length as number)] = context.line;
      if (exactTime !== '' || hasFraction(context.ms)) this.#hasFractions = true;
    }
  }
}

/** The characters of `2026-11-20T10:00:07.123456` that are no digits, by their index, and the index of the microseconds and behind them. */
const ISO_SIGNS: readonly (readonly [index: number, signs: string])[] = [
  [4, '-'],
  [7, '-'],
  [10, 'T '],
  [13, ':'],
  [16, ':'],
  [19, '.,'],
];
const ISO_CODES = ISO_SIGNS.map(([index, signs]) => ({
  index,
  first: signs.charCodeAt(0),
  last: signs.charCodeAt(signs.length - 1),
}));
const ISO_SECONDS = 17;
const ISO_MICROSECONDS = 20;
const ISO_END = 26;
const ZERO = 48;

/** The microseconds in the header from `from` to `end`, as its digits; empty where it has none. */
export function exactTimeOf(log: LogText, from: number, end: number): string {
  // Nearly all have this form, in which nothing before the microseconds can be taken for them.
  return isIso(log.bytes, from, end)
    ? log.slice(from + ISO_MICROSECONDS, from + ISO_END)
    : soughtTime(log.slice(from, end));
}

/** Does what `exactTimeOf` does, with any header. */
export function soughtTime(header: string): string {
  return EXACT_TIME.exec(header)?.slice(1).join('') ?? '';
}

function isIso(bytes: Buffer, from: number, end: number): boolean {
  if (from + ISO_END > end) return false;
  for (let i = 0; i < ISO_CODES.length; i++) {
    const { index, first, last } = ISO_CODES[i] as (typeof ISO_CODES)[number];
    const code = bytes[from + index];
    if (code !== first && code !== last) return false;
  }
  for (let at = from + ISO_SECONDS; at < from + ISO_END; at++) {
    const digit = (bytes[at] as number) - ZERO;
    if ((digit < 0 || digit > 9) && at !== from + ISO_MICROSECONDS - 1) return false;
  }
  return true;
}

/** True where a time is not in whole seconds. */
function hasFraction(ms: number): boolean {
  return Math.floor(ms / SECOND_MS) * SECOND_MS !== ms;
}

/** The slot of a pid and a length of message. */
function slotOf(pid: number, length: number): number {
  return (Math.imul(pid, 31) + length) & (SLOTS - 1);
}

function areNumbers(values: readonly unknown[]): boolean {
  return values.every((value) => Number.isFinite(value));
}

/** A number of 32 bits (FNV-1a) by which texts that differ can be distinguished, with their length. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5 ^ text.length;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
