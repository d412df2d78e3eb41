/** Which hosts, sources and users had most of it in a span of time, and how many different ones there were. */

import {
  addTo,
  type CountedRow,
  RANKED,
  type Ranked,
  type Share,
  SOURCE,
  share,
  type Tally,
  total,
} from '../rollups/counts.ts';
import { distinct, EMPTY_SKETCH, grown, hashesIn, sketchOf, union, unpackSketch } from '../rollups/distinct-sketch.ts';
import { coarsened, cut, DAY_MS, EVER, floorTo, HOUR_MS, type Run, type Span } from '../rollups/time-buckets.ts';
import type { Statement } from '../store/database.ts';
import { BUCKET_SKETCH, SLOTS, SOURCE_SKETCH } from '../store/schema.ts';
import { arrays, type Snapshot } from './snapshot.ts';
import { EDGE_LIMIT_EVENTS, Tallies } from './timeline.ts';

/** One row of a ranking. `hosts` and `users` are how many different ones a source met; null for other kinds. */
export interface Rank extends Tally {
  readonly value: string;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly hosts: number | null;
  readonly users: number | null;
}

/** Ranks of a span within one snapshot. Part of an hour is counted as part of a minute is: see EDGE_LIMIT_EVENTS. */
export class Ranks {
  readonly #at: Snapshot;
  readonly #runs: readonly Run[];
  /** The events of the span that no bucket holds alone. */
  readonly #rows: readonly CountedRow[];

  constructor(snapshot: Snapshot, span: Span) {
    this.#at = snapshot;
    if (span.from === Number.NEGATIVE_INFINITY && span.to === Number.POSITIVE_INFINITY) {
      this.#runs = [{ step: EVER, from: 0, to: 1 }];
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
    const counted = total(new Tallies(this.#at, null).of(hour)) - this.#at.newest(hour).length;
    return counted <= EDGE_LIMIT_EVENTS && total(this.#at.olderTally(hour, null)) === counted;
  }

  /** How many different values of each kind, in the order of RANKED. Exact up to BUCKET_SKETCH, then 2.2 % standard error. */
  distinct(): number[] {
    return RANKED.map((kind) => {
      let sketch = sketchOf(
        this.#shares(kind)
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

  /** The first `limit` of a kind, most attempts first, and how many events any of them may lack at most. */
  first(kind: Ranked, limit: number): { ranks: Rank[]; error: number } {
    const gathered = new Map<string, Gathered>();
    for (const [value, one] of this.#shares(kind)) gathered.set(value, { ...one, ids: [] });
    let error = 0;
    for (const run of this.#runs) error += this.#addRun(gathered, kind, run);
    const attempts = ({ accepted, failed }: Tally): number => accepted + failed;
    const first = [...gathered]
      .sort(([x, a], [y, b]) => attempts(b) - attempts(a) || total(b) - total(a) || (x < y ? -1 : 1))
      .slice(0, limit);
    const met = this.#at.db.prepare('SELECT hosts, users FROM met WHERE id = ?');
    return { error, ranks: first.map(([value, one]) => rankOf(kind, value, one, met)) };
  }

  #shares(kind: Ranked): Map<string, Share> {
    const shares = new Map<string, Share>();
    share(shares, this.#rows, kind, this.#at.names);
    return shares;
  }

  #addRun(gathered: Map<string, Gathered>, kind: Ranked, { step, from, to }: Run): number {
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

function rankOf(kind: Ranked, value: string, one: Gathered, met: Statement): Rank {
  const { accepted, failed, probes, firstAt, lastAt } = one;
  const rank = { value, accepted, failed, probes, firstAt, lastAt, hosts: null, users: null };
  if (kind !== SOURCE) return rank;
  let hosts = sketchOf(one.hosts ?? EMPTY_SKETCH, SOURCE_SKETCH);
  let users = sketchOf(one.users ?? EMPTY_SKETCH, SOURCE_SKETCH);
  for (const id of one.ids) {
    const row = met.get(id) as { hosts: Uint8Array; users: Uint8Array } | undefined;
    if (!row) continue;
    hosts = grown(hosts, hashesIn(row.hosts), SOURCE_SKETCH);
    users = grown(users, hashesIn(row.users), SOURCE_SKETCH);
  }
  return { ...rank, hosts: distinct(hosts, SOURCE_SKETCH), users: distinct(users, SOURCE_SKETCH) };
}

type TopRow = readonly [
  ...[id: number, value: string, accepted: number, failed: number, probes: number],
  ...[firstAt: number, lastAt: number],
];

/** A share with the places where the rest of it stands. */
interface Gathered extends Share {
  readonly ids: number[];
}

function add(gathered: Map<string, Gathered>, [id, value, accepted, failed, probes, firstAt, lastAt]: TopRow): void {
  const one = gathered.get(value);
  if (!one) {
    const nobody = { hash: 0, hosts: null, users: null };
    gathered.set(value, { ...nobody, accepted, failed, probes, firstAt, lastAt, ids: [id] });
    return;
  }
  addTo(one, { accepted, failed, probes });
  one.firstAt = Math.min(one.firstAt, firstAt);
  one.lastAt = Math.max(one.lastAt, lastAt);
  one.ids.push(id);
}
