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
const EMPTY = new Uint8Array(0);

/** Whole records. */
export interface Records {
  /** The records as journalctl printed them, one per line. */
  readonly bytes: Uint8Array;
  /** The cursor of the last record, also of one that is not in `bytes`; null when there was none. */
  readonly cursor: string | null;
  /** The time at which that record was written, Unix milliseconds; null when there was none. */
  readonly writtenMs: number | null;
  /** The gaps that journald reported. */
  readonly gaps: readonly Gap[];
  /** The number of records that were longer than LOG_LINE_LIMIT_BYTES and are omitted: half a JSON object cannot be parsed. */
  readonly omittedRecords: number;
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

/**
 * Splits output that comes in pieces. Holds at most LOG_LINE_LIMIT_BYTES of a partial record. `after` is the cursor that journalctl
 * begins at: it prints that record again, and it is omitted here.
 */
export class JournalRecords {
  #rest: Buffer = Buffer.alloc(0);
  #overlong = false;
  #after: string | null;

  constructor(after: string | null) {
    this.#after = after;
  }

  /** Adds a piece of output, torn anywhere; returns the records that are whole now. */
  push(piece: Buffer): Records {
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, piece]) : piece;
    let omittedRecords = 0;
    if (this.#overlong) {
      const end = bytes.indexOf(NEWLINE);
      if (end < 0) return this.#nothing(EMPTY, 0);
      bytes = bytes.subarray(end + 1);
      this.#overlong = false;
    }
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    const rest = bytes.subarray(end);
    this.#overlong = rest.length > LOG_LINE_LIMIT_BYTES;
    omittedRecords += this.#overlong ? 1 : 0;
    if (end === 0) return this.#nothing(rest, omittedRecords);
    this.#keep(rest);
    return this.#whole(bytes.subarray(0, end), omittedRecords);
  }

  #keep(rest: Uint8Array): void {
    this.#rest = this.#overlong ? Buffer.alloc(0) : Buffer.from(rest);
  }

  #nothing(rest: Uint8Array, omittedRecords: number): Records {
    this.#keep(rest);
    return { bytes: EMPTY, cursor: null, writtenMs: null, gaps: [], omittedRecords };
  }

  #whole(block: Buffer, alreadyOmitted: number): Records {
    const kept: Buffer[] = [];
    const gaps: Gap[] = [];
    let omittedRecords = alreadyOmitted;
    let last: Buffer | null = null;
    for (let start = 0; start < block.length; ) {
      const end = block.indexOf(NEWLINE, start) + 1;
      const line = block.subarray(start, end);
      start = end;
      // Old versions print lines such as `-- No entries --`; a record begins with a brace.
      if (line[0] !== BRACE) continue;
      if (line.length > LOG_LINE_LIMIT_BYTES) {
        omittedRecords += 1;
        continue;
      }
      last = line;
      if (this.#isRepeat(line)) continue;
      const report = line.includes(DROPPED_MESSAGE_ID) ? parseDropReport(fieldsOf(line) ?? {}) : 'no report';
      if (report === 'no report') kept.push(line);
      else if (report) gaps.push(report);
    }
    const fields = last && fieldsOf(last);
    const cursor = isCursor(fields?.['__CURSOR']) ? fields['__CURSOR'] : null;
    const writtenMs = Math.floor(Number(fields?.['__REALTIME_TIMESTAMP']) / 1_000);
    return {
      bytes: joined(kept, block),
      cursor,
      writtenMs: cursor && writtenMs ? writtenMs : null,
      gaps,
      omittedRecords,
    };
  }

  #isRepeat(line: Buffer): boolean {
    if (this.#after === null) return false;
    const after = this.#after;
    this.#after = null;
    const cursor = fieldsOf(line)?.['__CURSOR'];
    return isCursor(cursor) && sameRecord(after, cursor);
  }
}

/** Joins the kept lines; returns the block itself, without a copy, where none was omitted, which is nearly always. */
function joined(kept: readonly Buffer[], block: Buffer): Uint8Array {
  const size = kept.reduce((sum, line) => sum + line.length, 0);
  return size === block.length ? block : Buffer.concat(kept, size);
}
