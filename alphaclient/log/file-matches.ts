/** The result of matching the known files of a log with those on the disk. */

import type { CandidateFile } from './candidate-file.ts';
import type { Continuation, PossibleCopy } from './log-copy.ts';
import type { TrackedFile } from './tracked-file.ts';
import type { UndecidedFile } from './undecided-files.ts';

/** The file of each known one, and the other files on the disk. */
export interface FileMatches {
  /** The file that has the content of each known one. An open file that was deleted has none, and is not lost. */
  readonly files: ReadonlyMap<TrackedFile, CandidateFile>;
  /** Files that are newer than the known ones: to be read from the beginning. */
  readonly unread: readonly CandidateFile[];
  /** Known files whose content is found nowhere. */
  readonly lost: readonly TrackedFile[];
  /** Known files that are not needed any more, without a loss: their content is that of another file. */
  readonly superseded: readonly TrackedFile[];
  /** Files, unread or nothing emitted of them, that begin with all that was emitted of `previous`: the log goes on in them. */
  readonly continuations: readonly Continuation[];
  /**
   * The file at the log's path, where it is empty or only has the beginning of `previous`: it may become a copy of that, and is not
   * to be read yet. `previous` is kept until that is decided, wherever its content is.
   */
  readonly pendingCopy: PossibleCopy | null;
  /**
   * Files to be known and not to be read as they are: copies of the log with nothing unread, and files that are empty while
   * the log is not, each a copy just begun or a generation that nothing was written to yet.
   */
  readonly skipped: readonly CandidateFile[];
  /** True where the lost current file has a copy with nothing unread: only what came after the copying is lost. */
  readonly currentHasCopy: boolean;
  /**
   * Files that cannot be read and may be known, or copies. Of those that would be unread, the ones that may be a known file are
   * `skipped`: once that is decided so, the known file is lost.
   */
  readonly undecided: readonly UndecidedFile[];
  /** Files taken for copies of what is read elsewhere, although their content is too repetitive to be sure. */
  readonly uncertainCopies: readonly CandidateFile[];
}

/**
 * Returns the known files that are kept and the new ones, oldest first. A known file without a match, deleted and still open or
 * gone, stays behind the file that it was behind; but one that the file at the log's path may become a copy of comes just before that.
 */
export function inOrder(
  known: readonly TrackedFile[],
  matches: FileMatches,
  files: readonly CandidateFile[],
  added: ReadonlyMap<TrackedFile, CandidateFile>,
): TrackedFile[] {
  const places: { readonly one: TrackedFile; readonly at: number }[] = [];
  for (const one of known) {
    if ((matches.lost.includes(one) && !one.file.gone) || matches.superseded.includes(one)) continue;
    const file =
      matches.files.get(one) ?? (one === matches.pendingCopy?.previous ? matches.pendingCopy.file : undefined);
    places.push({ one, at: file === undefined ? (places.at(-1)?.at ?? -1) : files.indexOf(file) });
  }
  for (const [one, file] of added) places.push({ one, at: files.indexOf(file) });
  return places.sort((a, b) => a.at - b.at).map(({ one }) => one);
}

/**
 * Counts the bytes of log in the files of known ones; null where a file is damaged. A compressed file, which was decompressed to
 * find the known one in it, only where the count may be needed: what is open or done is not decompressed again for it.
 */
export async function countContent(
  files: ReadonlyMap<TrackedFile, CandidateFile>,
): Promise<ReadonlyMap<TrackedFile, number | null>> {
  const counts = new Map<TrackedFile, number | null>();
  for (const [tracked, candidate] of files) {
    const isNeeded = tracked.reader === null && tracked.file.state !== 'done';
    if (candidate.file.compression === null || isNeeded) counts.set(tracked, await candidate.contentBytes());
  }
  return counts;
}
