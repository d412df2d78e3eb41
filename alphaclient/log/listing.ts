/** What there is of a log's files and what is known of them, in words that are equal where nothing changed that matters. */

import type { LogFile } from './rotation.ts';
import type { TrackedFile } from './tracked-file.ts';

/** The files on the disk: an open one may grow. */
export function listing(files: readonly LogFile[], known: readonly TrackedFile[]): string {
  const open = new Set(known.filter(({ reader }) => reader !== null).map(({ file }) => file.id));
  return files
    .map((file) => `${file.path} ${file.id} ${open.has(file.id) ? '' : `${file.size} ${file.mtimeMs}`}`)
    .join('\n');
}

/** The known files, and what each is to the log. */
export function shape(known: readonly TrackedFile[]): string {
  return known.map(({ file }) => `${file.state} ${file.id} ${file.path}`).join('\n');
}
