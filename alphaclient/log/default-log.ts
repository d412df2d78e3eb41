/** The log that is followed when no setting names one. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The files that sshd usually logs to: contract section 3, in this order; the journal comes after them. */
export const DEFAULT_LOGS = ['/var/log/sshd.log', '/var/log/auth.log', '/var/log/secure'] as const;
/** The folders of journald's files; a machine without either has no journal. */
const JOURNALS = ['/run/log/journal', '/var/log/journal'];

/** Returns the first default log that exists, `journald` where there is a journal and a journalctl in `path`, or null. */
export function findDefaultLog(path: string): string | null {
  const file = DEFAULT_LOGS.find((name) => existsSync(name));
  if (file) return file;
  const program = path.split(delimiter).some((folder) => existsSync(join(folder, 'journalctl')));
  return program && JOURNALS.some((folder) => existsSync(folder)) ? 'journald' : null;
}
