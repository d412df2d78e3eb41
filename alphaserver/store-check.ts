/** Checks a store that was not closed in good order, while it is used already. */
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import type { Logger } from '../service/logger.ts';
import type { GroupCommit } from './ingest/group-commit.ts';
import { ROLLUPS_FILE } from './rollups/schema.ts';
import { EVENTS_FILE } from './store/folder.ts';
import { checkWhole, DAMAGE_ADVICE } from './store/integrity.ts';

/** What keeps a store from being checked, a full disk above all, takes somebody some time. */
const RETRY_MS = 60_000;

export interface StoreCheckOptions {
  readonly folder: string;
  readonly ingest: Pick<GroupCommit, 'refuse'>;
  /** Is called once all was checked and is not damaged. */
  readonly checked: () => void;
  readonly log: Logger;
  /** Ends the check. */
  readonly signal: AbortSignal;
  readonly retryMs?: number;
}

/**
 * Checks the files of events and of rollups, which takes minutes for a large store. alerts.db is not among them: it can be rebuilt. Nothing
 * is stored any more where one is damaged. Resolves at the end.
 */
export async function checkStore({
  folder,
  ingest,
  checked,
  log,
  signal,
  retryMs = RETRY_MS,
}: StoreCheckOptions): Promise<void> {
  const files = [EVENTS_FILE, ROLLUPS_FILE].map((name) => join(folder, name));
  let isWarned = false;
  while (!signal.aborted)
    try {
      const fault = await checkWhole(files, signal);
      if (fault !== null) {
        ingest.refuse(`the store in ${folder} is damaged (${fault}): ${DAMAGE_ADVICE}`);
        return;
      }
      checked();
      if (isWarned) log.info('The store was checked as a whole: it is not damaged');
      return;
    } catch (error) {
      if (signal.aborted) return;
      // Once: the same is to be expected each time until somebody makes room.
      if (!isWarned)
        log.warn(`The store could not be checked as a whole, tried again later: ${(error as Error).message}`);
      isWarned = true;
      await after(retryMs, undefined, { signal }).catch(() => {});
    }
}
