/** Lines that begin alike, and the ordinary messages in them, taken as bytes. Whatever is not so is left to the table. */

import type { Endings } from './endings.ts';
import { lineEnd } from './extents.ts';
import type { Place } from './matching.ts';
import type { OpenConnections } from './open-connections.ts';
import type { Message } from './ordinary-messages.ts';
import type { LastDecision } from './repeats.ts';
import { Sayings } from './sayings.ts';
import { STAGES } from './stages.ts';
import type { Telling } from './telling.ts';
import { WORKBENCH } from './workbench.ts';

const { NEW } = STAGES;
const CR = 13;

// What there is one of: see workbench.ts.
const { memory, lane, lead, ordinary } = WORKBENCH;
const { found } = ordinary;

/** Takes line after line for as long as it is sure of each; whoever calls reads the next one, and comes back. */
export class Skimming {
  /** How many messages were taken. */
  count = 0;
  /** The last message taken, and where it began in the memory; null where the last one was not taken. */
  message: Message | null = null;
  from = 0;
  /** Whether the line at which `lines` stopped begins like the one before. */
  isAlike = false;
  /** Whether the last line that `lines` took was another program's. */
  isOther = false;

  readonly #open: OpenConnections;
  readonly #endings: Endings;
  readonly #last: LastDecision;
  readonly #sayings: Sayings;

  /** `last` is told of every decision that is skimmed. */
  constructor(open: OpenConnections, endings: Endings, telling: Telling, last: LastDecision) {
    this.#open = open;
    this.#endings = endings;
    this.#last = last;
    this.#sayings = new Sayings(open, endings, telling);
  }

  /** Where the last message that was taken ends: its line's CR or LF. */
  get end(): number {
    return found.end;
  }

  /**
   * Takes lines that begin alike and are ordinary, from `at` to `end` in the memory, the first of them behind `place`; gives
   * where the first stands that has to be read, or `end`. `place` is that of the last line that began alike. Other programs'
   * lines are left out, unless they are to be read (`all`).
   */
  lines(at: number, end: number, place: Place, all: boolean): number {
    const { bytes } = memory;
    let from = at;
    while (from < end) {
      const isAlike = lead.read(from);
      this.isAlike = isAlike;
      if (!isAlike && (all || !lead.isOther)) return from;
      place.line++;
      this.isOther = !isAlike;
      let last = 0;
      if (isAlike) {
        place.pid = lead.pid;
        place.ms = lead.ms;
        if (!this.take(lead.from, place)) return from;
        last = found.end;
      } else last = lineEnd(bytes, from);
      from = bytes[last] === CR ? last + 2 : last + 1;
    }
    return end;
  }

  /** Takes the message at `from` in the memory, if it is an ordinary one; false where it must be read. */
  take(from: number, place: Place): boolean {
    this.#endings.pass(place);
    const { host, pid } = place;
    const at = lane.placeOf(host, pid);
    const stage = lane.stage(at, host, pid);
    this.message = null;
    if (stage === NEW && this.#open.isBehind(host, pid)) return false;
    const message = ordinary.read(from, stage, at);
    if (message === null) return false;
    if (message.said !== 'ignored')
      if (!(stage === NEW ? this.#sayings.first(message, at, place) : this.#sayings.next(message, at, place)))
        return false;
    this.count++;
    this.message = message;
    this.from = from;
    if (message.decides) this.#last.lies(memory.bytes, from, found.end, place);
    return true;
  }
}
