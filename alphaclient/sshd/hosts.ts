/** The hosts that a log speaks of, as small numbers: most logs have one, a collected log has many. */

import { latin1 } from './latin1.ts';

/** More hosts than one agent's log collects; beyond it, all further ones share the last number. */
export const HOST_LIMIT = 4_096;
const HOST_LIMIT_CHARS = 255;

/** Gives each name a number, up to HOST_LIMIT of them; all names beyond share the last number. */
export class Hosts {
  readonly #names: (string | null)[] = [null];
  readonly #index = new Map<string, number>();
  #lastName = '';
  #last = 0;

  /** The number of the host whose name stands in the bytes; 0 where there is none. */
  index(bytes: Buffer, from: number, end: number): number {
    if (from === end) return 0;
    if (this.#isLast(bytes, from, end)) return this.#last;
    this.#lastName = latin1(bytes, from, end);
    this.#last = this.named(this.#lastName);
    return this.#last;
  }

  #isLast(bytes: Uint8Array, from: number, end: number): boolean {
    const last = this.#lastName;
    if (last.length !== end - from) return false;
    for (let i = 0; i < last.length; i++) if (bytes[from + i] !== last.charCodeAt(i)) return false;
    return true;
  }

  /** The number of a host by name. */
  named(name: string | null): number {
    if (name === null || name === '') return 0;
    const cut = name.length > HOST_LIMIT_CHARS ? name.slice(0, HOST_LIMIT_CHARS) : name;
    let index = this.#index.get(cut);
    if (index === undefined) {
      if (this.#names.length >= HOST_LIMIT) return HOST_LIMIT - 1;
      index = this.#names.length;
      this.#names.push(cut);
      this.#index.set(cut, index);
    }
    return index;
  }

  /** The name of a number; null for 0. */
  name(index: number): string | null {
    return this.#names[index] ?? null;
  }

  /** Plain JSON. */
  save(): readonly (string | null)[] {
    return this.#names.slice(1);
  }

  /** Takes over what `save` gave. */
  restore(saved: unknown): void {
    if (Array.isArray(saved))
      for (const name of saved.slice(0, HOST_LIMIT)) if (typeof name === 'string') this.named(name);
  }
}
