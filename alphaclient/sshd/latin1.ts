/** Bytes as text, one character a byte: nothing is lost, nothing is decoded that is not kept. */

/** What Buffer's own `toString('latin1')` calls, without the look at the encoding's name in the hottest loop. */
interface Sliced {
  latin1Slice(from: number, end: number): string;
}

/** The bytes from `from` to `end`, each as the character of its value. */
export function latin1(bytes: Buffer, from = 0, end = bytes.length): string {
  return (bytes as Buffer & Sliced).latin1Slice(from, end);
}
