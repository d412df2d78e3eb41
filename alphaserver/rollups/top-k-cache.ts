/** Buckets between memory and file: what is added to again and again is read once. */

import { arrays } from '../queries/snapshot.ts';
import type { Database, Statement } from '../store/database.ts';
import { KEPT, SLOTS } from '../store/schema.ts';
import { type Ranked, type Share, SOURCE } from './counts.ts';
import { EMPTY_SKETCH, packSketch, unpackSketch } from './distinct-sketch.ts';
import { Bucket, type BucketChanges, type KeptValue } from './top-k.ts';

/** Buckets in memory at once: now, today and ever of each kind, and as many of older times where events come late. */
const BUCKETS_LIMIT = 24;

/** Which bucket: the size of its time in milliseconds, and where that begins. */
export type BucketKey = readonly [kind: Ranked, step: number, at: number];
type TopRow = readonly [
  ...[id: number, value: string, accepted: number, failed: number, probes: number],
  ...[firstAt: number, lastAt: number, error: number, hosts: Uint8Array | null, users: Uint8Array | null],
];

interface Shelved {
  readonly id: number;
  readonly bucket: Bucket;
}

/** The buckets of one file. Every call is inside the caller's transaction; after one that failed, call `forget`. */
export class Shelf {
  readonly #db: Database;
  readonly #buckets = new Map<string, Shelved>();
  readonly #known: Statement;
  readonly #new: Statement;
  readonly #itself: Statement;
  readonly #top: Statement;
  readonly #met: Statement;
  readonly #gone: Statement;
  readonly #unmet: Statement;

  constructor(db: Database) {
    this.#db = db;
    this.#known = db.prepare('SELECT id, floor, sketch FROM buckets WHERE kind = ? AND step = ? AND at = ?');
    this.#new = db.prepare("INSERT INTO buckets (kind, step, at, floor, sketch) VALUES (?, ?, ?, 0, x'')");
    this.#itself = db.prepare('UPDATE buckets SET floor = ?, sketch = ? WHERE id = ?');
    this.#top = db.prepare('INSERT OR REPLACE INTO tops VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
    this.#met = db.prepare('INSERT OR REPLACE INTO met VALUES (?, ?, ?)');
    this.#gone = db.prepare('DELETE FROM tops WHERE id = ?');
    this.#unmet = db.prepare('DELETE FROM met WHERE id = ?');
  }

  /** Adds to one bucket, in memory and in the file. */
  add(key: BucketKey, shares: ReadonlyMap<string, Share>): void {
    const shelved = this.#take(key);
    this.#write(shelved, shelved.bucket.add(shares));
  }

  /** Lets go of what is in memory: the file knows better. */
  forget(): void {
    this.#buckets.clear();
  }

  #take(key: BucketKey): Shelved {
    const name = key.join();
    const shelved = this.#buckets.get(name) ?? this.#read(key);
    // The one that was used last stands last.
    this.#buckets.delete(name);
    this.#buckets.set(name, shelved);
    if (this.#buckets.size > BUCKETS_LIMIT) this.#buckets.delete(this.#buckets.keys().next().value as string);
    return shelved;
  }

  #read(key: BucketKey): Shelved {
    const [kind, step] = key;
    const kept = KEPT[kind]?.[step] ?? 0;
    const known = this.#known.get(...key) as { id: number; floor: number; sketch: Uint8Array } | undefined;
    if (!known) return { id: Number(this.#new.run(...key).lastInsertRowid), bucket: new Bucket(kept) };
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
      id: known.id,
      bucket: new Bucket(kept, { values, floor: known.floor, sketch: unpackSketch(known.sketch) }),
    };
  }

  #write({ id, bucket }: Shelved, { counted, met, empty, itself }: BucketChanges): void {
    const first = id * SLOTS;
    for (const slot of empty) {
      this.#gone.run(first + slot);
      this.#unmet.run(first + slot);
    }
    for (const { slot, value, accepted, failed, probes, firstAt, lastAt, error } of counted)
      this.#top.run(first + slot, value, accepted, failed, probes, firstAt, lastAt, error);
    for (const { slot, hosts, users } of met)
      this.#met.run(first + slot, packSketch(hosts ?? EMPTY_SKETCH), packSketch(users ?? EMPTY_SKETCH));
    if (itself) this.#itself.run(bucket.floor, packSketch(bucket.sketch), id);
  }
}
