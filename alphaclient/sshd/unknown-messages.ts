/**
 * Keeps account of lines that are not counted as sshd's: messages under its name that no template knows, which an upgrade of sshd
 * may have brought; lines in a form that is not known; and lines that another program wrote under sshd's name.
 */

import { textOf } from './events.ts';
import { detached } from './latin1.ts';

/** A kind of message: digits, addresses and quoted text blanked. */
export interface UnknownShape {
  readonly shape: string;
  readonly count: number;
  /** The first message of this shape, cut. */
  readonly sample: string;
  /** ISO 8601, null where the log has no time. */
  readonly firstAt: string | null;
  readonly lastAt: string | null;
}

/** More shapes than any sshd has messages we would miss; later ones are counted together. */
export const SHAPES_LIMIT = 200;
const SHAPE_LIMIT_CHARS = 160;
const SAMPLE_LIMIT_CHARS = 300;
/** Stands for every shape beyond the limit. */
const OTHER_SHAPES = '(other)';

/**
 * Blanks what varies in a message. Linear: each step is one pass over at most 300 characters, and no run of digits is tried from its
 * middle.
 */
function shapeOf(message: string): string {
  return message
    .slice(0, SAMPLE_LIMIT_CHARS)
    .replace(/"[^"]*"|'[^']*'/g, '"*"')
    .replace(/SHA256:[A-Za-z0-9+/]+/g, '*')
    .replace(/\/[^\s:]*/g, '/*')
    .replace(/\b(user|for) (?!user\b)\S+/g, '$1 *')
    .replace(/\bfrom \S+/g, 'from *')
    .replace(/(?<![0-9a-fA-F])[0-9a-fA-F]*:[0-9a-fA-F:]*:[0-9a-fA-F:.]*(?:%\w+)?/g, '*')
    .replace(/[0-9]+(?:[.:_-][0-9]+)*/g, '*')
    .slice(0, SHAPE_LIMIT_CHARS);
}

/** The beginning of a message, decoded; a copy, for whoever keeps it. */
function sampleOf(latin1: string): string {
  return detached(textOf(latin1, SAMPLE_LIMIT_CHARS) ?? '');
}

interface ShapeCount {
  count: number;
  readonly sample: string;
  readonly firstAt: string | null;
  lastAt: string | null;
}

/** Counts unrecognized messages by shape: SHAPES_LIMIT shapes and one for all others, each with its first message as a sample. */
export class UnknownMessages {
  readonly #shapes = new Map<string, ShapeCount>();
  #count = 0;

  /** Counts the messages that were added. */
  get count(): number {
    return this.#count;
  }

  /** Counts one message, given in Latin-1, that was written at `at`. */
  add(latin1: string, at: string | null): void {
    this.#count++;
    const message = sampleOf(latin1);
    const own = shapeOf(message);
    const shape = this.#shapes.has(own) || this.#shapes.size < SHAPES_LIMIT ? own : OTHER_SHAPES;
    const counted = this.#shapes.get(shape);
    if (counted === undefined) this.#shapes.set(shape, { count: 1, sample: message, firstAt: at, lastAt: at });
    else {
      counted.count++;
      counted.lastAt = at ?? counted.lastAt;
    }
  }

  /** Every shape, most frequent first. */
  shapes(): UnknownShape[] {
    return Array.from(this.#shapes, ([shape, counted]) => ({ shape, ...counted })).sort((a, b) => b.count - a.count);
  }

  /** Takes over the count and what `shapes` gave before a restart; what is damaged is left out. */
  restore(count: unknown, shapes: unknown): void {
    if (Number.isSafeInteger(count)) this.#count = count as number;
    if (!Array.isArray(shapes)) return;
    for (const value of shapes.slice(0, SHAPES_LIMIT + 1) as unknown[]) {
      if (typeof value !== 'object' || value === null) continue;
      const { shape, count: times, sample, firstAt, lastAt } = value as Partial<UnknownShape>;
      if (typeof shape !== 'string' || typeof sample !== 'string' || !Number.isSafeInteger(times)) continue;
      this.#shapes.set(shape, {
        count: times as number,
        sample,
        firstAt: typeof firstAt === 'string' ? firstAt : null,
        lastAt: typeof lastAt === 'string' ? lastAt : null,
      });
    }
  }
}

/** Fragments that, in this order, identify a line as sshd's even when its form is unknown. */
const FRAGMENTS: readonly (readonly string[])[] = [
  ['Failed ', ' for ', ' from ', ' port '],
  ['Accepted ', ' for ', ' from ', ' port '],
  ['Invalid user ', ' from '],
  ['Connection ', ' by ', ' port ', ' [preauth]'],
  ['Disconnected from ', ' port '],
  ['Disconnecting ', ' port ', ': '],
  ['Received disconnect from ', ' port ', ': '],
  ['Did not receive identification string from '],
  ['Bad protocol version identification ', ' from '],
  ['Unable to negotiate with ', ': no matching '],
  ['kex_exchange_identification: '],
  ['banner exchange: Connection from '],
  ['PAM: ', ' for ', ' from '],
  ['pam_unix(sshd:auth): '],
  ['maximum authentication attempts exceeded for ', ' from '],
  ['Timeout before authentication for '],
  ['drop connection #', ' from ['],
  ['User ', ' not allowed because '],
  ['ROOT LOGIN REFUSED FROM '],
  ['sshd[', ']: '],
  ['sshd-session[', ']: '],
  ['sshd-auth[', ']: '],
];

/** True when a line or a message reads as if sshd had written it. */
export function looksLikeSshd(text: string): boolean {
  return FRAGMENTS.some((fragments) => {
    let at = 0;
    for (const fragment of fragments) {
      at = text.indexOf(fragment, at);
      if (at < 0) return false;
      // The space that ends one fragment may begin the next.
      at += fragment.length - 1;
    }
    return true;
  });
}

/** One line that another program wrote under sshd's name. */
export interface Forgery {
  readonly message: string;
  /** ISO 8601, null where the log has no time. */
  readonly at: string | null;
  /** The number of the line among those that were read of the log, from 1. */
  readonly line: number;
}

/** Samples are for `status` to list; the count says how many there were. */
export const FORGERIES_LIMIT = 20;

/** Counts forged messages, and keeps the first FORGERIES_LIMIT of them. */
export class ForgedMessages {
  #count = 0;
  readonly #samples: Forgery[] = [];

  /** Counts the messages that were added. */
  get count(): number {
    return this.#count;
  }

  get samples(): readonly Forgery[] {
    return this.#samples;
  }

  /** Counts one message, given in Latin-1. */
  add(latin1: string, at: string | null, line: number): void {
    this.#count++;
    if (this.#samples.length < FORGERIES_LIMIT) this.#samples.push({ message: sampleOf(latin1), at, line });
  }

  /** Plain JSON. */
  save(): { readonly count: number; readonly samples: readonly Forgery[] } {
    return { count: this.#count, samples: this.#samples };
  }

  /** Takes over what `save` gave; what is damaged is left out. */
  restore(saved: unknown): void {
    const { count, samples } = (saved ?? {}) as { count?: unknown; samples?: unknown };
    if (Number.isSafeInteger(count)) this.#count = count as number;
    if (!Array.isArray(samples)) return;
    for (const value of samples.slice(0, FORGERIES_LIMIT) as unknown[]) {
      if (typeof value !== 'object' || value === null) continue;
      const { message, at, line } = value as Partial<Forgery>;
      if (typeof message !== 'string' || !Number.isSafeInteger(line)) continue;
      this.#samples.push({ message, at: typeof at === 'string' ? at : null, line: line as number });
    }
  }
}
