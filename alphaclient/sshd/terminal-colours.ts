/** The colours that grep and other tools write around a file's name, a line's number and what was found. */

import { parseMessage } from './message-parser.ts';
import type { HeaderParser } from './syslog-header.ts';

export const ESCAPE = '\u001b';
/** `ESC [ 01;31 m` sets a colour, `ESC [ K` clears the rest of a terminal's line. */
const COLOURS = new RegExp(String.raw`${ESCAPE}\[[\d;]{0,16}[mK]`, 'g');

/** Takes colours away from a line that is not understood with them. A client may send some in a name, which are left in it. */
export function withoutColours(line: string, headers: HeaderParser): string {
  if (!line.includes(ESCAPE)) return line;
  const text = line.replace(/\r$/, '');
  const { writer, from, end } = headers.parse(text);
  const isKnown = writer === 'sshd' && parseMessage(text.slice(from, end), false) !== null;
  return isKnown ? line : line.replace(COLOURS, '');
}
