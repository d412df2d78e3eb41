/**
 * Messages of syslog with their length before each, in bytes (RFC 6587, section 3.4.1): `131 <38>1 2026-11-20T...`. In what was saved as it
 * came over TCP nothing stands between two of them.
 */

/** A count, and the priority that follows it. */
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
