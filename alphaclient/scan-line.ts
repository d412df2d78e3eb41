/** One event as `scan` prints it: contract section 7. */

import type { LoginEvent } from '../protocol/event.ts';

function quoted(text: string | null | undefined): string {
  return text === null || text === undefined ? 'null' : JSON.stringify(text);
}

/** One JSON object, fields in the contract's order, without the line's end; `file` is JSON already, or empty. */
export function scanLine(event: LoginEvent, line: number, file: string): string {
  const { at, outcome, method, user, invalidUser, ip, port, host, reason, key } = event;
  // Times, outcomes and addresses have no character that JSON would escape.
  return `{"line":${line}${file === '' ? '' : `,"file":${file}`},"at":${at === null ? 'null' : `"${at}"`},"outcome":"${outcome}","method":${quoted(method)},"user":${quoted(user)},"invalidUser":${invalidUser},"ip":${ip === null ? 'null' : `"${ip}"`},"port":${port},"host":${quoted(host)},"reason":${quoted(reason)},"key":${quoted(key)}}`;
}
