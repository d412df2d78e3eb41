/** Short texts of a log by their bytes: those that come again and again are made once. */

import { latin1 } from './latin1.ts';

/** A place for each hash; what comes to a place that is taken, takes it. */
const PLACES = 8_192;
/** Longer ones are made anew each time. */
const LIMIT_BYTES = 64;

export class Interned {
  readonly #texts: string[] = new Array<string>(PLACES).fill('');

  /** The text of the bytes from `from` to `end`, each as the character of its value. */
  text(bytes: Buffer, from: number, end: number): string {
    const length = end - from;
    if (length > LIMIT_BYTES) return latin1(bytes, from, end);
    let hash = length;
    for (let i = from; i < end; i++) hash = (Math.imul(hash, 31) + (bytes[i] as number)) | 0;
    const place = (hash ^ (hash >>> 13)) & (PLACES - 1);
    const known = this.#texts[place] as string;
    if (known.length === length && isText(bytes, from, known)) return known;
    const text = latin1(bytes, from, end);
    this.#texts[place] = text;
    return text;
  }
}

function isText(bytes: Uint8Array, from: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[from + i] !== text.charCodeAt(i)) return false;
  return true;
}
