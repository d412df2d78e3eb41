/** Formats events as `scan` prints them (contract section 7). */

import type { LoginEvent } from '../../protocol/event.ts';

/** One event as a JSON object, fields in the contract's order; `file` is null where one log is read. */
export function scanLine(event: LoginEvent, line: number, file: string | null = null): string {
  const { at, outcome, method, user, invalidUser, ip, port, host = null, reason = null, key = null } = event;
  const named = file ?? undefined;
  return JSON.stringify({ line, file: named, at, outcome, method, user, invalidUser, ip, port, host, reason, key });
}
