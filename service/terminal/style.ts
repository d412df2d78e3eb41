/** Where text for people goes: a terminal of some width, or a pipe. */
import type { Writable } from 'node:stream';
import { styleText } from 'node:util';

/** Its width, and whether colour is welcome. */
export interface Paper {
  /** Characters a line; pipes have none, and get what the text needs. */
  readonly columns: number | undefined;
  readonly colour: boolean;
}

/** Widths that COLUMNS may give; others are taken for a mistake. */
const COLUMNS = /^[1-9]\d{0,4}$/;

/**
 * The paper behind a stream. `columns` is the variable COLUMNS where it is set: it goes before the terminal's own width
 * and gives one to a pipe. Colour is by Node's rules: on a terminal that can, NO_COLOR and TERM=dumb without, FORCE_COLOR
 * also in a pipe.
 */
export function paperOf(stream: Writable, columns?: string | undefined): Paper {
  const terminal = stream as Partial<NodeJS.WriteStream>;
  const own = terminal.isTTY === true ? terminal.columns : undefined;
  return {
    columns: columns !== undefined && COLUMNS.test(columns) ? Number(columns) : own,
    colour: styleText('bold', ' ', { stream }) !== ' ',
  };
}

/** How a text may be set off. */
export type Ink = 'bold' | 'dim' | 'green' | 'yellow' | 'red';

/** The text in an ink where colour is welcome, else as it is. */
export function inked(text: string, ink: Ink | readonly Ink[], { colour }: Paper): string {
  return colour ? styleText(typeof ink === 'string' ? ink : [...ink], text, { validateStream: false }) : text;
}
