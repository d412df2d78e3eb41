/**
 * Log lines as strings of Latin-1: one character a byte, so that nothing is lost of bytes that are no valid UTF-8. A text is decoded to
 * what its writer meant only when it goes into an event.
 */

const BEYOND_ASCII = /[\x80-\xff]/;
const BEYOND_ASCII_TEXT = /[^\p{ASCII}]/u;
/** Up to so many characters a loop is faster than an expression. */
const SHORT_CHARS = 32;

function isBeyondAscii(bytes: string): boolean {
  if (bytes.length > SHORT_CHARS) return BEYOND_ASCII.test(bytes);
  for (let i = 0; i < bytes.length; i++) if (bytes.charCodeAt(i) > 127) return true;
  return false;
}

/** The UTF-8 bytes of a text, each as the character of its value. */
export function encoded(text: string): string {
  return BEYOND_ASCII_TEXT.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

/** The text that these bytes are in UTF-8. */
export function decoded(bytes: string): string {
  return isBeyondAscii(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes;
}

/** Returns the text without a CR at its end. */
export const withoutCr = (text: string): string => (text.endsWith('\r') ? text.slice(0, -1) : text);

/**
 * A copy of a text whose characters stand in one piece of memory of its own. V8 compares such texts with others several times as fast as
 * slices, and as texts that were put together of parts.
 */
export function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

/** The shortest slice that shares memory (V8's SlicedString::kMinLength). */
const SLICE_MIN_CHARS = 13;

/**
 * A copy of a text for whoever keeps it. V8 lets a slice of 13 characters or more share the memory of what it was cut from, which
 * would keep the whole chunk of the log.
 */
export function detached(text: string): string {
  return text.length < SLICE_MIN_CHARS ? text : ` ${text}`.slice(1);
}

/** A text of a message as a connection keeps it: the message is part of its chunk of the log, which would be kept with it. */
export const kept = (text: string | null): string | null => (text === null ? null : detached(text));
