/** The hosts, sources and users with most events in a span of time, and how many different ones there were. */

import { networkOf } from '../../service/ip-network.ts';
import {
  addCounts,
  addValues,
  type CountedRow,
  type Counts,
  RANKED_KINDS,
  type RankedKind,
  SOURCE,
  total,
  type ValueCounts,
} from '../rollups/counts.ts';
import { distinct, hashesIn, SketchUnion, sketchOf, union, unpackSketch } from '../rollups/distinct-sketch.ts';
import { BUCKET_SKETCH, SLOTS, SOURCE_SKETCH } from '../rollups/schema.ts';
import { ALL_TIME, coarsened, cut, DAY_MS, floorTo, HOUR_MS, type Run, type Span } from '../rollups/time-buckets.ts';
import { arrays, type Database, type Statement } from '../store/database.ts';
import type { Snapshot } from './snapshot.ts';
import { EDGE_LIMIT_EVENTS, TimelineCounts } from './timeline.ts';

/** One row of a ranking. `hosts` and `users` count the different ones that a source had to do with; null for other kinds. */
export interface Rank extends Counts {
  readonly value: string;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly hosts: number | null;
  readonly users: number | null;
}

/** A source whose addresses are one: how many there are, and the busiest of them where there are several. */
export interface NetworkRank extends Rank {
  readonly addresses: number;
  readonly busiest: readonly Rank[];
}

/** The addresses of one network that are ranked. */
const BUSIEST = 20;

/** Top values of a span within one snapshot. A part of an hour is counted as a part of a minute is: see EDGE_LIMIT_EVENTS. */
export class TopValues {
  readonly #at: Snapshot;
  readonly #runs: readonly Run[];
  /** The events of the span that are not in a bucket of it. */
  readonly #rows: readonly CountedRow[];

  constructor(snapshot: Snapshot, span: Span) {
    this.#at = snapshot;
    if (span.from === Number.NEGATIVE_INFINITY && span.to === Number.POSITIVE_INFINITY) {
      this.#runs = [{ step: ALL_TIME, from: 0, to: 1 }];
      this.#rows = snapshot.newest(span);
      return;
    }
    const { runs, edges } = cut(coarsened(span, DAY_MS, snapshot.horizon), [DAY_MS, HOUR_MS]);
    const hours: Run[] = [];
    const rows: CountedRow[] = snapshot.newest(span);
    for (const edge of edges) {
      const from = floorTo(edge.from, HOUR_MS);
      const hour = { step: HOUR_MS, from, to: from + HOUR_MS };
      if (this.#splits(hour)) rows.push(...snapshot.older(edge));
      else if (edge.from === from) hours.push(hour);
    }
    this.#runs = [...runs, ...hours];
    this.#rows = rows;
  }

  #splits(hour: Span): boolean {
    const counted = total(new TimelineCounts(this.#at, null).of(hour)) - this.#at.newest(hour).length;
    return counted <= EDGE_LIMIT_EVENTS && total(this.#at.countOlder(hour, null)) === counted;
  }

  /** Counts the different values of each kind, in the order of RANKED_KINDS. Exact up to BUCKET_SKETCH, then 2.2 % standard error. */
  distinct(): number[] {
    return RANKED_KINDS.map((kind) => {
      let sketch = sketchOf(
        this.#values(kind)
          .values()
          .map(({ hash }) => hash),
        BUCKET_SKETCH,
      );
      for (const { step, from, to } of this.#runs)
        for (const [bytes] of arrays(
          this.#at.db,
          'SELECT sketch FROM buckets WHERE kind = ? AND step = ? AND at >= ? AND at < ?',
          ...[kind, step, from, to],
        ))
          sketch = union(sketch, unpackSketch(bytes as Uint8Array), BUCKET_SKETCH);
      return distinct(sketch, BUCKET_SKETCH);
    });
  }

  /** Gives the first `limit` of a kind, most attempts first, and how many events any of them may lack at most. */
  first(kind: RankedKind, limit: number): { ranks: Rank[]; error: number } {
    const { gathered, error } = this.#gather(kind);
    const sketches = new SourceSketches(this.#at.db);
    return { error, ranks: mostFirst(gathered, limit).map(([value, one]) => rankOf(kind, value, one, sketches)) };
  }

  /**
   * Gives the first `limit` sources with the IPv6 addresses of one network as one, as `first` does. Each has its busiest
   * addresses, BUSIEST at most; an address alone in its network has its own name.
   */
  networks(limit: number): { ranks: NetworkRank[]; error: number } {
    const { gathered, error } = this.#gather(SOURCE);
    const networks = new Map<string, Map<string, Gathered>>();
    for (const [address, one] of gathered) {
      const network = networkOf(address) ?? address;
      const addresses = networks.get(network);
      if (addresses) addresses.set(address, one);
      else networks.set(network, new Map([[address, one]]));
    }
    const joined = new Map<string, Gathered>();
    for (const [network, addresses] of networks) joined.set(network, together([...addresses.values()]));
    const sketches = new SourceSketches(this.#at.db);
    const rank = (value: string, one: Gathered): Rank => rankOf(SOURCE, value, one, sketches);
    return {
      error,
      ranks: mostFirst(joined, limit).map(([network, one]) => {
        const addresses = networks.get(network) ?? new Map<string, Gathered>();
        const [alone = network] = addresses.keys();
        if (addresses.size === 1) return { ...rank(alone, one), addresses: 1, busiest: [] };
        const busiest = mostFirst(addresses, BUSIEST).map(([value, address]) => rank(value, address));
        return { ...rank(network, one), addresses: addresses.size, busiest };
      }),
    };
  }

  #gather(kind: RankedKind): { gathered: Map<string, Gathered>; error: number } {
    const gathered = new Map<string, Gathered>();
    for (const [value, one] of this.#values(kind)) gathered.set(value, { ...one, ids: [] });
    let error = 0;
    for (const run of this.#runs) error += this.#addRun(gathered, kind, run);
    return { gathered, error };
  }

  #values(kind: RankedKind): Map<string, ValueCounts> {
    const values = new Map<string, ValueCounts>();
    addValues(values, this.#rows, kind, this.#at.names);
    return values;
  }

  #addRun(gathered: Map<string, Gathered>, kind: RankedKind, { step, from, to }: Run): number {
    const { db } = this.#at;
    const buckets = arrays(
      db,
      'SELECT id, floor FROM buckets WHERE kind = ? AND step = ? AND at >= ? AND at < ?',
      ...[kind, step, from, to],
    ) as [number, number][];
    const sql = 'SELECT id, value, accepted, failed, probes, firstAt, lastAt FROM tops WHERE id >= ? AND id < ?';
    const tops = db.prepare(sql);
    tops.setReturnArrays(true);
    for (const [id] of buckets)
      for (const row of tops.all(id * SLOTS, (id + 1) * SLOTS) as unknown as TopRow[]) add(gathered, row);
    return buckets.reduce((sum, [, floor]) => sum + floor, 0);
  }
}

const attempts = ({ accepted, failed }: Counts): number => accepted + failed;

function mostFirst(values: ReadonlyMap<string, Gathered>, limit: number): [value: string, one: Gathered][] {
  return [...values]
    .sort(([x, a], [y, b]) => attempts(b) - attempts(a) || total(b) - total(a) || (x < y ? -1 : 1))
    .slice(0, limit);
}

/** Adds up the addresses of one network; their sketches are joined when it is ranked. */
function together(addresses: readonly Gathered[]): Gathered {
  const [first, ...others] = addresses as [Gathered, ...Gathered[]];
  if (others.length === 0) return first;
  const sum: Gathered = {
    ...first,
    hosts: addresses.flatMap(({ hosts }) => hosts ?? []),
    users: addresses.flatMap(({ users }) => users ?? []),
    ids: addresses.flatMap(({ ids }) => ids),
  };
  for (const one of others) {
    addCounts(sum, one);
    sum.firstAt = Math.min(sum.firstAt, one.firstAt);
    sum.lastAt = Math.max(sum.lastAt, one.lastAt);
  }
  return sum;
}

function rankOf(kind: RankedKind, value: string, one: Gathered, sketches: SourceSketches): Rank {
  const { accepted, failed, probes, firstAt, lastAt } = one;
  const rank = { value, accepted, failed, probes, firstAt, lastAt };
  return kind === SOURCE ? { ...rank, ...sketches.count(one) } : { ...rank, hosts: null, users: null };
}

/** Counts the different hosts and users of sources, those of many buckets together. */
class SourceSketches {
  readonly #rows: Statement;
  readonly #hosts = new SketchUnion(SOURCE_SKETCH);
  readonly #users = new SketchUnion(SOURCE_SKETCH);

  constructor(db: Database) {
    // One call for all rows of a source: it has a row in each of many buckets.
    this.#rows = db.prepare('SELECT hosts, users FROM json_each(?) CROSS JOIN met WHERE met.id = json_each.value');
    this.#rows.setReturnArrays(true);
  }

  count({ hosts, users, ids }: Gathered): { readonly hosts: number; readonly users: number } {
    this.#hosts.clear();
    this.#users.clear();
    if (hosts) this.#hosts.add(sketchOf(hosts, SOURCE_SKETCH));
    if (users) this.#users.add(sketchOf(users, SOURCE_SKETCH));
    for (const row of this.#rows.all(`[${ids}]`) as unknown as (readonly [Uint8Array, Uint8Array])[]) {
      this.#hosts.add(hashesIn(row[0]));
      this.#users.add(hashesIn(row[1]));
    }
    return { hosts: this.#hosts.distinct(), users: this.#users.distinct() };
  }
}

type TopRow = readonly [
  ...[id: number, value: string, accepted: number, failed: number, probes: number],
  ...[firstAt: number, lastAt: number],
];

/** Counts of a value with the rows of the buckets that have its sketches. */
interface Gathered extends ValueCounts {
  readonly ids: number[];
}

function add(gathered: Map<string, Gathered>, [id, value, accepted, failed, probes, firstAt, lastAt]: TopRow): void {
  const one = gathered.get(value);
  if (!one) {
    const none = { hash: 0, hosts: null, users: null };
    gathered.set(value, { ...none, accepted, failed, probes, firstAt, lastAt, ids: [id] });
    return;
  }
  addCounts(one, { accepted, failed, probes });
  one.firstAt = Math.min(one.firstAt, firstAt);
  one.lastAt = Math.max(one.lastAt, lastAt);
  one.ids.push(id);
}
