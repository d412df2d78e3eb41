/** The hosts that the lines of a log name, as small numbers: most logs have one, a collected log has thousands. */

import { HOST_LIMIT_CHARS } from '../../protocol/values.ts';
import { detached } from './latin1.ts';

/** The names that are kept though nothing refers to their numbers: all that are kept are saved with each commit. */
export const HOSTS_LIMIT = 4_096;
/** When that many are there, numbers in use are looked for; so many new names at least find room until they are looked for again. */
export const ROOM_HOSTS = 1_024;

/**
 * Gives each name a number that no other name has while anything refers to it: of two hosts with one number, connections and events would
 * be one host's. Once there are HOSTS_LIMIT names, a new one gets the number of one that nothing refers to; where there is none, the index
 * grows. So it is bounded by HOSTS_LIMIT and by what the reader keeps of lines and connections.
 */
export class HostIndex {
  readonly #names: (string | null)[] = [null];
  readonly #numbers = new Map<string, number>();
  /** The number given last: the next line is mostly of the same host. */
  #last = 0;
  readonly #inUse: () => Iterable<number>;
  #limit = HOSTS_LIMIT;
  #searches = 0;
  /** The search, by number, in which or after which each number was seen in use last. The others may be given to new names. */
  readonly #usedIn: number[] = [0];
  /** Up to here, the numbers without a use were given away since the last search. */
  #next = 1;

  /** `inUse` gives the numbers that something refers to, in any order, also more than once. */
  constructor(inUse: () => Iterable<number> = () => []) {
    this.#inUse = inUse;
  }

  /** Gives the number of the host with this name; 0 where there is none (empty). It is the caller's until the next call. */
  number(name: string): number {
    if (name === '') return 0;
    if (name !== this.#names[this.#last]) this.#last = this.#find(name);
    return this.#last;
  }

  #find(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return this.#use(known);
    const cut = detached(name.slice(0, HOST_LIMIT_CHARS));
    const cutKnown = this.#numbers.get(cut);
    if (cutKnown !== undefined) return this.#use(cutKnown);
    const number = this.#free();
    this.#set(number, cut);
    return this.#use(number);
  }

  #use(number: number): number {
    this.#usedIn[number] = this.#searches;
    return number;
  }

  #set(number: number, name: string | null): void {
    const before = this.#names[number] ?? null;
    if (before !== null && this.#numbers.get(before) === number) this.#numbers.delete(before);
    this.#names[number] = name;
    if (name !== null) this.#numbers.set(name, number);
  }

  /** Returns a number for a new name: one that nothing refers to once there are as many as may be, else the next. */
  #free(): number {
    const unused = this.#nextUnused();
    if (unused !== null) return unused;
    if (this.#names.length < this.#limit) return this.#names.length;
    this.#search();
    return this.#nextUnused() ?? this.#names.length;
  }

  #nextUnused(): number | null {
    while (this.#next < this.#names.length) {
      const number = this.#next++;
      if (this.#usedIn[number] !== this.#searches) return number;
    }
    return null;
  }

  #search(): void {
    this.#searches++;
    this.#next = 1;
    let used = 0;
    for (const number of this.#inUse()) {
      // A number that is no host's comes of a damaged state.
      if (!(number > 0 && number < this.#names.length) || this.#usedIn[number] === this.#searches) continue;
      this.#use(number);
      used++;
    }
    this.#limit = Math.max(HOSTS_LIMIT, used + ROOM_HOSTS);
  }

  /** Gives the name of a number; null for 0. */
  name(number: number): string | null {
    return this.#names[number] ?? null;
  }

  /** Plain JSON: the names by their numbers, from 1. */
  save(): readonly (string | null)[] {
    return this.#names.slice(1);
  }

  /** Takes over what `save` gave. Each name keeps its number, however many there are: connections that were saved refer to it. */
  restore(saved: unknown): void {
    if (!Array.isArray(saved)) return;
    for (const name of saved as unknown[]) {
      const number = this.#names.length;
      this.#set(number, typeof name === 'string' && name !== '' ? name : null);
      this.#use(number);
    }
  }
}
