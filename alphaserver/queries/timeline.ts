/** Counts of attempts and probes in a span of time, at a cost that does not grow with their number. */
import { addCounts, addOutcome, type Counts, countsOf, total } from '../rollups/counts.ts';
import { coarsened, cut, DAY_MS, floorTo, HOUR_MS, MINUTE_MS, type Run, type Span } from '../rollups/time-buckets.ts';
import { unpackMinutes } from '../rollups/time-counts.ts';
import { arrays } from '../store/database.ts';
import type { Snapshot } from './snapshot.ts';

/** The bucket sizes of `counts` and `hostCounts`. */
const STEPS = [DAY_MS, HOUR_MS, MINUTE_MS];
/**
 * Part of a minute is counted event by event where the minute has at most this many, and all are still stored.
 * Otherwise the minute counts where it begins.
 */
export const EDGE_LIMIT_EVENTS = 20_000;

/** Counts within one snapshot; `host` null counts all. */
export class TimelineCounts {
  readonly #at: Snapshot;
  readonly #host: number | null;
  /** The finest buckets there are before the horizon: see `coarsened`. */
  readonly #kept: number;

  constructor(snapshot: Snapshot, host: number | null) {
    this.#at = snapshot;
    this.#host = host;
    this.#kept = host === null ? HOUR_MS : DAY_MS;
  }

  /** Counts all of a span. With a host, the span must be finite. */
  of(span: Span): Counts {
    const counts = countsOf();
    const { runs, edges } = cut(coarsened(span, this.#kept, this.#at.horizon), STEPS);
    for (const run of runs) for (const [, bucket] of this.#buckets(run)) addCounts(counts, bucket);
    for (const edge of edges) addCounts(counts, this.#edge(edge));
    for (const [, , outcome, host] of this.#at.newest(span))
      if (this.#host === null || host === this.#host) addOutcome(counts, outcome);
    return counts;
  }

  /** Counts a span in steps, by the start of each. Steps where nothing happened may be missing. The span must be finite. */
  steps({ from, to }: Span, step: number): Map<number, Counts> {
    const points = new Map<number, Counts>();
    const add = (at: number, counts: Counts): void => {
      const point = points.get(floorTo(at, step)) ?? countsOf();
      addCounts(point, counts);
      points.set(floorTo(at, step), point);
    };
    const { horizon } = this.#at;
    const { runs, edges } = cut(
      coarsened({ from, to }, this.#kept, horizon),
      STEPS.filter((size) => size <= step),
    );
    for (const run of runs) {
      // Behind the horizon an hour, or a host's day, shows at its first minute.
      const old = { ...run, step: Math.max(this.#kept, run.step), to: Math.min(run.to, Math.max(run.from, horizon)) };
      for (const [at, counts] of this.#buckets(old)) add(at, counts);
      for (const [at, counts] of this.#buckets({ ...run, from: old.to })) add(at, counts);
    }
    for (const edge of edges) add(edge.from, this.#edge(edge));
    for (const [, at, outcome, host] of this.#at.newest({ from, to })) {
      if (this.#host !== null && host !== this.#host) continue;
      const one = countsOf();
      addOutcome(one, outcome);
      add(at, one);
    }
    return points;
  }

  #buckets({ step, from, to }: Run): [at: number, counts: Counts][] {
    if (!(from < to)) return [];
    if (this.#host !== null)
      return step === MINUTE_MS ? this.#minutes({ from, to }) : this.#hostRows({ step, from, to });
    const sql = 'SELECT at, accepted, failed, probes FROM counts WHERE step = ? AND at >= ? AND at < ?';
    const rows = arrays(this.#at.db, sql, step, from, to) as [number, number, number, number][];
    return rows.map(([at, ...counts]) => [at, countsOf(...counts)]);
  }

  #hostRows(run: Run): [at: number, counts: Counts][] {
    const rows = this.#rowsOfHost('c.accepted, c.failed, c.probes', run) as [number, number, number, number][];
    return rows.map(([at, ...counts]) => [at, countsOf(...counts)]);
  }

  /** Reads minutes from the rows of their hours. */
  #minutes({ from, to }: Span): [at: number, counts: Counts][] {
    const hours = { step: HOUR_MS, from: floorTo(from, HOUR_MS), to };
    const rows = this.#rowsOfHost('c.minutes', hours) as [number, Uint8Array | null][];
    return rows.flatMap(([hour, packed]) =>
      [...unpackMinutes(packed)]
        .map(([minute, counts]): [number, Counts] => [hour + minute * MINUTE_MS, counts])
        .filter(([at]) => at >= from && at < to),
    );
  }

  /** Looks once into each bucket: all hosts of a bucket stand together. */
  #rowsOfHost(columns: string, { step, from, to }: Run): unknown[][] {
    const sql = `WITH RECURSIVE starts(at) AS (SELECT ? UNION ALL SELECT at + ? FROM starts WHERE at + ? < ?)
      SELECT c.at, ${columns} FROM starts CROSS JOIN hostCounts c ON c.step = ? AND c.at = starts.at AND c.host = ?`;
    return arrays(this.#at.db, sql, from, step, step, to, step, this.#host ?? -1);
  }

  /** Counts a part of one minute. */
  #edge(edge: Span): Counts {
    const from = floorTo(edge.from, MINUTE_MS);
    const minute = { from, to: from + MINUTE_MS };
    const all = this.#buckets({ ...minute, step: MINUTE_MS })[0]?.[1] ?? countsOf();
    const whole = total(all) <= EDGE_LIMIT_EVENTS && total(this.#at.countOlder(minute, this.#host)) === total(all);
    if (whole) return this.#at.countOlder(edge, this.#host);
    return edge.from === from ? all : countsOf();
  }
}
