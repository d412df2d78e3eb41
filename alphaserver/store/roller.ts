/** Takes events, some thousands at a time and in the order of their ids, into the tables that answer questions. */
import { type Database, transaction } from './database.ts';
import { packIds } from './postings.ts';
import { arrays, factIn, namesIn } from './reading/snapshot.ts';
import {
  addTo,
  byBucket,
  byMinute,
  type CountedRow,
  coarser,
  type HostTallies,
  idsByValue,
  type Names,
  RANKED,
  type Share,
  share,
  tallyOf,
} from './rollup.ts';
import { BUCKET_SKETCH, KEPT, SOURCE_SKETCH } from './schema.ts';
import { packSketch, sketchOf, union, unpackSketch } from './sketch.ts';
import { DAY_MS, EVER, HOUR_MS, MINUTE_MS } from './span.ts';

/** So many events are one segment: few enough to read one by one while they are not rolled up, enough to make it cheap. */
export const SEGMENT_EVENTS = 8_192;
/** The most that one transaction takes: a flood comes in larger pieces, where one value is written once for many events. */
const ROLL_LIMIT_EVENTS = 4 * SEGMENT_EVENTS;

/** The one that rolls up, on the connection that writes. */
export class Roller {
  readonly #db: Database;
  readonly #names: Names;
  #rolledTo: number;

  constructor(db: Database) {
    this.#db = db;
    this.#names = namesIn(db);
    this.#rolledTo = factIn(db, 'rolledTo');
    db.function('united', { deterministic: true }, (a, b) => {
      if (a === null || b === null) return a ?? b;
      return packSketch(union(unpackSketch(a as Uint8Array), unpackSketch(b as Uint8Array), SOURCE_SKETCH));
    });
  }

  /** Events up to this id are rolled up. */
  get rolledTo(): number {
    return this.#rolledTo;
  }

  /** True when there are enough new events up to `lastId` for a segment. */
  due(lastId: number): boolean {
    return lastId - this.#rolledTo >= SEGMENT_EVENTS;
  }

  /** True when so much waits that questions, which read it event by event, become slow. */
  late(lastId: number): boolean {
    return lastId - this.#rolledTo >= ROLL_LIMIT_EVENTS;
  }

  /** Takes what there is up to `upTo` in one transaction, at most ROLL_LIMIT_EVENTS: whole segments, or less than one. */
  roll(upTo: number): void {
    const wanted = Math.min(upTo - this.#rolledTo, ROLL_LIMIT_EVENTS);
    const events = wanted < SEGMENT_EVENTS ? wanted : wanted - (wanted % SEGMENT_EVENTS);
    if (events <= 0) return;
    const last = this.#rolledTo + events;
    transaction(this.#db, () => this.#take(this.#rolledTo + 1, last));
    this.#rolledTo = last;
  }

  #take(first: number, last: number): void {
    const rows = arrays(
      this.#db,
      'SELECT id, at, outcome, host, method, user, ip FROM events WHERE id >= ? AND id <= ? ORDER BY id',
      first,
      last,
    ) as unknown as CountedRow[];
    for (let from = first; from <= last; from += SEGMENT_EVENTS) {
      const to = Math.min(last, from + SEGMENT_EVENTS - 1);
      this.#segment(
        from,
        to,
        rows.filter(([id]) => id >= from && id <= to),
      );
    }
    const minutes = byMinute(rows);
    this.#counts(minutes, MINUTE_MS);
    this.#counts(coarser(minutes, HOUR_MS), HOUR_MS);
    this.#counts(coarser(minutes, DAY_MS), DAY_MS);
    for (const kind of RANKED) this.#ranks(kind, rows);
    this.#db.prepare("UPDATE facts SET value = ? WHERE name = 'rolledTo'").run(last);
  }

  #segment(first: number, last: number, rows: readonly CountedRow[]): void {
    const times = rows.map(([, at]) => at);
    const [minAt, maxAt] = times.reduce(([a, b], at) => [Math.min(a, at), Math.max(b, at)], [Infinity, -Infinity]);
    if (rows.length === 0) return;
    this.#db.prepare('INSERT INTO segments VALUES (?, ?, ?, ?)').run(first, last, minAt, maxAt);
    const posting = this.#db.prepare('INSERT INTO postings VALUES (?, ?, ?, ?)');
    for (const [kind, values] of idsByValue(rows, this.#names).entries()) {
      // In the order of the keys: the table grows at its end.
      for (const value of [...values.keys()].sort())
        posting.run(first, kind, value, packIds(values.get(value) ?? [], first));
    }
  }

  #counts(buckets: HostTallies, step: number): void {
    const adding =
      'accepted = accepted + excluded.accepted, failed = failed + excluded.failed, probes = probes + excluded.probes';
    const fleet = this.#db.prepare(`INSERT INTO counts VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET ${adding}`);
    const one = this.#db.prepare(
      `INSERT INTO hostCounts VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET ${adding}`,
    );
    for (const [at, hosts] of [...buckets].sort(([a], [b]) => a - b)) {
      const all = tallyOf();
      for (const [host, tally] of [...hosts].sort(([a], [b]) => a - b)) {
        one.run(step, at, host, tally.accepted, tally.failed, tally.probes);
        addTo(all, tally);
      }
      fleet.run(step, at, all.accepted, all.failed, all.probes);
    }
  }

  #ranks(kind: (typeof RANKED)[number], rows: readonly CountedRow[]): void {
    let finer: { shares: Map<string, Share>; buckets: number } | null = null;
    for (const step of [HOUR_MS, DAY_MS, EVER]) {
      const buckets = byBucket(rows, step);
      for (const [at, inBucket] of buckets) {
        // What is all in one hour is all in one day as well.
        const shares: Map<string, Share> = finer?.buckets === 1 ? finer.shares : new Map();
        if (shares.size === 0) share(shares, inBucket, kind, this.#names);
        this.#bucket(kind, step, at, shares);
        finer = { shares, buckets: buckets.size };
      }
    }
  }

  #bucket(kind: number, step: number, at: number, shares: ReadonlyMap<string, Share>): void {
    const key = [kind, step, at] as const;
    const known = this.#db
      .prepare('SELECT floor, sketch FROM buckets WHERE kind = ? AND step = ? AND at = ?')
      .get(...key) as { floor: number; sketch: Uint8Array } | undefined;
    const floor = known?.floor ?? 0;
    const upsert = this.#db.prepare(
      `INSERT INTO tops VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
         accepted = accepted + excluded.accepted, failed = failed + excluded.failed, probes = probes + excluded.probes,
         firstAt = min(firstAt, excluded.firstAt), lastAt = max(lastAt, excluded.lastAt),
         hosts = united(hosts, excluded.hosts), users = united(users, excluded.users)`,
    );
    const packed = (hashes: Set<number> | null) =>
      hashes === null ? null : packSketch(sketchOf(hashes, SOURCE_SKETCH));
    for (const value of [...shares.keys()].sort()) {
      const { accepted, failed, probes, firstAt, lastAt, hosts, users } = shares.get(value) as Share;
      upsert.run(...key, value, accepted, failed, probes, firstAt, lastAt, floor, packed(hosts), packed(users));
    }
    const sketch = union(
      unpackSketch(known?.sketch ?? null),
      sketchOf(shares.keys().map(this.#names.hash), BUCKET_SKETCH),
      BUCKET_SKETCH,
    );
    this.#db
      .prepare('INSERT OR REPLACE INTO buckets VALUES (?, ?, ?, ?, ?)')
      .run(...key, Math.max(floor, this.#prune(key)), packSketch(sketch));
  }

  /**
   * Space-Saving in batches: once a bucket holds twice what it keeps, the smallest go, and the largest of them is the
   * most that a value which comes back may lack. Returns that number, 0 where nothing went.
   */
  #prune(key: readonly [kind: number, step: number, at: number]): number {
    const kept = KEPT[key[0]]?.[key[1]] ?? 0;
    const bucket = 'tops WHERE kind = ? AND step = ? AND at = ?';
    const { n } = this.#db.prepare(`SELECT count(*) AS n FROM ${bucket}`).get(...key) as { n: number };
    if (n <= 2 * kept) return 0;
    const largest = 'ORDER BY accepted + failed + probes + error DESC, value LIMIT -1 OFFSET ?';
    const gone = this.#db
      .prepare(`SELECT accepted + failed + probes + error AS n FROM ${bucket} ${largest}`)
      .get(...key, kept) as { n: number };
    this.#db
      .prepare(
        `DELETE FROM tops WHERE kind = ? AND step = ? AND at = ? AND value IN (SELECT value FROM ${bucket} ${largest})`,
      )
      .run(...key, ...key, kept);
    return gone.n;
  }
}
