/** Whose attempt it is: the agent's own host, or the host that a line of a relayed log names. Pure. */

import { isHostName } from '../protocol/values.ts';

const short = (name: string): string => (name.split('.', 1)[0] as string).toLowerCase();

/**
 * Follows the host names of one log. As long as they are all the same, or this machine's, the log is this agent's own
 * and its events carry no host, so that the agent's name stands. From the second other name on it is a relayed log
 * and every line's own host counts. The state is saved with the log position.
 */
export class HostNames {
  readonly #machine: string;
  #first: string | null = null;
  #relayed = false;

  /** `machine` is this machine's hostname; `saved` what `save` gave, or anything else for a new log. */
  constructor(machine: string, saved: unknown) {
    this.#machine = short(machine);
    if (typeof saved === 'object' && saved !== null) {
      const { first, relayed } = saved as { first?: unknown; relayed?: unknown };
      if (typeof first === 'string') this.#first = first;
      this.#relayed = relayed === true;
    }
  }

  /** Looks at the names of a whole read before any of it is decided, so that a relayed log is known from its first read on. */
  look(names: Iterable<string | null>): void {
    for (const name of names) {
      if (!isHostName(name) || short(name) === this.#machine) continue;
      this.#first ??= name;
      if (this.#first !== name) this.#relayed = true;
    }
  }

  /** The host to put on an event whose line names `name`; null for the agent's own, and where no server would take the name. */
  of(name: string | null): string | null {
    if (!isHostName(name) || short(name) === this.#machine) return null;
    return this.#relayed ? name : null;
  }

  save(): { readonly first: string | null; readonly relayed: boolean } {
    return { first: this.#first, relayed: this.#relayed };
  }
}
