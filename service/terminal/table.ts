/** Tables for people: this is the one file that draws them. */

import CliTable from 'cli-table3';
import { escapeText } from '../escape.ts';
import { width } from './display-width.ts';
import { grouped } from './grouped.ts';
import { styled, type Terminal } from './style.ts';

/** A column: numbers stand on the right. */
export interface Column {
  readonly title: string;
  readonly number?: boolean;
  /** May be left out where the line is too short for all: the highest goes first. A column without one always stays. */
  readonly spare?: number;
  /** Texts that say nothing when cut, such as times. */
  readonly whole?: boolean;
  /** Least characters of a text that are kept before columns are left out; LEAST_CHARS unless given. */
  readonly leastChars?: number;
  /** The longest text, in characters; CELL_LIMIT_CHARS unless given. */
  readonly limitChars?: number;
}

type Rows = readonly (readonly (string | number)[])[];

/** The narrowest terminal that is still served; below it tables are cut on the right. */
const NARROWEST_CHARS = 40;
const CELL_LIMIT_CHARS = 60;
const LEAST_CHARS = 8;
const GAP_CHARS = 2;

/** A table without frames, ended by a line feed. Text from outside is escaped here. */
export function table(columns: readonly Column[], rows: Rows, terminal: Terminal): string {
  const texts = rows.map((row) =>
    row.map((cell, i) =>
      typeof cell === 'number' ? grouped(cell) : escapeText(cell, columns[i]?.limitChars ?? CELL_LIMIT_CHARS),
    ),
  );
  const wanted = columns.map(
    ({ title }, i) => Math.max(title.length, ...texts.map((row) => width(row[i] ?? ''))) + GAP_CHARS,
  );
  // The gap after the last column needs no room.
  const limit = Math.max(terminal.columns ?? Number.POSITIVE_INFINITY, NARROWEST_CHARS) + GAP_CHARS;
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
    head: shown.map(({ title }) => styled(title, 'bold', terminal)),
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

/** Gives the least width of a column, out of the width it would like. */
function leastOf(column: Column | undefined, wanted: number): number {
  if (column?.number || column?.whole) return wanted;
  return Math.min(wanted, (column?.leastChars ?? LEAST_CHARS) + GAP_CHARS);
}

/** The columns that fit, by their place: spare ones go until the rest does at its narrowest. */
function fitting(columns: readonly Column[], widths: readonly number[], limit: number): number[] {
  let kept = columns.map((_, i) => i);
  const least = (i: number): number => leastOf(columns[i], widths[i] ?? 0);
  while (sum(kept.map(least)) > limit) {
    const spare = kept.filter((i) => columns[i]?.spare !== undefined);
    const goes = spare.sort((a, b) => (columns[b]?.spare ?? 0) - (columns[a]?.spare ?? 0))[0];
    if (goes === undefined) return kept;
    kept = kept.filter((i) => i !== goes);
  }
  return kept;
}

/** Takes from the widest column that has something to spare until the line fits. */
function shrunk(widths: readonly number[], columns: readonly Column[], limit: number): number[] {
  const now = [...widths];
  for (let over = sum(now) - limit; over > 0; over -= 1) {
    let widest = -1;
    for (const [i, column] of columns.entries())
      if ((now[i] ?? 0) > leastOf(column, widths[i] ?? 0) && (widest < 0 || (now[i] ?? 0) > (now[widest] ?? 0)))
        widest = i;
    if (widest < 0) break;
    now[widest] = (now[widest] ?? 0) - 1;
  }
  return now;
}
