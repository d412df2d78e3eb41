/** The width and colour of a text stream: a terminal, or a pipe. */
import type { Writable } from 'node:stream';
import { styleText } from 'node:util';

/** The properties of a stream that text for people is laid out by. */
export interface Terminal {
  /** Characters a line; undefined for a pipe, which gets lines of any length. */
  readonly columns: number | undefined;
  readonly colour: boolean;
}

/** Values of COLUMNS that are used; any other is ignored. */
const COLUMNS = /^[1-9]\d{0,4}$/;

/**
 * Reads the width and colour of a stream. `columns` is the environment variable COLUMNS: it overrides the terminal's own
 * width and gives one to a pipe. Colour follows Node's rules: NO_COLOR and TERM=dumb turn it off on a terminal,
 * FORCE_COLOR turns it on in a pipe.
 */
export function terminalOf(stream: Writable, columns?: string | undefined): Terminal {
  const tty = stream as Partial<NodeJS.WriteStream>;
  const own = tty.isTTY === true ? tty.columns : undefined;
  return {
    columns: columns !== undefined && COLUMNS.test(columns) ? Number(columns) : own,
    colour: styleText('bold', ' ', { stream }) !== ' ',
  };
}

/** The styles that text is set off by. */
export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red';

/** Returns the text in a style where the terminal takes colour, else unchanged. */
export function styled(text: string, style: Style | readonly Style[], { colour }: Terminal): string {
  return colour ? styleText(typeof style === 'string' ? style : [...style], text, { validateStream: false }) : text;
}
