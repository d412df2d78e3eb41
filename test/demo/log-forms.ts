/** The simulated connections as lines of a log. */
import type { LogForm } from './fleet.ts';
import type { LoggedConnection } from './logged-connection.ts';

/** A line, its LF included, and when it is written. */
export interface LogLine {
  readonly atMs: number;
  readonly host: string;
  readonly line: string;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (number: number): string => String(number).padStart(2, '0');

/** One message as this form writes it; null where the form has no such line. Times are UTC. */
export function lineOf(form: LogForm, host: string, pid: number, atMs: number, text: string): string | null {
  const at = new Date(atMs);
  switch (form) {
    case 'iso':
      return `${at.toISOString().replace('Z', '000+00:00')} ${host} sshd[${pid}]: ${text}\n`;
    case 'rfc3164':
      return `${MONTHS[at.getUTCMonth()]} ${String(at.getUTCDate()).padStart(2)} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())} ${host} sshd[${pid}]: ${text}\n`;
    case 'raw':
      // `sshd -E`: PAM's words go to syslog, the level's word is left out, lines end in CR LF.
      return text.startsWith('pam_') ? null : `${text.replace(/^(error|fatal): /, '')}\r\n`;
  }
}

/** The lines of many connections, mixed by time as the hosts wrote them. */
export function linesOf(form: LogForm, connections: Iterable<LoggedConnection>): LogLine[] {
  const lines: LogLine[] = [];
  for (const { host, pid, messages } of connections)
    for (const { atMs, text } of messages) {
      const line = lineOf(form, host, pid, atMs, text);
      if (line !== null) lines.push({ atMs, host, line });
    }
  return lines.sort((a, b) => a.atMs - b.atMs);
}
