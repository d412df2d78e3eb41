/** sshd's records in the systemd journal, read with journalctl. */
import { setTimeout as delay } from 'node:timers/promises';
import { delayMs } from '../uplink/backoff.ts';
import { cursorIn, cursorTimeMs, isCursor, positionAfter, recordsBetween, sameRecord } from './journal-cursor.ts';
import { JournalRecords, type Records } from './journal-records.ts';
import {
  ELSE_A_FILE,
  Journalctl,
  type JournalFault,
  LAST_RECORD,
  recordAt,
  recordsFrom,
  recordsToCome,
} from './journalctl.ts';
import type { Chunk, Gap, LogPosition, LogSource, SourceState } from './source.ts';

/** How a journal is followed. */
export interface JournalOptions {
  /** Where to go on: a position this source gave earlier; null for a journal never seen before. */
  readonly position: LogPosition | null;
  /** Where to begin in a journal never seen before. */
  readonly from: 'start' | 'end';
  readonly log: {
    info(text: string): void;
    warn(text: string): void;
    error(text: string): void;
  };
  /** The program that reads the journal, and what comes before our arguments. Default: `journalctl`. */
  readonly command?: readonly string[];
  /** After this long without a record the journal is read anew from the position; default LOOK_AFTER_MS. */
  readonly lookAfterMs?: number;
}

/**
 * After 10 minutes of quiet, all is asked anew: should journalctl have stopped following without a word, what it
 * missed is found, and the saved position moves on, so that a record of a long quiet host is not vacuumed under it.
 */
export const LOOK_AFTER_MS = 600_000;

const NO_RECORDS: Records = { bytes: new Uint8Array(0), cursor: null, writtenMs: null, gaps: [], cutLines: 0 };

/**
 * sshd's records, as journalctl's JSON lines. Each round asks for the journal's last record, reads all there is from the
 * position on, and then follows. The position is the cursor of the last record handed on, so that a crash anywhere
 * goes on with the next one. Nothing is taken from journalctl while nobody calls `next`.
 */
export class JournalSource implements LogSource {
  readonly #options: JournalOptions;
  readonly #command: readonly string[];
  readonly #lookAfterMs: number;
  readonly #closing = new AbortController();
  #chunks: AsyncGenerator<Chunk, void> | null = null;
  #state: SourceState = 'starting';
  #running: Journalctl | null = null;
  #failures = 0;
  #told = '';
  #faultState: SourceState | null = null;
  /** Undefined while it is not known where to begin. */
  #cursor: string | null | undefined;
  /** Found, and still to be told with the next chunk: a chunk of their own would leave the position before them. */
  #gaps: readonly Gap[] = [];

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#command = options.command ?? ['journalctl'];
    this.#lookAfterMs = options.lookAfterMs ?? LOOK_AFTER_MS;
    if (!options.position) return;
    this.#cursor = cursorIn(options.position);
    if (this.#cursor === undefined)
      options.log.warn(`the saved position is none of the journal's; reading from its ${options.from}`);
  }

  /** The next records; waits until there are some. Null once closed. Throws only what a defect throws. */
  async next(): Promise<Chunk | null> {
    this.#chunks ??= this.#rounds();
    const { value } = await this.#chunks.next();
    return value ?? null;
  }

  status(): { readonly state: SourceState; readonly behindBytes: number } {
    const behindBytes = this.#running?.unreadBytes ?? 0;
    return { state: this.#state === 'caught up' && behindBytes > 0 ? 'behind' : this.#state, behindBytes };
  }

  close(): void {
    this.#closing.abort();
    this.#running?.stop();
  }

  async *#rounds(): AsyncGenerator<Chunk, void> {
    while (!this.#closed) {
      const fault = yield* this.#round();
      if (this.#closed) return;
      if (!fault) {
        this.#failures = 0;
        continue;
      }
      this.#tell(fault);
      const waitMs = delayMs(this.#failures, Math.random());
      this.#failures += 1;
      await delay(waitMs, undefined, { signal: this.#closing.signal }).catch(() => {});
    }
  }

  /** One round; ends with what went wrong, or null when it is time for another look. */
  async *#round(): AsyncGenerator<Chunk, JournalFault | null> {
    const last = await this.#recordFor(LAST_RECORD);
    if (last === null) {
      // Whatever comes into an empty journal is new, also where only new records are asked for.
      this.#cursor ??= null;
      return { state: 'log missing', text: `the journal holds no record: start systemd-journald, ${ELSE_A_FILE}` };
    }
    if (typeof last !== 'string') return last;
    if (this.#cursor === undefined) yield this.#begin(last);
    const fault = (await this.#lookForGap(last)) ?? (yield* this.#catchUp(last));
    if (fault || this.#closed) return fault;
    // The journal can be read; whether following holds, which may have failed before, its first record will show.
    if (this.#faultState !== 'starting') this.#wellAgain();
    this.#state = 'caught up';
    return yield* this.#read(recordsToCome(this.#cursor ?? null), this.#lookAfterMs);
  }

  /** Reads all there is. */
  async *#catchUp(last: string): AsyncGenerator<Chunk, JournalFault | null> {
    const before = this.#cursor;
    this.#state = 'behind';
    const fault = yield* this.#read(recordsFrom(this.#cursor ?? null), Number.POSITIVE_INFINITY);
    if (fault || this.#closed) return fault;
    // Nothing of sshd's up to `last`: the position may stand there, which is later than where it stood.
    if (this.#cursor === before && (last !== before || this.#gaps.length > 0))
      yield this.#chunk({ ...NO_RECORDS, cursor: last });
    return null;
  }

  /** Hands on what a run of journalctl prints, until it ends or has been quiet, or left alone, for `quietMs`. */
  async *#read(args: readonly string[], quietMs: number): AsyncGenerator<Chunk, JournalFault | null> {
    const records = new JournalRecords(this.#cursor ?? null);
    const journalctl = this.#start(args);
    const follows = quietMs !== Number.POSITIVE_INFINITY;
    try {
      for (;;) {
        const askedMs = performance.now();
        const piece = await journalctl.read(follows ? quietMs : LOOK_AFTER_MS);
        if (piece === 'quiet' && follows) return null;
        if (piece === 'quiet') continue;
        if (piece === 'ended')
          return journalctl.fault() ?? (follows ? { state: 'starting', text: 'journalctl stopped following' } : null);
        const whole = records.push(piece);
        if (whole.bytes.length > 0) this.#failures = 0;
        if (whole.bytes.length > 0 && follows) this.#wellAgain();
        if (whole.bytes.length + whole.gaps.length + whole.cutLines > 0) yield this.#chunk(whole);
        // Left alone for long, records may have been vacuumed that the pipe did not hold: the position is looked at anew.
        if (follows && performance.now() - askedMs > this.#lookAfterMs) return null;
      }
    } finally {
      journalctl.stop();
    }
  }

  #begin(last: string): Chunk {
    return this.#chunk({ ...NO_RECORDS, cursor: this.#options.from === 'end' ? last : null });
  }

  #chunk(records: Records): Chunk {
    this.#cursor = records.cursor ?? this.#cursor ?? null;
    const gaps = [...this.#gaps, ...records.gaps];
    this.#gaps = [];
    const writtenMs = records.writtenMs ?? (this.#cursor === null ? 0 : Math.floor(cursorTimeMs(this.#cursor)));
    const { bytes, cutLines } = records;
    return { bytes, position: positionAfter(this.#cursor), writtenMs, gaps, cutLines };
  }

  /** Notes what is missing between the position and the journal's first record after it. */
  async #lookForGap(last: string): Promise<JournalFault | null> {
    const cursor = this.#cursor ?? null;
    if (cursor === null) return null;
    const found = await this.#recordFor(recordAt(cursor));
    if (typeof found !== 'string' && found !== null) return found;
    if (found !== null && (sameRecord(cursor, found) || recordsBetween(cursor, found) === 0)) return null;
    const time = (one: string) => new Date(cursorTimeMs(one) || 0).toISOString();
    const text =
      `the journal was vacuumed before it was read: its records after ${time(cursor)} ` +
      `${found === null ? 'are gone' : `and before ${time(found)} are gone`}, sshd's among them if there were any`;
    this.#gaps = [{ kind: 'rotated-away', text, bytes: null, lines: null }];
    // All there is lies before the position. An older state of the same journal has been read; another journal has not.
    if (found === null) this.#cursor = recordsBetween(last, cursor) === null ? null : last;
    return null;
  }

  /** The cursor of the one record that is asked for; null when there is none. */
  async #recordFor(args: readonly string[]): Promise<string | null | JournalFault> {
    const journalctl = this.#start(args);
    const records = new JournalRecords(null);
    let cursor: string | null = null;
    for (;;) {
      const piece = await journalctl.read(LOOK_AFTER_MS);
      if (piece === 'ended') break;
      if (piece !== 'quiet') cursor = records.push(piece).cursor ?? cursor;
    }
    journalctl.stop();
    return journalctl.fault() ?? (isCursor(cursor) ? cursor : null);
  }

  #start(args: readonly string[]): Journalctl {
    this.#running = new Journalctl(this.#command, args);
    if (this.#closed) this.#running.stop();
    return this.#running;
  }

  get #closed(): boolean {
    return this.#closing.signal.aborted;
  }

  #tell(fault: JournalFault): void {
    this.#state = fault.state;
    this.#faultState = fault.state;
    if (fault.text === this.#told) return;
    this.#told = fault.text;
    if (fault.state === 'starting') this.#options.log.warn(`${fault.text}; starting it again`);
    else this.#options.log.error(fault.text);
  }

  #wellAgain(): void {
    if (this.#told) this.#options.log.info('following the journal again');
    this.#told = '';
    this.#faultState = null;
  }
}
