/** Short texts of a log by their bytes: those that come again and again are made once. */

import { type Bytes, room, same } from './compare.ts';
import { latin1 } from './latin1.ts';

/** A place for each hash; what comes to a place that is taken, takes it. */
const PLACES = 4_096;
/** Longer ones are made anew each time. */
const LIMIT_BYTES = 64;

export class Interned {
  readonly #texts = new Array<string>(PLACES).fill('');
  readonly #bytes = room(PLACES * LIMIT_BYTES);

  /** The text of the bytes from `from` to `end`, which are printable ASCII; `view` is of the same bytes. */
  text(bytes: Buffer, view: Bytes, from: number, end: number): string {
    const length = end - from;
    if (length > LIMIT_BYTES) return latin1(bytes, from, end);
    let hash = length;
    let at = from;
    for (; at + 4 <= end; at += 4) hash = Math.imul(hash, 0x9e37_79b1) + view.view.getInt32(at, true);
    for (; at < end; at++) hash = Math.imul(hash, 31) + view.byte(at);
    const place = (hash ^ (hash >>> 13)) & (PLACES - 1);
    const known = this.#texts[place] as string;
    if (known.length === length && same(view, from, this.#bytes, place * LIMIT_BYTES, length)) return known;
    const text = latin1(bytes, from, end);
    this.#texts[place] = text;
    this.#bytes.copy(place * LIMIT_BYTES, view, from, length);
    return text;
  }
}
