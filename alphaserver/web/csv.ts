/** Writes rows as CSV (RFC 4180), safe to open in a spreadsheet. Pure. */
import { escapeText } from '../../service/escape.ts';

/** Longer than any text of an event can be, escaped or not. */
const CELL_LIMIT_CHARS = 8_192;
/**
 * What a spreadsheet takes for the beginning of a formula, in its wide forms too (OWASP, "CSV Injection"): at the start of a text, and
 * behind a semicolon, which is what separates cells where the comma is the decimal sign.
 */
const FORMULA = /(?:^|;) *(?=[=+\-@\uff1d\uff0b\uff0d\uff20])/g;

/** The mark that tells a spreadsheet that a file is UTF-8 (RFC 3629, section 6). */
export const BYTE_ORDER_MARK = '\ufeff';

/** Writes the line with the names of the columns. */
export const csvHead = (columns: readonly string[]): string => lineOf(columns);

/**
 * Writes rows. What does not show is written out (`\x1b`, `\u{202e}`); what a spreadsheet would take for a formula gets a `'`
 * before it; null is an empty cell.
 */
export const csvRows = (columns: readonly string[], rows: readonly Readonly<Record<string, unknown>>[]): string =>
  rows.map((row) => lineOf(columns.map((column) => row[column]))).join('');

const lineOf = (cells: readonly unknown[]): string => `${cells.map(cell).join(',')}\r\n`;

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value !== 'string') return String(value);
  const shown = escapeText(value, CELL_LIMIT_CHARS);
  const safe = shown.replace(FORMULA, "$&'");
  return /[",']/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
