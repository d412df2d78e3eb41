/** What is told: the events of decisions, of held lines, of refusals, of connections that are over. */

import type { LoginEvent, Outcome } from '../../protocol/event.ts';
import type { Connection } from './connection.ts';
import { eventOf, isoTime, type Sighting, type What } from './event.ts';
import type { Fact } from './fact.ts';
import type { Lane } from './lane.ts';
import type { Place } from './matching.ts';
import { verdict } from './verdict.ts';

/** Is told of events as lines are read, one after the other. */
export interface Listener {
  /** `line` is the number of the line that decided it, as in `Sighting`. */
  event(event: LoginEvent, line: number): void;
  /**
   * The same of an ordinary attempt of the connection at this place in the lane, in the line it was last heard in, on the host of
   * this name; false where it is to be told as an event.
   */
  attempt(attempt: Attempt, lane: Lane, at: number, host: string | null): boolean;
}

/** What is said of an attempt in the lane, beside what the lane knows; filled anew for each. */
export class Attempt {
  isAccepted = false;
  method = '';
  invalid = false;
  /** Where the key stands in the lane's memory; equal where there is none. */
  keyFrom = 0;
  keyEnd = 0;
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
  refused(fact: Fact, place: Place): void {
    const { ip, port, reason } = fact;
    const what = { user: null, invalid: null, ip, port, method: null, key: null, reason };
    for (let i = 0; i < fact.count; i++) this.#tell('probe', what, place.host, place.ms, place.line);
  }

  /** An `Accepted` or `Failed` line, `times` times. */
  decided(one: Connection, fact: Fact, place: Place, times: number): void {
    const accepted = fact.says === 'accepted';
    const what = {
      user: fact.user,
      invalid: fact.invalid,
      ip: fact.ip ?? one.ip,
      port: fact.port ?? one.port,
      method: fact.method,
      key: fact.key,
      reason: fact.reason ?? (accepted ? null : one.refusal),
    };
    for (let i = 0; i < times; i++)
      this.#tell(accepted ? 'accepted' : 'failed', what, place.host, place.ms, place.line);
  }

  /** A login, or one that failed (perhaps for this reason), of the connection at this place in the lane, where it was last heard of. */
  attempt(attempt: Attempt, reason: string | null, lane: Lane, at: number): void {
    const host = this.#hosts(lane.hosts[at] as number);
    if (reason === null && this.#listener?.attempt(attempt, lane, at, host)) return;
    const { isAccepted, method, invalid: invalidUser, keyFrom, keyEnd } = attempt;
    const time = isoTime(lane.ms[at] as number);
    const outcome = isAccepted ? 'accepted' : 'failed';
    const user = lane.user(at);
    const ip = lane.ip(at);
    const port = lane.ports[at] as number;
    const key = keyFrom === keyEnd ? null : lane.memory.text(keyFrom, keyEnd);
    const event = { at: time, outcome, method, user, invalidUser, ip, port, host, key, reason } as const;
    this.#event(event, lane.lines[at] as number);
  }

  /** A connection of which nothing is told but its end, in this line: texts are within the limits of the wire. */
  probe(ip: string, port: number, reason: string, place: Place): void {
    const host = this.#hosts(place.host);
    const at = isoTime(place.ms);
    const outcome = 'probe';
    const event = {
      at,
      outcome,
      method: null,
      user: null,
      invalidUser: null,
      ip,
      port,
      host,
      key: null,
      reason,
    } as const;
    this.#event(event, place.line);
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
