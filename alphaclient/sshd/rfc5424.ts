/** The parts of RFC 5424 that hold no words: the priority before a line, the structured data before its message. */

const OPEN = 91;
const CLOSE = 93;

/** Behind `<PRI>` at `at`, or -1. */
export function afterPriority(bytes: Uint8Array, at: number, end: number): number {
  for (let p = at + 1; p < Math.min(end, at + 5); p++) {
    const c = bytes[p] as number;
    if (c === 62) return p > at + 1 ? p + 1 : -1;
    if (c < 48 || c > 57) return -1;
  }
  return -1;
}

/** Behind the structured data at `at`: `-`, or `[...]` elements whose values are quoted and may hold brackets. */
export function afterData(bytes: Uint8Array, at: number, end: number): number {
  if (bytes[at] === 45) return at + 1;
  let p = at;
  while (p < end && bytes[p] === OPEN) {
    let quoted = false;
    for (p++; p < end; p++) {
      const c = bytes[p];
      if (quoted && c === 92) p++;
      else if (c === 34) quoted = !quoted;
      else if (c === CLOSE && !quoted) break;
    }
    p++;
  }
  return p > at && p <= end ? p : -1;
}
