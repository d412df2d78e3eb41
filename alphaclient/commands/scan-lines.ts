/**
 * Events as `scan` prints them (contract section 7), as bytes. Ordinary attempts, which nearly all are, are put together from what
 * is the same in many lines and what the lane knows as bytes already: to make strings of them would cost more than the reading.
 */

import type { LoginEvent } from '../../protocol/event.ts';
import { isoTime } from '../sshd/event.ts';
import type { Lane } from '../sshd/lane.ts';
import type { Attempt } from '../sshd/telling.ts';
import type { ScanOrder } from './log-order.ts';

const FIRST_BYTES = 1_048_576;
/** The longest line: every text at its limit, every character escaped, and a file's path; a copy may write seven bytes more. */
const LINE_LIMIT_BYTES = 65_536;
const QUOTE = 34;
const BACKSLASH = 92;
const LF = 10;

const ZERO = 48;
const MINUTE_MS = 60_000;
/** `2026-11-20T10:00:00.000Z`, and where the seconds stand behind `,"at":"2026-11-20T10:00:`. */
const ISO_CHARS = 24;
const SECONDS_AT = 24;
/** Room for a time with what stands around it. */
const TIME_BYTES = 64;
/** What the line of an attempt is made of, apart from who tried. */
const LINE = piece('{"line":');
const FAILED = piece(',"outcome":"failed","method":"password","user":"');
const ACCEPTED: Readonly<Record<string, Piece>> = Object.fromEntries(
  ['publickey', 'password', 'keyboard-interactive'].map((method) => [
    method,
    piece(`,"outcome":"accepted","method":"${method}","user":"`),
  ]),
);
const INVALID = piece('","invalidUser":true,"ip":"');
const VALID = piece('","invalidUser":false,"ip":"');
const BEHIND_IP = piece('","port":');
const BEFORE_KEY = piece(',"reason":null,"key":"');
const BEHIND_KEY = piece('"}\n');
const WITHOUT_KEY = piece(',"reason":null,"key":null}\n');

/** A text to copy. */
interface Piece {
  readonly view: DataView;
  length: number;
}

/** A piece of this text, with room for a longer one. */
function piece(text: string, roomBytes = 0): Piece {
  const bytes = Buffer.from(text);
  // A copy looks at seven bytes more.
  const view = new DataView(new ArrayBuffer(Math.max(bytes.length, roomBytes) + 7));
  bytes.copy(new Uint8Array(view.buffer));
  return { view, length: bytes.length };
}

/** Puts another text there, of ASCII, for which there is room. */
function rewrite(one: Piece, text: string): void {
  for (let i = 0; i < text.length; i++) one.view.setUint8(i, text.charCodeAt(i));
  one.length = text.length;
}

/** Writes `SS.mmm` of so many milliseconds into a time. */
function putSeconds(time: DataView, ms: number): void {
  for (let at = SECONDS_AT, scale = 10_000; scale > 0; at++, scale = Math.floor(scale / 10)) {
    if (scale === 100) at++;
    time.setUint8(at, ZERO + (Math.floor(ms / scale) % 10));
  }
}

/** True where nothing has to be escaped in this printable ASCII. */
function isPlain(bytes: Uint8Array, from: number, end: number): boolean {
  for (let i = from; i < end; i++) if (bytes[i] === QUOTE || bytes[i] === BACKSLASH) return false;
  return true;
}

/** The lines that wait to be printed, in the order in which they were told; as many bytes as all of them have. */
export class ScanLines {
  #buffer: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #view = new DataView(this.#buffer.buffer);
  #spare: Buffer = Buffer.alloc(0);
  #at = 0;

  /** `,"at":"..."` of the line before. */
  readonly #time = piece('', TIME_BYTES);
  #timeMs = Number.NaN;
  #minuteMs = Number.NaN;
  /** `,"file":"..."` of the line before that had one. */
  #file: string | null = null;
  #namedFile = piece('');
  /** `,"host":"..."` by the host's index. */
  readonly #hosts: Piece[] = [];

  /** The lines so far. They stay as they are until something is added or moved. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  /** How many bytes the lines have so far. */
  get length(): number {
    return this.#at;
  }

  /** Keeps only what waits in `order`, one line behind the other. */
  keep(order: ScanOrder): void {
    const from = this.#buffer;
    const to = this.#spare.length < from.length ? Buffer.allocUnsafeSlow(from.length) : this.#spare;
    this.#at = order.move((begin, end, at) => from.copy(to, at, begin, end));
    this.#spare = from;
    this.#buffer = to;
    this.#view = new DataView(to.buffer);
  }

  /** Adds an event of this line of this file, as `scanLine` writes it, and a line feed. */
  add(event: LoginEvent, line: number, file: string | null): void {
    this.#makeRoom();
    this.#at += this.#buffer.write(scanLine(event, line, file), this.#at, 'utf8');
    this.#buffer[this.#at++] = LF;
  }

  /**
   * The same of an attempt of the connection at this place in the lane, in the line it was last heard in, on the host of this name;
   * false, and nothing is added, where it cannot be put together from bytes: a text of it has to be escaped.
   */
  addAttempt(
    attempt: Attempt,
    lane: Lane,
    at: number,
    host: string | null,
    line: number,
    file: string | null,
  ): boolean {
    const { identities, memory } = lane;
    const { isAccepted, method, invalid, keyFrom, keyEnd } = attempt;
    const head = isAccepted ? ACCEPTED[method] : FAILED;
    const user = identities.user(at);
    const userChars = identities.userChars[at] as number;
    if (head === undefined || !isPlain(memory.bytes, user, user + userChars) || !isPlain(memory.bytes, keyFrom, keyEnd))
      return false;
    this.#makeRoom();
    this.#put(LINE);
    this.#number(line);
    if (file !== null) this.#put(this.#fileOf(file));
    this.#putTime(lane.ms[at] as number);
    this.#put(head);
    const port = identities.port(at);
    this.#copy(memory.view, user, userChars);
    this.#put(invalid ? INVALID : VALID);
    this.#copy(memory.view, identities.peer(at), identities.ipChars[at] as number);
    this.#put(BEHIND_IP);
    // As the log has it, unless that is no number in JSON.
    if (memory.bytes[port] === ZERO) this.#number(lane.ports[at] as number);
    else this.#copy(memory.view, port, identities.end(at) - port);
    this.#put(this.#hostOf(lane.hosts[at] as number, host));
    if (keyFrom === keyEnd) this.#put(WITHOUT_KEY);
    else {
      this.#put(BEFORE_KEY);
      this.#copy(memory.view, keyFrom, keyEnd - keyFrom);
      this.#put(BEHIND_KEY);
    }
    return true;
  }

  /** Of another moment in the same minute only the digits behind that are written anew. */
  #putTime(ms: number): void {
    if (ms !== this.#timeMs) {
      const rest = Math.floor(ms) - this.#minuteMs;
      if (rest >= 0 && rest < MINUTE_MS) putSeconds(this.#time.view, rest);
      else {
        const time = isoTime(ms);
        rewrite(this.#time, time === null ? ',"at":null' : `,"at":"${time}"`);
        // A year of five digits stands elsewhere.
        this.#minuteMs = time?.length === ISO_CHARS ? Math.floor(ms / MINUTE_MS) * MINUTE_MS : Number.NaN;
      }
      this.#timeMs = ms;
    }
    this.#put(this.#time);
  }

  #fileOf(file: string): Piece {
    if (file !== this.#file) {
      this.#file = file;
      this.#namedFile = piece(`,"file":${JSON.stringify(file)}`);
    }
    return this.#namedFile;
  }

  #hostOf(index: number, host: string | null): Piece {
    this.#hosts[index] ??= piece(`,"host":${JSON.stringify(host)}`);
    return this.#hosts[index];
  }

  #makeRoom(): void {
    if (this.#at + LINE_LIMIT_BYTES > this.#buffer.length) this.#grow();
  }

  #grow(): void {
    const buffer = Buffer.allocUnsafeSlow(this.#buffer.length * 2);
    this.#buffer.copy(buffer, 0, 0, this.#at);
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer);
  }

  /** Copies what stands in a log, whatever stands behind it: no number of eight bytes, which might be none. */
  #copy(view: DataView, from: number, count: number): void {
    const to = this.#view;
    const at = this.#at;
    for (let i = 0; i < count; i += 4) to.setInt32(at + i, view.getInt32(from + i));
    this.#at = at + count;
  }

  #put({ view, length }: Piece): void {
    const to = this.#view;
    const at = this.#at;
    for (let i = 0; i < length; i += 8) to.setFloat64(at + i, view.getFloat64(i));
    this.#at = at + length;
  }

  #number(number: number): void {
    if (number > 0x7fff_ffff) {
      this.#at += this.#buffer.write(String(number), this.#at, 'latin1');
      return;
    }
    let digits = 1;
    for (let limit = 10; number >= limit; limit *= 10) digits++;
    const buffer = this.#buffer;
    let rest = number | 0;
    for (let at = this.#at + digits - 1; at >= this.#at; at--) {
      const next = (rest / 10) | 0;
      buffer[at] = 48 + rest - next * 10;
      rest = next;
    }
    this.#at += digits;
  }
}

/** One event as a JSON object, fields in the contract's order; `file` is null where one log is read. */
export function scanLine(event: LoginEvent, line: number, file: string | null = null): string {
  const { at, outcome, method, user, invalidUser, ip, port, host = null, reason = null, key = null } = event;
  const named = file ?? undefined;
  return JSON.stringify({ line, file: named, at, outcome, method, user, invalidUser, ip, port, host, reason, key });
}
