/** Decides the host of an event: the agent's own, or the host that a line of a relayed log names. Pure. */

import { isHostName } from '../protocol/values.ts';

/** What a name in a log is: this machine's, that of another host, or no name that a server would take. */
type NameKind = 'own' | 'other' | 'none';

const short = (name: string): string => (name.split('.', 1)[0] as string).toLowerCase();

/**
 * Follows the host names of one log. While they are all the same, or this machine's, the log is this agent's own: its events
 * carry no host, and the agent's name counts. From the second other name on it is a relayed log, and the host of each line
 * counts. The state is saved with the log position.
 */
export class EventHosts {
  readonly #machine: string;
  #first: string | null = null;
  #relayed = false;
  /** True when the newest line that names a host names another one than this machine. */
  #isForeign = false;
  /** The last name that was asked for: nearly all lines of a log have the same. */
  #lastName: string | null = null;
  #lastKind: NameKind = 'none';

  /** `machine`: this machine's hostname. `saved`: the result of `save`; anything else stands for a new log. */
  constructor(machine: string, saved: unknown) {
    this.#machine = short(machine);
    if (typeof saved === 'object' && saved !== null) {
      const { first, relayed, foreign } = saved as { first?: unknown; relayed?: unknown; foreign?: unknown };
      if (typeof first === 'string') this.#first = first;
      this.#relayed = relayed === true;
      this.#isForeign = foreign === true;
    }
  }

  /** Adds the names of a whole read, before the hosts of its events are asked for: a relayed log is known as such from its first read on. */
  observe(names: Iterable<string | null>): void {
    for (const name of names) {
      const kind = this.#kindOf(name);
      if (kind === 'none') continue;
      this.#isForeign = kind === 'other';
      if (!this.#isForeign) continue;
      this.#first ??= name;
      if (this.#first !== name) this.#relayed = true;
    }
  }

  /** Returns the host of an event whose line names `name`; null for the agent's own, and where no server would take the name. */
  hostOf(name: string | null): string | null {
    return this.#relayed && this.#kindOf(name) === 'other' ? name : null;
  }

  #kindOf(name: string | null): NameKind {
    if (name === this.#lastName) return this.#lastKind;
    this.#lastName = name;
    this.#lastKind = !isHostName(name) ? 'none' : short(name) === this.#machine ? 'own' : 'other';
    return this.#lastKind;
  }

  /** True while the log is that of other hosts: this machine's kernel knows nothing of their connections. */
  get isOfOthers(): boolean {
    return this.#relayed || this.#isForeign;
  }

  /** Returns the state to save. */
  save(): { readonly first: string | null; readonly relayed: boolean; readonly foreign: boolean } {
    return { first: this.#first, relayed: this.#relayed, foreign: this.#isForeign };
  }
}
