/** Compares the times of the shared log with this server's clock. */
import type { Logger } from '../../service/logger.ts';

/** A log that is further ahead of this server's clock is warned of: its events are late then (`late.after` unless given). */
export const AHEAD_LIMIT_MS = 600_000;

/** Warns once while the log is ahead, as it stays after a clock of PostgreSQL that was ahead: its times never go back. */
export class LogClock {
  readonly #log: Pick<Logger, 'warn'>;
  readonly #now: () => number;
  #isAhead = false;

  constructor(log: Pick<Logger, 'warn'>, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  /** Takes the time that a new append was stored as of. */
  heard(storedMs: number): void {
    const isAhead = storedMs - this.#now() > AHEAD_LIMIT_MS;
    if (isAhead && !this.#isAhead)
      this.#log.warn(
        `Events are stored as of ${new Date(storedMs).toISOString()}, a time that is still to come: until then all count as late, channels are not notified of them, and the blocklist leaves them out. Compare PostgreSQL's clock with this server's; docs/servers.md says what to do`,
      );
    this.#isAhead = isAhead;
  }
}
