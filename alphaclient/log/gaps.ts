/** What is said of parts of a log that cannot be read any more. */

import type { Inspection } from './candidate-file.ts';
import type { KnownFile } from './position.ts';
import type { Gap } from './source.ts';

/**
 * The gap behind a file whose text stands nowhere any more; null where nothing is known to be missing. `watched`: the file was
 * open until now, so that its last size is from the last look; else it was lost while nobody looked.
 */
export function lossOf(file: KnownFile, halfBytes: number, watched: boolean, copied: boolean): Gap | null {
  // What could not be read of it has been told.
  if (file.state === 'done') return null;
  if (file.seen === null) {
    const text = `${file.path} (${file.size} bytes, packed) was deleted before it was read, and no copy of it was found`;
    return { kind: 'rotated-away', text, bytes: null, lines: null };
  }
  const unread = Math.max(0, file.seen - file.offset - halfBytes);
  const where = `${file.path} (read up to byte ${file.offset} of ${file.seen}, last written ${iso(file.mtimeMs)})`;
  if (unread > 0) {
    const text = `${where} was deleted or truncated before the rest was read, and no copy of it was found`;
    return { kind: 'rotated-away', text, bytes: unread, lines: null };
  }
  if (watched || copied || file.state !== 'current') return null;
  const text = `${where} was deleted or truncated while it was not followed, and no copy of it was found: what came after that is not known`;
  return { kind: 'rotated-away', text, bytes: null, lines: null };
}

/**
 * The gap, if there is one, where a file's text was found in one of `total` bytes, which are less than is known of its
 * beginning: a copy that was made before the last of it was written. Null where they were not counted.
 */
export function cutsOf(file: KnownFile, total: number | null): readonly Gap[] {
  if (total === null || total >= (file.head?.bytes ?? 0) || total >= (file.seen ?? 0)) return [];
  const bytes = (file.seen ?? 0) - total;
  const text = `the last ${bytes} bytes that were seen of ${file.path} were deleted before they were read: no copy of it has them`;
  return [{ kind: 'rotated-away', text, bytes, lines: null }];
}

/** The gap behind a file that cannot be read on, or unpacked. */
export function damageOf(file: KnownFile, error: unknown): Gap {
  const why = error instanceof Error ? error.message : String(error);
  return {
    kind: 'unreadable',
    text: `${file.path} cannot be read on from byte ${file.offset}: ${why}`,
    bytes: null,
    lines: null,
  };
}

/** The gap that there may be where a file's text is too much alike to tell a copy from a generation of its own. */
export function doubtOf({ file }: Inspection): Gap {
  const text =
    `${file.path} (${file.size} bytes) was taken for a copy of the log, which begins with the same lines; ` +
    'its lines all look alike, so they may have been lines of their own';
  return { kind: 'rotated-away', text, bytes: null, lines: null };
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
