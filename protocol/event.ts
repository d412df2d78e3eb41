/**
 * The one thing the whole project is about: somebody tried to log in over SSH.
 * Both programs hold it, the wire carries it, the store keeps it.
 */

/** `accepted` and `failed` are attempts, one per decision of sshd; a `probe` ended before any. */
export type Outcome = 'accepted' | 'failed' | 'probe';

/**
 * The trust in a line says how sure it is that sshd wrote it. `journal`: journald names sshd's own program as the
 * sender. `syslog`: a file written by a syslog, where any local program may use sshd's tag. `forgeable`: a client can write
 * whole lines.
 */
export type Trust = 'journal' | 'syslog' | 'forgeable';

/** An attempt or a probe. `null` where the log does not say. */
export interface LoginEvent {
  /** Time of the event: ISO 8601 in UTC with milliseconds. Null only where the log has no time. */
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
  /** Key type and fingerprint, and what else sshd logged of the key. */
  readonly key?: string | null;
  /** The reason of the failure, or the kind of probe. */
  readonly reason?: string | null;
  /** Null or absent from an older agent or from `nc`: treated as `forgeable` and shown as not known. */
  readonly trust?: Trust | null;
  /** The process id of the sshd that wrote the deciding line. */
  readonly pid?: number | null;
}

/** The `reason` of a probe whose process of sshd crashed: the server has a rule for it. */
export const CRASH_REASON = 'its process crashed';

/** The largest process id: `pid_t` has 32 bits and a sign. */
export const PID_LIMIT = 2 ** 31 - 1;

/** The longest of each text an event may carry, in UTF-16 units; senders cut, receivers refuse. */
export const EVENT_TEXT_LIMITS = {
  method: 64,
  user: 1_024,
  ip: 64,
  host: 255,
  key: 2_048,
  reason: 1_024,
} as const;
