/** Lists of event ids, ascending, in about a byte each: what stands behind one value of one segment. Pure. */

/** Ids as differences in base 128, low bits first, from the segment's first id. */
export function packIds(ids: readonly number[], first: number): Uint8Array {
  const bytes: number[] = [];
  let before = first;
  for (const id of ids) {
    let difference = id - before;
    before = id;
    while (difference > 127) {
      bytes.push((difference & 127) | 128);
      difference = Math.floor(difference / 128);
    }
    bytes.push(difference);
  }
  return Uint8Array.from(bytes);
}

/** What `packIds` packed. */
export function unpackIds(bytes: Uint8Array, first: number): number[] {
  const ids: number[] = [];
  let before = first;
  let difference = 0;
  let weight = 1;
  for (const byte of bytes) {
    difference += (byte & 127) * weight;
    weight *= 128;
    if (byte > 127) continue;
    before += difference;
    ids.push(before);
    difference = 0;
    weight = 1;
  }
  return ids;
}

/** The ids that are in all lists. */
export function inAll(lists: readonly (readonly number[])[]): readonly number[] {
  const [shortest, ...longer] = [...lists].sort((a, b) => a.length - b.length);
  return longer.reduce((left, list) => {
    const those = new Set(list);
    return left.filter((id) => those.has(id));
  }, shortest ?? []);
}
