/** What a run of events adds to the counts. Pure. */
import { networkOf } from '../../service/ip-network.ts';
import { KINDS, NETWORK } from '../store/schema.ts';
import { floorTo, MINUTE_MS } from './time-buckets.ts';

/** An event cut to what is counted. `outcome` is an index into OUTCOMES. */
export type CountedRow = readonly [
  id: number,
  at: number,
  outcome: number,
  host: number,
  method: string | null,
  user: string | null,
  ip: string | null,
];

/** How many of each outcome. */
export interface Tally {
  accepted: number;
  failed: number;
  probes: number;
}

/** A tally of nothing. */
export const tallyOf = (accepted = 0, failed = 0, probes = 0): Tally => ({ accepted, failed, probes });

/** All events of a tally. */
export const total = ({ accepted, failed, probes }: Readonly<Tally>): number => accepted + failed + probes;

/** Counts `n` events of an outcome. */
export function count(tally: Tally, outcome: number, n = 1): void {
  if (outcome === 0) tally.accepted += n;
  else if (outcome === 1) tally.failed += n;
  else tally.probes += n;
}

/** Adds one tally to another. */
export function addTo(tally: Tally, { accepted, failed, probes }: Readonly<Tally>): void {
  tally.accepted += accepted;
  tally.failed += failed;
  tally.probes += probes;
}

/** What is known of one value (a host, a source, a user). `hosts` and `users` are hashes of those it met, some more than once; only sources have them. */
export interface Share extends Tally {
  /** Of the value itself. */
  readonly hash: number;
  firstAt: number;
  lastAt: number;
  readonly hosts: number[] | null;
  readonly users: number[] | null;
}

/** Above so many, hashes are noted without a look whether they are there. */
const LOOKED_THROUGH = 32;

/** The kinds of values that are ranked: indexes into KINDS. */
export const RANKED = [0, 1, 2] as const;
export type Ranked = (typeof RANKED)[number];
export const SOURCE: Ranked = 1;

/** How hosts are named and texts are hashed. */
export interface Names {
  readonly host: (id: number) => string;
  /** The hash of a host's name. */
  readonly hostHash: (id: number) => number;
  readonly hash: (text: string) => number;
}

const valueIn = (row: CountedRow, kind: Ranked, names: Names): string | null =>
  kind === 0 ? names.host(row[3]) : kind === 1 ? row[6] : row[5];

/** Adds what each value of a kind had a share in. Events that do not name one are left out. */
export function share(shares: Map<string, Share>, rows: Iterable<CountedRow>, kind: Ranked, names: Names): void {
  for (const row of rows) {
    const value = valueIn(row, kind, names);
    if (value === null) continue;
    const [, at, outcome, host, , user] = row;
    let one = shares.get(value);
    if (!one) {
      one = {
        accepted: 0,
        failed: 0,
        probes: 0,
        hash: kind === 0 ? names.hostHash(host) : names.hash(value),
        firstAt: at,
        lastAt: at,
        hosts: kind === SOURCE ? [] : null,
        users: kind === SOURCE ? [] : null,
      };
      shares.set(value, one);
    }
    count(one, outcome);
    if (at < one.firstAt) one.firstAt = at;
    if (at > one.lastAt) one.lastAt = at;
    if (one.hosts) note(one.hosts, names.hostHash(host));
    if (one.users && user !== null) note(one.users, names.hash(user));
  }
}

function note(hashes: number[], hash: number): void {
  if (hashes.length >= LOOKED_THROUGH || !hashes.includes(hash)) hashes.push(hash);
}

/** Shares of several runs of events together. The first run's may be changed. */
export function together(runs: readonly Map<string, Share>[]): Map<string, Share> {
  const [all = new Map<string, Share>(), ...others] = runs;
  for (const shares of others)
    for (const [value, one] of shares) {
      const known = all.get(value);
      if (!known) {
        all.set(value, one);
        continue;
      }
      addTo(known, one);
      known.firstAt = Math.min(known.firstAt, one.firstAt);
      known.lastAt = Math.max(known.lastAt, one.lastAt);
      for (const hash of one.hosts ?? []) known.hosts?.push(hash);
      for (const hash of one.users ?? []) known.users?.push(hash);
    }
  return all;
}

/** Events by the bucket their time is in. */
export function byBucket(rows: Iterable<CountedRow>, step: number): Map<number, CountedRow[]> {
  const buckets = new Map<number, CountedRow[]>();
  for (const row of rows) {
    const at = floorTo(row[1], step);
    const bucket = buckets.get(at);
    if (bucket) bucket.push(row);
    else buckets.set(at, [row]);
  }
  return buckets;
}

/** Tallies by bucket and host, of one step. */
export type HostTallies = Map<number, Map<number, Tally>>;

/** Tallies by minute and host. */
export function byMinute(rows: Iterable<CountedRow>): HostTallies {
  const tallies: HostTallies = new Map();
  for (const [, at, outcome, host] of rows) count(tallyIn(tallies, floorTo(at, MINUTE_MS), host), outcome);
  return tallies;
}

/** The same tallies in coarser buckets. */
export function coarser(tallies: HostTallies, step: number): HostTallies {
  const whole: HostTallies = new Map();
  for (const [at, hosts] of tallies)
    for (const [host, tally] of hosts) addTo(tallyIn(whole, floorTo(at, step), host), tally);
  return whole;
}

function tallyIn(tallies: HostTallies, at: number, host: number): Tally {
  let hosts = tallies.get(at);
  if (!hosts) {
    hosts = new Map();
    tallies.set(at, hosts);
  }
  let tally = hosts.get(host);
  if (!tally) {
    tally = tallyOf();
    hosts.set(host, tally);
  }
  return tally;
}

/** The ids behind each value of each kind (indexes into KINDS, then NETWORK), ascending. `rows` come in that order. */
export function idsByValue(rows: Iterable<CountedRow>, names: Names): Map<string, number[]>[] {
  const kinds: Map<string, number[]>[] = [...KINDS, NETWORK].map(() => new Map());
  const put = (kind: number, value: string | null, id: number): void => {
    if (value === null) return;
    const ids = kinds[kind]?.get(value);
    if (ids) ids.push(id);
    else kinds[kind]?.set(value, [id]);
  };
  for (const [id, , outcome, host, method, user, ip] of rows) {
    put(0, names.host(host), id);
    put(1, ip, id);
    put(NETWORK, networkOf(ip), id);
    put(2, user, id);
    put(3, String(outcome), id);
    put(4, method, id);
  }
  return kinds;
}
