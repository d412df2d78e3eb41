/** Lines under sshd's name that another program wrote: counted, a few kept to look at, never taken for sshd's. */

import { textOf } from './event.ts';
import { latin1 } from './latin1.ts';

/** One line that another program wrote under sshd’s name. */
export interface Forgery {
  readonly message: string;
  /** ISO 8601, null where the log has no time. */
  readonly at: string | null;
  readonly line: number;
}

/** Samples are for a person to look at; the count says how many there were. */
export const FORGERY_LIMIT = 20;
const MESSAGE_LIMIT_CHARS = 300;

/** Counts all of them and keeps the first few. */
export class Forgeries {
  #count = 0;
  #samples: Forgery[] = [];

  get count(): number {
    return this.#count;
  }

  /** The first ones. */
  get samples(): readonly Forgery[] {
    return this.#samples;
  }

  saw(message: Buffer, at: string | null, line: number): void {
    this.#count++;
    if (this.#samples.length < FORGERY_LIMIT)
      this.#samples.push({ message: textOf(latin1(message), MESSAGE_LIMIT_CHARS) ?? '', at, line });
  }

  /** Plain JSON. */
  save(): { readonly count: number; readonly samples: readonly Forgery[] } {
    return { count: this.#count, samples: this.#samples };
  }

  /** Takes over what `save` gave; anything else is ignored. */
  restore(saved: unknown): void {
    const { count, samples } = (saved ?? {}) as { count?: unknown; samples?: unknown };
    if (Number.isSafeInteger(count)) this.#count = count as number;
    if (Array.isArray(samples)) this.#samples = (samples as Forgery[]).slice(0, FORGERY_LIMIT);
  }
}
