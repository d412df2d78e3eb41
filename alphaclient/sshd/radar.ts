/** Lines under sshd's name that no rule knows, counted by shape: what an upgrade of sshd has made us blind to. */

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
export const SHAPE_LIMIT = 200;
const SHAPE_LIMIT_CHARS = 160;
const SAMPLE_LIMIT_CHARS = 300;
/** What stands for every shape beyond the limit. */
export const OTHER_SHAPES = '(other)';

/**
 * The message without what varies. Linear: each step is one pass over at most 300 characters, and no run of digits is
 * tried from its middle.
 */
export function shapeOf(message: string): string {
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

interface Entry {
  count: number;
  sample: string;
  firstAt: string | null;
  lastAt: string | null;
}

/** Counts by shape, SHAPE_LIMIT of them and one for all others, each with its first message as a sample. */
export class Radar {
  readonly #shapes = new Map<string, Entry>();

  /** Counts one message. */
  saw(message: string, at: string | null): void {
    let shape = shapeOf(message);
    let entry = this.#shapes.get(shape);
    if (entry === undefined) {
      if (this.#shapes.size >= SHAPE_LIMIT) {
        shape = OTHER_SHAPES;
        entry = this.#shapes.get(shape);
      }
      if (entry === undefined) {
        entry = { count: 0, sample: message.slice(0, SAMPLE_LIMIT_CHARS), firstAt: at, lastAt: at };
        this.#shapes.set(shape, entry);
      }
    }
    entry.count++;
    entry.lastAt = at ?? entry.lastAt;
  }

  /** Every shape, most frequent first. */
  shapes(): UnknownShape[] {
    return Array.from(this.#shapes, ([shape, entry]) => ({ shape, ...entry })).sort((a, b) => b.count - a.count);
  }

  /** Takes over what `shapes` gave before a restart; what is damaged is left out. */
  restore(saved: unknown): void {
    if (!Array.isArray(saved)) return;
    for (const value of saved.slice(0, SHAPE_LIMIT + 1) as unknown[]) {
      if (typeof value !== 'object' || value === null) continue;
      const { shape, count, sample, firstAt, lastAt } = value as Partial<UnknownShape>;
      if (typeof shape !== 'string' || typeof sample !== 'string' || !Number.isSafeInteger(count)) continue;
      this.#shapes.set(shape, {
        count: count as number,
        sample,
        firstAt: typeof firstAt === 'string' ? firstAt : null,
        lastAt: typeof lastAt === 'string' ? lastAt : null,
      });
    }
  }
}
