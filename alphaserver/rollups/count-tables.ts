/** The tables of counts by time and host: minutes, hours and days. */
import type { Database, Statement } from '../store/database.ts';
import { addCounts, type CountedRow, type Counts, coarser, countMinutes, countsOf, type HostCounts } from './counts.ts';
import { DAY_MS, floorTo, HOUR_MS, MINUTE_MS } from './time-buckets.ts';
import { addToMinute, type Minutes, packMinutes, unpackMinutes } from './time-counts.ts';

const ADDED =
  'accepted = accepted + excluded.accepted, failed = failed + excluded.failed, probes = probes + excluded.probes';

/** Adds events to the counts. Every call belongs inside a transaction of the caller. */
export class CountTables {
  readonly #fleet: Statement;
  readonly #minutes: Statement;
  readonly #host: Statement;

  constructor(db: Database) {
    this.#fleet = db.prepare(`INSERT INTO counts VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET ${ADDED}`);
    this.#minutes = db.prepare('SELECT minutes FROM hostCounts WHERE step = ? AND at = ? AND host = ?');
    this.#host = db.prepare(
      `INSERT INTO hostCounts VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET ${ADDED}, minutes = excluded.minutes`,
    );
  }

  /** Counts events. */
  add(rows: readonly CountedRow[]): void {
    const minutes = countMinutes(rows);
    const hours = coarser(minutes, HOUR_MS);
    this.#step(minutes, MINUTE_MS, null);
    this.#step(hours, HOUR_MS, minutesByHour(minutes));
    this.#step(coarser(hours, DAY_MS), DAY_MS, new Map());
  }

  /** `minutes` null: no counts by host. */
  #step(buckets: HostCounts, step: number, minutes: ReadonlyMap<number, ReadonlyMap<number, Minutes>> | null): void {
    for (const [at, hosts] of [...buckets].sort(([a], [b]) => a - b)) {
      const all = countsOf();
      for (const counts of hosts.values()) addCounts(all, counts);
      this.#fleet.run(step, at, all.accepted, all.failed, all.probes);
      if (minutes === null) continue;
      for (const [host, counts] of [...hosts].sort(([a], [b]) => a - b))
        this.#one([step, at, host], counts, minutes.get(at)?.get(host) ?? null);
    }
  }

  #one(key: readonly [number, number, number], { accepted, failed, probes }: Counts, minutes: Minutes | null): void {
    if (minutes) {
      const row = this.#minutes.get(...key) as { minutes: Uint8Array | null } | undefined;
      for (const [minute, counts] of unpackMinutes(row?.minutes ?? null)) addToMinute(minutes, minute, counts);
    }
    this.#host.run(...key, accepted, failed, probes, minutes && packMinutes(minutes));
  }
}

function minutesByHour(counts: HostCounts): Map<number, Map<number, Minutes>> {
  const hours = new Map<number, Map<number, Minutes>>();
  for (const [at, hosts] of counts) {
    const hour = floorTo(at, HOUR_MS);
    const ofHosts = hours.get(hour) ?? new Map<number, Minutes>();
    hours.set(hour, ofHosts);
    for (const [host, one] of hosts) {
      const minutes = ofHosts.get(host) ?? new Map();
      ofHosts.set(host, minutes);
      addToMinute(minutes, (at - hour) / MINUTE_MS, one);
    }
  }
  return hours;
}
