/** Parses and compares cursors of the systemd journal; a cursor names one record. Pure. */
import type { LogPosition } from './source.ts';

/** A longer text is no cursor; journald's are about 160 characters. */
const CURSOR_LIMIT_CHARS = 512;
const CURSOR = /^[a-z]=[0-9a-f]{1,32}(?:;[a-z]=[0-9a-f]{1,32})*$/;

/** Returns whether `text` can be passed to journalctl as a cursor. */
export function isCursor(text: unknown): text is string {
  return typeof text === 'string' && text.length <= CURSOR_LIMIT_CHARS && CURSOR.test(text);
}

/** Returns the position after the record of `cursor`; null: before the first record of the journal. */
export function positionAfter(cursor: string | null): LogPosition {
  return { version: 1, cursor };
}

/** Returns the cursor in a saved position; undefined when it is not a position of the journal. */
export function cursorIn(position: LogPosition): string | null | undefined {
  const { version, cursor } = position;
  if (version !== 1) return undefined;
  return cursor === null || isCursor(cursor) ? cursor : undefined;
}

/**
 * Parses the fields of a cursor (sd_journal_get_cursor): `s` the sequence that the record belongs to, `i` its number in it, `b`
 * the boot, `m` the monotonic and `t` the wall clock time in microseconds, `x` a hash; all hexadecimal.
 */
function fieldsOf(cursor: string): ReadonlyMap<string, string> {
  return new Map(cursor.split(';').map((field) => [field.slice(0, 1), field.slice(2)]));
}

/**
 * Returns whether two cursors name the same record. A record that was copied to another file keeps boot, times and hash but
 * not its number, so either is enough, as in sd_journal_test_cursor.
 */
export function sameRecord(one: string, other: string): boolean {
  if (one === other) return true;
  const a = fieldsOf(one);
  const b = fieldsOf(other);
  const sameFields = (names: readonly string[]) => names.every((name) => a.has(name) && a.get(name) === b.get(name));
  return sameFields(['s', 'i', 'x']) || sameFields(['b', 'm', 't', 'x']);
}

/**
 * Returns how many records, sshd's and others, are between two records of one sequence; null where they are of different
 * sequences (another journal took its place) and nobody knows.
 */
export function recordsBetween(earlier: string, later: string): number | null {
  const a = fieldsOf(earlier);
  const b = fieldsOf(later);
  const [from, to] = [a.get('i'), b.get('i')];
  if (a.get('s') !== b.get('s') || from === undefined || to === undefined) return null;
  const between = Number.parseInt(to, 16) - Number.parseInt(from, 16) - 1;
  return between >= 0 ? between : null;
}

/** Returns when the record was written, Unix milliseconds; NaN where the cursor has no time. */
export function cursorTimeMs(cursor: string): number {
  return Number.parseInt(fieldsOf(cursor).get('t') ?? '', 16) / 1_000;
}
