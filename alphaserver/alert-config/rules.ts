/** Defines the rules' names, thresholds and severities, as docs/alerts.md describes them. */

/** The rules that read events. */
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
  'decoy',
  'sshd-crash',
  'dormant-key',
] as const;
/** The rules that read the agents' heartbeats and reports. */
export const STATE_RULES = [
  'agent-silent',
  'log-gone',
  'unknown-lines',
  'events-lost',
  'clone',
  'unlogged-session',
] as const;
export const RULES = [...EVENT_RULES, ...STATE_RULES] as const;

/** One rule by its name. */
export type EventRule = (typeof EVENT_RULES)[number];
export type StateRule = (typeof STATE_RULES)[number];
export type Rule = (typeof RULES)[number];

/** Severities, lowest first. */
export const SEVERITIES = ['notice', 'warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** The rules that mean an attack is going on; the state `attack` and the blocklist go by them. */
export const ATTACK_RULES: readonly Rule[] = [
  'brute-force',
  'slow-brute-force',
  'fleet-scan',
  'user-enumeration',
  'distributed',
  'break-in',
  'decoy',
];

/** The configuration of one rule. A rule that needs no count or no window ignores it. */
export interface RuleConfig {
  readonly on: boolean;
  readonly severity: Severity;
  readonly count: number;
  readonly windowMs: number;
}

/** The configuration of all rules. */
export interface DetectionConfig {
  readonly rules: Readonly<Record<Rule, RuleConfig>>;
  /** The quiet of a source after which its incident closes. */
  readonly quietMs: number;
  /** IPv6 addresses with this many bits in common are one source: an attacker is given at least a /64. */
  readonly ipv6Prefix: number;
  /** An event stored this long after it happened is late: an incident of late events alone is notified only if asked for. */
  readonly lateAfterMs: number;
  /** Users that nobody has, and fingerprints of keys that nobody uses: whoever does is no friend. */
  readonly decoys: { readonly users: readonly string[]; readonly keys: readonly string[] };
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const rule = (severity: Severity, count: number, windowMs: number): RuleConfig => ({
  on: true,
  severity,
  count,
  windowMs,
});

/** The defaults, which docs/alerts.md states. */
export const DEFAULT_DETECTION: DetectionConfig = {
  rules: {
    'brute-force': rule('warning', 10, 60 * SECOND_MS),
    'slow-brute-force': rule('warning', 30, DAY_MS),
    'fleet-scan': rule('warning', 5, HOUR_MS),
    'user-enumeration': rule('warning', 10, 10 * MINUTE_MS),
    distributed: rule('warning', 10, HOUR_MS),
    'break-in': rule('critical', 5, DAY_MS),
    'first-seen-source': rule('notice', 3, 7 * DAY_MS),
    'root-password': rule('critical', 1, 0),
    'password-on-key-host': rule('warning', 20, 0),
    decoy: rule('critical', 1, 0),
    'sshd-crash': rule('warning', 1, 0),
    'dormant-key': rule('notice', 1, 90 * DAY_MS),
    'agent-silent': rule('warning', 1, 90 * SECOND_MS),
    'log-gone': rule('warning', 1, 5 * MINUTE_MS),
    'unknown-lines': rule('warning', 20, HOUR_MS),
    'events-lost': rule('warning', 1, 0),
    clone: rule('warning', 1, 0),
    'unlogged-session': rule('critical', 1, 0),
  },
  quietMs: 15 * MINUTE_MS,
  ipv6Prefix: 64,
  lateAfterMs: 10 * MINUTE_MS,
  decoys: { users: [], keys: [] },
};

/** The longest window a rule may be given. Keyed state is kept this long and the allowed lateness. */
export const WINDOW_LIMIT_MS = DAY_MS;
/** The longest time of no use after which the rules file may call a key dormant: keys are remembered for as long. */
export const DORMANT_LIMIT_MS = 1_825 * DAY_MS;
/** The highest count a rule may be given. It bounds the observations that one key may hold. */
export const COUNT_LIMIT = 1_000;
