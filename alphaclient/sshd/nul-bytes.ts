/**
 * Lines with NUL bytes, which neither syslog nor sshd writes: text in UTF-16 or UTF-32 (a log that PowerShell redirected), and the holes
 * that a power failure or a copied and truncated log leaves before, in and behind lines.
 */

import { encoded } from './latin1.ts';

/** Behind its byte order mark a line of UTF-16 begins with ASCII characters, as every header and every message does. */
const UTF_16 = /^(?:[^\0]\0){4}/;
const UTF_32 = /^(?:[^\0]\0{3}){2}/;
const LITTLE_ENDIAN_MARK = '\xff\xfe';
const BIG_ENDIAN_MARK = '\xfe\xff';
/** A line has a hole or two. With more, it is none of text, and not read piece by piece. */
export const PIECES_LIMIT = 16;

/** True where a log begins with the byte order mark of big-endian UTF-16 or UTF-32. */
export function isBigEndian(firstLine: string): boolean {
  return firstLine.replace(/^\0+/, '').startsWith(BIG_ENDIAN_MARK);
}

/**
 * Gives the lines of text, of which there may be none, in a line between two LF bytes. Both it and they are Latin-1. `bigEndian`: what the log's
 * byte order mark said; characters beyond ASCII need it.
 */
export function textIn(line: string, bigEndian: boolean): string[] {
  let text = line.replace(/^\0+/, '');
  if (text.startsWith(LITTLE_ENDIAN_MARK) || text.startsWith(BIG_ENDIAN_MARK)) text = text.slice(2).replace(/^\0+/, '');
  if (UTF_16.test(text)) return [encoded(utf16(text, bigEndian))];
  if (UTF_32.test(text)) return [withoutNuls(text)];
  const pieces = text.split(/\0+/, PIECES_LIMIT + 1).filter((piece) => piece !== '');
  return pieces.length > PIECES_LIMIT ? [withoutNuls(text)] : pieces;
}

function withoutNuls(text: string): string {
  return Buffer.from(Buffer.from(text, 'latin1').filter((byte) => byte !== 0)).toString('latin1');
}

/** Decodes UTF-16 from the first byte of its first character that is not NUL. */
function utf16(text: string, bigEndian: boolean): string {
  const bytes = Buffer.from(bigEndian ? `\0${text}` : text, 'latin1');
  const whole = bytes.subarray(0, bytes.length - (bytes.length % 2));
  return (bigEndian ? whole.swap16() : whole).toString('utf16le');
}
