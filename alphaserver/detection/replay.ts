/** Collects what rules raise on stored events that are given in the order of their ids: to try rules on the past. */
import type { LastKeyUse } from '../store/earlier-key-uses.ts';
import type { RuleRow } from '../store/event-rows.ts';
import { Engine, type EngineOptions } from './engine.ts';
import type { Incident } from './incident.ts';
import { applyChanges } from './incident-tracker.ts';

/** Changes are collected after so many events: the engine does not hold them for ever. */
const COLLECT_EVENTS = 1_000;

/** Runs the rules that read events; those of agents need a past that is not stored. */
export class Replay {
  readonly #engine: Engine;
  readonly #incidents = new Map<string, Incident>();
  #taken = 0;

  constructor(options: EngineOptions) {
    this.#engine = new Engine(options);
  }

  /** Takes when keys were last used before the first event. */
  rememberKeys(uses: Iterable<LastKeyUse>): void {
    this.#engine.rememberKeys(uses);
  }

  /** Takes an event; their ids grow. */
  take(row: RuleRow): void {
    const [, , , storedMs] = row;
    this.#engine.take(row);
    this.#taken += 1;
    if (this.#taken % COLLECT_EVENTS === 0) this.#collect(storedMs);
  }

  /** Gives all incidents by the clock `nowMs`, in the order they opened. */
  incidents(nowMs: number): Incident[] {
    this.#collect(nowMs);
    return [...this.#incidents.values()].sort((a, b) => a.openedAt - b.openedAt || (a.id < b.id ? -1 : 1));
  }

  #collect(nowMs: number): void {
    applyChanges(this.#engine.changes(nowMs), this.#incidents);
  }
}
