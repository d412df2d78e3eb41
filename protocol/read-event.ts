/** Reads an event that came from outside: says what is wrong with a value, or gives the event in it. [P8] */
import { EVENT_TEXT_LIMITS, type LoginEvent, type Outcome, PID_LIMIT } from './event.ts';
import { isAddress, isHostName, isPid, isPort, isTime, isUtcTime, PORT_LIMIT } from './values.ts';

const OUTCOMES: readonly string[] = ['accepted', 'failed', 'probe'];
const TRUSTS: readonly string[] = ['journal', 'syslog', 'forgeable'];
const TEXTS = Object.keys(EVENT_TEXT_LIMITS) as (keyof typeof EVENT_TEXT_LIMITS)[];

function wrongText(value: unknown, field: keyof typeof EVENT_TEXT_LIMITS): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string') return `${field} must be a string`;
  const limit = EVENT_TEXT_LIMITS[field];
  return value.length > limit ? `${field} is longer than ${limit} characters` : null;
}

/**
 * Returns the fault of a value from outside that should be an event: one sentence naming the field,
 * or null when it can be taken with `eventFrom`. Never throws.
 */
export function eventFault(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'an event must be an object';
  const given = value as Record<string, unknown>;
  const { at, outcome, method, port, invalidUser, trust, pid, ip, host } = given;
  if (!isTime(at)) return 'at must be an ISO 8601 time that exists';
  if (typeof outcome !== 'string' || !OUTCOMES.includes(outcome)) return 'outcome must be accepted, failed or probe';
  if (outcome !== 'probe' && typeof method !== 'string') return 'method must be a string';
  if (port !== undefined && port !== null && !isPort(port))
    return `port must be a whole number from 0 to ${PORT_LIMIT}`;
  if (pid !== undefined && pid !== null && !isPid(pid)) return `pid must be a whole number from 1 to ${PID_LIMIT}`;
  if (trust !== undefined && trust !== null && !(typeof trust === 'string' && TRUSTS.includes(trust)))
    return 'trust must be journal, syslog or forgeable';
  if (invalidUser !== undefined && invalidUser !== null && typeof invalidUser !== 'boolean')
    return 'invalidUser must be true or false';
  for (const field of TEXTS) {
    const fault = wrongText(given[field], field);
    if (fault) return fault;
  }
  if (ip !== undefined && ip !== null && !isAddress(ip)) return 'ip must be a numeric address';
  if (host !== undefined && host !== null && !isHostName(host))
    return 'host must be a name without spaces and invisible characters';
  return null;
}

/** The event in a value that `eventFault` found nothing wrong with: known fields only, time in UTC milliseconds. */
export function eventFrom(value: unknown): LoginEvent & { readonly at: string } {
  const given = value as Partial<LoginEvent> & { at: string; outcome: Outcome };
  return {
    at: isUtcTime(given.at) ? given.at : new Date(given.at).toISOString(),
    outcome: given.outcome,
    method: given.method ?? null,
    user: given.user ?? null,
    invalidUser: given.invalidUser ?? null,
    ip: given.ip ?? null,
    port: given.port ?? null,
    host: given.host ?? null,
    key: given.key ?? null,
    reason: given.reason ?? null,
    trust: given.trust ?? null,
    pid: given.pid ?? null,
  };
}
