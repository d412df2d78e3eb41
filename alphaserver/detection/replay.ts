/** What rules raise on events that are given in the order they were stored, without any memory but its own. */

import type { AlertSettings } from '../alert-config/settings.ts';
import type { StoredEvent } from '../store/store.ts';
import { allowedBy } from './allowlist.ts';
import { Engine, type EngineOptions } from './engine.ts';
import type { Incident } from './incident.ts';

/** Changes are gathered after so many events: few enough that nothing is forgotten meanwhile. */
const GATHER_EVENTS = 1_000;

interface Raised {
  readonly incident: Incident;
  readonly by: number;
}

/** Runs the rules that watch events; those that watch agents need a past that is not stored. */
export class Replay {
  readonly #engine: Engine;
  readonly #raised = new Map<string, Raised>();
  /** Ids of a rule's and key's incidents. */
  readonly #ids = new Map<string, Set<string>>();
  #taken = 0;

  constructor({ detection, allow }: Pick<AlertSettings, 'detection' | 'allow'>, nameOf: EngineOptions['nameOf']) {
    this.#engine = new Engine({
      config: detection,
      nameOf,
      allowed: allowedBy(allow),
      ordinalBefore: (rule, key, id) => this.#ordinalBefore(rule, key, id),
    });
  }

  /** Takes an event; their ids grow. */
  take(event: StoredEvent): void {
    this.#engine.take(event);
    this.#taken += 1;
    if (this.#taken % GATHER_EVENTS === 0) this.#gather(Date.parse(event.storedAt));
  }

  /** All incidents by the clock `nowMs`, in the order they opened. */
  incidents(nowMs: number): Incident[] {
    this.#gather(nowMs);
    return [...this.#raised.values()]
      .map(({ incident }) => incident)
      .sort((a, b) => a.openedAt - b.openedAt || (a.id < b.id ? -1 : 1));
  }

  #gather(nowMs: number): void {
    for (const { incident, by, withdrawn } of this.#engine.changes(nowMs)) {
      const { id, rule, key } = incident;
      const slot = `${rule} ${key}`;
      if (withdrawn) {
        this.#raised.delete(id);
        this.#ids.get(slot)?.delete(id);
        continue;
      }
      this.#raised.set(id, { incident, by: this.#raised.get(id)?.by ?? by });
      const ids = this.#ids.get(slot);
      if (ids) ids.add(id);
      else this.#ids.set(slot, new Set([id]));
    }
  }

  #ordinalBefore(rule: string, key: string, eventId: number): number {
    let last = 0;
    for (const id of this.#ids.get(`${rule} ${key}`) ?? []) {
      const raised = this.#raised.get(id);
      if (raised && raised.by < eventId) last = Math.max(last, raised.incident.ordinal);
    }
    return last;
  }
}
