/** What journalctl prints, cut into whole records. */
import { isCursor, sameRecord } from './journal-cursor.ts';
import { type Gap, LINE_LIMIT_BYTES } from './source.ts';

/** systemd's id of the message by which journald says that it dropped records of a service (SD_MESSAGE_JOURNAL_DROPPED). */
export const DROPPED_MESSAGE_ID = 'a596d6fe7bfa4994828e72309e95d61e';
/** The units that sshd runs in: `ssh.service` on Debian, `sshd.service` elsewhere, `sshd@...` where a socket starts it. */
const SSHD_UNIT = /(?:^|\/)sshd?(?:@[^/]*)?\.(?:service|socket)$/;
const DROPPED_TEXT = /^Suppressed (\d{1,15}) messages from (\S{1,300})$/;
const NEWLINE = 0x0a;
const BRACE = 0x7b;
const EMPTY = new Uint8Array(0);

/** Whole records, ready to be handed on. */
export interface Records {
  /** The records as journalctl printed them, one a line. */
  readonly bytes: Uint8Array;
  /** The cursor of the last record seen, handed on or not; null when there was none. */
  readonly cursor: string | null;
  /** When that record was written, Unix milliseconds; null when there was none. */
  readonly writtenMs: number | null;
  /** What journald says it dropped. */
  readonly gaps: readonly Gap[];
  /** Records longer than LINE_LIMIT_BYTES, left out: half a JSON object cannot be read. */
  readonly cutLines: number;
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

/** `own`: no report of drops; a Gap: one about sshd; null: one that is none of ours. */
function droppedBy(fields: Fields): Gap | 'own' | null {
  if (fields['MESSAGE_ID'] !== DROPPED_MESSAGE_ID) return 'own';
  // Any program may send this id; the transport is journald's own word, and `driver` is journald itself.
  if (fields['_TRANSPORT'] !== 'driver') return fields['SYSLOG_IDENTIFIER'] === 'systemd-journald' ? null : 'own';
  const found = DROPPED_TEXT.exec(String(fields['MESSAGE']));
  if (!found || !SSHD_UNIT.test(found[2] ?? '')) return null;
  return { kind: 'suppressed', text: `journald: ${found[0]}`, bytes: null, lines: Number(found[1]) };
}

/**
 * Collects what journalctl prints. Holds at most LINE_LIMIT_BYTES of an unfinished record. `after` is the cursor that
 * journalctl was told to begin at: it prints that record once more, and here it is left out.
 */
export class JournalRecords {
  #rest: Buffer = Buffer.alloc(0);
  #overlong = false;
  #after: string | null;

  constructor(after: string | null) {
    this.#after = after;
  }

  /** Takes a piece of output, cut anywhere, and gives the records that are whole now. */
  push(piece: Buffer): Records {
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, piece]) : piece;
    let cutLines = 0;
    if (this.#overlong) {
      const end = bytes.indexOf(NEWLINE);
      if (end < 0) return this.#nothing(EMPTY, 0);
      bytes = bytes.subarray(end + 1);
      this.#overlong = false;
    }
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    const rest = bytes.subarray(end);
    this.#overlong = rest.length > LINE_LIMIT_BYTES;
    cutLines += this.#overlong ? 1 : 0;
    if (end === 0) return this.#nothing(rest, cutLines);
    this.#keep(rest);
    return this.#whole(bytes.subarray(0, end), cutLines);
  }

  #keep(rest: Uint8Array): void {
    this.#rest = this.#overlong ? Buffer.alloc(0) : Buffer.from(rest);
  }

  #nothing(rest: Uint8Array, cutLines: number): Records {
    this.#keep(rest);
    return { bytes: EMPTY, cursor: null, writtenMs: null, gaps: [], cutLines };
  }

  #whole(block: Buffer, alreadyCut: number): Records {
    const kept: Buffer[] = [];
    const gaps: Gap[] = [];
    let cutLines = alreadyCut;
    let last: Buffer | null = null;
    for (let start = 0; start < block.length; ) {
      const end = block.indexOf(NEWLINE, start) + 1;
      const line = block.subarray(start, end);
      start = end;
      // `-- No entries --` and the like of old versions; a record always begins with its brace.
      if (line[0] !== BRACE) continue;
      if (line.length > LINE_LIMIT_BYTES) {
        cutLines += 1;
        continue;
      }
      last = line;
      if (this.#isRepeat(line)) continue;
      const dropped = line.includes(DROPPED_MESSAGE_ID) ? droppedBy(fieldsOf(line) ?? {}) : 'own';
      if (dropped === 'own') kept.push(line);
      else if (dropped) gaps.push(dropped);
    }
    const fields = last && fieldsOf(last);
    const cursor = isCursor(fields?.['__CURSOR']) ? fields['__CURSOR'] : null;
    const writtenMs = Math.floor(Number(fields?.['__REALTIME_TIMESTAMP']) / 1_000);
    return { bytes: joined(kept, block), cursor, writtenMs: cursor && writtenMs ? writtenMs : null, gaps, cutLines };
  }

  #isRepeat(line: Buffer): boolean {
    if (this.#after === null) return false;
    const after = this.#after;
    this.#after = null;
    const cursor = fieldsOf(line)?.['__CURSOR'];
    return isCursor(cursor) && sameRecord(after, cursor);
  }
}

/** The kept lines in one piece: the block itself where nothing was left out, which is nearly always. */
function joined(kept: readonly Buffer[], block: Buffer): Uint8Array {
  const size = kept.reduce((sum, line) => sum + line.length, 0);
  return size === block.length ? block : Buffer.concat(kept, size);
}
