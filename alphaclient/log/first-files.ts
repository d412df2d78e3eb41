/** Chooses the files to start with in a log never followed before. */

import { closeSync } from 'node:fs';
import type { CandidateFile } from './candidate-file.ts';
import { bytesAt, endOfLine } from './fingerprint.ts';
import { DONE_FILES_KEPT } from './position.ts';
import { TrackedFile } from './tracked-file.ts';

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
    return endOfLine(0, log.file.size, (from, to) => bytesAt(fd, from, to));
  } finally {
    closeSync(fd);
  }
}
