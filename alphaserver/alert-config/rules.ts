/** The rules' names, what sets each off, and how grave it is: contract section 6. */

/** The rules that watch events; each incident has one source, user or host as its key. */
export const EVENT_RULES = [
  'brute-force',
  'slow-brute-force',
  'fleet-scan',
  'user-enumeration',
  'distributed',
  'break-in',
  'first-seen-source',
  'root-password',
  'password-on-key-host',
] as const;
/** The rules that watch the agents themselves. */
export const STATE_RULES = ['agent-silent', 'log-gone', 'unknown-lines', 'events-lost'] as const;
export const RULES = [...EVENT_RULES, ...STATE_RULES] as const;

/** One rule by its name. */
export type EventRule = (typeof EVENT_RULES)[number];
export type StateRule = (typeof STATE_RULES)[number];
export type Rule = (typeof RULES)[number];

/** From what may wait to what may not. */
export const SEVERITIES = ['notice', 'warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** The rules that say an attack is going on; their sources are what a firewall is told. */
export const ATTACK_RULES: readonly Rule[] = [
  'brute-force',
  'slow-brute-force',
  'fleet-scan',
  'user-enumeration',
  'distributed',
  'break-in',
];

/** What sets one rule off. A rule that needs no count or no window ignores it. */
export interface Term {
  readonly on: boolean;
  readonly severity: Severity;
  readonly count: number;
  readonly windowMs: number;
}

/** All that the rules are told from outside. */
export interface Terms {
  readonly rules: Readonly<Record<Rule, Term>>;
  /** How long a source must be quiet for its incident to close. */
  readonly quietMs: number;
  /** IPv6 addresses with this many bits in common are one source: an attacker is given at least a /64. */
  readonly ipv6Prefix: number;
  /** An event stored this long after it happened is late: what it raises is told to nobody unless asked. */
  readonly lateAfterMs: number;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const term = (severity: Severity, count: number, windowMs: number): Term => ({ on: true, severity, count, windowMs });

/** The contract's. */
export const DEFAULT_TERMS: Terms = {
  rules: {
    'brute-force': term('warning', 10, 60 * SECOND_MS),
    'slow-brute-force': term('warning', 30, DAY_MS),
    'fleet-scan': term('warning', 5, HOUR_MS),
    'user-enumeration': term('warning', 10, 10 * MINUTE_MS),
    distributed: term('warning', 10, HOUR_MS),
    'break-in': term('critical', 5, DAY_MS),
    'first-seen-source': term('notice', 3, 7 * DAY_MS),
    'root-password': term('critical', 1, 0),
    'password-on-key-host': term('warning', 20, 0),
    'agent-silent': term('warning', 1, 90 * SECOND_MS),
    'log-gone': term('warning', 1, 5 * MINUTE_MS),
    'unknown-lines': term('warning', 20, HOUR_MS),
    'events-lost': term('warning', 1, 0),
  },
  quietMs: 15 * MINUTE_MS,
  ipv6Prefix: 64,
  lateAfterMs: 10 * MINUTE_MS,
};

/** The longest window a rule may be given: how long the state remembers. */
export const WINDOW_LIMIT_MS = DAY_MS;
/** The highest count a rule may be given: how much one key of the state may hold. */
export const COUNT_LIMIT = 1_000;
