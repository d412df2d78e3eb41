/** Which log to follow, when no setting names one. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where sshd's lines usually are: contract section 3, in this order; the journal comes after them. */
export const USUAL_LOGS = ['/var/log/sshd.log', '/var/log/auth.log', '/var/log/secure'] as const;
/** Where journald keeps its files; a machine without either has no journal. */
const JOURNALS = ['/run/log/journal', '/var/log/journal'];

/** The first usual log there is, `journald` where there is a journal and a program to read it, or null. */
export function usualLog(path: string): string | null {
  const file = USUAL_LOGS.find((name) => existsSync(name));
  if (file) return file;
  const program = path.split(delimiter).some((folder) => existsSync(join(folder, 'journalctl')));
  return program && JOURNALS.some((folder) => existsSync(folder)) ? 'journald' : null;
}
