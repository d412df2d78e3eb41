/** Tables for people: this is the one file that draws them. */

import CliTable from 'cli-table3';
import { printable } from './printable.ts';

/** A column: numbers stand on the right. */
export interface Column {
  readonly title: string;
  readonly number?: boolean;
}

/** Where a table goes: its width, and whether colour is welcome. */
export interface Paper {
  /** Characters a line; pipes have none, and get what the table needs. */
  readonly columns: number | undefined;
  readonly colour: boolean;
}

/** The narrowest terminal that is still served; below it tables are cut on the right. */
const NARROWEST_CHARS = 40;
const CELL_LIMIT_CHARS = 60;

/** A table without frames, ended by a line feed. Text from outside is made printable here. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly (string | number)[])[],
  paper: Paper,
): string {
  const texts = rows.map((row) =>
    row.map((cell) => (typeof cell === 'number' ? grouped(cell) : printable(cell, CELL_LIMIT_CHARS))),
  );
  const widths = columns.map(
    (column, i) => Math.max(column.title.length, ...texts.map((row) => width(row[i] ?? ''))) + 2,
  );
  shrink(widths, columns, Math.max(paper.columns ?? Number.POSITIVE_INFINITY, NARROWEST_CHARS));
  const drawn = new CliTable({
    chars: EMPTY,
    style: { 'padding-left': 0, 'padding-right': 2, head: paper.colour ? ['bold'] : [], border: [], compact: true },
    head: columns.map((column) => column.title),
    colWidths: widths,
    colAligns: columns.map((column) => (column.number ? 'right' : 'left')),
  });
  drawn.push(...texts);
  return `${drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')}\n`;
}

const EMPTY = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
    'middle',
  ].map((name) => [name, '']),
);

/** Takes from the widest text column until the line fits. */
function shrink(widths: number[], columns: readonly Column[], limit: number): void {
  let sum = widths.reduce((all, one) => all + one, 0);
  while (sum > limit) {
    let widest = -1;
    for (const [i, column] of columns.entries())
      if (!column.number && (widest < 0 || (widths[i] ?? 0) > (widths[widest] ?? 0))) widest = i;
    const now = widths[widest] ?? 0;
    if (widest < 0 || now <= 8) return;
    widths[widest] = now - 1;
    sum--;
  }
}

/** Characters on the screen; East Asian wide ones take two. */
function width(text: string): number {
  let sum = 0;
  for (const character of text)
    sum +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u.test(
        character,
      )
        ? 2
        : 1;
  return sum;
}

/** 1234567 as 1,234,567. */
export function grouped(number: number): string {
  return number.toLocaleString('en-US');
}
