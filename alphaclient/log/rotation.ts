/** The files that rotation made of a log: their names, their order, and where they are. */

import { readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { type FileFacts, factsOf } from './fingerprint.ts';

/** The format of a compressed file: Node decompresses the first two, the programs `xz` and `bzip2` the others. */
export type Compression = 'gz' | 'zst' | 'xz' | 'bz2';

/** The parts of a rotated file's name. */
export interface Rotation {
  /** The number in `.1`, `.2`, ..., where 1 is the newest; null for a date. */
  readonly number: number | null;
  /** The digits of `-20261124`, `-20261124-1795000000`, `.2026-11-24`, ..., which sort as time does; empty for a number. */
  readonly date: string;
  readonly compression: Compression | null;
  /** The name without the ending of its compression: a file and its compressed copy share it. */
  readonly plainName: string;
}

const COMPRESSED = /^(.*)\.(gz|zst|xz|bz2)$/;
/** `202611`, a month, is the shortest date in a name: a log is not kept for 100,000 rotations. */
const DATE_DIGITS = 6;
const SUFFIX = /^[-._](\d[\d._T:-]{0,40})$/;

/** Returns whether a name has the ending of a compressed file. */
export function isCompressed(name: string): boolean {
  return COMPRESSED.test(name);
}

/**
 * Parses `name` as a rotated file of the log `base`; null where it is none. Knows logrotate's numbers and its `dateext` in any
 * `dateformat` of digits, `extension` (`sshd-20261124.log` of `sshd.log`), and newsyslog's and savelog's `.0`.
 */
export function rotationOf(base: string, name: string): Rotation | null {
  const compressed = COMPRESSED.exec(name);
  const plainName = compressed?.[1] ?? name;
  const compression = (compressed?.[2] as Compression | undefined) ?? null;
  const ext = extname(base);
  const stem = ext === '' ? base : base.slice(0, -ext.length);
  let suffix = '';
  if (plainName.startsWith(base)) {
    suffix = plainName.slice(base.length);
  } else if (ext !== '' && plainName.startsWith(stem) && plainName.endsWith(ext)) {
    suffix = plainName.slice(stem.length, -ext.length);
  }
  const matched = SUFFIX.exec(suffix)?.[1];
  if (matched === undefined) return null;
  if (/^\d+$/.test(matched) && matched.length < DATE_DIGITS)
    return { number: Number(matched), date: '', compression, plainName };
  return { number: null, date: matched.replace(/\D/g, ''), compression, plainName };
}

/**
 * Parses `name` as another day's file of `base`, the target of a symbolic link at the log's path: the two differ in nothing
 * but the digits of a date (six and more, so that `web1.log` and `web2.log` are two logs). Null where it is none.
 */
export function otherDateOf(base: string, name: string): Rotation | null {
  const compressed = COMPRESSED.exec(name);
  const plainName = compressed?.[1] ?? name;
  const date = plainName.replace(/\D/g, '');
  if (date.length < DATE_DIGITS || name === base) return null;
  if (plainName.replace(/\d/g, '0') !== base.replace(/\d/g, '0')) return null;
  return { number: null, date, compression: (compressed?.[2] as Compression | undefined) ?? null, plainName };
}

/** A file of the log on the disk, as of its last stat. */
export interface LogFile extends FileFacts {
  /** Its path with symbolic links resolved. */
  readonly path: string;
  readonly compression: Compression | null;
  /** True for the file at the log's own path. */
  readonly current: boolean;
}

/** Returns the path with its symbolic links resolved, or the path itself where nothing exists there. */
export function resolveLinks(path: string): string {
  try {
    // Without `native` it costs a call for each folder of the path.
    return realpathSync.native(path);
  } catch {
    return path;
  }
}

/**
 * Returns all generations of the log at `path`, oldest first, the log itself last. Searches the folder of the path, the folder
 * of a symbolic link's target, and `also` (paths where its files were before). Omits a compressed file while its plain form
 * exists, because it is being written, and files that vanish meanwhile. Throws where a folder may not be read.
 */
export function generations(path: string, also: readonly string[]): LogFile[] {
  const real = resolveLinks(path);
  const found = new Map<string, FoundFile>();
  const add = (at: string, rotation: Rotation | null): void => {
    const stat = statSync(at, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined || !stat.isFile()) return;
    const facts = factsOf(stat);
    if (found.has(facts.id)) return;
    const compression = rotation?.compression ?? null;
    found.set(facts.id, {
      file: { ...facts, path: resolveLinks(at), compression, current: rotation === null && at === real },
      rotation,
    });
  };
  add(real, null);
  for (const logPath of new Set([path, real])) {
    const base = basename(logPath);
    const rotations = new Map<string, Rotation>();
    for (const name of namesIn(dirname(logPath))) {
      const rotation = rotationOf(base, name) ?? (logPath === path ? null : otherDateOf(base, name));
      if (rotation !== null) rotations.set(name, rotation);
    }
    for (const [name, rotation] of rotations) {
      if (rotation.compression !== null && rotations.has(rotation.plainName)) continue;
      add(join(dirname(logPath), name), rotation);
    }
  }
  for (const place of also) if (!isCompressed(place)) add(place, null);
  const byAge = (a: FoundFile, b: FoundFile): number =>
    a.file.current !== b.file.current
      ? Number(a.file.current) - Number(b.file.current)
      : compareAge({ ...a, mtimeMs: a.file.mtimeMs }, { ...b, mtimeMs: b.file.mtimeMs });
  return [...found.values()].sort(byAge).map(({ file }) => file);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return [];
    throw error;
  }
}

interface FoundFile {
  readonly file: LogFile;
  readonly rotation: Rotation | null;
}

/** A file's place in the rotation of its log; a null `rotation` stands for a name that rotation does not give. */
export interface RotationAge {
  readonly rotation: Rotation | null;
  readonly mtimeMs: number;
}

/** Compares two files, the older first: by name, since rotation keeps names in order, and by mtime where names do not compare. */
export function compareAge(a: RotationAge, b: RotationAge): number {
  const [x, y] = [a.rotation, b.rotation];
  if (x !== null && y !== null) {
    if (x.number !== null && y.number !== null) return y.number - x.number;
    if (x.number === null && y.number === null && x.date !== y.date) return x.date < y.date ? -1 : 1;
  }
  return a.mtimeMs - b.mtimeMs;
}

/** A number that rotation appends, as in `auth.log.1`. */
const NUMBERED = /^(.+)\.\d{1,5}$/;
/** A date from 1900 on, year and month first, with or without an extension behind it: `web-192.168.1.10.log` has none. */
const DATED = /^(.+?)[-._](?:19|20)\d\d[-._]?(?:0[1-9]|1[0-2])[\d._T:-]{0,32}(\.[a-z]{1,8})?$/;

/**
 * Returns the name of the log that a file is a rotation of, judged by its own name alone: `auth.log` for `auth.log.1`,
 * `auth.log-20261124.gz` and `auth-20261124.log`. Any other name is its own log.
 */
export function baseNameOf(name: string): string {
  const plainName = COMPRESSED.exec(name)?.[1] ?? name;
  const numbered = NUMBERED.exec(plainName);
  if (numbered?.[1] !== undefined) return numbered[1];
  const [, stem, ext = ''] = DATED.exec(plainName) ?? [];
  return stem === undefined ? plainName : stem + ext;
}

const REPLACED = 'ELOGREPLACED';

/** Makes the error for a path with another file, or a file with another content, than when it was listed. */
export function fileReplaced(path: string): Error {
  return Object.assign(new Error(`${path} was replaced while it was examined`), { code: REPLACED });
}

/** Returns whether an error only means that rotation moved the file meanwhile: the next look finds it. */
export function isFileReplaced(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === REPLACED);
}

/** The log's path names a folder, a pipe or a device. */
export class NotRegularError extends Error {
  constructor() {
    super('it is not a regular file');
  }
}
