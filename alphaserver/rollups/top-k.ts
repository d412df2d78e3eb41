/** The values of one kind that count most in one bucket of time, in bounded memory. Pure. */

import { BUCKET_SKETCH, SOURCE_SKETCH } from '../store/schema.ts';
import { addTo, type Share, type Tally, total } from './counts.ts';
import { EMPTY_SKETCH, grown, type Sketch, sketchOf } from './distinct-sketch.ts';

/** A value that is kept. Its true count is at most `error` above what is counted. */
export interface KeptValue extends Tally {
  readonly value: string;
  /** Its place in the file, a number below SLOTS. Who comes may take the place of one who went. */
  readonly slot: number;
  firstAt: number;
  lastAt: number;
  readonly error: number;
  /** Whom a source met; null for other kinds. */
  hosts: Sketch | null;
  users: Sketch | null;
}

/** What is known of a bucket. */
export interface BucketState {
  readonly values: readonly KeptValue[];
  /** The most that a value may lack that comes back after it was let go. */
  readonly floor: number;
  /** How many different values there were. */
  readonly sketch: Sketch;
}

/** What a bucket's file must be told: values with new counts, values with new acquaintances, slots that are empty now. */
export interface BucketChanges {
  readonly counted: ReadonlySet<KeptValue>;
  readonly met: ReadonlySet<KeptValue>;
  readonly empty: readonly number[];
  /** True where floor or sketch changed. */
  readonly itself: boolean;
}

/**
 * Space-Saving in batches: once it holds more than twice what it keeps, the smallest go, and the largest of those is the
 * most that a value which comes back may lack. (Metwally et al. 2005.)
 */
export class Bucket {
  readonly #kept: number;
  readonly #values: Map<string, KeptValue>;
  /** Slots that are free, below `#slots`. */
  readonly #free: number[] = [];
  #slots: number;
  #floor: number;
  #sketch: Sketch;

  constructor(kept: number, { values, floor, sketch }: BucketState = { values: [], floor: 0, sketch: EMPTY_SKETCH }) {
    this.#kept = kept;
    this.#values = new Map(values.map((one) => [one.value, one]));
    const used = new Set(values.map(({ slot }) => slot));
    this.#slots = Math.max(0, ...used) + 1;
    for (let slot = 0; slot < this.#slots; slot += 1) if (!used.has(slot)) this.#free.push(slot);
    this.#floor = floor;
    this.#sketch = sketch;
  }

  get floor(): number {
    return this.#floor;
  }

  get sketch(): Sketch {
    return this.#sketch;
  }

  /** Adds what values had a share in; tells what must be written for it. Values that came and went at once are not in it. */
  add(shares: ReadonlyMap<string, Share>): BucketChanges {
    const counted = new Set<KeptValue>();
    const met = new Set<KeptValue>();
    const [floor, sketch] = [this.#floor, this.#sketch];
    this.#sketch = grown(sketch, hashesOf(shares), BUCKET_SKETCH);
    const fresh: [string, Share][] = [];
    for (const [value, one] of shares) {
      const known = this.#values.get(value);
      if (known) {
        counted.add(known);
        if (addShare(known, one)) met.add(known);
      } else fresh.push([value, one]);
    }
    const { gone, stay } = this.#chosen(fresh, floor);
    for (const one of gone) {
      this.#values.delete(one.value);
      counted.delete(one);
      met.delete(one);
      this.#free.push(one.slot);
    }
    const filled = new Set<number>();
    for (const [value, one] of stay) {
      const kept = keptOf(value, this.#free.pop() ?? this.#slots++, one, floor);
      this.#values.set(value, kept);
      filled.add(kept.slot);
      counted.add(kept);
      if (one.hosts) met.add(kept);
    }
    const empty = gone.map(({ slot }) => slot).filter((slot) => !filled.has(slot));
    return { counted, met, empty, itself: floor !== this.#floor || sketch !== this.#sketch };
  }

  /** Who goes, and which of the fresh ones stay. */
  #chosen(fresh: readonly [string, Share][], floor: number): { gone: KeptValue[]; stay: readonly [string, Share][] } {
    const size = this.#values.size + fresh.length;
    if (size <= 2 * this.#kept) return { gone: [], stay: fresh };
    const totals = new Float64Array(size);
    let n = 0;
    for (const one of this.#values.values()) totals[n++] = total(one) + one.error;
    for (const [, one] of fresh) totals[n++] = total(one) + floor;
    totals.sort();
    const largest = totals[size - this.#kept - 1] as number;
    // Of those that have as much as the largest that goes, the first stay.
    let room = this.#kept;
    for (n = size - 1; (totals[n] as number) > largest; n--) room--;
    const stays = (most: number): boolean => most > largest || (most === largest && room-- > 0);
    const gone = [...this.#values.values()].filter((one) => !stays(total(one) + one.error));
    this.#floor = Math.max(floor, largest);
    return { gone, stay: fresh.filter(([, one]) => stays(total(one) + floor)) };
  }
}

function* hashesOf(shares: ReadonlyMap<string, Share>): Iterable<number> {
  for (const { hash } of shares.values()) yield hash;
}

function keptOf(value: string, slot: number, one: Share, error: number): KeptValue {
  const { accepted, failed, probes, firstAt, lastAt, hosts, users } = one;
  return {
    ...{ value, slot, accepted, failed, probes, firstAt, lastAt, error },
    hosts: hosts && sketchOf(hosts, SOURCE_SKETCH),
    users: users && sketchOf(users, SOURCE_SKETCH),
  };
}

/** True where the value met somebody new. */
function addShare(known: KeptValue, one: Share): boolean {
  addTo(known, one);
  if (one.firstAt < known.firstAt) known.firstAt = one.firstAt;
  if (one.lastAt > known.lastAt) known.lastAt = one.lastAt;
  if (!known.hosts || !known.users) return false;
  const { hosts, users } = known;
  known.hosts = grown(hosts, one.hosts ?? [], SOURCE_SKETCH);
  known.users = grown(users, one.users ?? [], SOURCE_SKETCH);
  return hosts !== known.hosts || users !== known.users;
}
