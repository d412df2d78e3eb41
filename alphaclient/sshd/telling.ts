/** What is told: the events of decisions, of held lines, of refusals, of connections that are over. */

import type { LoginEvent, Outcome } from '../../protocol/event.ts';
import type { Connection } from './connection.ts';
import { eventOf, type Sighting, type What } from './event.ts';
import type { Place } from './matching.ts';
import type { ParsedMessage } from './message-types.ts';
import { verdict } from './verdict.ts';

/** Is told of events as lines are read, one after the other. */
export interface Listener {
  /** `line` is the number of the line that decided it, as in `Sighting`. */
  event(event: LoginEvent, line: number): void;
}

/** Makes events, one for each thing that is told, and gives them to the listener at once, or to whoever takes them. */
export class Telling {
  #out: Sighting[] = [];
  readonly #hosts: (index: number) => string | null;
  readonly #listener: Listener | null;

  /** `hosts` gives the name of a host's index; nothing is kept where there is a listener. */
  constructor(hosts: (index: number) => string | null, listener: Listener | null) {
    this.#hosts = hosts;
    this.#listener = listener;
  }

  /** What was told since the last call. */
  take(): Sighting[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #tell(outcome: Outcome, what: What, host: number, ms: number, line: number): void {
    this.#event(eventOf(outcome, what, this.#hosts(host), ms), line);
  }

  #event(event: LoginEvent, line: number): void {
    if (this.#listener === null) this.#out.push({ event, line });
    else this.#listener.event(event, line);
  }

  /** Connections refused at accept: a probe each. */
  refused(fact: ParsedMessage, place: Place): void {
    const { ip, port, reason } = fact;
    const what = { user: null, invalid: null, ip, port, method: null, key: null, reason };
    for (let i = 0; i < fact.count; i++) this.#tell('probe', what, place.host, place.ms, place.line);
  }

  /** An `Accepted` or `Failed` line, `times` times. */
  decided(one: Connection, fact: ParsedMessage, place: Place, times: number): void {
    const accepted = fact.kind === 'accepted';
    const what = {
      user: fact.user,
      invalid: fact.invalidUser,
      ip: fact.ip ?? one.ip,
      port: fact.port ?? one.port,
      method: fact.method,
      key: fact.key,
      reason: fact.reason ?? (accepted ? null : one.refusal),
    };
    for (let i = 0; i < times; i++)
      this.#tell(accepted ? 'accepted' : 'failed', what, place.host, place.ms, place.line);
  }

  /** A held `PAM:` failure: its `Failed` line is not coming, or has nothing to add. */
  released(one: Connection): void {
    const { held, user, invalid, ip, port, refusal } = one;
    if (held === null) return;
    one.held = null;
    one.swallow = true;
    const what = {
      user: held.user ?? user,
      invalid,
      ip,
      port,
      method: 'keyboard-interactive',
      key: null,
      reason: refusal ?? held.reason,
    };
    this.#tell('failed', what, one.host, held.ms, held.line);
  }

  /** A connection that is over without a decision of its own. */
  over(one: Connection): void {
    const { outcome, times, what } = verdict(one);
    for (let i = 0; i < times; i++) this.#tell(outcome, what, one.host, one.ms, one.line);
  }
}
