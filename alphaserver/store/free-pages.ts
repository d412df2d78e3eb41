/** Gives space that nobody uses back to the file system, a little at a time. */

import { arrays } from '../queries/snapshot.ts';
import type { Database } from './database.ts';

/** Pages given back at once: some milliseconds of work. */
export const STEP_PAGES = 64;
/** Free pages are used again first. Only above this share of the file, and this number, some are given back. */
export const SPARE_SHARE = 1 / 8;
export const SPARE_PAGES = 1_024;

/** Gives back a few pages where there are more than a spare. True when there is more to give. Not inside a transaction: it is one. */
export function giveBack(db: Database): boolean {
  const number = (pragma: string): number => (arrays(db, `PRAGMA ${pragma}`)[0]?.[0] as number | undefined) ?? 0;
  const spare = Math.max(SPARE_PAGES, number('page_count') * SPARE_SHARE);
  if (number('freelist_count') <= spare) return false;
  arrays(db, `PRAGMA incremental_vacuum(${STEP_PAGES})`);
  return number('freelist_count') > spare;
}
