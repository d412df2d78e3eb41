/** Opens an agent's state folder, and begins it anew when its outbox is damaged. */
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../service/logger.ts';
import { Checkpoint } from './checkpoint.ts';
import { OutboxError } from './database.ts';
import { OUTBOX_FILE, Outbox } from './outbox.ts';

/**
 * The outbox of a folder. A damaged one is set aside under a name with the time, never deleted, and a new one begins at
 * the last moment that the checkpoint knows. Throws an OutboxError when the folder is in use or cannot be written.
 */
export function openStateFolder(folder: string, log: Logger, nowMs: number): Outbox {
  try {
    return new Outbox(folder);
  } catch (error) {
    if (!(error instanceof OutboxError) || error.code !== 'damaged') throw error;
    const aside = `${OUTBOX_FILE}.damaged-${new Date(nowMs).toISOString().replace(/[:.]/g, '-')}`;
    for (const end of ['', '-wal', '-shm'])
      if (existsSync(join(folder, OUTBOX_FILE + end)))
        renameSync(join(folder, OUTBOX_FILE + end), join(folder, aside + end));
    const moment = new Checkpoint(folder).read();
    log.error(
      `The outbox is damaged (${error.message}) and was set aside as ${join(folder, aside)}; ` +
        (moment
          ? `going on from where event ${moment.seq} was acknowledged`
          : 'nothing is known of where reading stood: the log is read as one never seen'),
    );
    const outbox = new Outbox(folder);
    if (moment) outbox.resume(moment);
    return outbox;
  }
}
