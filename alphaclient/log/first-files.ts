/** Chooses the files to start with in a log never followed before. */

import { closeSync } from 'node:fs';
import type { CandidateFile } from './candidate-file.ts';
import { bytesAt } from './fingerprint.ts';
import { DONE_FILES_KEPT } from './position.ts';
import { TrackedFile } from './tracked-file.ts';

/** The end of the last whole line is searched backwards in steps of this many bytes. */
const LINE_SEARCH_BYTES = 64 * 1024;

/**
 * Returns the files to start with in a log never followed before: the log itself, open at its beginning or behind its last whole
 * line, and the generations before it as done, so that later ones are distinguished from them. Throws where the log cannot be opened.
 */
export function firstFiles(files: readonly CandidateFile[], from: 'start' | 'end', nowMs: number): TrackedFile[] {
  const older = files.filter(({ file }) => !file.current).slice(-DONE_FILES_KEPT);
  const tracked = older.map((candidate) => TrackedFile.skipped(candidate));
  const log = files.find(({ file }) => file.current);
  if (log === undefined) return tracked;
  const first = TrackedFile.unread(log, from === 'start' ? 0 : endOfLastLine(log));
  first.open(log, nowMs);
  return [...tracked, first];
}

function endOfLastLine(log: CandidateFile): number {
  const fd = log.open();
  try {
    for (let to = log.file.size; to > 0; to -= LINE_SEARCH_BYTES) {
      const from = Math.max(0, to - LINE_SEARCH_BYTES);
      const at = bytesAt(fd, from, to).lastIndexOf(10);
      if (at >= 0) return from + at + 1;
    }
    return 0;
  } finally {
    closeSync(fd);
  }
}
