/**
 * Compares a file with the log that was followed before it: it may be a copy of that, made by a mirror or an editor, in which the log
 * goes on. Reads a bounded number of bytes, and those that were not verified yet.
 */

import { NO_BLOCKS } from './block-hashes.ts';
import type { CandidateFile, LogContent } from './candidate-file.ts';
import { commonEnd, endOfLine } from './fingerprint.ts';
import type { KnownFile } from './position.ts';
import type { TrackedFile } from './tracked-file.ts';

/**
 * The result of a comparison. `continues`: the file begins with all that was emitted of the log, and is read from `offset` on; the
 * log has the same content up to `commonEnd`. `shorter`: all of the file is the beginning of the log. `other`: it is no copy.
 */
export type Comparison =
  | { readonly kind: 'continues'; readonly offset: number; readonly commonEnd: number }
  | { readonly kind: 'shorter' }
  | { readonly kind: 'other' };

/** A file in which the log goes on, and the known file that it is a copy of; offsets as in a `Comparison`. */
export interface Continuation {
  readonly previous: TrackedFile;
  readonly file: CandidateFile;
  readonly offset: number;
  readonly commonEnd: number;
}

/** A file, and the known file that it may become a copy of. */
export interface PossibleCopy {
  readonly previous: TrackedFile;
  readonly file: CandidateFile;
}

const SHORTER: Comparison = { kind: 'shorter' };
const OTHER: Comparison = { kind: 'other' };

/**
 * Compares a file with the previous log. `place`: the file that has the content of that, if one was found. `existsElsewhere`: whether
 * the previous log is still on the disk under another name, so that this may be a new log that begins alike.
 */
export async function compareWithLog(
  previous: TrackedFile,
  file: CandidateFile,
  place: CandidateFile | undefined,
  existsElsewhere: boolean,
): Promise<Comparison> {
  const comparison =
    (await withContent(previous, place, (content) => compareWithContent(previous, file, content, existsElsewhere))) ??
    (await compareWithEmitted(previous, file, existsElsewhere));
  if (comparison.kind === 'other' || file.file.size === 0 || !existsElsewhere) return comparison;
  // A repeated line, without a time or a port in it, is no sign of a copy.
  const common = comparison.kind === 'continues' ? comparison.offset : file.file.size;
  return (await file.isRepeatedLine(common)) ? OTHER : comparison;
}

async function compareWithEmitted(
  { file: known }: TrackedFile,
  file: CandidateFile,
  existsElsewhere: boolean,
): Promise<Comparison> {
  // A compressed file that is open and not read yet has no evidence of what was emitted.
  if (known.offset === 0 || (known.before?.bytes ?? 0) === 0) return OTHER;
  const kind = await file.compareWithEmitted(known);
  if (kind === 'continues') return { kind, offset: known.offset, commonEnd: known.offset };
  const common = await file.commonLines(known);
  if (common === null) return { kind };
  return common.isAll ? SHORTER : continuesAt(common.end, known, known.afterMove?.offset ?? 0, existsElsewhere);
}

/** Returns the comparison with a copy that has the same lines up to `commonEnd`, and then others. */
function continuesAt(
  commonEnd: number,
  known: KnownFile,
  verifiedOffset: number,
  existsElsewhere: boolean,
): Comparison {
  // Of a log that nothing was emitted of, a line in common shows that the file is a copy, unless both exist.
  if (verifiedOffset === 0 && (existsElsewhere || commonEnd === 0)) return OTHER;
  return { kind: 'continues', offset: Math.min(commonEnd, known.offset), commonEnd };
}

/**
 * Compares an open file, which was deleted, with the previous log, where that is open, too. Reads all that they have in common: a copy
 * that is deleted before it was decided about is rare.
 */
export function compareOpen(previous: TrackedFile, copy: TrackedFile): Comparison {
  const [log, mine] = [previous.plainReader, copy.plainReader];
  if (log === null || mine === null || log.changed()) return OTHER;
  const [size, copySize] = [log.facts().size, mine.facts().size];
  const read = (from: number, to: number): Buffer => log.bytes(from, to);
  const end = commonEnd(0, Math.min(size, copySize), read, (from, to) => mine.bytes(from, to));
  if (end === size) return { kind: 'continues', offset: previous.file.offset, commonEnd: size };
  if (end === copySize) return SHORTER;
  const lineEnd = endOfLine(0, end, read);
  if (lineEnd < previous.verifiedOffset || lineEnd === 0) return OTHER;
  return { kind: 'continues', offset: Math.min(lineEnd, previous.file.offset), commonEnd: lineEnd };
}

/** Calls `use` with the content of a known file: open and unchanged, or in the plain file that was found to have it. Null without. */
export async function withContent<T>(
  known: TrackedFile,
  place: CandidateFile | undefined,
  use: (content: LogContent) => Promise<T>,
): Promise<T | null> {
  const open = known.plainReader;
  if (open === null || open.changed()) return (await place?.withContent(use)) ?? null;
  return use({ size: open.facts().size, read: (from, to) => open.bytes(from, to) });
}

/**
 * Compares with the content of the previous log, emitted or not. Lines that were written to it after the copy was made are in one of
 * the two: so only content that was emitted before the last look at the log's own path must be in the copy.
 */
async function compareWithContent(
  { file: known, verifiedOffset }: TrackedFile,
  file: CandidateFile,
  { size, read }: LogContent,
  existsElsewhere: boolean,
): Promise<Comparison> {
  const end = await file.commonEnd(read, known.blocks ?? NO_BLOCKS, verifiedOffset, size);
  if (end === null || size === 0) return OTHER;
  if (end === size) return { kind: 'continues', offset: known.offset, commonEnd: size };
  if (end === (await file.contentBytes())) return SHORTER;
  if (end < verifiedOffset) return OTHER;
  return continuesAt(endOfLine(verifiedOffset, end, read), known, verifiedOffset, existsElsewhere);
}
