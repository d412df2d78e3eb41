/** IPv6 networks, as service/ip-network.ts knows them; a test compares the two. Pure. */

/**
 * Returns the network of 64 bits that an IPv6 address is in, as `2001:db8:bad:7::/64`; null for anything else. One customer
 * of a provider gets so many addresses, so they are one source.
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
  while (written.at(-1) === '0') written.pop();
  return `${written.join(':')}::/64`;
}
