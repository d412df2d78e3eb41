/**
 * Takes away from lines what neither syslog nor sshd wrote into them: NUL bytes, of text in UTF-16 or UTF-32 (a log that PowerShell
 * redirected) and of the holes that a power failure or a copied and truncated log leaves before, in and behind lines; the octet counts of
 * messages that were saved as they came over TCP; the colours that grep and other tools write around a file's name, a line's number and
 * what was found.
 */

import { encoded } from './latin1.ts';
import { parseMessage } from './message-parser.ts';
import type { HeaderParser } from './syslog-header.ts';

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
 * Gives the lines of text, of which there may be none, in a line between two LF bytes. Both it and they are Latin-1. `bigEndian`: the byte order that the
 * log's mark gives; characters beyond ASCII need it.
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

/** A count (RFC 6587, section 3.4.1), and the priority that follows it: `131 <38>1 2026-11-20T...`. Nothing stands between two messages. */
const COUNT = /^([1-9]\d{0,5}) (?=<\d{1,3}>)/;
const COUNT_LIMIT_CHARS = 12;

/** Returns the messages in a line of several, in Latin-1; null for any other line. The last may be incomplete. */
export function framesIn(line: string): string[] | null {
  if (!beginsWithDigit(line.charCodeAt(0))) return null;
  const frames: string[] = [];
  for (let at = 0; at < line.length; ) {
    const count = COUNT.exec(line.slice(at, at + COUNT_LIMIT_CHARS));
    const from = at + (count?.[0].length ?? 0);
    const end = count === null ? line.length : from + Number(count[1]);
    if (frames.length === 0 && (count === null || end >= line.length)) return null;
    frames.push(line.slice(from, end));
    at = end;
  }
  return frames;
}

/** Returns the end of the last whole message in bytes that begin with a count; 0 where there is none. */
export function endOfFrames(bytes: Buffer): number {
  for (let at = 0; ; ) {
    const count = beginsWithDigit(bytes[at] ?? 0) ? countAt(bytes, at) : null;
    const end = count === null ? bytes.length + 1 : at + count.length + Number(count);
    if (end > bytes.length) return at;
    at = end;
  }
}

function countAt(bytes: Buffer, at: number): string | null {
  return COUNT.exec(bytes.toString('latin1', at, at + COUNT_LIMIT_CHARS))?.[0] ?? null;
}

function beginsWithDigit(code: number): boolean {
  return code >= 0x31 && code <= 0x39;
}

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
