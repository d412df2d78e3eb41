/** One event as `scan` prints it: contract section 7. */

import type { LoginEvent } from '../protocol/event.ts';

/** JSON of a text; most have nothing to escape, and a look is cheaper than a call. */
function quoted(text: string | null | undefined): string {
  if (text === null || text === undefined) return 'null';
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 32 || c === 34 || c === 92 || c > 126) return JSON.stringify(text);
  }
  return `"${text}"`;
}

let lastHost: string | null | undefined = null;
let lastEnd = ',"host":null,"reason":null,"key":null}';

/** The fields behind the port; most lines of a log share them. */
function ending(
  host: string | null | undefined,
  reason: string | null | undefined,
  key: string | null | undefined,
): string {
  if (reason || key) return `,"host":${quoted(host)},"reason":${quoted(reason)},"key":${quoted(key)}}`;
  if (host !== lastHost) {
    lastHost = host;
    lastEnd = `,"host":${quoted(host)},"reason":null,"key":null}`;
  }
  return lastEnd;
}

/** One JSON object, fields in the contract's order, without the line's end; `file` is JSON already, or empty. */
export function scanLine(event: LoginEvent, line: number, file: string): string {
  const { at, outcome, method, user, invalidUser, ip, port, host, reason, key } = event;
  const named = file === '' ? '' : `,"file":${file}`;
  // Times, outcomes and addresses have no character that JSON would escape.
  const when = at === null ? 'null' : `"${at}"`;
  const where = ip === null ? 'null' : `"${ip}"`;
  return `{"line":${line}${named},"at":${when},"outcome":"${outcome}","method":${quoted(method)},"user":${quoted(user)},"invalidUser":${invalidUser},"ip":${where},"port":${port}${ending(host, reason, key)}`;
}
