/** Remembers the messages of one chunk of a log: a process often says exactly what it, or another, said a few lines before. */

import { parseMessage } from './message-parser.ts';
import type { ParsedMessage } from './message-types.ts';

/** A chunk has some 700 lines. A power of two. */
const SLOTS = 512;
/** Characters counted from a message's end, where ports stand, in which messages of one length differ. */
const PORT_CHARS = [6, 7, 8, 10] as const;

/** A direct-mapped cache of messages by their text. What it gives is shared, and not to be changed. */
export class MessageMemo {
  readonly #texts: string[] = Array(SLOTS).fill('');
  readonly #messages: (ParsedMessage | null)[] = Array(SLOTS).fill(null);

  /** Does what `parseMessage` does with a message that has a header. */
  parse(text: string): ParsedMessage | null {
    const slot = slotOf(text);
    if (this.#texts[slot] === text) return this.#messages[slot] as ParsedMessage | null;
    const message = parseMessage(text, false);
    this.#texts[slot] = text;
    this.#messages[slot] = message;
    return message;
  }

  /** Forgets all, at the end of a chunk: texts share its memory. */
  clear(): void {
    this.#texts.fill('');
    this.#messages.fill(null);
  }
}

function slotOf(text: string): number {
  const { length } = text;
  let hash = length;
  for (const back of PORT_CHARS) hash = Math.imul(hash, 31) + text.charCodeAt(length - back);
  return hash & (SLOTS - 1);
}
