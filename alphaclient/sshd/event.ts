/** From what is known of an attempt or a probe to the event that the wire carries. */

import { EVENT_TEXT_LIMITS, type LoginEvent, type Outcome } from '../../protocol/event.ts';

/** An event and where it was decided. */
export interface Sighting {
  readonly event: LoginEvent;
  /** The number of the log line that decided it, from 1, counting from the first line this reader ever read. */
  readonly line: number;
}

const BEYOND_ASCII = /[\x80-\xff]/;

/** Lines are read byte by byte (Latin-1); text that is UTF-8 becomes what it was meant to be. */
export function textOf(latin1: string | null, limit: number): string | null {
  if (latin1 === null) return null;
  // No character is longer than four bytes: what is behind is not looked at.
  let text = latin1.length > limit * 4 ? latin1.slice(0, limit * 4) : latin1;
  if (BEYOND_ASCII.test(text)) text = Buffer.from(text, 'latin1').toString('utf8');
  return text.length > limit ? text.slice(0, limit) : text;
}

let lastMs = Number.NaN;
let lastText = '';
let minuteMs = Number.NaN;
let minuteText = '';
const MINUTE_MS = 60_000;

/** ISO 8601 in UTC with milliseconds; null for NaN. The minute is kept: lines come in order. */
export function isoTime(ms: number): string | null {
  if (ms === lastMs) return lastText;
  if (!(ms >= 0 && ms < 8.64e15)) return null;
  const rest = Math.floor(ms % MINUTE_MS);
  const minute = Math.floor(ms) - rest;
  if (minute !== minuteMs) {
    minuteMs = minute;
    minuteText = new Date(minute).toISOString().slice(0, 17);
  }
  const millis = rest % 1_000;
  const seconds = (rest - millis) / 1_000;
  lastMs = ms;
  lastText = `${minuteText}${seconds < 10 ? '0' : ''}${seconds}.${millis < 10 ? '00' : millis < 100 ? '0' : ''}${millis}Z`;
  return lastText;
}

/** What is known of an attempt or a probe, as sshd wrote it (Latin-1). */
export interface What {
  readonly user: string | null;
  readonly invalid: boolean | null;
  readonly ip: string | null;
  readonly port: number | null;
  readonly method: string | null;
  readonly key: string | null;
  readonly reason: string | null;
}

/** The event of an attempt or a probe; every text within the limits of the wire. */
export function eventOf(outcome: Outcome, what: What, host: string | null, ms: number): LoginEvent {
  return {
    at: isoTime(ms),
    outcome,
    method: what.method,
    user: textOf(what.user, EVENT_TEXT_LIMITS.user),
    invalidUser: what.invalid,
    ip: what.ip,
    port: what.port,
    host,
    key: textOf(what.key, EVENT_TEXT_LIMITS.key),
    reason: textOf(what.reason, EVENT_TEXT_LIMITS.reason),
  };
}
