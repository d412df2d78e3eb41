/**
 * The ordinary messages of ordinary connections, which most lines of a busy log are: told apart by comparing bytes with what
 * is known, so that few of them need to be decoded. What differs in any byte is read by the table, which would come to the
 * same: this changes how fast a log is read, and nothing else.
 */

import type { Identities } from './identities.ts';
import { Matcher } from './matcher.ts';
import type { Memory } from './memory.ts';
import {
  type Message,
  OF_ACCEPTED,
  OF_DECIDED,
  OF_GONE,
  OF_NEW,
  OF_REMARKED,
  OF_TOLD,
  OF_UNDECIDED,
  OF_WITHOUT_PORT,
  STEPS,
} from './ordinary-messages.ts';

const FIRST_BYTES = 256;
/** In the order of their numbers, each by whether the user is invalid. */
const STAGES = [OF_NEW, OF_WITHOUT_PORT, OF_UNDECIDED, OF_DECIDED, OF_TOLD, OF_ACCEPTED, OF_REMARKED, OF_GONE].flatMap(
  ({ valid, invalid }) => [valid, invalid],
);
const ALL = [...new Set(STAGES.flat())];
const STEPS_OF = Int32Array.from(ALL, ({ start }) => start);
const NO_MORE = -1;
const LISTS = [NO_MORE];
/** By stage and first byte, where among `CANDIDATES` those begin that may stand there: numbers of `ALL`, then `NO_MORE`. */
const FIRSTS = new Int32Array(STAGES.length * FIRST_BYTES);
for (const [stage, messages] of STAGES.entries())
  for (const first of new Set(messages.map(({ template }) => template.charCodeAt(0)))) {
    FIRSTS[stage * FIRST_BYTES + first] = LISTS.length;
    for (const message of messages) if (message.template.charCodeAt(0) === first) LISTS.push(ALL.indexOf(message));
    LISTS.push(NO_MORE);
  }
const CANDIDATES = Int32Array.from(LISTS);

/** Tells which ordinary message stands somewhere, by the stage of its connection; where in doubt none. */
export class Ordinary {
  /** Where in the memory the new things stand that the last message told, and where it ends. */
  readonly found: Matcher;
  readonly #bytes: Uint8Array;

  /** `known` is what connections are known by. */
  constructor(memory: Memory, known: Identities) {
    this.found = new Matcher(memory, known, STEPS);
    this.#bytes = memory.bytes;
  }

  /** What the message that begins at `from` is of a connection that has come so far and is known at `place`; null: it must be read. */
  read(from: number, stage: number, place: number): Message | null {
    const { found } = this;
    for (let i = FIRSTS[stage * FIRST_BYTES + (this.#bytes[from] as number)] as number; ; i++) {
      const number = CANDIDATES[i] as number;
      if (number === NO_MORE) return null;
      if (found.matches(STEPS_OF[number] as number, from, place)) return ALL[number] as Message;
    }
  }
}
