/** Computes what a run of events adds to the counts. Pure. */
import { addressText } from '../store/event-columns.ts';
import { floorTo, MINUTE_MS } from './time-buckets.ts';

/** An event cut to what is counted. `outcome` is an index into OUTCOMES. */
export type CountedRow = readonly [
  id: number,
  at: number,
  outcome: number,
  host: number,
  /** An event as the tables of events hold it. */
  method: number | string | null,
  user: string | null,
  ip: string | null,
];

/** The columns of a CountedRow. */
export const COUNTED_COLUMNS = 'id, at, outcome, host, method, user, ip';
const IP = 6;

/** Takes rows of COUNTED_COLUMNS; the address becomes text in place. */
export function countedRows(rows: readonly unknown[][]): CountedRow[] {
  for (const row of rows) row[IP] = addressText(row[IP] as number | string | null);
  return rows as unknown as CountedRow[];
}

/** The number of events of each outcome. */
export interface Counts {
  accepted: number;
  failed: number;
  probes: number;
}

/** Makes counts. */
export const countsOf = (accepted = 0, failed = 0, probes = 0): Counts => ({ accepted, failed, probes });

/** Adds up the events of all outcomes. */
export const total = ({ accepted, failed, probes }: Readonly<Counts>): number => accepted + failed + probes;

/** Counts `n` events of an outcome, an index into OUTCOMES. */
export function addOutcome(counts: Counts, outcome: number, n = 1): void {
  if (outcome === 0) counts.accepted += n;
  else if (outcome === 1) counts.failed += n;
  else counts.probes += n;
}

/** Adds the second counts to the first. */
export function addCounts(counts: Counts, { accepted, failed, probes }: Readonly<Counts>): void {
  counts.accepted += accepted;
  counts.failed += failed;
  counts.probes += probes;
}

/**
 * The counts of one value: a host, a source or a user. `hosts` and `users` are hashes of those that a source had to do with,
 * some more than once; null for other kinds.
 */
export interface ValueCounts extends Counts {
  /** The hash of the value itself. */
  readonly hash: number;
  firstAt: number;
  lastAt: number;
  readonly hosts: number[] | null;
  readonly users: number[] | null;
}

/** A list of hashes up to this length is searched before one is added; a longer one takes it unseen. */
const SEARCHED_LENGTH = 32;

/** The kinds of values that are ranked: indexes into KINDS. */
export const RANKED_KINDS = [0, 1, 2] as const;
export type RankedKind = (typeof RANKED_KINDS)[number];
export const SOURCE: RankedKind = 1;

/** Gives hosts their names, and texts their hashes. */
export interface Names {
  host(id: number): string;
  /** The hash of a host's name. */
  hostHash(id: number): number;
  hash(text: string): number;
}

const valueIn = (row: CountedRow, kind: RankedKind, names: Names): string | null =>
  kind === 0 ? names.host(row[3]) : kind === 1 ? row[6] : row[5];

/** Adds events to the counts of each value of a kind. Events that do not name one are left out. */
export function addValues(
  values: Map<string, ValueCounts>,
  rows: Iterable<CountedRow>,
  kind: RankedKind,
  names: Names,
): void {
  for (const row of rows) {
    const value = valueIn(row, kind, names);
    if (value === null) continue;
    const [, at, outcome, host, , user] = row;
    let one = values.get(value);
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
      values.set(value, one);
    }
    addOutcome(one, outcome);
    if (at < one.firstAt) one.firstAt = at;
    if (at > one.lastAt) one.lastAt = at;
    if (one.hosts) addHash(one.hosts, names.hostHash(host));
    if (one.users && user !== null) addHash(one.users, names.hash(user));
  }
}

function addHash(hashes: number[], hash: number): void {
  if (hashes.length >= SEARCHED_LENGTH || !hashes.includes(hash)) hashes.push(hash);
}

/** Adds up the values of several runs of events. The first run's map is changed and given back. */
export function mergeValues(runs: readonly Map<string, ValueCounts>[]): Map<string, ValueCounts> {
  const [all = new Map<string, ValueCounts>(), ...others] = runs;
  for (const values of others)
    for (const [value, one] of values) {
      const known = all.get(value);
      if (!known) {
        all.set(value, one);
        continue;
      }
      addCounts(known, one);
      known.firstAt = Math.min(known.firstAt, one.firstAt);
      known.lastAt = Math.max(known.lastAt, one.lastAt);
      for (const hash of one.hosts ?? []) known.hosts?.push(hash);
      for (const hash of one.users ?? []) known.users?.push(hash);
    }
  return all;
}

/** Groups events by the bucket that their time is in. */
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

/** Counts by bucket, all of one step, and then by host. */
export type HostCounts = Map<number, Map<number, Counts>>;

/** Counts events by minute and host. */
export function countMinutes(rows: Iterable<CountedRow>): HostCounts {
  const minutes: HostCounts = new Map();
  for (const [, at, outcome, host] of rows) addOutcome(countsIn(minutes, floorTo(at, MINUTE_MS), host), outcome);
  return minutes;
}

/** Adds counts up to buckets of a larger step. */
export function coarser(counts: HostCounts, step: number): HostCounts {
  const larger: HostCounts = new Map();
  for (const [at, hosts] of counts)
    for (const [host, one] of hosts) addCounts(countsIn(larger, floorTo(at, step), host), one);
  return larger;
}

function countsIn(buckets: HostCounts, at: number, host: number): Counts {
  let hosts = buckets.get(at);
  if (!hosts) {
    hosts = new Map();
    buckets.set(at, hosts);
  }
  let counts = hosts.get(host);
  if (!counts) {
    counts = countsOf();
    hosts.set(host, counts);
  }
  return counts;
}
