/** Sources as people count them: one machine has a whole IPv6 /64 to come from, so its addresses are one row. Pure. */

import { sourceOf } from '../../service/ip-network.ts';
import type { Origin, RankView } from '../queries/results.ts';

/** A row of sources. `source` is an address, or a network where several of its addresses came. */
export interface SourceRow extends Omit<RankView, 'value'> {
  readonly source: string;
  /** How many addresses are behind it. */
  readonly addresses: number;
  /** Where it is; not there without a file that tells. */
  readonly origin?: Origin | null;
}

/** What providers give one customer, and the page shows as one. */
const NETWORK_BITS = 64;

/**
 * Rows of addresses put together, most failures first. `hosts` and `users` of a network are those of its busiest address:
 * how many they are together is not known here.
 */
export function bySource(
  ranks: readonly RankView[],
  originOf: (ip: string | null) => { readonly origin?: Origin | null },
): SourceRow[] {
  const groups = new Map<string, RankView[]>();
  for (const rank of ranks) {
    const source = sourceOf(rank.value, NETWORK_BITS) ?? rank.value;
    const group = groups.get(source);
    if (group) group.push(rank);
    else groups.set(source, [rank]);
  }
  return [...groups]
    .map(([source, group]) => ({ ...joined(source, group), ...originOf(group[0]?.value ?? null) }))
    .sort((a, b) => b.failed - a.failed || b.attempts - a.attempts || b.probes - a.probes);
}

function joined(source: string, group: readonly RankView[]): SourceRow {
  const sum = (name: 'attempts' | 'accepted' | 'failed' | 'probes'): number =>
    group.reduce((all, one) => all + one[name], 0);
  const most = (name: 'hosts' | 'users'): number => Math.max(...group.map((one) => one[name] ?? 0));
  const times = group.flatMap(({ firstSeen, lastSeen }) => [firstSeen, lastSeen]).sort();
  return {
    source: group.length === 1 ? (group[0]?.value ?? source) : source,
    addresses: group.length,
    attempts: sum('attempts'),
    accepted: sum('accepted'),
    failed: sum('failed'),
    probes: sum('probes'),
    firstSeen: times[0] ?? '',
    lastSeen: times.at(-1) ?? '',
    hosts: most('hosts'),
    users: most('users'),
  };
}
