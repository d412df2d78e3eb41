/** Tables for people: this is the one file that draws them. */

import { styleText } from 'node:util';
import CliTable from 'cli-table3';
import type { Paper } from './paper.ts';
import { printable } from './printable.ts';

/** A column: numbers stand on the right. */
export interface Column {
  readonly title: string;
  readonly number?: boolean;
  /** May be left out where the line is too short for all: the highest goes first. A column without one always stays. */
  readonly spare?: number;
}

type Rows = readonly (readonly (string | number)[])[];

/** The narrowest terminal that is still served; below it tables are cut on the right. */
const NARROWEST_CHARS = 40;
const CELL_LIMIT_CHARS = 60;
/** What a text column keeps at least before columns are left out, with the gap after it. */
const NARROWEST_COLUMN_CHARS = 10;
const GAP_CHARS = 2;

/** A table without frames, ended by a line feed. Text from outside is made printable here. */
export function table(columns: readonly Column[], rows: Rows, paper: Paper): string {
  const texts = rows.map((row) =>
    row.map((cell) => (typeof cell === 'number' ? grouped(cell) : printable(cell, CELL_LIMIT_CHARS))),
  );
  const wanted = columns.map(
    ({ title }, i) => Math.max(title.length, ...texts.map((row) => width(row[i] ?? ''))) + GAP_CHARS,
  );
  // The gap after the last column needs no room.
  const limit = Math.max(paper.columns ?? Number.POSITIVE_INFINITY, NARROWEST_CHARS) + GAP_CHARS;
  const kept = fitting(columns, wanted, limit);
  const shown = kept.map((i) => columns[i] as Column);
  const widths = shrunk(
    kept.map((i) => wanted[i] ?? 0),
    shown,
    limit,
  );
  const drawn = new CliTable({
    chars: EMPTY,
    // Titles are styled below: the library would look at its own idea of the terminal.
    style: { 'padding-left': 0, 'padding-right': GAP_CHARS, head: [], border: [], compact: true },
    head: shown.map(({ title }) => (paper.colour ? styleText('bold', title, { validateStream: false }) : title)),
    colWidths: widths,
    colAligns: shown.map((column) => (column.number ? 'right' : 'left')),
  });
  drawn.push(...texts.map((row) => kept.map((i) => row[i] ?? '')));
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

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

/** The columns that fit, by their place: spare ones go until the rest does at its narrowest. */
function fitting(columns: readonly Column[], widths: readonly number[], limit: number): number[] {
  let kept = columns.map((_, i) => i);
  const least = (i: number): number =>
    columns[i]?.number ? (widths[i] ?? 0) : Math.min(widths[i] ?? 0, NARROWEST_COLUMN_CHARS);
  while (sum(kept.map(least)) > limit) {
    const spare = kept.filter((i) => columns[i]?.spare !== undefined);
    const goes = spare.sort((a, b) => (columns[b]?.spare ?? 0) - (columns[a]?.spare ?? 0))[0];
    if (goes === undefined) return kept;
    kept = kept.filter((i) => i !== goes);
  }
  return kept;
}

/** Takes from the widest text column until the line fits. */
function shrunk(widths: readonly number[], columns: readonly Column[], limit: number): number[] {
  const now = [...widths];
  for (let over = sum(now) - limit; over > 0; over -= 1) {
    let widest = -1;
    for (const [i, column] of columns.entries())
      if (!column.number && (widest < 0 || (now[i] ?? 0) > (now[widest] ?? 0))) widest = i;
    if (widest < 0 || (now[widest] ?? 0) <= NARROWEST_COLUMN_CHARS) break;
    now[widest] = (now[widest] ?? 0) - 1;
  }
  return now;
}

/** Characters on the screen; East Asian wide ones take two. */
export function width(text: string): number {
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
