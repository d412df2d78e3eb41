/** Which of the files on the disk is which of the known ones, after any rotation: decided here, acted on by the follower. */

import { sameInode } from './fingerprint.ts';
import type { Inspection } from './inspection.ts';
import type { KnownFile } from './position.ts';
import type { Reader } from './reader.ts';

/** A known file, and the reader that has it open, if one has. */
export interface Known {
  readonly file: KnownFile;
  readonly reader: Reader | null;
}

/** What became of the known files, and what else there is. */
export interface Lineage<K extends Known> {
  /** Where the text of each known file stands now. An open file that was deleted has no holder and is not lost. */
  readonly holders: ReadonlyMap<K, Inspection>;
  /** Never read, and newer than what is known: to be read from the beginning. */
  readonly fresh: readonly Inspection[];
  /** Known files whose text stands nowhere any more. */
  readonly lost: readonly K[];
  /** Of what is lost of the current file, a copy stands there that holds nothing unread: only what came after it is lost. */
  readonly shortCopy: boolean;
  /** Files taken for copies of what is read elsewhere, although their text says too little to be sure. */
  readonly doubtful: readonly Inspection[];
}

/** A file last written this much before the last position was taken holds nothing newer; the clock may have been set meanwhile. */
const OLDER_MS = 2000;

/**
 * Finds the known files (oldest first) among those on the disk (oldest first). Evidence, strongest first: the same inode with
 * the same text before the position; the same text in another file, in the order that rotation keeps; and for text that says
 * nothing, such as one line repeated, that a file which was not there before is a copy of the one that was.
 */
export async function trace<K extends Known>(known: readonly K[], files: readonly Inspection[]): Promise<Lineage<K>> {
  const holders = new Map<K, Inspection>();
  const taken = new Set<Inspection>();
  const assign = (k: K, file: Inspection): void => {
    const before = holders.get(k);
    if (before !== undefined) taken.delete(before);
    holders.set(k, file);
    taken.add(file);
  };
  const rewritten = new Set<K>();
  for (const k of known) {
    if (k.reader?.changed() === true) rewritten.add(k);
    const file = files.find((f) => sameInode(f.file, k.file) && !taken.has(f));
    if (file !== undefined && !rewritten.has(k) && (await isStill(k, file))) assign(k, file);
  }
  const done = known.filter((k) => k.file.state === 'done');
  const open = known.filter((k) => k.file.state !== 'done');
  const byText = async (k: K): Promise<void> => {
    if (holders.has(k)) return;
    for (const file of between(known, files, holders, k)) {
      if (taken.has(file) || !(await file.holds(k.file))) continue;
      // Of a file that was read to its end, the packed copy has that length, and of an open one what the descriptor shows.
      const size =
        k.file.state === 'done' ? k.file.offset : k.reader !== null && !rewritten.has(k) ? k.reader.facts().size : null;
      if (size === null || (await file.total()) === size) return assign(k, file);
    }
  };
  for (const k of done) await byText(k);

  // Copied, truncated, and grown past the position with the very same text: only the copy, which was not there before, tells.
  const doubtful: Inspection[] = [];
  const current = known.findLast((k) => k.file.state === 'current');
  const holder = current && holders.get(current);
  if (current !== undefined && holder !== undefined) {
    const oldest = lastIndex(done, files, holders) + 1;
    for (const file of files.slice(oldest, files.indexOf(holder))) {
      if (taken.has(file) || !(await file.holds(current.file))) continue;
      if (await file.isBeginningOf(holder)) {
        if (await file.saysLittle()) doubtful.push(file);
        continue;
      }
      assign(current, file);
      break;
    }
  }
  for (const k of open) await byText(k);

  const lost = known.filter((k) => !holders.has(k) && (k.reader === null || rewritten.has(k)));
  const floor = current !== undefined && holders.has(current) ? [current] : known;
  const newer = files.slice(lastIndex(floor, files, holders) + 1).filter((file) => !taken.has(file));
  const fresh: Inspection[] = [];
  let shortCopy = false;
  const path = files.find((file) => file.file.current);
  for (const [index, file] of newer.entries()) {
    if (file !== path) {
      if (holders.size === 0 && current !== undefined && file.file.mtimeMs < current.file.mtimeMs - OLDER_MS) continue;
      if (index === 0 && current !== undefined && lost.includes(current) && (await isShortCopy(current, file))) {
        shortCopy = true;
        continue;
      }
      if (path !== undefined && !taken.has(path) && (await isCopyInTheMaking(file, path))) {
        if (await file.saysLittle()) doubtful.push(file);
        continue;
      }
    }
    fresh.push(file);
  }
  return { holders, fresh, lost, shortCopy, doubtful };
}

/**
 * The known files that are not lost and the fresh ones, oldest first. One without a holder, deleted and still open, stays
 * behind the file that it was behind.
 */
export function inOrder<K extends Known>(
  known: readonly K[],
  lineage: Lineage<K>,
  files: readonly Inspection[],
  fresh: ReadonlyMap<K, Inspection>,
): K[] {
  const places: { readonly k: K; readonly at: number }[] = [];
  for (const k of known) {
    if (lineage.lost.includes(k)) continue;
    const holder = lineage.holders.get(k);
    places.push({ k, at: holder === undefined ? (places.at(-1)?.at ?? -1) : files.indexOf(holder) });
  }
  for (const [k, file] of fresh) places.push({ k, at: files.indexOf(file) });
  return places.sort((a, b) => a.at - b.at).map(({ k }) => k);
}

/** Whether the file with the inode of `k` still has its text. One that may not be read just now is believed. */
async function isStill(k: Known, file: Inspection): Promise<boolean> {
  if (k.reader !== null) return true;
  const { size, mtimeMs } = file.file;
  if (k.file.state === 'done' && size === k.file.size && mtimeMs === k.file.mtimeMs) return true;
  return (await file.holds(k.file)) || (file.problem !== null && (file.file.packing !== null || size >= k.file.offset));
}

/** The files that can hold `k` if rotation kept the order: newer than what older known files are in, older than newer ones'. */
function between<K extends Known>(
  known: readonly K[],
  files: readonly Inspection[],
  holders: ReadonlyMap<K, Inspection>,
  k: K,
): readonly Inspection[] {
  const at = known.indexOf(k);
  const after = known.slice(at + 1).map((newer) => indexIn(files, holders.get(newer)));
  const to = Math.min(files.length, ...after.filter((index) => index >= 0));
  return files.slice(lastIndex(known.slice(0, at), files, holders) + 1, to);
}

/** Where the newest of these known files stands; -1 where none is found. */
function lastIndex<K extends Known>(
  known: readonly K[],
  files: readonly Inspection[],
  holders: ReadonlyMap<K, Inspection>,
): number {
  return Math.max(-1, ...known.map((k) => indexIn(files, holders.get(k))));
}

/** A copy that was made before the last of what was read was written: it holds nothing unread. */
async function isShortCopy(current: Known, file: Inspection): Promise<boolean> {
  const total = await file.total();
  if (total === null || total === 0 || total >= current.file.offset) return false;
  return file.beginsLike(current.file, current.reader?.headBytes ?? null);
}

/** A copy of the log that is being made for a truncation still to come, or was made without one. */
async function isCopyInTheMaking(file: Inspection, path: Inspection): Promise<boolean> {
  const [born, pathBorn] = [file.file.born, path.file.born];
  // What was renamed away is older than the log that took its place.
  if (born !== null && pathBorn !== null && BigInt(born) < BigInt(pathBorn)) return false;
  return file.file.size > 0 && (await file.isBeginningOf(path));
}

function indexIn(files: readonly Inspection[], file: Inspection | undefined): number {
  return file === undefined ? -1 : files.indexOf(file);
}
