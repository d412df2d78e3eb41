/** Splits journalctl's output into whole records. */
import { isCursor, sameRecord } from './journal-cursor.ts';
import { type Gap, LOG_LINE_LIMIT_BYTES } from './source.ts';

/** systemd's id of the message that reports records dropped by journald (SD_MESSAGE_JOURNAL_DROPPED). */
export const DROPPED_MESSAGE_ID = 'a596d6fe7bfa4994828e72309e95d61e';
/** The units that sshd runs in: `ssh.service` on Debian, `sshd.service` elsewhere, `sshd@...` where a socket starts it. */
const SSHD_UNIT = /(?:^|\/)sshd?(?:@[^/]*)?\.(?:service|socket)$/;
const DROPPED_TEXT = /^Suppressed (\d{1,15}) messages from (\S{1,300})$/;
const NEWLINE = 0x0a;
const BRACE = 0x7b;
const EMPTY = Buffer.alloc(0);

/** Whole records. */
export interface Records {
  /** The records as journalctl printed them, one per line. */
  readonly bytes: Uint8Array;
  /** The cursor of the last record, also of one that is not in `bytes`; null when there was none. */
  readonly cursor: string | null;
  /** The time at which that record was written, Unix milliseconds; null when there was none. */
  readonly writtenMs: number | null;
  /** The gaps that journald reported, and that of records longer than LOG_LINE_LIMIT_BYTES, which are omitted. */
  readonly gaps: readonly Gap[];
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(line: Buffer): Fields | null {
  try {
    const value: unknown = JSON.parse(line.toString());
    return typeof value === 'object' && value !== null ? (value as Fields) : null;
  } catch {
    return null;
  }
}

/** Parses a record that may be a report of drops: a Gap if it is one about sshd, null if about others, else `no report`. */
function parseDropReport(fields: Fields): Gap | 'no report' | null {
  if (fields['MESSAGE_ID'] !== DROPPED_MESSAGE_ID) return 'no report';
  // Any program may send this id; `_TRANSPORT` is set by journald, and `driver` is journald itself.
  if (fields['_TRANSPORT'] !== 'driver') return fields['SYSLOG_IDENTIFIER'] === 'systemd-journald' ? null : 'no report';
  const found = DROPPED_TEXT.exec(String(fields['MESSAGE']));
  if (!found || !SSHD_UNIT.test(found[2] ?? '')) return null;
  return { kind: 'suppressed', text: `journald: ${found[0]}`, bytes: null, lines: Number(found[1]) };
}

/** The cursor of a record. Within a value each quote has a backslash before it, so no value looks like this. */
const CURSOR_FIELD = /[^\\]"__CURSOR"\s*:\s*"([^"\\]{1,512})"/;
/** More than CURSOR_FIELD takes: so many bytes are searched again with the next piece. */
const CURSOR_FIELD_BYTES = 1_024;

/** A record longer than LOG_LINE_LIMIT_BYTES. Half a JSON object cannot be parsed, so that its cursor alone is found, without holding it. */
class OverlongRecord {
  #end = '';
  cursor: string | null = null;

  /** Adds the next bytes of the record. */
  push(bytes: Buffer): void {
    if (this.cursor !== null) return;
    const text = this.#end + bytes.toString('latin1');
    const found = CURSOR_FIELD.exec(text)?.[1];
    this.cursor = isCursor(found) ? found : null;
    this.#end = text.slice(-CURSOR_FIELD_BYTES);
  }
}

function gapOfOverlong(records: number): Gap {
  const what = records === 1 ? 'a record of the journal that is' : `${records} records of the journal that are`;
  const text = `${what} longer than ${LOG_LINE_LIMIT_BYTES / 1_024} KiB ${records === 1 ? 'was' : 'were'} not read`;
  return { kind: 'unreadable', text, bytes: null, lines: records };
}

/**
 * Splits output that comes in pieces. Holds at most LOG_LINE_LIMIT_BYTES of a partial record. `after` is the cursor that journalctl
 * begins at: it prints that record again, and it is omitted here.
 */
export class JournalRecords {
  #rest: Buffer = Buffer.alloc(0);
  /** The record that is being passed over. */
  #overlong: OverlongRecord | null = null;
  /** Records that were passed over and are in no gap yet, and the cursor of the last one. */
  #omitted = 0;
  #omittedCursor: string | null = null;
  #after: string | null;

  constructor(after: string | null) {
    this.#after = after;
  }

  /** Adds a piece of output, torn anywhere; returns the records that are whole now. */
  push(piece: Buffer): Records {
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, piece]) : piece;
    if (this.#overlong !== null) {
      const end = bytes.indexOf(NEWLINE) + 1;
      this.#overlong.push(end === 0 ? bytes : bytes.subarray(0, end));
      if (end === 0) return this.#whole(EMPTY);
      this.#omit(this.#overlong);
      this.#overlong = null;
      bytes = bytes.subarray(end);
    }
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    const rest = bytes.subarray(end);
    const whole = this.#whole(bytes.subarray(0, end));
    if (rest.length > LOG_LINE_LIMIT_BYTES) {
      this.#overlong = new OverlongRecord();
      this.#overlong.push(rest);
    }
    this.#rest = this.#overlong === null ? Buffer.from(rest) : EMPTY;
    return whole;
  }

  #omit({ cursor }: OverlongRecord): void {
    this.#omittedCursor = cursor ?? this.#omittedCursor;
    if (!this.#isRepeat(cursor)) this.#omitted += 1;
  }

  #whole(block: Buffer): Records {
    const kept: Buffer[] = [];
    const gaps: Gap[] = [];
    let last: Buffer | null = null;
    for (let start = 0; start < block.length; ) {
      const end = block.indexOf(NEWLINE, start) + 1;
      const line = block.subarray(start, end);
      start = end;
      // Old versions print lines such as `-- No entries --`; a record begins with a brace.
      if (line[0] !== BRACE) continue;
      if (line.length > LOG_LINE_LIMIT_BYTES) {
        const overlong = new OverlongRecord();
        overlong.push(line);
        this.#omit(overlong);
        last = null;
        continue;
      }
      last = line;
      if (this.#after !== null && this.#isRepeat(fieldsOf(line)?.['__CURSOR'])) continue;
      const report = line.includes(DROPPED_MESSAGE_ID) ? parseDropReport(fieldsOf(line) ?? {}) : 'no report';
      if (report === 'no report') kept.push(line);
      else if (report) gaps.push(report);
    }
    if (this.#omitted > 0) gaps.push(gapOfOverlong(this.#omitted));
    const fields = last && fieldsOf(last);
    const cursor = isCursor(fields?.['__CURSOR']) ? fields['__CURSOR'] : last === null ? this.#omittedCursor : null;
    const writtenMs = Math.floor(Number(fields?.['__REALTIME_TIMESTAMP']) / 1_000);
    this.#omitted = 0;
    this.#omittedCursor = null;
    return { bytes: joined(kept, block), cursor, writtenMs: cursor && writtenMs ? writtenMs : null, gaps };
  }

  /** Tells whether the first record is the one that journalctl begins at. */
  #isRepeat(cursor: unknown): boolean {
    const after = this.#after;
    this.#after = null;
    return after !== null && isCursor(cursor) && sameRecord(after, cursor);
  }
}

/** Joins the kept lines; returns the block itself, without a copy, where none was omitted, which is nearly always. */
function joined(kept: readonly Buffer[], block: Buffer): Uint8Array {
  const size = kept.reduce((sum, line) => sum + line.length, 0);
  return size === block.length ? block : Buffer.concat(kept, size);
}
