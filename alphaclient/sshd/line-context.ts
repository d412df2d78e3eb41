/** The line of a message, without the message; and the hosts that lines name, as small numbers: most logs have one, a collected log has many. */

import type { Trust } from '../../protocol/event.ts';
import { detached } from './latin1.ts';

/** One object, filled anew for each line: whoever keeps something of it keeps a copy. */
export interface LineContext {
  /** Number of the host; 0 where the line has none. */
  host: number;
  /** -1 where the line has none. */
  pid: number;
  /** Unix milliseconds; NaN where the line has no time. */
  ms: number;
  /** The number of the line, from 1. */
  line: number;
  /** The clock, Unix milliseconds. */
  nowMs: number;
  trust: Trust;
}

/** The end of a session: the moment (Unix milliseconds by the log, or NaN), and the line. */
export type Where = Pick<LineContext, 'ms' | 'line'>;

/** More hosts than one agent's log collects; beyond it, all further ones share the last number. */
export const HOST_LIMIT = 4_096;
const HOST_LIMIT_CHARS = 255;

/** Gives each name a number, up to HOST_LIMIT of them; all names beyond share the last number. */
export class HostIndex {
  readonly #names: (string | null)[] = [null];
  readonly #numbers = new Map<string, number>();
  /** The number given last: the next line is mostly of the same host. */
  #last = 0;

  /** Gives the number of the host with this name; 0 where there is none (empty). */
  number(name: string): number {
    if (name === '') return 0;
    if (name !== this.#names[this.#last]) this.#last = this.#find(name);
    return this.#last;
  }

  #find(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const cut = detached(name.slice(0, HOST_LIMIT_CHARS));
    const cutKnown = this.#numbers.get(cut);
    if (cutKnown !== undefined) return cutKnown;
    if (this.#names.length >= HOST_LIMIT) return HOST_LIMIT - 1;
    this.#numbers.set(cut, this.#names.length);
    return this.#names.push(cut) - 1;
  }

  /** Gives the name of a number; null for 0. */
  name(number: number): string | null {
    return this.#names[number] ?? null;
  }

  /** Plain JSON. */
  save(): readonly (string | null)[] {
    return this.#names.slice(1);
  }

  /** Takes over what `save` gave. */
  restore(saved: unknown): void {
    if (Array.isArray(saved))
      for (const name of saved.slice(0, HOST_LIMIT)) if (typeof name === 'string') this.number(name);
  }
}
