/** Opens an agent's state folder, and begins it anew when its outbox is damaged. */
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../../service/logger.ts';
import { Checkpoint } from './checkpoint.ts';
import { OutboxError } from './database.ts';
import { OUTBOX_FILE, Outbox } from './outbox.ts';
import { salvage } from './recovery.ts';

/** Damaged files kept for a look; with more, the oldest goes, so that a bad disk does not fill up with them. */
const DAMAGED_LIMIT = 3;
const DAMAGED = `${OUTBOX_FILE}.damaged-`;
/** A SQLite database in WAL mode is up to three files. */
const ENDS = ['', '-wal', '-shm'] as const;

/** The outbox of a folder; a damaged one begins anew as in `beginAnew`. Throws an OutboxError when the folder is in use or cannot be written. */
export function openStateFolder(folder: string, log: Logger, nowMs: number): Outbox {
  try {
    return new Outbox(folder);
  } catch (error) {
    if (!(error instanceof OutboxError) || error.code !== 'damaged') throw error;
    return beginAnew(folder, error.message, log, nowMs);
  }
}

/**
 * Sets a damaged outbox, which nobody has open, aside under a name with the time. A new one goes on from the last moment
 * that the checkpoint knows, else from what can be read of the damaged one, else as one that has never read the log.
 * Throws an OutboxError.
 */
export function beginAnew(folder: string, why: string, log: Logger, nowMs: number): Outbox {
  const aside = join(folder, DAMAGED + new Date(nowMs).toISOString().replace(/[:.]/g, '-'));
  for (const end of ENDS)
    if (existsSync(join(folder, OUTBOX_FILE + end))) renameSync(join(folder, OUTBOX_FILE + end), aside + end);
  const outbox = new Outbox(folder);
  const said = `The outbox is damaged (${why}) and was set aside as ${aside}`;
  const moment = new Checkpoint(folder).read();
  const left = moment ? null : salvage(aside);
  if (moment) {
    outbox.resume(moment, []);
    log.error(
      `${said}; reading again from where event ${moment.seq} was acknowledged: nothing is lost or counted twice`,
    );
  } else if (left) {
    outbox.resume(left.moment, left.waiting);
    const waiting = outbox.lastSeq - outbox.acked;
    log.error(
      `${said}; going on where it stood, at event ${left.moment.seq}, with the ${waiting} events that could be read in it`,
    );
  } else
    log.error(
      `${said}; nothing is known of where reading stood: the log is read as one never seen, and what was sent before may come twice`,
    );
  left?.close();
  const damaged = readdirSync(folder).filter((name) => name.startsWith(DAMAGED) && !/-(wal|shm)$/.test(name));
  for (const name of damaged.sort().slice(0, -DAMAGED_LIMIT))
    for (const end of ENDS) rmSync(join(folder, name + end), { force: true });
  return outbox;
}
