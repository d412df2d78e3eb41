/** Top-k: the values of one kind with most events in one bucket of time, in bounded memory. Pure. */
import { addCounts, type Counts, total, type ValueCounts } from './counts.ts';
import { EMPTY_SKETCH, grown, type Sketch, sketchOf } from './distinct-sketch.ts';
import { BUCKET_SKETCH, SOURCE_SKETCH } from './schema.ts';

/** A value that is kept. Its true count is at most `error` above what is counted. */
export interface KeptValue extends Counts {
  readonly value: string;
  /** Its place in the file, a number below SLOTS. A new value may take the place of an evicted one. */
  readonly slot: number;
  firstAt: number;
  lastAt: number;
  readonly error: number;
  /** The hosts and users that a source had to do with; null for other kinds. */
  hosts: Sketch | null;
  users: Sketch | null;
}

/** A bucket's contents as the file has them. */
export interface TopKState {
  readonly values: readonly KeptValue[];
  /** The most events that a value may lack which comes back after it was evicted. */
  readonly floor: number;
  /** Stands for all different values, evicted ones too. */
  readonly sketch: Sketch;
}

/** The changes to be written to the file: values whose counts changed, values whose host or user sketch changed, slots that are empty now. */
export interface TopKChanges {
  readonly counted: ReadonlySet<KeptValue>;
  readonly sketched: ReadonlySet<KeptValue>;
  readonly empty: readonly number[];
  /** True where the bucket's own floor or sketch changed. */
  readonly own: boolean;
}

/**
 * Space-Saving in batches: once it holds more than twice what it keeps, the smallest are evicted, and the largest of those is
 * the most that a value which comes back may lack. (Metwally et al. 2005.)
 */
export class TopK {
  readonly #kept: number;
  readonly #values: Map<string, KeptValue>;
  /** The free slots below `#slots`. */
  readonly #free: number[] = [];
  #slots: number;
  #floor: number;
  #sketch: Sketch;

  constructor(kept: number, { values, floor, sketch }: TopKState = { values: [], floor: 0, sketch: EMPTY_SKETCH }) {
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

  /** Adds counts of values; gives what is to be written. Values that came and were evicted at once are not in it. */
  add(added: ReadonlyMap<string, ValueCounts>): TopKChanges {
    const counted = new Set<KeptValue>();
    const sketched = new Set<KeptValue>();
    const [floor, sketch] = [this.#floor, this.#sketch];
    this.#sketch = grown(sketch, hashesOf(added), BUCKET_SKETCH);
    const fresh: [string, ValueCounts][] = [];
    for (const [value, one] of added) {
      const known = this.#values.get(value);
      if (known) {
        counted.add(known);
        if (addTo(known, one)) sketched.add(known);
      } else fresh.push([value, one]);
    }
    const { evicted, stay } = this.#evict(fresh, floor);
    for (const one of evicted) {
      this.#values.delete(one.value);
      counted.delete(one);
      sketched.delete(one);
      this.#free.push(one.slot);
    }
    const filled = new Set<number>();
    for (const [value, one] of stay) {
      const kept = keptOf(value, this.#free.pop() ?? this.#slots++, one, floor);
      this.#values.set(value, kept);
      filled.add(kept.slot);
      counted.add(kept);
      if (one.hosts) sketched.add(kept);
    }
    const empty = evicted.map(({ slot }) => slot).filter((slot) => !filled.has(slot));
    return { counted, sketched, empty, own: floor !== this.#floor || sketch !== this.#sketch };
  }

  /** Chooses which values are evicted and which of the fresh ones stay. */
  #evict(
    fresh: readonly [string, ValueCounts][],
    floor: number,
  ): { evicted: KeptValue[]; stay: readonly [string, ValueCounts][] } {
    const size = this.#values.size + fresh.length;
    if (size <= 2 * this.#kept) return { evicted: [], stay: fresh };
    const totals = new Float64Array(size);
    let n = 0;
    for (const one of this.#values.values()) totals[n++] = total(one) + one.error;
    for (const [, one] of fresh) totals[n++] = total(one) + floor;
    totals.sort();
    const largest = totals[size - this.#kept - 1] as number;
    // Among those that have as much as the largest that goes, the first stay.
    let room = this.#kept;
    for (n = size - 1; (totals[n] as number) > largest; n--) room--;
    const stays = (most: number): boolean => most > largest || (most === largest && room-- > 0);
    const evicted = [...this.#values.values()].filter((one) => !stays(total(one) + one.error));
    this.#floor = Math.max(floor, largest);
    return { evicted, stay: fresh.filter(([, one]) => stays(total(one) + floor)) };
  }
}

function* hashesOf(values: ReadonlyMap<string, ValueCounts>): Iterable<number> {
  for (const { hash } of values.values()) yield hash;
}

function keptOf(value: string, slot: number, one: ValueCounts, error: number): KeptValue {
  const { accepted, failed, probes, firstAt, lastAt, hosts, users } = one;
  return {
    ...{ value, slot, accepted, failed, probes, firstAt, lastAt, error },
    hosts: hosts && sketchOf(hosts, SOURCE_SKETCH),
    users: users && sketchOf(users, SOURCE_SKETCH),
  };
}

/** Adds counts to a value; true where one of its sketches changed. */
function addTo(known: KeptValue, one: ValueCounts): boolean {
  addCounts(known, one);
  if (one.firstAt < known.firstAt) known.firstAt = one.firstAt;
  if (one.lastAt > known.lastAt) known.lastAt = one.lastAt;
  if (!known.hosts || !known.users) return false;
  const { hosts, users } = known;
  known.hosts = grown(hosts, one.hosts ?? [], SOURCE_SKETCH);
  known.users = grown(users, one.users ?? [], SOURCE_SKETCH);
  return hosts !== known.hosts || users !== known.users;
}
