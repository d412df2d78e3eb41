/** Addresses and networks, as service/ip-network.ts knows them; a test compares the two. Pure. */

/** The widest networks that the server takes, in bits. */
const WIDEST = { 4: 8, 6: 16 };
const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;
const GROUPS = 8;

/**
 * Reads an address as the numbers that it is made of, four or eight; null for what is none. The interface of a local one is left out.
 * @param {string} text
 */
function numbersOf(text) {
  const plain = text.split('%', 1)[0]?.replace(/^::ffff:(?=[\d.]+$)/i, '') ?? '';
  const bytes = IPV4.exec(plain)?.slice(1).map(Number);
  if (bytes) return bytes.every((byte) => byte < 256) ? bytes : null;
  const [head = '', tail, more] = plain.split('::');
  if (!plain.includes(':') || more !== undefined) return null;
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = GROUPS - before.length - after.length;
  if (tail === undefined ? zeros !== 0 : zeros < 1) return null;
  const groups = [...before, ...Array(zeros).fill('0'), ...after];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  const numbers = groups.map((group) => Number.parseInt(group, 16));
  // An IPv4 address inside of an IPv6 one.
  const [high = 0, low = 0] = numbers.slice(-2);
  const isIpv4 = numbers.slice(0, 5).every((number) => number === 0) && numbers[5] === 0xffff;
  return isIpv4 ? [high >> 8, high & 255, low >> 8, low & 255] : numbers;
}

/**
 * Reads a network in CIDR form; null for what is none, and for a wider one than the server takes.
 * @param {string} text
 */
export function readNetwork(text) {
  const [address = '', length = '', more] = text.split('/');
  const numbers = numbersOf(address);
  if (numbers === null || more !== undefined || !/^\d{1,3}$/.test(length)) return null;
  const [version, size] = numbers.length === 4 ? /** @type {const} */ ([4, 8]) : /** @type {const} */ ([6, 16]);
  const bits = Number(length);
  // Bits of an IPv4 address that is written inside of an IPv6 one are counted otherwise.
  if (address.includes(':') !== (version === 6)) return null;
  if (bits < WIDEST[version] || bits > numbers.length * size) return null;
  return { version, size, bits, numbers: masked(numbers, size, bits) };
}

/**
 * Keeps the first bits of numbers of so many bits each.
 * @param {readonly number[]} numbers
 * @param {number} size
 * @param {number} bits
 */
function masked(numbers, size, bits) {
  return numbers.map((number, i) => {
    const cut = size - Math.min(Math.max(bits - i * size, 0), size);
    return Math.floor(number / 2 ** cut) * 2 ** cut;
  });
}

/**
 * Writes a network as the server does, an address in it cut to its bits: `203.0.113.0/24`.
 * @param {NonNullable<ReturnType<typeof readNetwork>>} network
 */
export function networkText({ version, bits, numbers }) {
  if (version === 4) return `${numbers.join('.')}/${bits}`;
  const groups = numbers.map((number) => number.toString(16)).join(':');
  // RFC 5952: the first of the longest runs of zeros is left out, where it is longer than one.
  const [longest] = (groups.match(/\b0(?::0)+\b/g) ?? []).sort((a, b) => b.length - a.length);
  return `${longest === undefined ? groups : groups.replace(new RegExp(`(^|:)${longest}(:|$)`), '::')}/${bits}`;
}

/**
 * Tells whether an address, or all of a smaller network, is in a network.
 * @param {string} network in CIDR form
 * @param {string | null} source
 */
export function isWithin(network, source) {
  const wide = readNetwork(network);
  const [address = '', length] = (source ?? '').split('/');
  const numbers = numbersOf(address);
  if (wide === null || numbers === null || numbers.length !== wide.numbers.length) return false;
  if (length !== undefined && Number(length) < wide.bits) return false;
  return masked(numbers, wide.size, wide.bits).every((number, i) => number === wide.numbers[i]);
}

/** The IPv6 network that one customer of a provider gets, in bits: its addresses are one source. */
const CUSTOMER_BITS = 64;
/** The networks that a source's page leads to, in bits, the narrowest first. */
const WIDER_BITS = { 4: [24, 16, 8], 6: [CUSTOMER_BITS, 48, 32] };

/**
 * Returns the network of 64 bits that an IPv6 address is in, as `2001:db8:bad:7::/64`; null for anything else.
 * @param {string} ip
 */
export function networkOf(ip) {
  const network = readNetwork(`${ip.split('%', 1)[0]}/${CUSTOMER_BITS}`);
  return network === null ? null : networkText(network);
}

/**
 * Returns the next wider network around an address or a network; null where there is none that the server takes.
 * @param {string} source
 */
export function widerNetwork(source) {
  const [address = '', length] = source.split('/');
  const own = length === undefined ? Infinity : Number(length);
  const bits = WIDER_BITS[address.includes(':') ? 6 : 4].find((one) => one < own);
  const network = bits === undefined ? null : readNetwork(`${address.split('%', 1)[0]}/${bits}`);
  return network === null ? null : networkText(network);
}
