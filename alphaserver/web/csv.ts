/** Answers as CSV (RFC 4180), safe to open in a spreadsheet. Pure. */
import { escapeText } from '../../service/escape.ts';

/** Longer than any text of an event can be, escaped or not. */
const CELL_LIMIT_CHARS = 8_192;
/** What a spreadsheet takes for a formula. */
const FORMULA = /^[=+\-@]/;

/**
 * Rows under a line with the names of the columns. What does not show is written out (`\x1b`, `\u{202e}`); a text that a
 * spreadsheet would take for a formula gets a `'` before it; null is an empty cell.
 */
export function csvOf(columns: readonly string[], rows: readonly Readonly<Record<string, unknown>>[]): string {
  const lines = [columns, ...rows.map((row) => columns.map((column) => row[column]))];
  return lines.map((cells) => `${cells.map(cell).join(',')}\r\n`).join('');
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value !== 'string') return String(value);
  const shown = escapeText(value, CELL_LIMIT_CHARS);
  const safe = FORMULA.test(shown) ? `'${shown}` : shown;
  return /[",']/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
