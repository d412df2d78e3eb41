/** Waits for files that cannot be read, while one of them may have the content of a known file that is found nowhere else. */

import type { CandidateFile } from './candidate-file.ts';
import { gapOfUnreadableCopy } from './gaps.ts';
import { isWithoutContent, OLDER_MS } from './match-evidence.ts';
import { isSearched } from './position.ts';
import type { Gap } from './source.ts';
import type { TrackedFile } from './tracked-file.ts';

/**
 * How long a file that cannot be read keeps newer ones from being read. A program that copies a log and then sets the copy's mode is
 * done within a moment, and who reads the agent's message has some time.
 */
export const UNREADABLE_LIMIT_MS = 60_000;

/** A file that cannot be read, and the newest known file that it may have the content of; null where it is new, and may be a copy of a newer one. */
export interface UndecidedFile {
  readonly file: CandidateFile;
  readonly previous: TrackedFile | null;
}

/**
 * Returns the files that cannot be read and may be known or copies. `missing`: the known files that were found nowhere (oldest first),
 * `files`: those that are no known one, `unread`: those of them that would be read from the beginning, `between`: the files that a
 * known one can be if rotation kept the order.
 */
export function undecidedFiles(
  missing: readonly TrackedFile[],
  files: readonly CandidateFile[],
  unread: readonly CandidateFile[],
  between: (one: TrackedFile) => readonly CandidateFile[],
): UndecidedFile[] {
  const undecided: UndecidedFile[] = [];
  for (const file of files.filter(({ isUnreadable }) => isUnreadable)) {
    const isUnread = unread.includes(file);
    // One that is not read again only matters to a known file that is lost with something unread, and not if it is older.
    const concerns = (one: TrackedFile): boolean =>
      isUnread ||
      (isWithoutContent(one) && one.file.state !== 'done' && file.file.mtimeMs >= one.file.mtimeMs - OLDER_MS);
    const previous = missing.findLast((one) => isSearched(one.file) && between(one).includes(file) && concerns(one));
    if (previous !== undefined) undecided.push({ previous, file });
    else if (isUnread && !file.file.current) undecided.push({ previous: null, file });
  }
  return undecided;
}

/** The files that could not be read at the last look, and since when there are such. */
export class UndecidedFiles {
  #files: readonly UndecidedFile[] = [];
  #sinceMs: number | null = null;

  /** Records those of a look. Returns whether nothing may be decided yet. Throws where the log itself cannot be read. */
  mustWait(files: readonly UndecidedFile[], nowMs: number): boolean {
    const log = files.find(({ file }) => file.file.current)?.file;
    if (log !== undefined) throw new Error(log.problem ?? `${log.file.path} cannot be read`);
    this.#files = files;
    this.#sinceMs = files.length === 0 ? null : (this.#sinceMs ?? nowMs);
    return this.#sinceMs !== null && Math.abs(nowMs - this.#sinceMs) < UNREADABLE_LIMIT_MS;
  }

  /** The file that is waited for, for a person, and since when, Unix milliseconds; null without one. */
  get waiting(): { readonly path: string; readonly why: string; readonly sinceMs: number } | null {
    const [first] = this.#files;
    if (first === undefined || this.#sinceMs === null) return null;
    return { path: first.file.file.path, why: first.file.problem ?? '', sinceMs: this.#sinceMs };
  }

  /** Ends the waiting. Returns the gaps of the files that are not read: none where the known file is open, or was read to its end. */
  giveUp(): Gap[] {
    const gaps: Gap[] = [];
    for (const { previous, file } of this.#files) {
      if (previous === null || previous.file.state === 'done' || !isWithoutContent(previous)) continue;
      gaps.push(gapOfUnreadableCopy(file, previous.file, UNREADABLE_LIMIT_MS));
    }
    this.#files = [];
    this.#sinceMs = null;
    return gaps;
  }
}
