/** What rotation leaves beside a log: which files they are and in which order they were written. */
import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** A rotated log beside the live one. */
export interface Sibling {
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
  readonly bytes: number;
  readonly writtenMs: number;
  /** How it is packed, by its name. */
  readonly packing: 'none' | 'gz' | 'xz' | 'zst' | 'bz2';
}

/** The most siblings that are looked at: `rotate` counts beyond it are years of logs. */
export const SIBLINGS_LIMIT = 400;

// `.1`, `.2.gz`, `-20261123`, `-20261123-1763900000.xz`, `.2026-11-23`: logrotate's numbers, dateext, and its formats.
const ROTATED = /^(\.\d{1,5}|[-.]\d{4}-?\d\d-?\d\d[-_.\dTZ]{0,24})(\.(gz|xz|zst|bz2))?$/;

/** The rotated logs of `path`, oldest first. A log that is there plain and packed (packing is under way) is given once, plain. */
export function siblings(path: string): Sibling[] {
  const name = basename(path);
  const found = new Map<string, Sibling & { readonly number: number }>();
  for (const entry of entries(dirname(path))) {
    const match = entry.startsWith(name) ? ROTATED.exec(entry.slice(name.length)) : null;
    if (!match) continue;
    const [, stem = '', , packing = 'none'] = match;
    const stat = statSync(join(dirname(path), entry), { throwIfNoEntry: false });
    if (!stat?.isFile()) continue;
    const known = found.get(stem);
    if (known && known.packing === 'none') continue;
    const { dev, ino, size: bytes, mtimeMs: writtenMs } = stat;
    const number = /^\.\d{1,5}$/.test(stem) ? Number(stem.slice(1)) : 0;
    found.set(stem, {
      path: join(dirname(path), entry),
      dev,
      ino,
      bytes,
      writtenMs,
      packing: packing as Sibling['packing'],
      number,
    });
  }
  // By time, which gzip and the others keep; of two written at once the higher number is the older.
  return [...found.values()].sort((a, b) => a.writtenMs - b.writtenMs || b.number - a.number).slice(-SIBLINGS_LIMIT);
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
