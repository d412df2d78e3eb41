/** What is told: the events of decisions, of held lines, of refusals, of connections that are over. */

import { EVENT_TEXT_LIMITS, type Outcome } from '../../protocol/event.ts';
import type { Connection } from './connection.ts';
import { eventOf, isoTime, type Sighting, textOf, type What } from './event.ts';
import type { Fact } from './fact.ts';
import type { Place } from './matching.ts';
import { verdict } from './verdict.ts';

export class Telling {
  #out: Sighting[] = [];
  readonly #hosts: (index: number) => string | null;

  /** `hosts` gives the name of a host's index. */
  constructor(hosts: (index: number) => string | null) {
    this.#hosts = hosts;
  }

  /** What was told since the last call. */
  take(): Sighting[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #tell(outcome: Outcome, what: What, host: number, ms: number, line: number): void {
    this.#out.push({ event: eventOf(outcome, what, this.#hosts(host), ms), line });
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

  /** One more wrong password of a user and a peer that are known, in the line last heard. */
  failed(one: Connection, invalid: boolean): void {
    this.#ordinary(one, 'failed', 'password', invalid, null, textOf(one.refusal, EVENT_TEXT_LIMITS.reason));
  }

  /** The login of a user and a peer that are known, in the line last heard. */
  accepted(one: Connection, method: string, key: string | null): void {
    this.#ordinary(one, 'accepted', method, false, key, null);
  }

  /** A connection of which nothing is told but its end, in this line. */
  probe(ip: string, port: number, reason: string, { host, ms, line }: Place): void {
    const what = { user: null, invalid: null, ip, port, method: null, key: null, reason };
    this.#tell('probe', what, host, ms, line);
  }

  #ordinary(
    one: Connection,
    outcome: Outcome,
    method: string,
    invalidUser: boolean,
    key: string | null,
    reason: string | null,
  ): void {
    const { user, ip, port, line } = one;
    const host = this.#hosts(one.host);
    this.#out.push({
      event: { at: isoTime(one.ms), outcome, method, user, invalidUser, ip, port, host, key, reason },
      line,
    });
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
