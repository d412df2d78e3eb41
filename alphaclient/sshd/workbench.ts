/**
 * What lines are skimmed with. There is one for all readers, since V8 looks at what there is only one of in a quarter of the time:
 * it knows where it is, and what it is. Whoever reads borrows it, and who had it before clears it.
 */

import { LANE_BYTES, Lane } from './lane.ts';
import type { LeadClock } from './lead.ts';
import { LEAD_BYTES, Lead } from './lead.ts';
import { Memory } from './memory.ts';
import { Ordinary } from './ordinary.ts';
import { TEXTS } from './ordinary-messages.ts';
import type { Ports } from './ports.ts';

/** Lines are looked at so many bytes at a time; a longer one is read by the table. */
const STRETCH_BYTES = 65_536;
const LF = 10;
/** And the end of a last line that has none. */
const WINDOW_BYTES = STRETCH_BYTES + 1;

/** Who reads. */
export interface Borrower {
  /** How many of its connections have each port, and its clock. */
  readonly ports: Ports;
  readonly clock: LeadClock;
  /** Takes away what is its own: somebody else wants to read. */
  clear(): void;
}

class Workbench {
  readonly memory = new Memory(TEXTS, LEAD_BYTES + LANE_BYTES + WINDOW_BYTES);
  readonly lane = new Lane(this.memory);
  readonly lead = new Lead(this.memory);
  readonly ordinary = new Ordinary(this.memory, this.lane.identities);
  /** Where the lines are put that are read now. The last of the memory: behind it stands nothing that a line could be taken for. */
  readonly window = this.memory.room(WINDOW_BYTES);
  #borrower: Borrower | null = null;

  /** Where the lines end that stand at `from` and fit into the window; `from` where not even one does. */
  stretchEnd(lines: Buffer, from: number): number {
    const end = from + STRETCH_BYTES;
    return end >= lines.length ? lines.length : from + lines.subarray(from, end).lastIndexOf(LF) + 1;
  }

  /** Puts them into the window; gives where they end there. A last line without an end is given one. */
  put(lines: Buffer, from: number, end: number): number {
    const { bytes } = this.memory;
    const last = this.window + lines.copy(bytes, this.window, from, end);
    bytes[last] = LF;
    this.lead.leaves();
    return last;
  }

  /** It is this one's from now on, and as this one left it where nobody else had it meanwhile. */
  lend(to: Borrower): void {
    if (this.#borrower === to) return;
    this.#borrower?.clear();
    this.#borrower = to;
    this.lane.counts = to.ports;
    this.lead.clock = to.clock;
    this.lead.forget();
  }
}

/** The one there is. Between `lend` and the end of a call nobody else may use it. */
export const WORKBENCH = new Workbench();
