/** Streams of events for tests of the rules, and engines to give them to. */

import { DEFAULT_DETECTION, type DetectionConfig, type Rule } from '../../../alphaserver/alert-config/rules.ts';
import { Engine, type EngineOptions } from '../../../alphaserver/detection/engine.ts';
import type { Incident } from '../../../alphaserver/detection/incident.ts';
import { applyChanges, type ChangeLimits } from '../../../alphaserver/detection/incident-tracker.ts';
import type { RuleRow } from '../../../alphaserver/store/event-rows.ts';
import { OUTCOMES, TRUSTS } from '../../../alphaserver/store/schema.ts';
import type { StoredEvent } from '../../../alphaserver/store/store.ts';
import type { Outcome, Trust } from '../../../protocol/event.ts';

export const START_MS = Date.parse('2026-11-23T12:00:00.000Z');

export interface Given {
  /** Seconds after START_MS. */
  readonly at: number;
  readonly ip?: string | null;
  readonly host?: string;
  readonly user?: string | null;
  readonly outcome?: Outcome;
  readonly method?: string;
  readonly agent?: string;
  readonly key?: string;
  readonly reason?: string;
  /** `syslog` unless given. */
  readonly trust?: Trust | null | undefined;
  /** Seconds after it happened that it was stored. */
  readonly lag?: number;
}

/** Numbers for the names of agents and hosts, as a store gives them. */
export class Numbers {
  readonly #names: string[] = [];
  readonly #numbers = new Map<string, number>();

  of(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    this.#names.push(name);
    this.#numbers.set(name, this.#names.length);
    return this.#names.length;
  }

  name(number: number): string {
    return this.#names[number - 1] as string;
  }
}

/** Makes rows as the rules read them, and knows the names of their numbers. */
export class Rows {
  readonly #agents = new Numbers();
  readonly #hosts = new Numbers();
  readonly names = {
    agent: (number: number) => this.#agents.name(number),
    host: (number: number) => this.#hosts.name(number),
  };

  /** The row of a stored event. */
  of({
    id,
    seq,
    at,
    storedAt,
    agent,
    host,
    outcome,
    method,
    user,
    ip,
    key = null,
    trust = null,
    reason = null,
  }: StoredEvent): RuleRow {
    return [
      id,
      seq,
      Date.parse(at),
      Date.parse(storedAt),
      this.#agents.of(agent),
      this.#hosts.of(host),
      OUTCOMES.indexOf(outcome),
      method,
      user,
      ip,
      key,
      trust === null ? null : TRUSTS.indexOf(trust),
      reason,
    ];
  }
}

/** A stored event: 203.0.113.5 fails as root on web-1 unless given otherwise. Its seq is its id. */
export function stored(given: Given, id: number, seq = id): StoredEvent {
  const atMs = START_MS + given.at * 1_000;
  const host = given.host ?? 'web-1';
  return {
    id,
    seq,
    at: new Date(atMs).toISOString(),
    storedAt: new Date(atMs + (given.lag ?? 0) * 1_000).toISOString(),
    agent: given.agent ?? `agent of ${host}`,
    host,
    outcome: given.outcome ?? 'failed',
    method: given.outcome === 'probe' ? null : (given.method ?? 'password'),
    user: given.user === undefined ? 'root' : given.user,
    invalidUser: false,
    ip: given.ip === undefined ? '203.0.113.5' : given.ip,
    port: 40_000,
    key: given.key ?? null,
    reason: given.reason ?? null,
    trust: given.trust === undefined ? 'syslog' : given.trust,
  };
}

/** The same event so many times, `everySeconds` apart. */
export const repeated = (count: number, everySeconds: number, given: Partial<Given> = {}): Given[] =>
  Array.from({ length: count }, (_, i) => ({ ...given, at: (given.at ?? 0) + i * everySeconds }));

export const configWith = (
  change: Partial<Record<Rule, Partial<DetectionConfig['rules'][Rule]>>>,
  config = DEFAULT_DETECTION,
): DetectionConfig => ({
  ...config,
  rules: Object.fromEntries(
    Object.entries(config.rules).map(([rule, given]) => [rule, { ...given, ...change[rule as Rule] }]),
  ) as DetectionConfig['rules'],
});

/** Only these rules. */
export const only = (...rules: Rule[]): DetectionConfig =>
  configWith(
    Object.fromEntries(
      Object.keys(DEFAULT_DETECTION.rules).map((rule) => [rule, { on: rules.includes(rule as Rule) }]),
    ) as Partial<Record<Rule, { on: boolean }>>,
  );

/** Options of an engine whose incidents are named by their rule, their key and the seq of the event that decided them. */
export const optionsWith = (rows: Rows, options: Partial<EngineOptions> = {}): EngineOptions => ({
  config: DEFAULT_DETECTION,
  allow: { addresses: [], users: [] },
  names: rows.names,
  incidentId: (rule, key, { agent, seq, isMild }) => `${rule}${isMild ? ' (mild)' : ''}/${key}/${agent}/${seq}`,
  ...options,
});

export const engineWith = (rows: Rows, options: Partial<EngineOptions> = {}): Engine =>
  new Engine(optionsWith(rows, options));

/** All incidents as they are at last, by id. */
export class Ledger {
  readonly incidents = new Map<string, Incident>();

  /** Takes the changes of an engine by a clock in seconds after START_MS. */
  drain(engine: Engine, atSeconds: number, limits: ChangeLimits = {}): void {
    applyChanges(engine.changes(START_MS + atSeconds * 1_000, limits), this.incidents);
  }

  /** In order of their names. */
  all(): Incident[] {
    return [...this.incidents.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }
}

/** What these events raise, by a clock that is far ahead at the end, or stands where `untilSeconds` says. */
export function raised(given: readonly Given[], options: Partial<EngineOptions> = {}, untilSeconds = 1e8): Incident[] {
  const rows = new Rows();
  const engine = engineWith(rows, options);
  const ledger = new Ledger();
  for (const [i, one] of given.entries()) engine.take(rows.of(stored(one, i + 1)));
  ledger.drain(engine, untilSeconds);
  return ledger.all();
}
