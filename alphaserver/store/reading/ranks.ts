/** Which hosts, sources and users had most of it in a span of time, and how many different ones there were. */
import { type CountedRow, RANKED, type Ranked, type Share, SOURCE, share, type Tally, total } from '../rollup.ts';
import { BUCKET_SKETCH, SOURCE_SKETCH } from '../schema.ts';
import { distinct, EMPTY_SKETCH, type Sketch, sketchOf, union, unpackSketch } from '../sketch.ts';
import { coarsened, cut, DAY_MS, EVER, floorTo, HOUR_MS, type Run, type Span } from '../span.ts';
import { arrays, type Snapshot } from './snapshot.ts';
import { EDGE_LIMIT_EVENTS, Tallies } from './tallies.ts';

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
      const hashes = this.#shares(kind).keys().map(this.#at.names.hash);
      let sketch = sketchOf(hashes, BUCKET_SKETCH);
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
    const newest = this.#shares(kind);
    const shares = new Map<string, Share>();
    for (const [value, one] of newest) shares.set(value, { ...one });
    let error = 0;
    for (const run of this.#runs) error += this.#addRun(shares, kind, run);
    const attempts = ({ accepted, failed }: Tally): number => accepted + failed;
    const first = [...shares]
      .sort(([x, a], [y, b]) => attempts(b) - attempts(a) || total(b) - total(a) || (x < y ? -1 : 1))
      .slice(0, limit);
    return { error, ranks: first.map(([value, one]) => this.#rank(kind, value, one)) };
  }

  #shares(kind: Ranked): Map<string, Share> {
    const shares = new Map<string, Share>();
    share(shares, this.#rows, kind, this.#at.names);
    return shares;
  }

  #addRun(shares: Map<string, Share>, kind: Ranked, { step, from, to }: Run): number {
    const span = [kind, step, from, to] as const;
    const rows = arrays(
      this.#at.db,
      `SELECT value, sum(accepted), sum(failed), sum(probes), min(firstAt), max(lastAt) FROM tops
       WHERE kind = ? AND step = ? AND at >= ? AND at < ? GROUP BY value`,
      ...span,
    ) as [string, number, number, number, number, number][];
    for (const [value, accepted, failed, probes, firstAt, lastAt] of rows) {
      const one = shares.get(value);
      if (one) {
        one.accepted += accepted;
        one.failed += failed;
        one.probes += probes;
        one.firstAt = Math.min(one.firstAt, firstAt);
        one.lastAt = Math.max(one.lastAt, lastAt);
      } else shares.set(value, { accepted, failed, probes, firstAt, lastAt, hosts: null, users: null });
    }
    const sql = 'SELECT sum(floor) FROM buckets WHERE kind = ? AND step = ? AND at >= ? AND at < ?';
    return (arrays(this.#at.db, sql, ...span)[0]?.[0] as number | null) ?? 0;
  }

  #rank(kind: Ranked, value: string, { accepted, failed, probes, firstAt, lastAt, hosts, users }: Share): Rank {
    const rank = { value, accepted, failed, probes, firstAt, lastAt, hosts: null, users: null };
    if (kind !== SOURCE) return rank;
    const sketches: [Sketch, Sketch] = [
      sketchOf(hosts ?? EMPTY_SKETCH, SOURCE_SKETCH),
      sketchOf(users ?? EMPTY_SKETCH, SOURCE_SKETCH),
    ];
    for (const { step, from, to } of this.#runs) {
      const rows = arrays(
        this.#at.db,
        `SELECT t.hosts, t.users FROM buckets b CROSS JOIN tops t ON t.kind = b.kind AND t.step = b.step AND t.at = b.at AND t.value = ?
         WHERE b.kind = ? AND b.step = ? AND b.at >= ? AND b.at < ?`,
        ...[value, kind, step, from, to],
      ) as [Uint8Array | null, Uint8Array | null][];
      for (const row of rows)
        for (const i of [0, 1] as const) sketches[i] = union(sketches[i], unpackSketch(row[i]), SOURCE_SKETCH);
    }
    const [hostsMet, usersMet] = sketches.map((sketch) => distinct(sketch, SOURCE_SKETCH));
    return { ...rank, hosts: hostsMet ?? 0, users: usersMet ?? 0 };
  }
}
