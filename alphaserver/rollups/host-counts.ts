/** Counts by time and host in the file: minutes, hours and days. */
import type { Database, Statement } from '../store/database.ts';
import { addTo, byMinute, type CountedRow, coarser, type HostTallies, type Tally, tallyOf } from './counts.ts';
import { DAY_MS, floorTo, HOUR_MS, MINUTE_MS } from './time-buckets.ts';
import { addToMinute, type Minutes, packMinutes, unpackMinutes } from './time-counts.ts';

const ADDED =
  'accepted = accepted + excluded.accepted, failed = failed + excluded.failed, probes = probes + excluded.probes';

/** Adds to the counts inside the caller's transaction. */
export class HostTally {
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
    const minutes = byMinute(rows);
    const hours = coarser(minutes, HOUR_MS);
    const ofHours = minutesByHour(minutes);
    this.#step(minutes, MINUTE_MS, null);
    this.#step(hours, HOUR_MS, ofHours);
    this.#step(coarser(hours, DAY_MS), DAY_MS, new Map());
  }

  /** `minutes` null keeps no counts by host. */
  #step(buckets: HostTallies, step: number, minutes: ReadonlyMap<number, ReadonlyMap<number, Minutes>> | null): void {
    for (const [at, hosts] of [...buckets].sort(([a], [b]) => a - b)) {
      const all = tallyOf();
      for (const tally of hosts.values()) addTo(all, tally);
      this.#fleet.run(step, at, all.accepted, all.failed, all.probes);
      if (minutes === null) continue;
      for (const [host, tally] of [...hosts].sort(([a], [b]) => a - b))
        this.#one([step, at, host], tally, minutes.get(at)?.get(host) ?? null);
    }
  }

  #one(key: readonly [number, number, number], { accepted, failed, probes }: Tally, minutes: Minutes | null): void {
    if (minutes) {
      const row = this.#minutes.get(...key) as { minutes: Uint8Array | null } | undefined;
      for (const [minute, tally] of unpackMinutes(row?.minutes ?? null)) addToMinute(minutes, minute, tally);
    }
    this.#host.run(...key, accepted, failed, probes, minutes && packMinutes(minutes));
  }
}

function minutesByHour(tallies: HostTallies): Map<number, Map<number, Minutes>> {
  const hours = new Map<number, Map<number, Minutes>>();
  for (const [at, hosts] of tallies) {
    const hour = floorTo(at, HOUR_MS);
    const ofHosts = hours.get(hour) ?? new Map<number, Minutes>();
    hours.set(hour, ofHosts);
    for (const [host, tally] of hosts) {
      const minutes = ofHosts.get(host) ?? new Map();
      ofHosts.set(host, minutes);
      addToMinute(minutes, (at - hour) / MINUTE_MS, tally);
    }
  }
  return hours;
}
