/** The gaps that a followed file declares: parts of the log that cannot be read any more. */

import type { CandidateFile } from './candidate-file.ts';
import type { KnownFile } from './position.ts';
import type { Gap } from './source.ts';

/** Returns whether all that is known to be unread of a file was declared when it was given up. In doubt not: a gap may be declared twice. */
const isDeclared = ({ givenUpBytes, seen, size }: KnownFile): boolean =>
  givenUpBytes > 0 && Math.max(seen ?? 0, size) <= givenUpBytes;

/**
 * Returns the gap behind a file whose content is found nowhere; null where nothing is known to be missing. `recoveredBytes`: its
 * partial line, which was read and is emitted. `wasOpen`: the file was open until now, so that its last size is recent; else it
 * was lost while the agent was down. `hasCopy`: a copy of the file was found that has nothing unread.
 */
export function gapOfLostFile(file: KnownFile, recoveredBytes: number, wasOpen: boolean, hasCopy: boolean): Gap | null {
  // The unreadable rest of a `done` file was declared when it was closed.
  if (file.state === 'done') return null;
  if (file.seen === null) {
    const text = `${file.path} (${file.size} bytes, compressed) was deleted before it was read, and no copy of it was found`;
    return { kind: 'rotated-away', text, bytes: null, lines: null };
  }
  const unread = Math.max(0, file.seen - file.offset - recoveredBytes);
  const where = `${file.path} (read up to byte ${file.offset} of ${file.seen}, last written ${iso(file.mtimeMs)})`;
  if (unread > 0 && !isDeclared(file)) {
    const text = `${where} was deleted or truncated before the rest was read, and no copy of it was found`;
    return { kind: 'rotated-away', text, bytes: unread, lines: null };
  }
  if (wasOpen || hasCopy || file.state !== 'current') return null;
  const text = `${where} was deleted or truncated while it was not followed, and no copy of it was found: what came after that is not known`;
  return { kind: 'rotated-away', text, bytes: null, lines: null };
}

/**
 * Returns the gap, if there is one, where a file's content was found in a file of `contentBytes`, fewer than were seen: a copy
 * that was made before the last of it was written. Null where they were not counted.
 */
export function gapOfShortCopy(file: KnownFile, contentBytes: number | null): Gap | null {
  const bytes = (file.seen ?? 0) - Math.max(contentBytes ?? 0, file.offset);
  if (contentBytes === null || file.state === 'done' || bytes <= 0 || isDeclared(file)) return null;
  const text = `the last ${bytes} bytes that were seen of ${file.path} were deleted before they were read: no copy of it has them`;
  return { kind: 'rotated-away', text, bytes, lines: null };
}

/** Returns the gap behind a file that cannot be read on, or decompressed; null where it was declared before a restart. */
export function gapOfUnreadableFile(file: KnownFile, error: unknown): Gap | null {
  if (isDeclared(file)) return null;
  const why = error instanceof Error ? error.message : String(error);
  return {
    kind: 'unreadable',
    text: `${file.path} cannot be read on from byte ${file.offset}: ${why}`,
    bytes: null,
    lines: null,
  };
}

/** Returns the possible gap of a file that may have the unread lines of `lost`, and could not be read for `waitedMs`. */
export function gapOfUnreadableCopy({ file, problem }: CandidateFile, lost: KnownFile, waitedMs: number): Gap {
  const text =
    `${file.path} may have what ${lost.path} had behind byte ${lost.offset}, and is not read any more, since it could not be read ` +
    `for ${Math.round(waitedMs / 1000)} seconds: ${problem}`;
  return { kind: 'unreadable', text, bytes: null, lines: null };
}

/** Returns the possible gap of a file that was taken for a copy although its content is too repetitive to be sure. */
function gapOfUncertainCopy({ file }: CandidateFile): Gap {
  const text =
    `${file.path} (${file.size} bytes) was taken for a copy of the log, which begins with the same lines; ` +
    'its lines all look alike, so they may have been lines of their own';
  return { kind: 'rotated-away', text, bytes: null, lines: null };
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

/** The files that were taken for copies although their content is too repetitive to be sure. */
export class UncertainCopies {
  readonly #waitMs: number;
  #copies = new Map<string, { readonly copy: CandidateFile; readonly sinceMs: number; declared: boolean }>();

  /** `waitMs`: how long to wait before a gap is declared, since the truncation that proves a copy follows the copying. */
  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  /** Sets the uncertain copies of now. A file that is unchanged keeps its waiting time. */
  replace(copies: readonly CandidateFile[], nowMs: number): void {
    const before = this.#copies;
    this.#copies = new Map();
    for (const copy of copies) {
      const key = `${copy.file.id} ${copy.file.size}`;
      this.#copies.set(key, before.get(key) ?? { copy, sinceMs: nowMs, declared: false });
    }
  }

  /** True when no gap is still to be declared. */
  get isDeclared(): boolean {
    return [...this.#copies.values()].every(({ declared }) => declared);
  }

  /** Returns the gaps of those that have waited long enough, each once. */
  gapsDue(nowMs: number): Gap[] {
    const due = [...this.#copies.values()].filter(
      ({ sinceMs, declared }) => !declared && nowMs - sinceMs >= this.#waitMs,
    );
    for (const copy of due) copy.declared = true;
    return due.map(({ copy }) => gapOfUncertainCopy(copy));
  }
}
