/** Follows sshd's records in the systemd journal through journalctl, as a `LogSource`. */
import { setTimeout as delay } from 'node:timers/promises';
import { cursorIn, cursorTimeMs, isCursor, positionAfter, recordsBetween, sameRecord } from './journal-cursor.ts';
import { JournalRecords, type Records } from './journal-records.ts';
import {
  Journalctl,
  type JournalFault,
  LAST_RECORD,
  OR_A_FILE,
  recordAt,
  recordsFrom,
  recordsToFollow,
} from './journalctl.ts';
import type { Chunk, Gap, LogPosition, LogSource, SourceLogger, SourceState } from './source.ts';

/** The settings of a journal that is followed. */
export interface JournalOptions {
  /** The position as it was saved after the last chunk; null for a journal never followed before. */
  readonly position: LogPosition | null;
  /** The place to begin at in a journal never followed before. */
  readonly from: 'start' | 'end';
  readonly log: SourceLogger;
  /** The program that reads the journal, and its arguments before ours; default `journalctl`. */
  readonly command?: readonly string[];
  /** The machine whose records are followed; without it those of the boot alone that journalctl finds when it starts. */
  readonly machineId?: string | null;
  /** Milliseconds without a record after which the journal is read anew from the position; default LOOK_AFTER_MS. */
  readonly lookAfterMs?: number;
  /** Milliseconds in which journalctl must answer a question for one record, and print or do something else; default ANSWER_LIMIT_MS. */
  readonly answerLimitMs?: number;
}

/**
 * After 10 minutes without a record a new round begins. It finds what a journalctl missed that stopped following silently, and
 * moves the saved position on, so that on a quiet host the record it names is not vacuumed.
 */
export const LOOK_AFTER_MS = 600_000;

/**
 * A journalctl that gives no answer for so long hangs, as on a disk that gives nothing: one record is found in a moment. One that
 * reads all records may print nothing for longer, where a large journal has few of sshd: it hangs where it does nothing either.
 */
const ANSWER_LIMIT_MS = 600_000;

/** The delay before journalctl is started again: doubled with each failure in a row, up to the limit. */
const RETRY_MS = 200;
const RETRY_LIMIT_MS = 30_000;

const NO_RECORDS: Records = { bytes: new Uint8Array(0), cursor: null, writtenMs: null, gaps: [] };

/**
 * The journal as a source of lines: sshd's records, each a JSON object. A round asks for the journal's last record, reads all
 * records from the position on, and then follows. The position is the cursor of the last record that was emitted, so that
 * after a crash reading goes on with the next one. journalctl's output is read only while `next` waits.
 */
export class JournalSource implements LogSource {
  readonly #options: JournalOptions;
  readonly #command: readonly string[];
  readonly #lookAfterMs: number;
  readonly #answerLimitMs: number;
  readonly #closing = new AbortController();
  #chunks: AsyncGenerator<Chunk, void> | null = null;
  #state: SourceState = 'starting';
  #running: Journalctl | null = null;
  #failures = 0;
  #loggedText = '';
  #hasWarnedOfSilence = false;
  #faultState: SourceState | null = null;
  /** The cursor of the last record; null before the first one, undefined until it is known where to begin. */
  #cursor: string | null | undefined;
  /** Gaps for the next chunk of records: a chunk of their own would have a position before them. */
  #gaps: readonly Gap[] = [];

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#command = options.command ?? ['journalctl'];
    this.#lookAfterMs = options.lookAfterMs ?? LOOK_AFTER_MS;
    this.#answerLimitMs = options.answerLimitMs ?? ANSWER_LIMIT_MS;
    if (!options.position) return;
    this.#cursor = cursorIn(options.position);
    if (this.#cursor === undefined)
      options.log.warn(`The saved position is not one of the journal; reading begins at its ${options.from}`);
  }

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
      this.#setFault(fault);
      const waitMs = Math.min(RETRY_LIMIT_MS, RETRY_MS * 2 ** this.#failures);
      this.#failures += 1;
      await delay(waitMs, undefined, { signal: this.#closing.signal }).catch(() => {});
    }
  }

  /** Runs one round. Returns its fault, or null when it is time for the next round. */
  async *#round(): AsyncGenerator<Chunk, JournalFault | null> {
    const last = await this.#recordFor(LAST_RECORD);
    if (last === null) {
      // Every record of a journal that is empty now is new, also with `from` `end`.
      this.#cursor ??= null;
      return { state: 'log missing', text: `the journal holds no record: start systemd-journald, ${OR_A_FILE}` };
    }
    if (typeof last !== 'string') return last;
    if (this.#cursor === undefined) yield this.#begin(last);
    const fault = (await this.#lookForGap(last)) ?? (yield* this.#catchUp(last));
    if (fault || this.#closed) return fault;
    // The journal can be read. If it was following that failed, only its first record ends the fault.
    if (this.#faultState !== 'starting') this.#clearFault();
    this.#state = 'caught up';
    return yield* this.#read(recordsToFollow(this.#cursor ?? null, this.#options.machineId ?? null), this.#lookAfterMs);
  }

  /** Reads all present records. */
  async *#catchUp(last: string): AsyncGenerator<Chunk, JournalFault | null> {
    const before = this.#cursor;
    // Until a first round has read all that is there, nobody knows how much that is: `behind` is for what came since.
    if (this.#state !== 'starting') this.#state = 'behind';
    const fault = yield* this.#read(recordsFrom(this.#cursor ?? null), Number.POSITIVE_INFINITY);
    if (fault || this.#closed) return fault;
    // There is no record of sshd up to `last`: the position moves on to it.
    if (this.#cursor === before && (last !== before || this.#gaps.length > 0))
      yield this.#chunk({ ...NO_RECORDS, cursor: last });
    return null;
  }

  /** Emits what one run of journalctl prints, until it ends, prints nothing for `quietMs`, or `next` is not called for that long. */
  async *#read(args: readonly string[], quietMs: number): AsyncGenerator<Chunk, JournalFault | null> {
    const records = new JournalRecords(this.#cursor ?? null);
    const journalctl = this.#start(args);
    const follows = quietMs !== Number.POSITIVE_INFINITY;
    /** Its work when it had last printed nothing for the limit; null once it has printed. */
    let work: string | null = null;
    try {
      for (;;) {
        const askedMs = performance.now();
        const piece = await journalctl.read(follows ? quietMs : this.#answerLimitMs);
        if (piece === 'quiet' && follows) return null;
        if (piece === 'quiet') {
          const before: string | null = work;
          work = journalctl.work();
          const seconds = this.#answerLimitMs / 1_000;
          if (work !== null && work === before)
            return { state: 'starting', text: `journalctl has done nothing for ${seconds} s` };
          this.#warnOfSilence(seconds);
          continue;
        }
        work = null;
        if (piece === 'ended')
          return journalctl.fault() ?? (follows ? { state: 'starting', text: 'journalctl stopped following' } : null);
        const whole = records.push(piece);
        // The record of the position alone, which is printed again, is no progress: a journalctl that fails behind it fails again.
        const hasNew = whole.bytes.length + whole.gaps.length > 0;
        if (hasNew) {
          this.#failures = 0;
          this.#hasWarnedOfSilence = false;
          if (follows) this.#clearFault();
          yield this.#chunk(whole);
        }
        // If `next` was not called for long, records that did not fit the pipe may have been vacuumed: a new round finds the gap.
        if (follows && performance.now() - askedMs > this.#lookAfterMs) {
          this.#state = 'behind';
          return null;
        }
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
    return { bytes: records.bytes, position: positionAfter(this.#cursor), writtenMs, gaps, cutLines: 0 };
  }

  /** Finds the gap between the position and the journal's first record after it. */
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
    // All records are before the position: the journal is an older state of this one, and was read, or another one, and was not.
    if (found === null) this.#cursor = recordsBetween(last, cursor) === null ? null : last;
    return null;
  }

  /** Returns the cursor of the one record that `args` ask for; null when there is none. */
  async #recordFor(args: readonly string[]): Promise<string | null | JournalFault> {
    const journalctl = this.#start(args);
    const records = new JournalRecords(null);
    let cursor: string | null = null;
    for (;;) {
      const piece = await journalctl.read(this.#answerLimitMs);
      if (piece === 'ended') break;
      if (piece === 'quiet') {
        journalctl.stop();
        return { state: 'starting', text: `journalctl gave no answer for ${this.#answerLimitMs / 1_000} s` };
      }
      cursor = records.push(piece).cursor ?? cursor;
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

  #setFault(fault: JournalFault): void {
    this.#state = fault.state;
    this.#faultState = fault.state;
    if (fault.text === this.#loggedText) return;
    this.#loggedText = fault.text;
    if (fault.state === 'starting') this.#options.log.warn(`${fault.text}; starting it again`);
    else this.#options.log.error(fault.text);
  }

  #warnOfSilence(seconds: number): void {
    if (this.#hasWarnedOfSilence) return;
    this.#hasWarnedOfSilence = true;
    this.#options.log.warn(
      `journalctl has printed nothing for ${seconds} s while it reads what is there; it is left to go on while it works`,
    );
  }

  #clearFault(): void {
    if (this.#loggedText) this.#options.log.info('Following the journal again');
    this.#loggedText = '';
    this.#faultState = null;
  }
}
