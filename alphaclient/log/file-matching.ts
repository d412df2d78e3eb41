/** Which of the files on the disk is which of the known ones, after any rotation: decided here, acted on by the follower. */

import { type FileFacts, sameInode } from './fingerprint.ts';
import type { Inspection } from './candidate-file.ts';
import type { KnownFile } from './position.ts';
import type { Reader } from './file-reader.ts';
import { isPacked } from './rotation.ts';

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
  /**
   * To be known, and not to be read as they are: copies of the log that hold nothing unread, and what is empty while the log is
   * not, which is a copy just begun or a generation that nothing was written to yet.
   */
  readonly leftOut: readonly Inspection[];
  /** Whether the lost current file has a copy that holds nothing unread: only what came after that is lost. */
  readonly copied: boolean;
  /** Files taken for copies of what is read elsewhere, although their text says too little to be sure. */
  readonly doubtful: readonly Inspection[];
}

/** A file last written this much before the last position was taken holds nothing newer; the clock may have been set meanwhile. */
const OLDER_MS = 2000;

/** So little text, less than a line of sshd, stands in many a file. */
const FEW_BYTES = 48;

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
  const rewritten = new Set(known.filter((k) => k.reader?.changed() === true));
  const byInode = async (k: K, among: readonly Inspection[]): Promise<void> => {
    // What is open may be deleted, and known by its packed copy: its own inode counts, which nobody else can have.
    const inode = k.reader?.facts() ?? k.file;
    const file = among.find((f) => sameInode(f.file, inode) && !taken.has(f));
    if (file !== undefined && !rewritten.has(k) && (await isStill(k, file))) assign(k, file);
  };
  const current = known.findLast((k) => k.file.state === 'current');
  const older = known.filter((k) => k !== current);
  const byText = async (k: K): Promise<void> => {
    if (holders.has(k)) return;
    const open = k.reader !== null && !rewritten.has(k) ? k.reader.beginning() : null;
    // Of an empty file nothing can be anywhere; only the log may have been written since it was seen last. One that was packed
    // when nothing of it was known yet is not packed again.
    if (open?.length === 0) return;
    if (evidenceBytes(k.file) === 0 && open === null && k !== current && (k.file.size === 0 || isPacked(k.file.path)))
      return;
    // What was rotated away is packed or deleted, and copied is only a log that is there still, emptied: else a plain file of
    // another inode must show a line of it, or more than a few bytes.
    const emptied = rewritten.has(k) || (k === current && files.some(({ file }) => sameInode(file, k.file)));
    const packedOnly = !emptied && open === null && k.file.offset === 0 && evidenceBytes(k.file) < FEW_BYTES;
    for (const file of between(known, files, holders, k)) {
      if (packedOnly && file.file.packing === null) continue;
      if (taken.has(file) || !((await file.holds(k.file)) || (await file.isEarlier(k.file)))) continue;
      if (open !== null && !(await file.head()).equals(open)) continue;
      if (hasLengthOf(k, rewritten.has(k), await file.total())) return assign(k, file);
    }
  };
  // What much is known of finds its place first: a few bytes are in many a file. An inode may be another file's by now,
  // which shows where there is text to compare, or else where rotation would have moved on.
  const told = known.filter((k) => k.reader !== null || evidenceBytes(k.file) > 0);
  for (const k of told) await byInode(k, files);
  const same = current && holders.get(current);
  for (const k of told.toSorted((a, b) => evidenceBytes(b.file) - evidenceBytes(a.file))) await byText(k);
  const path = files.find((file) => file.file.current);
  const untold = known.filter((k) => !told.includes(k)).reverse();
  for (const k of untold) {
    const among = between(known, files, holders, k);
    const still = k === current ? among : among.filter(({ file }) => !file.current && isAsItWas(k.file, file));
    // Blank when it was seen first, and a copy now.
    const blank = k !== current && k.file.size === 0 && still.find(({ file }) => sameInode(file, k.file));
    if (blank && path !== undefined && (await isCopyInTheMaking(blank, path))) continue;
    await byInode(k, still);
  }
  for (const k of untold) await byText(k);

  // Copied, truncated, and grown past the position with the very same text: only the copy, which was not there before, tells.
  const doubtful: Inspection[] = [];
  if (current !== undefined && same !== undefined && evidenceBytes(current.file) > 0) {
    for (const file of files.slice(lastIndex(older, files, holders) + 1, files.indexOf(same))) {
      if (taken.has(file) || (await file.total()) === 0 || !(await file.holds(current.file))) continue;
      if (await file.isBeginningOf(same)) {
        if (await file.saysLittle()) doubtful.push(file);
        continue;
      }
      assign(current, file);
      break;
    }
  }

  const lost = known.filter((k) => !holders.has(k) && (k.reader === null || rewritten.has(k)));
  // Of a log that nothing was read of, all that is not older than what is known may be a generation that was never seen.
  const unread = current?.file.offset === 0;
  const floor = unread ? older : current !== undefined && holders.has(current) ? [current] : known;
  const last = lastIndex(floor, files, holders);
  const newer = files.slice(last + 1).filter((file) => !taken.has(file));
  // Nothing that is known shows any more which files are older than it: their times have to.
  const adrift = holders.size === 0 || (floor.length > 0 && last < 0);
  const fresh: Inspection[] = [];
  const leftOut: Inspection[] = [];
  let copied = false;
  let first = true;
  const original = path !== undefined && taken.has(path) && !unread ? undefined : path;
  for (const file of newer) {
    if (file !== path) {
      if (adrift && current !== undefined && file.file.mtimeMs < current.file.mtimeMs - OLDER_MS) continue;
      // Of what is new its copy comes first, but for what is empty.
      if (first && current !== undefined && lost.includes(current)) {
        copied = await isShortCopy(current, file);
        first = !copied && (await file.total()) === 0;
        if (copied) {
          leftOut.push(file);
          continue;
        }
      }
      if (original !== undefined && (await isCopyInTheMaking(file, original))) {
        if (await file.saysLittle()) doubtful.push(file);
        continue;
      }
    }
    const isBlank = file !== path && file.file.size === 0 && (path?.file.size ?? 0) > 0;
    (isBlank ? leftOut : fresh).push(file);
  }
  return { holders, fresh, lost, leftOut, copied, doubtful };
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

/** Whether the file with the inode of an empty one can be that one: made at the same time, or not touched since. */
function isAsItWas(known: KnownFile, file: FileFacts): boolean {
  if (known.born !== null && file.born !== null) return true;
  return file.size === known.size && file.mtimeMs === known.mtimeMs;
}

/** Whether a copy with so many bytes of log can be one of all that there was of a known file. */
function hasLengthOf(k: Known, rewritten: boolean, total: number | null): boolean {
  // Read to its end: it ends there. Open: what the descriptor shows is all.
  if (k.file.state === 'done') return total === k.file.offset;
  if (k.reader !== null && !rewritten) return total === k.reader.facts().size;
  // A copy of the log may have been made before the last of it was written, if it shows that it is one.
  if (k.file.state === 'current' && (k.file.offset > 0 || evidenceBytes(k.file) >= FEW_BYTES)) return true;
  // It could grow, but not shrink (of a packed one, `size` is what it took on the disk).
  return isPacked(k.file.path) || total === null || total >= k.file.size;
}

function evidenceBytes({ head, before }: KnownFile): number {
  return (head?.bytes ?? 0) + (before?.bytes ?? 0);
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
  return file.beginsLike(current.file);
}

/** A copy of the log that is being made for a truncation still to come, or was made without one. */
async function isCopyInTheMaking(file: Inspection, path: Inspection): Promise<boolean> {
  const [born, pathBorn] = [file.file.born, path.file.born];
  // What was renamed away is older than the log that took its place.
  if (born !== null && pathBorn !== null && BigInt(born) < BigInt(pathBorn)) return false;
  return (await file.total()) !== 0 && (await file.isBeginningOf(path));
}

function indexIn(files: readonly Inspection[], file: Inspection | undefined): number {
  return file === undefined ? -1 : files.indexOf(file);
}
