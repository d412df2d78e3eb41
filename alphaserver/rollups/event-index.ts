/** Which events of a segment have a value: lists of ids, found by the value's hash, in some seven bytes a value. Pure. */

/** The values of one kind in one segment stand in so many parts, by their hash: a question reads one of them. */
export const PARTS = 128;

/** Where a hash has its list: in this part, under this tag. Hashes are whole numbers below 2^52. */
export const partOf = (hash: number): number => hash % PARTS;
const tagOf = (hash: number): number => Math.floor(hash / PARTS) % 2 ** 32;

/** Lists of ids, each ascending, by the parts they stand in. `first` is the segment's first id. */
export function packPostings(
  lists: Iterable<readonly [hash: number, ids: readonly number[]]>,
  first: number,
): Map<number, Uint8Array> {
  const parts = new Map<number, number[]>();
  for (const [hash, ids] of lists) {
    let bytes = parts.get(partOf(hash));
    if (!bytes) {
      bytes = [];
      parts.set(partOf(hash), bytes);
    }
    const tag = tagOf(hash);
    bytes.push(tag & 255, (tag >>> 8) & 255, (tag >>> 16) & 255, tag >>> 24);
    pushNumber(bytes, ids.length);
    let before = first;
    for (const id of ids) {
      pushNumber(bytes, id - before);
      before = id;
    }
  }
  return new Map([...parts].map(([part, bytes]) => [part, Uint8Array.from(bytes)]));
}

/** The ids under a hash in its part. Another value may have the same tag: look at the events before they are shown. */
export function idsIn(part: Uint8Array, hash: number, first: number): number[] {
  const wanted = tagOf(hash);
  const ids: number[] = [];
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let weight = 1; ; weight *= 128) {
      const byte = part[at++] as number;
      value += (byte & 127) * weight;
      if (byte < 128) return value;
    }
  };
  while (at < part.length) {
    const [a = 0, b = 0, c = 0, d = 0] = part.subarray(at, at + 4);
    at += 4;
    const found = a + b * 2 ** 8 + c * 2 ** 16 + d * 2 ** 24 === wanted;
    let id = first;
    for (let n = number(); n > 0; n--) {
      id += number();
      if (found) ids.push(id);
    }
  }
  return ids;
}

/** In base 128, low bits first. */
function pushNumber(bytes: number[], number: number): void {
  let rest = number;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest & 127) | 128);
  bytes.push(rest);
}

/** The ids that are in all lists. */
export function inAll(lists: readonly (readonly number[])[]): readonly number[] {
  const [shortest, ...longer] = [...lists].sort((a, b) => a.length - b.length);
  return longer.reduce((left, list) => {
    const those = new Set(list);
    return left.filter((id) => those.has(id));
  }, shortest ?? []);
}
