/** Where a log's older generations are: the names that rotation gives, and their order. */

import { readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { type FileFacts, factsOf } from './fingerprint.ts';

/** How a rotated file may be packed: what Node unpacks itself, and what `xz` and `bzip2` unpack where they are installed. */
export type Packing = 'gz' | 'zst' | 'xz' | 'bz2';

/** What rotation did to a log's name. */
export interface Rotation {
  /** `.1`, `.2`, ...: the number, 1 the newest; null for a date. */
  readonly number: number | null;
  /** `-20261124`, `-20261124-1795000000`, `.2026-11-24`, ...: its digits, which sort as time does; empty for a number. */
  readonly date: string;
  readonly packing: Packing | null;
  /** The name without the packing's ending: a file and its packed copy have the same. */
  readonly unpackedName: string;
}

const PACKED = /^(.*)\.(gz|zst|xz|bz2)$/;
/** `202611`, a month, is the shortest date in a name: a log is not kept for 100,000 rotations. */
const DATE_DIGITS = 6;
const SUFFIX = /^[-._](\d[\d._T:-]{0,40})$/;

/** Whether a name says that what is in the file is packed. */
export function isPacked(name: string): boolean {
  return PACKED.test(name);
}

/**
 * What rotation made `name` out of the log `base`, or null where it has nothing to do with it. logrotate's numbers and its
 * `dateext` in any `dateformat` of digits, `extension` (`sshd-20261124.log` of `sshd.log`), and newsyslog's and savelog's `.0`.
 */
export function rotationOf(base: string, name: string): Rotation | null {
  const packed = PACKED.exec(name);
  const unpackedName = packed?.[1] ?? name;
  const packing = (packed?.[2] as Packing | undefined) ?? null;
  const ext = extname(base);
  const stem = ext === '' ? base : base.slice(0, -ext.length);
  let suffix = '';
  if (unpackedName.startsWith(base)) {
    suffix = unpackedName.slice(base.length);
  } else if (ext !== '' && unpackedName.startsWith(stem) && unpackedName.endsWith(ext)) {
    suffix = unpackedName.slice(stem.length, -ext.length);
  }
  const matched = SUFFIX.exec(suffix)?.[1];
  if (matched === undefined) return null;
  if (/^\d+$/.test(matched) && matched.length < DATE_DIGITS)
    return { number: Number(matched), date: '', packing, unpackedName };
  return { number: null, date: matched.replace(/\D/g, ''), packing, unpackedName };
}

/**
 * What `name` is to `base`, the file that a symbolic link at the log's path points to: another day's where the two differ in
 * nothing but the digits of a date (six and more, so that `web1.log` and `web2.log` are two logs), else null.
 */
export function anotherDayOf(base: string, name: string): Rotation | null {
  const packed = PACKED.exec(name);
  const unpackedName = packed?.[1] ?? name;
  const date = unpackedName.replace(/\D/g, '');
  if (date.length < DATE_DIGITS || name === base) return null;
  if (unpackedName.replace(/\d/g, '0') !== base.replace(/\d/g, '0')) return null;
  return { number: null, date, packing: (packed?.[2] as Packing | undefined) ?? null, unpackedName };
}

/** A file of the log as it is on the disk now. */
export interface LogFile extends FileFacts {
  /** Symbolic links resolved. */
  readonly path: string;
  readonly packing: Packing | null;
  /** Whether it stands at the log's own path. */
  readonly current: boolean;
}

/** The log's path with its symbolic links resolved, or as it is where there is nothing. */
export function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/**
 * All generations of the log at `path`, oldest first, the log itself last. Looks beside the path, beside what a symbolic link
 * there points to, and at `also` (paths where its files were seen before). A packed file whose unpacked form is still there is
 * left out: it is being written. Files that vanish meanwhile are left out. Throws where a folder may not be read.
 */
export function generations(path: string, also: readonly string[]): LogFile[] {
  const real = resolved(path);
  const found = new Map<string, { file: LogFile; rotation: Rotation | null }>();
  const take = (at: string, rotation: Rotation | null): void => {
    const stat = statSync(at, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined || !stat.isFile()) return;
    const facts = factsOf(stat);
    if (found.has(facts.id)) return;
    const packing = rotation?.packing ?? null;
    found.set(facts.id, {
      file: { ...facts, path: resolved(at), packing, current: rotation === null && at === real },
      rotation,
    });
  };
  take(real, null);
  for (const place of new Set([path, real])) {
    const base = basename(place);
    const rotations = new Map<string, Rotation>();
    for (const name of namesIn(dirname(place))) {
      const rotation = rotationOf(base, name) ?? (place === path ? null : anotherDayOf(base, name));
      if (rotation !== null) rotations.set(name, rotation);
    }
    for (const [name, rotation] of rotations) {
      if (rotation.packing !== null && rotations.has(rotation.unpackedName)) continue;
      take(join(dirname(place), name), rotation);
    }
  }
  for (const place of also) if (!isPacked(place)) take(place, null);
  return [...found.values()].sort((a, b) => byAge(a, b)).map(({ file }) => file);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return [];
    throw error;
  }
}

type Found = { readonly file: LogFile; readonly rotation: Rotation | null };

/** Oldest first: by the names, which rotation keeps in order, and by the last write where names say nothing. */
function byAge(a: Found, b: Found): number {
  if (a.file.current !== b.file.current) return a.file.current ? 1 : -1;
  const [x, y] = [a.rotation, b.rotation];
  if (x !== null && y !== null) {
    if (x.number !== null && y.number !== null) return y.number - x.number;
    if (x.number === null && y.number === null && x.date !== y.date) return x.date < y.date ? -1 : 1;
  }
  return a.file.mtimeMs - b.file.mtimeMs;
}
