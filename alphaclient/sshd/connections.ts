/**
 * One connection, one story: what sshd's messages say, told as attempts and probes. A decision is told when its
 * own line is read; a connection that ends without one becomes a probe; several lines of one attempt become one.
 */

import type { Connection, SavedConnection } from './connection.ts';
import { Endings } from './endings.ts';
import type { Sighting } from './event.ts';
import { find, isAnother, learn, opened, type Place } from './matching.ts';
import { isFromPamModule, type ParsedMessage } from './message-types.ts';
import { OPEN_LIMIT_CONNECTIONS, Table } from './table.ts';
import { type Listener, Telling } from './telling.ts';
import { showsFailure, weigh } from './verdict.ts';

/** What `save` gives: plain JSON. */
export interface SavedConnections {
  readonly open: readonly SavedConnection[];
  readonly due: unknown;
}

/**
 * Takes facts in the order of the log, and tells events of them. Holds OPEN_LIMIT_CONNECTIONS at most; what it holds
 * can be saved.
 */
export class Connections {
  readonly #table = new Table();
  readonly #telling: Telling;
  readonly #endings: Endings;

  /** `hosts` gives the name of a host's index. */
  constructor(hosts: (index: number) => string | null, listener: Listener | null) {
    this.#telling = new Telling(hosts, listener);
    this.#endings = new Endings(this.#table, this.#telling);
  }

  /** What was told since the last call. */
  take(): Sighting[] {
    return this.#telling.take();
  }

  /** The lowest line that an event still to come can have; Infinity when none is open. */
  firstOpenLine(): number {
    return this.#table.firstUntoldLine();
  }

  /** Takes one fact in. */
  apply(fact: ParsedMessage, place: Place): void {
    this.#endings.pass(place);
    if (fact.kind === 'dropped') {
      this.#telling.refused(fact, place);
      return;
    }
    let one = find(this.#table, fact, place);
    // Of a name alone, without a pid: it may be another one's, and of one that has failed it tells nothing new.
    const isBare = fact.ip === null && fact.hostName === null && place.pid < 0;
    if (isBare && one !== undefined && one.decisions > 0) return;
    if (one !== undefined && isAnother(one, fact)) {
      this.#endings.settle(one);
      one = undefined;
    }
    one ??= this.#open(fact, place);
    if (one === undefined) return;
    learn(this.#table, one, fact, place);
    this.#tell(one, fact, place);
  }

  #open(fact: ParsedMessage, place: Place): Connection | undefined {
    const one = opened(fact, place);
    if (one === undefined) return undefined;
    this.#table.add(one);
    const oldest = this.#table.size > OPEN_LIMIT_CONNECTIONS ? this.#table.oldest() : undefined;
    if (oldest !== undefined) this.#endings.settle(oldest);
    return one;
  }

  #tell(one: Connection, fact: ParsedMessage, place: Place): void {
    const again = fact.kind === 'failed' && fact.method === 'keyboard-interactive';
    if (again && one.held === null && !one.swallow) {
      // Without pids the `PAM:` line, which has no port, may stand as a connection of its own.
      const loose = this.#table.loose(one);
      if (loose?.held === null) one.swallow = true;
      if (loose !== undefined) this.#endings.forget(loose);
    }
    if (one.held !== null && !isFromPamModule(fact)) {
      if (again) {
        one.held = null;
        one.decisions--;
      } else this.#telling.released(one);
    }
    const swallow = again && one.swallow;
    if (!isFromPamModule(fact)) one.swallow = false;
    switch (fact.kind) {
      case 'accepted':
      case 'failed':
        this.#decide(one, fact, place, swallow);
        break;
      case 'pam-failed':
        this.#pamFailed(one, fact, place);
        break;
      case 'opened':
        one.opened = true;
        break;
      case 'pending':
        one.method ??= fact.method;
        break;
      case 'invalid-user':
        if (!fact.isRepeated) one.named = true;
        break;
      case 'account':
        one.refusal ??= fact.reason;
        break;
      case 'evidence':
      case 'pam-failure':
      case 'pam-unknown-user':
      case 'pam-failure-summary':
        weigh(one, fact);
        this.#table.learned(one);
        if (fact.endsConnection) this.#endings.lastWords(one);
        else if ((fact.endFollows || fact.kind === 'pam-failure-summary') && showsFailure(one))
          this.#endings.awaited(one);
        break;
      case 'end-reason':
        one.remark ??= fact.reason;
        // One that has had its decision has nothing to be told: its last line may take its time.
        if (one.decisions === 0) this.#endings.awaited(one);
        break;
      case 'ended':
        one.remark ??= fact.reason;
        if (fact.endFollows || (fact.ip === null && fact.hostName === null)) this.#endings.lastWords(one);
        else this.#endings.settle(one);
        break;
      case 'session-closed':
      case 'session-ended':
        if (one.accepted && fact.ip === null) this.#endings.awaited(one);
        else if (one.accepted || fact.ip !== null) this.#endings.forget(one);
        break;
    }
  }

  #decide(one: Connection, fact: ParsedMessage, place: Place, swallow: boolean): void {
    if (fact.method === 'keyboard-interactive') this.#endings.dropHelper(one);
    if (fact.kind === 'accepted') one.accepted = true;
    this.#decided(one, fact.count, fact.invalidUser);
    this.#telling.decided(one, fact, place, fact.count - (swallow ? 1 : 0));
  }

  #decided(one: Connection, count: number, invalid: boolean | null): void {
    one.decisions += count;
    if (invalid === true) one.invalid = true;
    if (one.pamOnly) {
      one.pamOnly = false;
      this.#table.learned(one);
    }
    one.swallow = false;
    one.remark = null;
    this.#endings.goesOn(one);
  }

  #pamFailed(one: Connection, fact: ParsedMessage, place: Place): void {
    this.#endings.dropHelper(one);
    one.method = 'keyboard-interactive';
    for (let i = 0; i < fact.count; i++) {
      if (one.held !== null) this.#telling.released(one);
      one.decisions++;
      one.held = { user: fact.user, reason: fact.reason, line: place.line, ms: place.ms };
      if (one.port !== null) this.#telling.released(one);
      else this.#endings.held(one);
    }
    one.swallow = one.port !== null;
  }

  /** Time passes on a quiet log. */
  expire(nowMs: number): void {
    this.#endings.expire(nowMs);
  }

  /** The log ends: closes all that is open, in the order in which they were last heard of. */
  end(): void {
    this.#endings.end();
  }

  /** Plain JSON: the open ones, oldest first, and when they were last looked through. */
  save(): SavedConnections {
    return { open: this.#table.save(), due: this.#endings.save() };
  }

  /** Takes over what `save` gave; what is damaged is left out. */
  restore(saved: unknown): void {
    const { open, due } = (saved ?? {}) as Partial<SavedConnections>;
    this.#table.restore(open);
    this.#endings.restore(due);
  }
}
