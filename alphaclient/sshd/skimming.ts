/** What ordinary messages do to the connections in the lane: the same as `Connections` does to all others with their facts. */

import { EVENT_TEXT_LIMITS } from '../../protocol/event.ts';
import type { Endings } from './endings.ts';
import { textOf } from './event.ts';
import { lineEnd } from './extents.ts';
import { heard, type Place } from './matching.ts';
import type { OpenConnections } from './open-connections.ts';
import type { Message } from './ordinary-messages.ts';
import { MORE_LIMIT } from './pam.ts';
import { type LastDecision, REPEAT_LIMIT } from './repeats.ts';
import { STAGES } from './stages.ts';
import type { Telling } from './telling.ts';
import { showsFailure } from './verdict.ts';
import { WORKBENCH } from './workbench.ts';

const { NEW, INVALID, UNDECIDED, DECIDED, ACCEPTED } = STAGES;
const CR = 13;
const NO = 0;
const YES = 1;

// What there is one of: see workbench.ts.
const { memory, lane, lead, ordinary } = WORKBENCH;
const { found } = ordinary;

export class Skimming {
  /** How many messages were taken. */
  count = 0;
  /** The last message taken, and where it began in the memory; null where the last one was not taken. */
  message: Message | null = null;
  from = 0;
  /** Whether the line at which `lines` stopped begins like the one before. */
  isAlike = false;
  /** Whether the last line that `lines` took was another program's. */
  isOther = false;

  readonly #open: OpenConnections;
  readonly #endings: Endings;
  readonly #telling: Telling;
  readonly #last: LastDecision;

  /** `last` is told of every decision that is skimmed. */
  constructor(open: OpenConnections, endings: Endings, telling: Telling, last: LastDecision) {
    this.#open = open;
    this.#endings = endings;
    this.#telling = telling;
    this.#last = last;
  }

  /** Where the last message that was taken ends: its line's CR or LF. */
  get end(): number {
    return found.end;
  }

  /**
   * Takes lines that begin alike and are ordinary, from `at` to `end` in the memory, the first of them behind `place`; gives
   * where the first stands that has to be read, or `end`. `place` is that of the last line that began alike. Other programs'
   * lines are left out, unless they are to be read (`all`).
   */
  lines(at: number, end: number, place: Place, all: boolean): number {
    const { bytes } = memory;
    let from = at;
    while (from < end) {
      const isAlike = lead.read(from);
      this.isAlike = isAlike;
      if (!isAlike && (all || !lead.isOther)) return from;
      place.line++;
      this.isOther = !isAlike;
      let last = 0;
      if (isAlike) {
        place.pid = lead.pid;
        place.ms = lead.ms;
        if (!this.take(lead.from, place)) return from;
        last = found.end;
      } else last = lineEnd(bytes, from);
      from = bytes[last] === CR ? last + 2 : last + 1;
    }
    return end;
  }

  /** Takes the message at `from` in the memory, if it is an ordinary one; false where it must be read. */
  take(from: number, place: Place): boolean {
    this.#endings.pass(place);
    const { host, pid } = place;
    const at = lane.placeOf(host, pid);
    const stage = lane.stage(at, host, pid);
    this.message = null;
    if (stage === NEW && this.#open.isBehind(host, pid)) return false;
    const message = ordinary.read(from, stage, at);
    if (message === null) return false;
    if (message.said !== 'ignored')
      if (!(stage === NEW ? this.#first(message, at, place) : this.#next(message, at, place))) return false;
    this.count++;
    this.message = message;
    this.from = from;
    if (message.decides) this.#last.lies(memory.bytes, from, found.end, place);
    return true;
  }

  /** What a message says of the connection at this place in the lane; false where it is for the table to do so. */
  #next(message: Message, at: number, place: Place): boolean {
    const { said, invalid } = message;
    if (said === 'repeated' && found.number === 0) return false;
    if (said === 'new-ended' && !this.#open.isFree(found.port)) return false;
    if (message.decides && (lane.stages[at] as number) < UNDECIDED) {
      if (!this.#open.isFree(found.port)) return false;
      lane.learnPort(at, found);
    }
    lane.heard(at, place);
    switch (said) {
      case 'nothing':
        break;
      case 'over':
        if (lane.more(at) === null) lane.free(at);
        else this.#endings.forget(lane.object(at));
        return true;
      case 'named':
        lane.learnInvalid(at, invalid);
        lane.pamOnly[at] = NO;
        break;
      case 'pam':
        lane.pamFailures[at] = (lane.pamFailures[at] as number) + 1;
        break;
      case 'pam-unknown':
        lane.pamUnknown[at] = (lane.pamUnknown[at] as number) + 1;
        lane.learnInvalid(at, true);
        break;
      case 'failed':
        this.#failed(at, invalid === true, 1);
        break;
      case 'repeated':
        this.#failed(at, invalid === true, Math.min(found.number, REPEAT_LIMIT));
        break;
      case 'publickey':
        this.#accepted(at, said, this.#key());
        break;
      case 'password':
        this.#accepted(at, said, null);
        break;
      default:
        this.#seldom(message, at);
        return true;
    }
    const more = lane.more(at);
    // Others wait for it to end, and ask when it was last heard of.
    if (more?.ending) heard(more, place);
    return true;
  }

  /** The same where it is about how a connection ends without a login. */
  #seldom({ said, invalid, reason }: Message, at: number): void {
    const one = lane.object(at);
    if (said === 'ended' || said === 'new-ended') {
      this.#endings.forget(one);
      if (said === 'new-ended') {
        one.ip = memory.text(found.ipFrom, found.ipEnd);
        one.port = found.port;
      }
      if (invalid !== null && one.invalid !== true) one.invalid = invalid;
      one.pamOnly = false;
      one.remark ??= reason;
      this.#telling.over(one);
      return;
    }
    if (said === 'refused') {
      if (one.invalid !== true) one.invalid = invalid;
      one.evidence = true;
      one.method ??= 'publickey';
      one.refusal ??= reason;
      this.#endings.awaited(one);
    } else if (said === 'more') {
      if (one.pamFailures > 0) one.pamFailures += Math.min(found.number, MORE_LIMIT);
      if (showsFailure(one)) this.#endings.awaited(one);
    } else if (said === 'told') this.#endings.turnedAway(one);
    lane.changed(at, one);
  }

  /** The first that is said of a connection opens it; false where it is for the table to do so. */
  #first({ said, invalid, reason }: Message, at: number, place: Place): boolean {
    if (said === 'new-remark') return this.#remarked(reason, at, place);
    const hasPort = said !== 'new-pam';
    if (hasPort ? !this.#open.isFree(found.port) : !this.#open.isRoom) return false;
    if (said === 'new-ended') {
      this.#telling.probe(memory.text(found.ipFrom, found.ipEnd), found.port, reason, place);
      return true;
    }
    const age = this.#open.makeWay(at);
    if (hasPort) lane.open(at, age, place, found);
    else lane.openWithoutPort(at, age, place, found);
    switch (said) {
      case 'new-pam':
        lane.pamFailures[at] = 1;
        break;
      case 'new-named':
        lane.pamOnly[at] = NO;
        lane.named[at] = YES;
        lane.learnInvalid(at, true);
        break;
      case 'new-failed':
        this.#failed(at, invalid === true, 1);
        break;
      case 'new-publickey':
        this.#accepted(at, 'publickey', this.#key());
        break;
      case 'new-password':
        this.#accepted(at, 'password', null);
    }
    return true;
  }

  /** Whose remark it is, the next line tells. */
  #remarked(reason: string, at: number, place: Place): boolean {
    if (!this.#open.isRoom) return false;
    lane.openUnknown(at, this.#open.makeWay(at), place);
    lane.pamOnly[at] = NO;
    const one = lane.object(at);
    one.remark = reason;
    this.#endings.awaited(one);
    return true;
  }

  #key(): string {
    return memory.text(found.keyFrom, found.keyEnd);
  }

  #failed(at: number, invalid: boolean, times: number): void {
    lane.learnInvalid(at, invalid);
    lane.stages[at] = DECIDED | ((lane.stages[at] as number) & INVALID);
    this.#decided(at, times);
    const reason = textOf(lane.more(at)?.refusal ?? null, EVENT_TEXT_LIMITS.reason);
    for (let i = 0; i < times; i++) this.#telling.attempt('failed', 'password', invalid, null, reason, lane, at);
  }

  #accepted(at: number, method: string, key: string | null): void {
    lane.learnInvalid(at, false);
    lane.stages[at] = ACCEPTED | ((lane.stages[at] as number) & INVALID);
    this.#decided(at, 1);
    this.#telling.attempt('accepted', method, false, key, null, lane, at);
  }

  #decided(at: number, times: number): void {
    lane.decisions[at] = (lane.decisions[at] as number) + times;
    lane.pamOnly[at] = NO;
    const more = lane.more(at);
    if (more === null) return;
    more.remark = null;
    this.#endings.goesOn(more);
  }
}
