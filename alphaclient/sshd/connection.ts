/** What is known of one TCP connection to sshd while it lasts. */

/** A `PAM: ...` line whose `Failed` line, with the port, may come next. */
export interface Held {
  readonly user: string | null;
  readonly reason: string | null;
  readonly line: number;
  readonly ms: number;
}

/** Only the correlation changes it; `toSaved` and `fromSaved` carry it over a restart. */
export class Connection {
  /** Its place in the table while it is there, else -1. Not saved: a restart gives it another. */
  slot = -1;
  /** Index of the host in the table of hosts. */
  host = 0;
  pid = -1;
  ip: string | null = null;
  port: number | null = null;
  /** The client's name where a line had a name for the address. */
  hostName: string | null = null;
  user: string | null = null;
  invalid: boolean | null = null;
  /** Decisions counted; a connection without any becomes a probe. */
  decisions = 0;
  accepted = false;
  /** True once `Invalid user` or `Connection from` was seen, of which a connection prints one each. */
  named = false;
  opened = false;
  /** Failures of which only PAM has told: from `authentication failure`, its summary, and `check pass; user unknown`. */
  pamFailures = 0;
  pamUnknown = 0;
  /** What else shows that a decision was made. */
  evidence = false;
  /** True while nothing but PAM's modules spoke: perhaps a helper of another connection. */
  pamOnly = true;
  method: string | null = null;
  /** Why: a refusal of the account or the login, before a mere remark on how it ended. */
  refusal: string | null = null;
  remark: string | null = null;
  held: Held | null = null;
  /** True when a `PAM:` line was counted whose `Failed` line may follow. */
  swallow = false;
  /** The last line that spoke of it. */
  line = 0;
  ms = Number.NaN;
  /** When that line was read, by the clock. */
  readMs = 0;
  /** True when it is over but for lines that may still come. */
  ending = false;
  /** True when it is over and told: only its pid still says that a line is its own. */
  over = false;
}

const FIELDS = (Object.keys(new Connection()) as (keyof Connection)[]).filter((field) => field !== 'slot');

/** Whether its client came as far as to name a user. */
export function hasNamedUser({ user, decisions }: Connection): boolean {
  return user !== null || decisions > 0;
}

/** The saved form: a list of values in the order of the fields; NaN becomes null. */
export type SavedConnection = readonly unknown[];

/** Plain JSON for the outbox. */
export function toSaved(connection: Connection): SavedConnection {
  return FIELDS.map((field) => {
    const value = connection[field];
    return typeof value === 'number' && Number.isNaN(value) ? null : value;
  });
}

/** The connection that `toSaved` gave, or null when the value is none (a damaged state). */
export function fromSaved(saved: unknown): Connection | null {
  if (!Array.isArray(saved) || saved.length !== FIELDS.length) return null;
  const connection = new Connection();
  for (const [i, field] of FIELDS.entries()) {
    const value: unknown = saved[i] === null && field === 'ms' ? Number.NaN : saved[i];
    if (field === 'held') {
      if (!isHeld(value)) return null;
      if (value !== null) connection.held = { ...value, ms: value.ms ?? Number.NaN };
      continue;
    }
    if (!fits(connection[field], value, field)) return null;
    Object.assign(connection, { [field]: value });
  }
  return connection;
}

function isHeld(value: unknown): value is Held | null {
  if (value === null) return true;
  if (typeof value !== 'object') return false;
  const { line, reason, user } = value as Partial<Held>;
  return typeof line === 'number' && isText(reason) && isText(user);
}

function isText(value: unknown): boolean {
  return value === null || typeof value === 'string';
}

function fits(example: unknown, value: unknown, field: string): boolean {
  if (example !== null) return typeof value === typeof example;
  if (value === null) return true;
  return typeof value === (field === 'port' ? 'number' : field === 'invalid' ? 'boolean' : 'string');
}
