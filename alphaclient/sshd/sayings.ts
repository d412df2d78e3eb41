/** What ordinary messages do to the connections in the lane: the same as `Connections` does to all others with their facts. */

import { EVENT_TEXT_LIMITS } from '../../protocol/event.ts';
import type { Endings } from './endings.ts';
import { textOf } from './event.ts';
import { heard, type Place } from './matching.ts';
import type { OpenConnections } from './open-connections.ts';
import type { Message } from './ordinary-messages.ts';
import { MORE_LIMIT } from './pam.ts';
import { REPEAT_LIMIT } from './repeats.ts';
import { ANSWERS, STAGES } from './stages.ts';
import { Attempt, type Telling } from './telling.ts';
import { showsFailure } from './verdict.ts';
import { WORKBENCH } from './workbench.ts';

const { INVALID, UNDECIDED, DECIDED, ACCEPTED, REMARKED, GONE } = STAGES;
const PASSWORD = 'password';
const KEYBOARD = 'keyboard-interactive';
const NOWHERE = -1;
const { NO, YES } = ANSWERS;

// What there is one of: see workbench.ts.
const { memory, lane, ordinary } = WORKBENCH;
const { found } = ordinary;

/** Changes connections in the lane, and tells what is to be told; what it is not sure of is left to the table. */
export class Sayings {
  readonly #open: OpenConnections;
  readonly #endings: Endings;
  readonly #telling: Telling;
  readonly #attempt = new Attempt();

  constructor(open: OpenConnections, endings: Endings, telling: Telling) {
    this.#open = open;
    this.#endings = endings;
    this.#telling = telling;
  }

  /** What a message says of the connection at this place in the lane; false where it is for the table to do so. */
  next(message: Message, at: number, place: Place): boolean {
    const { said, invalid } = message;
    if (said === 'repeated' && found.number === 0) return false;
    if (said === 'new-ended' && !this.#open.isFree(found.port)) return false;
    if (said === 'keyboard' && this.#open.hasHelper(place.host, lane.ip(at), at)) return false;
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
        this.#accepted(at, said, found.keyFrom, found.keyEnd);
        break;
      case 'password':
        this.#accepted(at, said, 0, 0);
        break;
      case 'keyboard':
        this.#accepted(at, KEYBOARD, 0, 0);
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
    else if (said === 'goodbye') {
      one.pamOnly = false;
      one.remark ??= goodbye();
      this.#endings.awaited(one);
    }
    lane.changed(at, one);
  }

  /** The first that is said of a connection opens it; false where it is for the table to do so. */
  first({ said, invalid, reason }: Message, at: number, place: Place): boolean {
    if (said === 'new-remark') return this.#unknown(REMARKED, reason, at, place);
    if (said === 'new-goodbye') return this.#unknown(GONE, goodbye(), at, place);
    const hasPort = said !== 'new-pam';
    if (hasPort ? !this.#open.isFree(found.port) : !this.#open.isRoom) return false;
    if (said === 'new-ended') {
      this.#telling.probe(memory.text(found.ipFrom, found.ipEnd), found.port, reason, place);
      return true;
    }
    if (said === 'new-keyboard' && this.#open.hasHelper(place.host, memory.text(found.ipFrom, found.ipEnd), NOWHERE))
      return false;
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
        this.#accepted(at, 'publickey', found.keyFrom, found.keyEnd);
        break;
      case 'new-password':
        this.#accepted(at, PASSWORD, 0, 0);
        break;
      case 'new-keyboard':
        this.#accepted(at, KEYBOARD, 0, 0);
    }
    return true;
  }

  /** Why one ends of which no user is known; of a remark, the next line tells whose it is. */
  #unknown(stage: number, reason: string, at: number, place: Place): boolean {
    if (stage === GONE ? !this.#open.isFree(found.port) : !this.#open.isRoom) return false;
    lane.openAs(stage, at, this.#open.makeWay(at), place);
    lane.pamOnly[at] = NO;
    if (stage === GONE) lane.takePort(at, found.port);
    const one = lane.object(at);
    if (stage === GONE) one.ip = memory.text(found.ipFrom, found.ipEnd);
    one.remark = reason;
    this.#endings.awaited(one);
    return true;
  }

  #failed(at: number, invalid: boolean, times: number): void {
    lane.learnInvalid(at, invalid);
    lane.stages[at] = DECIDED | ((lane.stages[at] as number) & INVALID);
    this.#decided(at, times);
    const reason = textOf(lane.more(at)?.refusal ?? null, EVENT_TEXT_LIMITS.reason);
    const attempt = this.#attempt;
    attempt.isAccepted = false;
    attempt.method = PASSWORD;
    attempt.invalid = invalid;
    attempt.keyFrom = attempt.keyEnd = 0;
    for (let i = 0; i < times; i++) this.#telling.attempt(attempt, reason, lane, at);
  }

  #accepted(at: number, method: string, keyFrom: number, keyEnd: number): void {
    lane.learnInvalid(at, false);
    lane.stages[at] = ACCEPTED | ((lane.stages[at] as number) & INVALID);
    this.#decided(at, 1);
    const attempt = this.#attempt;
    attempt.isAccepted = true;
    attempt.method = method;
    attempt.invalid = false;
    attempt.keyFrom = keyFrom;
    attempt.keyEnd = keyEnd;
    this.#telling.attempt(attempt, null, lane, at);
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

/** The client's last words, of its own choice. */
function goodbye(): string {
  const why = memory.text(found.restFrom, found.restEnd).replace(/^ /, '');
  return why === '' ? 'disconnected' : `disconnected: ${why}`;
}
