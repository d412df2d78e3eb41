/** Judges events ahead of an engine that is behind: what happens now must not wait for an old log that is being read. */
import type { RuleRow } from '../store/event-rows.ts';
import { Engine, type EngineOptions } from './engine.ts';
import type { Incident } from './incident.ts';
import type { Change, ChangeLimits } from './incident-tracker.ts';

/**
 * An engine that copies a key's state from the one behind it when it first meets the key, and writes nothing back. Its
 * incidents are provisional: the engine takes all events in order, these too, and gives the same incidents with the same ids, or
 * what they are part of when older events are counted (see `resolveProvisional`).
 */
export class Lookahead {
  readonly #engine: Engine;
  readonly #base: Engine;

  constructor(options: EngineOptions, base: Engine) {
    this.#base = base;
    this.#engine = new Engine(options, base);
  }

  /** The number of keyed states it holds. */
  get states(): number {
    return this.#engine.size.states;
  }

  /** Takes an event that the engine has not reached; older ones may be left out. */
  take(row: RuleRow): void {
    if (row[0] > this.#base.takenTo) this.#engine.take(row);
  }

  /** Gives what changed of the incidents that it opened itself, by the clock `nowMs`. */
  changes(nowMs: number, limits: ChangeLimits = {}): Change[] {
    return this.#engine.changes(nowMs, limits).filter((change) => {
      const id = change.type === 'incident' ? change.incident.id : change.id;
      return !this.#engine.isCopied(id);
    });
  }
}

/** What becomes of incidents that are written and that the engine does not know. */
export interface Covered {
  /** The open incidents that cover some of them, each before the withdrawals in its favour. */
  readonly changes: readonly Change[];
  /** Those that no open incident covers. */
  readonly uncovered: readonly Incident[];
}

/**
 * Withdraws incidents in favour of the open ones that cover them. Those are given with them, by the clock `nowMs`: what a replay
 * raised of them was not written.
 */
export function withdrawCovered(engine: Engine, incidents: readonly Incident[], nowMs: number): Covered {
  const given = new Set<string>();
  const uncovered: Incident[] = [];
  const changes = incidents.flatMap((incident): Change[] => {
    const covering = engine.incidents.covering(incident);
    if (covering?.id === incident.id) return [];
    if (!covering) {
      uncovered.push(incident);
      return [];
    }
    const present = given.has(covering.id) ? null : engine.incidents.give(covering, nowMs);
    given.add(covering.id);
    return [...(present ? [present] : []), { type: 'withdrawn', id: incident.id, replacedBy: covering.id }];
  });
  return { changes, uncovered };
}

/**
 * Decides what becomes of provisional incidents that the engine has not given itself when it has taken the events that decided them:
 * each is withdrawn, in favour of the open incident that covers it if there is one.
 */
export function resolveProvisional(engine: Engine, incidents: readonly Incident[], nowMs: number): Change[] {
  const { changes, uncovered } = withdrawCovered(engine, incidents, nowMs);
  return [...changes, ...uncovered.map(({ id }): Change => ({ type: 'withdrawn', id, replacedBy: null }))];
}
