/**
 * Judges what happens now ahead of the rules' position, while a backlog of older events waits: it scans newer rows cheaply,
 * and gives those that have just happened to a Lookahead, in fair shares of their agents. Pure: the log of events is an argument.
 */

import type { AlertSettings } from '../alert-config/settings.ts';
import type { Engine, EngineOptions } from '../detection/engine.ts';
import type { Change } from '../detection/incident-tracker.ts';
import { Lookahead } from '../detection/lookahead.ts';
import { ACCEPTED, isTry } from '../detection/rule-event.ts';
import type { RuleRow } from '../store/event-rows.ts';
import type { EventSource } from './event-source.ts';
import { SkippedTries } from './skipped-tries.ts';

/** Ids passed over by one scan, and events of now that it takes at most. */
const SCAN_IDS = 65_536;
const SCAN_EVENTS = 2_048;
/** Scans of one step: what is stored in a second, in some ten milliseconds of this thread, before the rules go on in order. */
const SCANS_AT_ONCE = 8;
/**
 * Events of one scan that are judged ahead, in equal shares of the agents, and the least share of one: all others wait for
 * their turn, so that a flood which is itself of now is not judged twice.
 */
const JUDGED_AHEAD = 256;
const LEAST_SHARE = 16;
/** Successes have so many times an agent's share: they must not wait. */
const SUCCESS_SHARES = 4;
/** Keyed states that a Lookahead may hold; with more it begins anew, from the engine's. */
const AHEAD_STATES_LIMIT = 20_000;

/** Active from its first step until `end`. */
export class ReadAhead {
  readonly #events: Pick<EventSource, 'recent' | 'one' | 'newest'>;
  readonly #engine: Engine;
  #options: EngineOptions;
  /** All events up to here were judged in an earlier life: what they decided is written. */
  readonly #judgedTo: number;
  #lookahead: Lookahead | null = null;
  /** Tries that no Lookahead knows. */
  readonly #skipped = new SkippedTries();
  /** Tries that this Lookahead knows, and takes with it. While it lives they must not be given to it again: they would count twice. */
  readonly #judged = new SkippedTries();
  #to = 0;

  constructor(
    events: Pick<EventSource, 'recent' | 'one' | 'newest'>,
    engine: Engine,
    options: EngineOptions,
    judgedTo: number,
  ) {
    this.#events = events;
    this.#engine = engine;
    this.#options = options;
    this.#judgedTo = judgedTo;
  }

  /** The last row that was scanned, 0 where nothing is ahead. */
  get to(): number {
    return this.#lookahead ? this.#to : 0;
  }

  /** Takes other settings; what was judged by the old ones is judged again in order. */
  configure(config: AlertSettings['detection'], allow: AlertSettings['allow']): void {
    const before = this.#options;
    this.#options = { ...before, config, allow };
    // A silence, or a channel, changes neither.
    const isSame = JSON.stringify([config, allow]) === JSON.stringify([before.config, before.allow]);
    if (this.#lookahead && !isSame) this.#begin();
  }

  /** Begins a Lookahead from the engine's states. The tries that the one before has judged wait for a success with those skipped. */
  #begin(): Lookahead {
    this.#skipped.moveFrom(this.#judged, this.#options.config.rules['break-in'].count);
    this.#lookahead = new Lookahead(this.#options, this.#engine);
    return this.#lookahead;
  }

  /** Scans what is stored by now, or much of it, and gives what those of now raise. */
  step(nowMs: number): Change[] {
    const { newest } = this.#events;
    const sinceMs = nowMs - this.#options.config.lateAfterMs;
    this.#to = Math.max(this.#to, this.#engine.takenTo);
    const lookahead = this.#lookahead ?? this.#begin();
    for (let scans = 0; scans < SCANS_AT_ONCE && this.#to < newest; scans += 1) {
      const last = Math.min(newest, this.#to + SCAN_IDS);
      const rows = this.#events.recent(this.#to, last, sinceMs, SCAN_EVENTS);
      this.#judge(rows, lookahead);
      this.#to = rows.length === SCAN_EVENTS ? (rows.at(-1) as RuleRow)[0] : last;
    }
    // How they grow the rules say when they get there.
    const changes = lookahead.changes(nowMs, { grownBeforeMs: Number.NEGATIVE_INFINITY });
    if (lookahead.states > AHEAD_STATES_LIMIT) this.#begin();
    return this.#unjudged(changes);
  }

  /**
   * Leaves out incidents that an event up to `#judgedTo` decides. While the engine replays those events, the Lookahead has
   * less of the past than whoever judged them, and would raise what was not raised then. They still count for later ones.
   */
  #unjudged(changes: readonly Change[]): Change[] {
    const replacing = new Set(changes.map((change) => (change.type === 'withdrawn' ? change.replacedBy : null)));
    return changes.filter((change) => {
      if (change.type !== 'incident') return true;
      const { id, decidedBy } = change.incident;
      return decidedBy === null || decidedBy > this.#judgedTo || replacing.has(id);
    });
  }

  /** Ends: the engine is where this is. */
  end(): void {
    this.#lookahead = null;
    this.#skipped.clear();
    this.#judged.clear();
  }

  #judge(rows: readonly RuleRow[], lookahead: Lookahead): void {
    const { ipv6Prefix, rules } = this.#options.config;
    const shares = new Map<number, number>();
    for (const [, , , , agent] of rows) shares.set(agent, 0);
    const share = Math.max(LEAST_SHARE, Math.floor(JUDGED_AHEAD / Math.max(1, shares.size)));
    const [skipped, judged] = [this.#skipped, this.#judged];
    for (const row of rows) {
      const [, , , , agent, , outcome, , user] = row;
      const used = shares.get(agent) ?? 0;
      const isSuccess = outcome === ACCEPTED;
      const isWaiting = used >= (isSuccess ? SUCCESS_SHARES * share : share);
      // Nothing else may crowd them out: whoever tries can connect without naming a user as well.
      if (isTry({ outcome, user: user === null ? 0 : 1 }))
        (isWaiting ? skipped : judged).add(row, ipv6Prefix, rules['break-in'].count);
      if (isWaiting) continue;
      shares.set(agent, used + 1);
      if (isSuccess) this.#takeSkipped(row, lookahead);
      lookahead.take(row);
    }
  }

  /** Has the tries of a success's source judged that were skipped: they count for it, also where it waits for its turn. */
  #takeSkipped(success: RuleRow, lookahead: Lookahead): void {
    const { ipv6Prefix } = this.#options.config;
    for (const id of this.#skipped.take(success, ipv6Prefix)) {
      const earlier = id > this.#engine.takenTo ? this.#events.one(id) : null;
      if (earlier) lookahead.take(earlier);
    }
    // They have counted. In the next Lookahead another success would be a second incident of the same break-in.
    this.#judged.take(success, ipv6Prefix);
  }
}
