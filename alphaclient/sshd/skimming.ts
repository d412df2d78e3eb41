/** What ordinary messages do to the connections in the lane: the same as `Connections` does to all others with their facts. */

import type { Bytes } from './compare.ts';
import { Connection } from './connection.ts';
import type { Endings } from './endings.ts';
import type { Part } from './identities.ts';
import { Interned } from './interned.ts';
import { heard, type Place } from './matching.ts';
import type { OpenConnections } from './open-connections.ts';
import { Ordinary } from './ordinary.ts';
import type { Said } from './ordinary-messages.ts';
import { MORE_LIMIT } from './pam.ts';
import { REPEAT_LIMIT } from './repeats.ts';
import type { Telling } from './telling.ts';
import { showsFailure } from './verdict.ts';

export class Skimming {
  readonly #open: OpenConnections;
  readonly #endings: Endings;
  readonly #telling: Telling;
  readonly #ordinary = new Ordinary();
  readonly #texts = new Interned();

  constructor(open: OpenConnections, endings: Endings, telling: Telling) {
    this.#open = open;
    this.#endings = endings;
    this.#telling = telling;
  }

  /** Where the line ends that was skimmed: its CR or LF. */
  get end(): number {
    return this.#ordinary.found.end;
  }

  /** Takes the message at `from`, if it is an ordinary one; gives what it said, `no` where it must be read. */
  take(bytes: Buffer, view: Bytes, from: number, place: Place): Said {
    this.#endings.pass(place);
    const { lane } = this.#open;
    const one = lane.find(place.host, place.pid);
    if (one === undefined && this.#open.isBehind(place.host, place.pid)) return 'no';
    const said = this.#ordinary.read(view, from, one, lane.identities);
    if (said === 'no' || said === 'ignored') return said;
    if (said === 'repeated' && this.#ordinary.found.number === 0) return 'no';
    if (one === undefined) return this.#first(said, bytes, view, place) ? said : 'no';
    const { found, invalid, reason } = this.#ordinary;
    if (one.port === null && (said === 'failed' || said === 'publickey' || said === 'password')) {
      if (!this.#open.isFree(found.port)) return 'no';
      lane.learnPort(one, view, found);
    }
    heard(one, place);
    switch (said) {
      case 'over':
        this.#endings.forget(one);
        break;
      case 'ended':
        this.#endings.forget(one);
        if (invalid !== null && one.invalid !== true) one.invalid = invalid;
        one.pamOnly = false;
        one.remark ??= reason;
        this.#telling.over(one);
        break;
      case 'named':
        if (one.invalid !== true) one.invalid = invalid;
        one.pamOnly = false;
        break;
      case 'refused':
        if (one.invalid !== true) one.invalid = invalid;
        one.evidence = true;
        one.method ??= 'publickey';
        one.refusal ??= reason;
        this.#endings.awaited(one);
        break;
      case 'more':
        if (one.pamFailures > 0) one.pamFailures += Math.min(found.number, MORE_LIMIT);
        if (showsFailure(one)) this.#endings.awaited(one);
        break;
      case 'told':
        this.#endings.turnedAway(one);
        break;
      case 'pam':
        one.pamFailures++;
        break;
      case 'pam-unknown':
        one.pamUnknown++;
        one.invalid = true;
        break;
      case 'failed':
        this.#failed(one, invalid === true, 1);
        break;
      case 'repeated':
        this.#failed(one, invalid === true, Math.min(found.number, REPEAT_LIMIT));
        break;
      case 'publickey':
        this.#accepted(one, said, this.#text(bytes, view, found.key));
        break;
      case 'password':
        this.#accepted(one, said, null);
    }
    return said;
  }

  /** The first that is said of a connection opens it; false where it is for the table to do so. */
  #first(said: Said, bytes: Buffer, view: Bytes, place: Place): boolean {
    const { found } = this.#ordinary;
    const port = said === 'new-pam' ? null : found.port;
    if (!this.#open.isFree(port)) return false;
    const ip = this.#text(bytes, view, found.ip);
    if (said === 'new-ended') {
      this.#telling.probe(ip, found.port, this.#ordinary.reason, place);
      return true;
    }
    const one = new Connection();
    one.host = place.host;
    one.pid = place.pid;
    one.ip = ip;
    one.port = port;
    one.user = this.#text(bytes, view, found.user);
    heard(one, place);
    switch (said) {
      case 'new-pam':
        one.pamFailures = 1;
        break;
      case 'new-named':
        one.pamOnly = false;
        one.named = one.invalid = true;
        break;
      case 'new-failed':
        this.#failed(one, this.#ordinary.invalid === true, 1);
        break;
      case 'new-publickey':
        this.#accepted(one, 'publickey', this.#text(bytes, view, found.key));
        break;
      case 'new-password':
        this.#accepted(one, 'password', null);
    }
    this.#open.open(one, view, found);
    return true;
  }

  #failed(one: Connection, invalid: boolean, times: number): void {
    one.invalid = one.invalid === true || invalid;
    this.#decided(one, times);
    for (let i = 0; i < times; i++) this.#telling.failed(one, invalid);
  }

  #accepted(one: Connection, method: string, key: string | null): void {
    one.accepted = true;
    one.invalid ??= false;
    this.#decided(one, 1);
    this.#telling.accepted(one, method, key);
  }

  #decided(one: Connection, times: number): void {
    one.decisions += times;
    one.pamOnly = false;
    one.remark = null;
    this.#endings.goesOn(one);
  }

  #text(bytes: Buffer, view: Bytes, { from, end }: Part): string {
    return this.#texts.text(bytes, view, from, end);
  }
}
