/** Reads the errors of SQLite. */
import { freeBytesOn } from './disk-room.ts';

const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;
/** The low byte of SQLite's extended codes is the code itself. */
const CODE_BITS = 0xff;
/** What SQLite makes when it opens a file does not fit into less: its shared memory takes 32 KiB, its write-ahead log some pages. */
const OPENING_BYTES = 65_536;

/** Gives SQLite's extended code; 0 for any other error. */
export const errcode = (error: unknown): number => (error as { errcode?: number }).errcode ?? 0;

/** Gives SQLite's code without what extends it; 0 for any other error. */
const primaryCode = (error: unknown): number => errcode(error) & CODE_BITS;

const isDamageCode = (code: number): boolean => [SQLITE_CORRUPT, SQLITE_NOTADB].includes(code & CODE_BITS);

/** True for what SQLite says of a file that is damaged, or no database at all. */
export const isDamage = (error: unknown): boolean => isDamageCode(errcode(error));

/** Gives what SQLite's quick check found wrong, by its text, for the end of a sentence; null for nothing. */
export function checkFault(text: string): string | null {
  // It begins with a line that names the database.
  return text === 'ok' ? null : text.replaceAll(/^\*\*\*.*\n/gm, '').replaceAll('\n', '; ');
}

/**
 * True where the text of SQLite's quick check names an error for which it could not read a page, an I/O error above all: that may pass,
 * and says nothing about the file. It is a text and no error: `checkTreePage` in https://sqlite.org/src/file/src/btree.c.
 */
export function namesReadError(text: string): boolean {
  return [...text.matchAll(/\berror code=(\d+)/g)].some(([, code]) => !isDamageCode(Number(code)));
}

/** Gives the message of an error from opening a file in a folder. SQLite calls it an I/O error where a full disk has no room for its shared memory. */
export function openingFault(error: unknown, folder: string): string {
  const message = error instanceof Error ? error.message : String(error);
  if (primaryCode(error) !== SQLITE_IOERR) return message;
  const free = freeBytesOn(folder);
  return free !== null && free < OPENING_BYTES ? `the disk is full (${message})` : message;
}
