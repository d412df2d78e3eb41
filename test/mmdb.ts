/** Makes small files of MaxMind's format: a search tree over the bits of addresses, the data it points to, and metadata. (MaxMind DB File Format Specification 2.0.) */
import { isIP } from 'node:net';

export type MmdbValue = string | number | { readonly [name: string]: MmdbValue };

interface Node {
  readonly sides: [Node | Buffer | null, Node | Buffer | null];
}

const RECORD_BITS = 24;
const METADATA_MARK = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
const [STRING, UINT32, MAP] = [2, 6, 7];

/** A file that knows these networks, such as `203.0.113.0/24`. */
export function mmdb(type: string, networks: Readonly<Record<string, MmdbValue>>): Buffer {
  const root: Node = { sides: [null, null] };
  for (const [network, value] of Object.entries(networks)) put(root, network, encoded(value));
  const nodes: Node[] = [root];
  for (const node of nodes) for (const side of node.sides) if (side && 'sides' in side) nodes.push(side);
  const numbers = new Map(nodes.map((node, i) => [node, i]));
  const data: Buffer[] = [];
  let dataBytes = 0;
  const record = (side: Node | Buffer | null): number => {
    if (side === null) return nodes.length;
    if ('sides' in side) return numbers.get(side) as number;
    data.push(side);
    dataBytes += side.length;
    // Sixteen empty bytes stand between tree and data.
    return nodes.length + 16 + dataBytes - side.length;
  };
  const tree = Buffer.alloc((nodes.length * RECORD_BITS * 2) / 8);
  for (const [i, { sides }] of nodes.entries())
    for (const [j, side] of sides.entries()) tree.writeUIntBE(record(side), i * 6 + j * 3, 3);
  const metadata = {
    ...{ node_count: nodes.length, record_size: RECORD_BITS, ip_version: 6, database_type: type },
    ...{ binary_format_major_version: 2, binary_format_minor_version: 0, build_epoch: 1_764_000_000 },
  };
  return Buffer.concat([tree, Buffer.alloc(16), ...data, METADATA_MARK, encoded(metadata)]);
}

function put(root: Node, network: string, value: Buffer): void {
  const [address = '', prefix = ''] = network.split('/');
  const [bits, length] =
    isIP(address) === 4
      ? [`${'0'.repeat(96)}${bits4(address)}`, 96 + Number(prefix)]
      : [bits6(address), Number(prefix)];
  let node = root;
  for (let i = 0; i < length; i += 1) {
    const side = bits[i] === '1' ? 1 : 0;
    if (i === length - 1) node.sides[side] = value;
    else {
      const next = node.sides[side];
      const inner: Node = next && 'sides' in next ? next : { sides: [null, null] };
      node.sides[side] = inner;
      node = inner;
    }
  }
}

const bits4 = (address: string): string =>
  address
    .split('.')
    .map((part) => Number(part).toString(2).padStart(8, '0'))
    .join('');

function bits6(address: string): string {
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const zeros = Array<string>(8 - groups(head).length - groups(tail).length).fill('0');
  return [...groups(head), ...zeros, ...groups(tail)]
    .map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0'))
    .join('');
}

function encoded(value: MmdbValue): Buffer {
  if (typeof value === 'string') {
    // Lengths from 29 on stand in a byte of their own.
    const size = value.length < 29 ? [(STRING << 5) | value.length] : [(STRING << 5) | 29, value.length - 29];
    return Buffer.concat([Buffer.from(size), Buffer.from(value)]);
  }
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(5, (UINT32 << 5) | 4);
    bytes.writeUInt32BE(value, 1);
    return bytes;
  }
  const entries = Object.entries(value);
  return Buffer.concat([
    Buffer.from([(MAP << 5) | entries.length]),
    ...entries.flatMap(([name, one]) => [encoded(name), encoded(one)]),
  ]);
}
