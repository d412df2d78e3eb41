/**
 * The one thing the whole project is about: somebody tried to log in over SSH.
 * Both programs hold it, the wire carries it, the store keeps it.
 */

/** `accepted` and `failed` are attempts, one per decision of sshd; a `probe` ended before any. */
export type Outcome = 'accepted' | 'failed' | 'probe';

/**
 * How sure it is that sshd wrote the line, in contract section 1. `journal`: journald names sshd's own program as the
 * sender. `syslog`: a file written by a syslog, where any local program may use sshd's tag. `forgeable`: a client can write
 * whole lines.
 */
export type Trust = 'journal' | 'syslog' | 'forgeable';

/** An attempt or a probe. `null` where the log does not say. */
export interface LoginEvent {
  /** When it happened: ISO 8601 in UTC with milliseconds. Null only where the log has no time. */
  readonly at: string | null;
  readonly outcome: Outcome;
  /** sshd's word for the authentication method: `password`, `publickey`, `keyboard-interactive/pam`. */
  readonly method: string | null;
  /** The user name as sshd wrote it (escaped by sshd, chosen by the client). */
  readonly user: string | null;
  /** True when sshd treats the user as invalid: unknown, or refused by configuration. */
  readonly invalidUser: boolean | null;
  /** The source's numeric address, IPv6 with its scope where sshd gives one. */
  readonly ip: string | null;
  /** The source's port, 0 to 65,535. */
  readonly port: number | null;
  /** The host it happened on, where it is another than the agent's own (a relayed log). */
  readonly host?: string | null;
  /** Key type and fingerprint, and what else sshd said of the key. */
  readonly key?: string | null;
  /** Why it failed, or what kind of probe it is. */
  readonly reason?: string | null;
  /** Null or absent from an older agent or from `nc`: treated as `forgeable` and shown as not known. */
  readonly trust?: Trust | null;
  /** The process id of the sshd that wrote the deciding line. */
  readonly pid?: number | null;
}

/** The longest of each text an event may carry, in UTF-16 units; senders cut, receivers refuse. */
export const EVENT_TEXT_LIMITS = {
  method: 64,
  user: 1_024,
  ip: 64,
  host: 255,
  key: 2_048,
  reason: 1_024,
} as const;

/** The largest process id: `pid_t` has 32 bits and a sign. */
const PID_LIMIT = 2 ** 31 - 1;
const PORT_LIMIT = 65_535;
const OUTCOMES: readonly string[] = ['accepted', 'failed', 'probe'];
const TRUSTS: readonly string[] = ['journal', 'syslog', 'forgeable'];
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

const isWhole = (value: unknown, least: number, most: number): boolean =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most;

function wrongText(value: unknown, field: keyof typeof EVENT_TEXT_LIMITS): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string') return `${field} must be a string`;
  const limit = EVENT_TEXT_LIMITS[field];
  return value.length > limit ? `${field} is longer than ${limit} characters` : null;
}

/**
 * What is wrong with a value from outside that should be an event: one sentence naming the field,
 * or null when it can be taken with `eventFrom`. Never throws.
 */
export function eventFault(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'an event must be an object';
  const { at, outcome, port, invalidUser, trust, pid, ...texts } = value as Record<string, unknown>;
  if (typeof at !== 'string' || !ISO_TIME.test(at) || Number.isNaN(Date.parse(at)))
    return 'at must be an ISO 8601 time';
  if (typeof outcome !== 'string' || !OUTCOMES.includes(outcome)) return 'outcome must be accepted, failed or probe';
  if (outcome !== 'probe' && typeof texts['method'] !== 'string') return 'method must be a string';
  if (port !== undefined && port !== null && !isWhole(port, 0, PORT_LIMIT))
    return `port must be a whole number from 0 to ${PORT_LIMIT}`;
  if (pid !== undefined && pid !== null && !isWhole(pid, 1, PID_LIMIT))
    return `pid must be a whole number from 1 to ${PID_LIMIT}`;
  if (trust !== undefined && trust !== null && !(typeof trust === 'string' && TRUSTS.includes(trust)))
    return 'trust must be journal, syslog or forgeable';
  if (invalidUser !== undefined && invalidUser !== null && typeof invalidUser !== 'boolean')
    return 'invalidUser must be true or false';
  for (const field of Object.keys(EVENT_TEXT_LIMITS) as (keyof typeof EVENT_TEXT_LIMITS)[]) {
    const fault = wrongText(texts[field], field);
    if (fault) return fault;
  }
  return null;
}

/** The event in a value that `eventFault` found nothing wrong with: known fields only, time in UTC milliseconds. */
export function eventFrom(value: unknown): LoginEvent & { readonly at: string } {
  const given = value as Partial<LoginEvent> & { at: string; outcome: Outcome };
  return {
    at: new Date(given.at).toISOString(),
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
