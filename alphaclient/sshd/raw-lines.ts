/**
 * Lines without a syslog header: what sshd writes to its standard error or with `-E`, as it is or as a container's runtime keeps it. sshd
 * ends its own lines in CR LF and writes a line feed in a user name as it is, so a line that ends in a bare LF continues in the next
 * one. A log that was converted to bare LF has no CR at all, and then every line stands for itself.
 */

import type { EntryParser } from './json-entry.ts';
import { parseMessage } from './message-parser.ts';
import type { HeaderParser } from './syslog-header.ts';

/** sshd cuts any message at 1,023 bytes: what is longer was never one line of sshd. */
export const JOIN_LIMIT_BYTES = 1_100;

/** So many messages with a bare LF at the beginning of a log are remembered until one with CR LF shows that they were forged. */
const BARE_LIMIT_LINES = 20;

/** The line ends of this log, as far as they are known. */
type LineEnds = 'unknown' | 'crlf' | 'lf';

/** A line without sshd's tag, and what was written before it. */
export interface RawLine {
  readonly text: string;
  /** The time at which it was written, Unix milliseconds; NaN where it has none. */
  readonly ms: number;
  /** The pid before it (Windows), or -1. */
  readonly pid: number;
  /** The host beside it (log shippers); empty where there is none. */
  readonly host: string;
}

/** A whole line without its line end. */
export interface RawMessage extends RawLine {
  /** The number of its first line. */
  readonly line: number;
  /** False for what another program wrote into the same log. */
  readonly mayBeSshd: boolean;
}

/** Joins the lines that a line feed in a user name has torn apart. Holds an incomplete line over chunk borders and restarts. */
export class RawLines {
  readonly #headers: HeaderParser;
  readonly #entries: EntryParser;
  #ends: LineEnds = 'unknown';
  /** The pieces of an incomplete line, each with its LF. */
  #held = '';
  #heldLine = 0;
  /** The time, the pid and the host of the line that was begun last. */
  #ms = Number.NaN;
  #pid = -1;
  #host = '';
  /** True in a container's log, with a time before each line. */
  #isContained = false;

  constructor(headers: HeaderParser, entries: EntryParser) {
    this.#headers = headers;
    this.#entries = entries;
  }

  /** Messages that ended in a bare LF before the first line that ended as sshd ends its own; the first BARE_LIMIT_LINES. */
  #bare: RawMessage[] = [];

  /** Returns messages that sshd cannot have written by itself, now that it is known how it ends its lines; each once. */
  takeForged(): readonly RawMessage[] {
    if (this.#ends !== 'crlf' || this.#bare.length === 0) return [];
    const bare = this.#bare;
    this.#bare = [];
    return bare;
  }

  /** True while a line is incomplete: the next line is its continuation, whatever it looks like. */
  get isIncomplete(): boolean {
    return this.#held !== '';
  }

  /** Takes a line without its LF that is no continuation; `isContained`: a container's runtime wrote it. Gives what is whole now. */
  take(raw: RawLine, line: number, isContained: boolean): RawMessage[] {
    this.#ms = raw.ms;
    this.#pid = raw.pid;
    this.#host = raw.host;
    if (raw.text.endsWith('\r')) this.#isContained = isContained;
    return this.#join(raw, line);
  }

  /** Takes the continuation of an incomplete line; null where it can be none, as what is incomplete is in a container's log. */
  continue(text: string, line: number): RawMessage[] | null {
    const piece = this.#isContained ? this.#unwrap(text) : { text, ms: Number.NaN, pid: this.#pid, host: this.#host };
    return piece === null ? null : this.#join(piece, line);
  }

  /** Gives the line that a container wrote where this is a container's log: there no program has a tag, and any may begin with a word and a colon. */
  contained(text: string): RawLine | null {
    return this.#isContained ? this.#unwrap(text) : null;
  }

  /** Gives what is incomplete: the log ends here, or continues in another form. */
  end(): RawMessage[] {
    const held = this.#held.slice(0, -1);
    const isHeld = this.isIncomplete;
    this.#held = '';
    return isHeld ? this.#apart(held, this.#heldLine) : [];
  }

  /** Takes away what a container's runtime put around a line; null where it wrote no such line. */
  #unwrap(line: string): RawLine | null {
    if (line.startsWith('{')) {
      const [entry] = this.#entries.parse(line) ?? [];
      return entry?.writer === 'contained' ? { ...entry, text: entry.message } : null;
    }
    const time = this.#headers.parseContainerTime(line);
    return time === null ? null : { text: line.slice(time.from), ms: time.ms, pid: -1, host: '' };
  }

  #join(piece: RawLine, line: number): RawMessage[] {
    const { text } = piece;
    if (text.endsWith('\r')) {
      this.#ends = 'crlf';
      const whole = this.#held + text.slice(0, -1);
      if (!this.isIncomplete) return this.#whole(whole, piece.ms, line, line);
      const first = this.#heldLine;
      this.#held = '';
      return whole.length <= JOIN_LIMIT_BYTES ? this.#whole(whole, piece.ms, line, first) : this.#apart(whole, first);
    }
    if (this.#ends !== 'crlf') {
      this.#ends = 'lf';
      const single = this.#single(text, line);
      if (this.#bare.length < BARE_LIMIT_LINES && parseMessage(text, true) !== null) this.#bare.push(single);
      return [single];
    }
    if (!this.isIncomplete) this.#heldLine = line;
    this.#held += `${text}\n`;
    if (this.#held.length <= JOIN_LIMIT_BYTES) return [];
    // Too long for sshd: the log has been converted, or continues with bare line ends.
    this.#ends = 'lf';
    return this.end();
  }

  /** Takes a line that ended in CR, whose last piece is line `last` of this time: another program's lines may have been joined with it. */
  #whole(text: string, lastMs: number, last: number, first: number): RawMessage[] {
    const from = joinedMessageStart(text);
    const begun = { ms: this.#ms, pid: this.#pid, host: this.#host };
    if (from === 0) return [{ ...begun, text, line: first, mayBeSshd: true }];
    return [
      { ...begun, text: text.slice(0, from - 1), ms: lastMs, line: last, mayBeSshd: false },
      { ...begun, text: text.slice(from), ms: lastMs, line: last, mayBeSshd: true },
    ];
  }

  /** Takes a line that did not end in CR. Where sshd's lines do, it is sshd's only if it is a message that is known. */
  #single(text: string, line: number): RawMessage {
    const isMixed = this.#isContained || this.#ends === 'crlf';
    const mayBeSshd = !isMixed || parseMessage(text, true) !== null;
    return { text, ms: this.#ms, pid: this.#pid, host: this.#host, line, mayBeSshd };
  }

  #apart(text: string, first: number): RawMessage[] {
    return text.split('\n').map((one, i) => this.#single(one, first + i));
  }

  /** Plain JSON. */
  save(): Readonly<Record<string, unknown>> {
    return {
      ends: this.#ends,
      held: this.#held,
      line: this.#heldLine,
      wrapped: this.#isContained,
      ms: Number.isNaN(this.#ms) ? null : this.#ms,
      pid: this.#pid,
      host: this.#host,
    };
  }

  /** Takes over what `save` gave; what is damaged is left out. */
  restore(saved: unknown): void {
    if (typeof saved !== 'object' || saved === null) return;
    const { ends, held, line, wrapped, ms, pid, host } = saved as Record<string, unknown>;
    if (ends === 'crlf' || ends === 'lf') this.#ends = ends;
    this.#isContained = wrapped === true;
    if (typeof ms === 'number') this.#ms = ms;
    if (typeof pid === 'number') this.#pid = pid;
    if (typeof host === 'string') this.#host = host;
    if (typeof held !== 'string' || typeof line !== 'number' || held.length > JOIN_LIMIT_BYTES) return;
    this.#held = held;
    this.#heldLine = line;
  }
}

/** Returns the messages of sshd's behind a line feed in a line that was joined: a client sent it so to forge a line. */
export function forgedIn(text: string): readonly string[] {
  if (!text.includes('\n')) return [];
  return text
    .split('\n')
    .slice(1)
    .filter((piece) => parseMessage(piece, true) !== null);
}

/**
 * Index of sshd's message in a line that was joined. What else writes to the same output, as in a container, ends its lines without CR,
 * which is no beginning of sshd's. The longest end that is a message is the one: a user name may hold a shorter one.
 */
function joinedMessageStart(text: string): number {
  let from = 0;
  for (let lf = text.indexOf('\n'); lf >= 0 && parseMessage(text.slice(from), true) === null; ) {
    from = lf + 1;
    lf = text.indexOf('\n', from);
  }
  return from;
}
