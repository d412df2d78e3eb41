/** An LRU cache of top-k buckets over their tables: a bucket that grows again and again is read once. */
import { arrays, type Database, type Statement } from '../store/database.ts';
import { RANKED_KINDS, type RankedKind, SOURCE, type ValueCounts } from './counts.ts';
import { EMPTY_SKETCH, packSketch, unpackSketch } from './distinct-sketch.ts';
import { KEPT, SLOTS } from './schema.ts';
import { type KeptValue, TopK, type TopKChanges } from './top-k.ts';

/** Buckets in memory at once: this hour, today and all time of each kind, and as many of older times where events come late. */
const BUCKETS_LIMIT = 24;

/** Names a bucket by the size of its time in milliseconds and where that begins. */
export type BucketKey = readonly [kind: RankedKind, step: number, at: number];
type TopRow = readonly [
  ...[id: number, value: string, accepted: number, failed: number, probes: number],
  ...[firstAt: number, lastAt: number, error: number, hosts: Uint8Array | null, users: Uint8Array | null],
];

interface Cached {
  readonly id: number;
  readonly step: number;
  readonly at: number;
  readonly topK: TopK;
}

/** The buckets of one file. Every call belongs inside a transaction of the caller; after one that failed, call `clear`. */
export class TopKCache {
  readonly #db: Database;
  readonly #buckets = new Map<string, Cached>();
  readonly #known: Statement;
  readonly #nextId: Statement;
  readonly #new: Statement;
  readonly #own: Statement;
  readonly #top: Statement;
  readonly #sketches: Statement;
  readonly #dropTop: Statement;
  readonly #dropSketches: Statement;

  constructor(db: Database) {
    this.#db = db;
    this.#known = db.prepare('SELECT id, floor, sketch FROM buckets WHERE kind = ? AND step = ? AND at = ?');
    // SQLite gives a deleted row's id again where it was the highest.
    this.#nextId = db.prepare("UPDATE facts SET value = value + 1 WHERE name = 'lastBucket' RETURNING value");
    this.#new = db.prepare("INSERT INTO buckets (id, kind, step, at, floor, sketch) VALUES (?, ?, ?, ?, 0, x'')");
    this.#own = db.prepare('UPDATE buckets SET floor = ?, sketch = ? WHERE id = ?');
    this.#top = db.prepare('INSERT OR REPLACE INTO tops VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
    this.#sketches = db.prepare('INSERT OR REPLACE INTO met VALUES (?, ?, ?)');
    this.#dropTop = db.prepare('DELETE FROM tops WHERE id = ?');
    this.#dropSketches = db.prepare('DELETE FROM met WHERE id = ?');
  }

  /** Adds counts of values to one bucket, in memory and in the file. */
  add(key: BucketKey, values: ReadonlyMap<string, ValueCounts>): void {
    const cached = this.#take(key);
    this.#write(cached, cached.topK.add(values));
  }

  /** Deletes the buckets of one size that began before a time, in memory and in the file. */
  deleteBefore(step: number, before: number): void {
    for (const [name, one] of this.#buckets) if (one.step === step && one.at < before) this.#buckets.delete(name);
    for (const kind of RANKED_KINDS) {
      const old = 'FROM buckets WHERE kind = ? AND step = ? AND at < ?';
      for (const [id] of arrays(this.#db, `SELECT id ${old}`, kind, step, before) as [number][])
        for (const table of ['tops', 'met'])
          this.#db.prepare(`DELETE FROM ${table} WHERE id >= ? AND id < ?`).run(id * SLOTS, (id + 1) * SLOTS);
      this.#db.prepare(`DELETE ${old}`).run(kind, step, before);
    }
  }

  /** Drops what is in memory, which a rolled-back transaction made wrong. */
  clear(): void {
    this.#buckets.clear();
  }

  #take(key: BucketKey): Cached {
    const name = key.join();
    const cached = this.#buckets.get(name) ?? this.#read(key);
    // The most recently used stands last.
    this.#buckets.delete(name);
    this.#buckets.set(name, cached);
    if (this.#buckets.size > BUCKETS_LIMIT) this.#buckets.delete(this.#buckets.keys().next().value as string);
    return cached;
  }

  #read(key: BucketKey): Cached {
    const [kind, step, at] = key;
    const kept = KEPT[kind]?.[step] ?? 0;
    const known = this.#known.get(...key) as { id: number; floor: number; sketch: Uint8Array } | undefined;
    if (!known) {
      const { value: id } = this.#nextId.get() as { value: number };
      this.#new.run(id, ...key);
      return { id, step, at, topK: new TopK(kept) };
    }
    const first = known.id * SLOTS;
    const rows = arrays(
      this.#db,
      'SELECT t.*, m.hosts, m.users FROM tops t LEFT JOIN met m ON m.id = t.id WHERE t.id >= ? AND t.id < ?',
      first,
      first + SLOTS,
    ) as unknown as TopRow[];
    const values = rows.map(
      ([id, value, accepted, failed, probes, firstAt, lastAt, error, hosts, users]): KeptValue => ({
        ...{ value, slot: id - first, accepted, failed, probes, firstAt, lastAt, error },
        hosts: kind === SOURCE ? unpackSketch(hosts) : null,
        users: kind === SOURCE ? unpackSketch(users) : null,
      }),
    );
    return {
      ...{ id: known.id, step, at },
      topK: new TopK(kept, { values, floor: known.floor, sketch: unpackSketch(known.sketch) }),
    };
  }

  #write({ id, topK }: Cached, { counted, sketched, empty, own }: TopKChanges): void {
    const first = id * SLOTS;
    for (const slot of empty) {
      this.#dropTop.run(first + slot);
      this.#dropSketches.run(first + slot);
    }
    for (const { slot, value, accepted, failed, probes, firstAt, lastAt, error } of counted)
      this.#top.run(first + slot, value, accepted, failed, probes, firstAt, lastAt, error);
    for (const { slot, hosts, users } of sketched)
      this.#sketches.run(first + slot, packSketch(hosts ?? EMPTY_SKETCH), packSketch(users ?? EMPTY_SKETCH));
    if (own) this.#own.run(topK.floor, packSketch(topK.sketch), id);
  }
}
