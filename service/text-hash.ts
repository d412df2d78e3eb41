/** Hashes texts. Pure. */

/** A 32-bit hash of a text (FNV-1a). Not secret and not unique: it orders and tells apart. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
