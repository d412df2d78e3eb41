/** IPv6 networks: one machine has a whole /64 to come from, so its addresses are shown as one source. Pure. */

/**
 * @import { TopRow } from './answers.d.ts'
 * @typedef {TopRow & { source: string, addresses: readonly TopRow[] }} SourceRow
 */

/**
 * The /64 that an IPv6 address is in, as `2001:db8:bad:7::/64`; null for anything else.
 * @param {string} ip
 */
export function networkOf(ip) {
  const plain = ip.split('%', 1)[0] ?? '';
  if (!plain.includes(':') || /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(plain)) return null;
  const [head = '', tail] = plain.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array(zeros).fill('0'), ...after].slice(0, 4);
  if (groups.length < 4 || !groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  const written = groups.map((group) => Number.parseInt(group, 16).toString(16));
  while (written.length > 1 && written.at(-1) === '0') written.pop();
  return `${written.join(':')}::/64`;
}

/**
 * Sources with IPv6 addresses of one /64 as one row, most failures first. `hosts` and `users` of such a row are those
 * of its busiest address: how many they are together is not known here.
 * @param {readonly TopRow[]} rows
 * @returns {SourceRow[]}
 */
export function bySource(rows) {
  /** @type {Map<string, TopRow[]>} */
  const groups = new Map();
  for (const row of rows) {
    const source = networkOf(row.ip ?? '') ?? row.ip ?? '';
    groups.set(source, [...(groups.get(source) ?? []), row]);
  }
  return [...groups]
    .map(([source, addresses]) => {
      const [first] = addresses;
      if (addresses.length === 1 && first) return { ...first, source: first.ip ?? '', addresses };
      const sum = (/** @type {'attempts' | 'accepted' | 'failed' | 'probes'} */ name) =>
        addresses.reduce((total, row) => total + row[name], 0);
      return {
        source,
        addresses,
        origin: first?.origin ?? null,
        attempts: sum('attempts'),
        accepted: sum('accepted'),
        failed: sum('failed'),
        probes: sum('probes'),
        firstSeen: addresses.map((row) => row.firstSeen).sort()[0] ?? '',
        lastSeen:
          addresses
            .map((row) => row.lastSeen)
            .sort()
            .at(-1) ?? '',
        hosts: Math.max(...addresses.map((row) => row.hosts ?? 0)),
        users: Math.max(...addresses.map((row) => row.users ?? 0)),
      };
    })
    .sort((a, b) => b.failed - a.failed || b.attempts - a.attempts || b.probes - a.probes);
}
