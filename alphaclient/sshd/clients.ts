/** Connections by what is known of their client where a line has no pid and no port: its address, its name, the user. */

import { Chains, hashOf } from './chains.ts';
import type { Connection } from './connection.ts';

/** What a connection is found by: each has a number of its own in the chains. */
const IP = 0;
const NAME = 1;
const USER = 2;
const KEYS = 4;

/** What a line tells of a client. */
export type Client = Pick<Connection, 'ip' | 'hostName' | 'user'>;

/** An index beside the table: finds those that `put` gave it by address, name or, for want of an address, user, until `remove`. */
export class Clients {
  readonly #chains: Chains;
  readonly #hashes: Int32Array;
  /** By slot; undefined where there is none. */
  readonly #at: (Connection | undefined)[] = [];
  /** The older one has the lower number. */
  readonly #ages: Float64Array;

  /** For connections whose slots are below `slots`, a power of two. */
  constructor(slots: number) {
    this.#chains = new Chains(slots * KEYS);
    this.#hashes = new Int32Array(slots * KEYS);
    this.#ages = new Float64Array(slots);
  }

  /** Takes a connection in, or knows it anew after its client became better known. `age` counts what was opened before it. */
  put(one: Connection, age: number): void {
    const { slot, ip, hostName, user } = one;
    this.remove(slot);
    this.#at[slot] = one;
    this.#ages[slot] = age;
    if (ip !== null) this.#add(slot, IP, ip);
    if (hostName === null) return;
    this.#add(slot, NAME, hostName);
    // A name that DNS gave may be any address, so the user must do where the address is not known.
    if (ip === null && user !== null) this.#add(slot, USER, unescaped(user));
  }

  #add(slot: number, key: number, text: string): void {
    const hash = hashOf(text) + key;
    this.#hashes[slot * KEYS + key] = hash;
    this.#chains.add(slot * KEYS + key, hash);
  }

  /** Takes the connection of this slot out, if it is in. */
  remove(slot: number): void {
    if (this.#at[slot] === undefined) return;
    this.#at[slot] = undefined;
    for (let number = slot * KEYS; number <= slot * KEYS + USER; number++)
      this.#chains.remove(number, this.#hashes[number] as number);
  }

  /**
   * The oldest (or the newest) that `fits`, among those that have the address, the name, or for want of an address the
   * user; and perhaps others, so that `fits` has to look at these too.
   */
  find(client: Client, oldest: boolean, fits: (one: Connection) => boolean): Connection | undefined {
    const { ip, hostName, user } = client;
    let slot = ip === null ? -1 : this.#find(IP, ip, -1, oldest, fits);
    if (hostName !== null) slot = this.#find(NAME, hostName, slot, oldest, fits);
    if (user !== null) slot = this.#find(USER, unescaped(user), slot, oldest, fits);
    return this.#at[slot];
  }

  #find(key: number, text: string, best: number, oldest: boolean, fits: (one: Connection) => boolean): number {
    let found = best;
    for (let at = this.#chains.first(hashOf(text) + key); at >= 0; at = this.#chains.after(at)) {
      const slot = Math.floor(at / KEYS);
      const one = this.#at[slot];
      if (at % KEYS !== key || one === undefined) continue;
      const better = found < 0 || (this.#ages[slot] as number) < (this.#ages[found] as number) === oldest;
      if (better && fits(one)) found = slot;
    }
    return found;
  }
}

/** Names that differ only in how often a backslash was escaped are to be found together. */
function unescaped(user: string): string {
  return user.includes('\\') ? user.replaceAll(/\\+/g, '\\') : user;
}

/** True when it is one name: up to 10.2, messages of the unprivileged process are escaped once more than others. */
export function isSameName(a: string, b: string): boolean {
  if (a === b) return true;
  if (a.length === b.length) return false;
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short.includes('\\') && short.replaceAll('\\', '\\\\') === long;
}

/** Whether it is one name, of which a message that ends in it has lost the spaces at its end. */
export function endsAs(user: string | null, name: string): boolean {
  return user !== null && (isSameName(user, name) || user.trimEnd() === name.trimEnd());
}
