/** Streams of events for tests of the rules, and engines to give them to. */

import { DEFAULT_DETECTION, type DetectionConfig, type Rule } from '../../../alphaserver/alert-config/rules.ts';
import { Engine, type EngineOptions } from '../../../alphaserver/detection/engine.ts';
import type { Incident } from '../../../alphaserver/detection/incident.ts';
import type { StoredEvent } from '../../../alphaserver/store/store.ts';
import type { Outcome } from '../../../protocol/event.ts';

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
  /** Seconds after it happened that it was stored. */
  readonly lag?: number;
}

/** A stored event: 203.0.113.5 fails as root on web-1 unless said otherwise. */
export function stored(given: Given, id: number): StoredEvent {
  const atMs = START_MS + given.at * 1_000;
  const host = given.host ?? 'web-1';
  return {
    id,
    seq: id,
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

export const engineWith = (options: Partial<EngineOptions> = {}): Engine =>
  new Engine({
    config: DEFAULT_DETECTION,
    allowed: () => false,
    nameOf: (rule, key, ordinal) => `${rule}/${key}/${ordinal}`,
    ordinalBefore: () => 0,
    ...options,
  });

/** All incidents as they are at last, by id. */
export class Ledger {
  readonly incidents = new Map<string, Incident>();
  readonly raisedBy = new Map<string, number>();

  /** Engines look for earlier incidents here. */
  readonly ordinalBefore = (rule: string, key: string, eventId: number): number =>
    Math.max(
      0,
      ...[...this.incidents.values()]
        .filter((one) => one.rule === rule && one.key === key && (this.raisedBy.get(one.id) as number) < eventId)
        .map(({ ordinal }) => ordinal),
    );

  /** Takes the changes of an engine by a clock in seconds after START_MS. */
  drain(engine: Engine, atSeconds: number): void {
    for (const { incident, by, withdrawn } of engine.changes(START_MS + atSeconds * 1_000)) {
      if (withdrawn) this.incidents.delete(incident.id);
      else {
        if (!this.incidents.has(incident.id)) this.raisedBy.set(incident.id, by);
        this.incidents.set(incident.id, incident);
      }
    }
  }

  /** In order of their names. */
  all(): Incident[] {
    return [...this.incidents.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }
}

/** What these events raise, by a clock that is far ahead at the end, or stands where `untilSeconds` says. */
export function raised(given: readonly Given[], options: Partial<EngineOptions> = {}, untilSeconds = 1e8): Incident[] {
  const engine = engineWith(options);
  const ledger = new Ledger();
  for (const [i, one] of given.entries()) engine.take(stored(one, i + 1));
  ledger.drain(engine, untilSeconds);
  return ledger.all();
}
