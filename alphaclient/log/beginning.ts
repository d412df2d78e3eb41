/** Where to begin in a log that was never seen before. */

import { closeSync } from 'node:fs';
import { bytesAt } from './fingerprint.ts';
import type { Inspection } from './candidate-file.ts';
import { DONE_FILES_KEPT } from './position.ts';
import { TrackedFile } from './tracked-file.ts';

/** The end of the last line is looked for in steps of this many bytes. */
const STEP_BYTES = 64 * 1024;

/**
 * The files to start with: the log itself, open at its beginning or behind its last whole line, and the generations before it
 * as done, so that later ones are told from them. Throws where the log cannot be opened.
 */
export function beginning(files: readonly Inspection[], from: 'start' | 'end', nowMs: number): TrackedFile[] {
  const older = files.filter(({ file }) => !file.current).slice(-DONE_FILES_KEPT);
  const tracked = older.map(leftOut);
  const log = files.find(({ file }) => file.current);
  if (log === undefined) return tracked;
  const fresh = TrackedFile.unread(log, from === 'start' ? 0 : endOfLines(log));
  fresh.open(log, nowMs);
  return [...tracked, fresh];
}

/** A file that is not to be read, known so that others are told from it. */
export function leftOut(inspection: Inspection): TrackedFile {
  const { id, born, path, size, mtimeMs, packing } = inspection.file;
  const seen = packing === null ? size : null;
  const prints = inspection.prints(size) ?? { head: null, before: null };
  return new TrackedFile({ state: 'done', id, born, path, offset: size, size, seen, mtimeMs, start: null, ...prints });
}

function endOfLines(log: Inspection): number {
  const fd = log.open();
  try {
    for (let to = log.file.size; to > 0; to -= STEP_BYTES) {
      const from = Math.max(0, to - STEP_BYTES);
      const at = bytesAt(fd, from, to).lastIndexOf(10);
      if (at >= 0) return from + at + 1;
    }
    return 0;
  } finally {
    closeSync(fd);
  }
}
