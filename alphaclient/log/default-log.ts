/** The log that is followed when no setting names one. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** The time between two searches for a log while there is none to follow. */
const SEARCH_EVERY_MS = 1_000;

/** The files that sshd usually logs to, in this order; the journal comes after them. */
export const DEFAULT_LOGS = ['/var/log/sshd.log', '/var/log/auth.log', '/var/log/secure'] as const;
const DEFAULTS: readonly string[] = [...DEFAULT_LOGS, 'journald'];
/** The folders of journald's files; a machine without either has no journal. */
const JOURNALS = ['/run/log/journal', '/var/log/journal'];

/** Returns the first default log that exists, `journald` where there is a journal and a journalctl in `path`, or null. */
export function findDefaultLog(path: string): string | null {
  const file = DEFAULT_LOGS.find((name) => existsSync(name));
  if (file) return file;
  const program = path.split(delimiter).some((folder) => existsSync(join(folder, 'journalctl')));
  return program && JOURNALS.some((folder) => existsSync(folder)) ? 'journald' : null;
}

/** A default log to follow, and the one that would be chosen in its place where nothing was followed before; null where that is the same. */
export interface DefaultLog {
  readonly name: string;
  readonly other: string | null;
}

/**
 * Returns the default log to follow; null where there is none yet. `found`: the one that `findDefaultLog` returned, `read`: the logs that
 * were read before, `last`: the one followed last. What was read before is followed on, there or not: another log has the same
 * attempts, which would count twice.
 */
export function chooseDefaultLog(
  found: string | null,
  read: readonly string[],
  last: string | null,
): DefaultLog | null {
  const before = DEFAULTS.filter((name) => read.includes(name));
  const name = [last, found].find((one) => one !== null && before.includes(one)) ?? before[0] ?? found;
  return name === null ? null : { name, other: found === name ? null : found };
}

/**
 * Searches until there is a log to follow, once each second. Null when stopped before. A search leaves no listener at `signal`: there may
 * be none for days.
 */
export async function waitForLog(search: () => DefaultLog | null, signal: AbortSignal): Promise<DefaultLog | null> {
  while (!signal.aborted) {
    const found = search();
    if (found !== null) return found;
    await delay(SEARCH_EVERY_MS, undefined, { signal }).catch(() => {});
  }
  return null;
}
