/** Defines what detectors read of an event, how a buffered event is packed, and the one order they read events in. */

import { hashOf } from '../../service/text-hash.ts';
import { OUTCOMES, TRUSTS } from '../store/schema.ts';

/** True by the number of a trust where no client writes such a log. */
const VOUCHED = [false, ...TRUSTS.map((trust) => trust !== 'forgeable')];

/** Outcomes as the events table has them. */
export const ACCEPTED = OUTCOMES.indexOf('accepted');
export const FAILED = OUTCOMES.indexOf('failed');
export const PROBE = OUTCOMES.indexOf('probe');

/** The methods of successes, as far as rules tell them apart. */
export const OTHER_METHOD = 0;
export const BY_PASSWORD = 1;
export const BY_KEY = 2;

/**
 * An event as numbers: times are Unix milliseconds; `host` and `agent` are the store's row ids; `user`, `source`, `ip`
 * and `key` are numbers of the StringInterner, 0 for null. One object is filled again and again: whoever keeps an event packs it.
 */
export class RuleEvent {
  /** The time at which it happened. */
  at = Number.NaN;
  /** The time at which it counts: when it happened, or the earliest moment that is not settled yet. */
  place = Number.NaN;
  id = 0;
  /** Its agent's number of it, 0 for events of versions that did not store it. */
  seq = 0;
  agent = 0;
  host = 0;
  user = 0;
  /** The address, or the network of an IPv6 address. */
  source = 0;
  ip = 0;
  /** The fingerprint of the key that got in; 0 for anything else. It is not packed: states that need it have it as their key. */
  key = 0;
  outcome = 0;
  method = OTHER_METHOD;
  /** True when the user is root. */
  isRoot = false;
  /** True when it was stored long after it happened. */
  late = false;
  /** 0 when it is not known, else an index into TRUSTS and 1. */
  trust = 0;
  /** True when the rules file names its user or its key as a decoy. */
  isDecoy = false;
  /** True when it says that a process of sshd crashed. */
  isCrash = false;
  /** True when its host's clock is ahead, and `at` is when it was stored. */
  isAhead = false;
}

/** True for a refused login: a failed attempt, or a probe that names a user, which is all that a host for keys alone says of one. */
export const isTry = ({ outcome, user }: Pick<RuleEvent, 'outcome' | 'user'>): boolean =>
  outcome === FAILED || (outcome === PROBE && user > 0);

/** True for an event of a log that no client can write to. */
export const isVouched = ({ trust }: RuleEvent): boolean => VOUCHED[trust] === true;

/** True when it counts at another time than the one it happened at. */
export const isMoved = ({ at, place, isAhead }: RuleEvent): boolean => isAhead || place > at;

/** The length of a packed event, in numbers. An array of doubles costs a fifth of an object, and the garbage collector skips it. */
export const EVENT_FIELDS = 6;
/** The packed flags: outcome 2 bits, late 1, method 2, trust 2, root 1, decoy 1, crash 1, ahead 1. */
const FLAGS = 2_048;
/** Two numbers share a double's 53 bits: interned texts have 26, hosts 27. */
const TEXTS = 2 ** 26;

const flagsOf = (event: RuleEvent): number =>
  event.outcome |
  (event.late ? 4 : 0) |
  (event.method << 3) |
  (event.trust << 5) |
  (event.isRoot ? 128 : 0) |
  (event.isDecoy ? 256 : 0) |
  (event.isCrash ? 512 : 0) |
  (event.isAhead ? 1_024 : 0);

/** An event packed, in an array of no more than its own size: most keys never have another one. */
export const packed = (event: RuleEvent): number[] => [
  event.at,
  event.id,
  event.seq,
  event.agent * FLAGS + flagsOf(event),
  event.host * TEXTS + event.user,
  event.source * TEXTS + event.ip,
];

/** Appends an event to packed ones. */
export function pack(to: number[], event: RuleEvent): void {
  to.push(
    event.at,
    event.id,
    event.seq,
    event.agent * FLAGS + flagsOf(event),
    event.host * TEXTS + event.user,
    event.source * TEXTS + event.ip,
  );
}

/** Puts an event in the place of the packed one that begins at `offset`. */
export function repack(to: number[] | Float64Array, offset: number, event: RuleEvent): void {
  to[offset] = event.at;
  to[offset + 1] = event.id;
  to[offset + 2] = event.seq;
  to[offset + 3] = event.agent * FLAGS + flagsOf(event);
  to[offset + 4] = event.host * TEXTS + event.user;
  to[offset + 5] = event.source * TEXTS + event.ip;
}

/** Puts an event among packed ones, before the one that begins at `offset`. In place: `splice` allocates an array each time. */
export function packAt(to: number[], offset: number, event: RuleEvent): void {
  const end = to.length;
  pack(to, event);
  if (offset === end) return;
  for (let i = end - 1; i >= offset; i -= 1) to[i + EVENT_FIELDS] = to[i] as number;
  repack(to, offset, event);
}

/** Drops the first numbers of packed events. In place: `splice` allocates an array each time, and the next `push` another one. */
export function dropFirst(from: number[], count: number): void {
  const left = from.length - count;
  for (let i = 0; i < left; i += 1) from[i] = from[i + count] as number;
  from.length = left;
}

/** Reads the packed event that begins at `offset`. */
export function unpack(from: readonly number[], offset: number, into: RuleEvent): void {
  into.at = into.place = from[offset] as number;
  into.id = from[offset + 1] as number;
  into.seq = from[offset + 2] as number;
  const agentAndFlags = from[offset + 3] as number;
  into.agent = Math.floor(agentAndFlags / FLAGS);
  const flags = agentAndFlags - into.agent * FLAGS;
  into.outcome = flags & 3;
  into.late = (flags & 4) !== 0;
  into.method = (flags >> 3) & 3;
  into.trust = (flags >> 5) & 3;
  into.isRoot = (flags & 128) !== 0;
  into.isDecoy = (flags & 256) !== 0;
  into.isCrash = (flags & 512) !== 0;
  into.isAhead = (flags & 1_024) !== 0;
  const hostAndUser = from[offset + 4] as number;
  into.host = Math.floor(hostAndUser / TEXTS);
  into.user = hostAndUser - into.host * TEXTS;
  const sourceAndIp = from[offset + 5] as number;
  into.source = Math.floor(sourceAndIp / TEXTS);
  into.ip = sourceAndIp - into.source * TEXTS;
}

/** Numbers of an event where each field has one of its own, as a checkpoint has them. */
export const SPLIT_FIELDS = 8;

/** Appends the fields of the packed event at `offset`, its texts as `textOf` gives them. */
export function split(packed: readonly number[], offset: number, textOf: (text: number) => number, to: number[]): void {
  const [hostAndUser, sourceAndIp] = [packed[offset + 4] as number, packed[offset + 5] as number];
  const [host, source] = [Math.floor(hostAndUser / TEXTS), Math.floor(sourceAndIp / TEXTS)];
  for (let field = 0; field < 4; field += 1) to.push(packed[offset + field] as number);
  to.push(host, textOf(hostAndUser - host * TEXTS), textOf(source), textOf(sourceAndIp - source * TEXTS));
}

/** Undoes `split` for the fields at `offset`. */
export function join(fields: readonly number[], offset: number, textOf: (text: number) => number, to: number[]): void {
  for (let field = 0; field < 4; field += 1) to.push(fields[offset + field] as number);
  const [host, user, source, ip] = fields.slice(offset + 4, offset + SPLIT_FIELDS) as [number, number, number, number];
  to.push(host * TEXTS + textOf(user), textOf(source) * TEXTS + textOf(ip));
}

/** Visits the texts of the packed event at `offset`. */
export function visitPacked(packed: readonly number[], offset: number, visit: (text: number) => void): void {
  const sourceAndIp = packed[offset + 5] as number;
  visit((packed[offset + 4] as number) % TEXTS);
  visit(Math.floor(sourceAndIp / TEXTS));
  visit(sourceAndIp % TEXTS);
}

/** Single fields of packed events, where reading all would be too slow. */
export const packedAt = (packed: readonly number[], offset: number): number => packed[offset] as number;
export const packedId = (packed: readonly number[], offset: number): number => packed[offset + 1] as number;
export const packedAgent = (packed: readonly number[], offset: number): number =>
  Math.floor((packed[offset + 3] as number) / FLAGS);
/** `%` of large numbers is slow. */
export function packedValue(packed: readonly number[], offset: number, field: 'host' | 'user' | 'source'): number {
  const both = packed[field === 'source' ? offset + 5 : offset + 4] as number;
  const upper = Math.floor(both / TEXTS);
  return field === 'user' ? both - upper * TEXTS : upper;
}
export const packedOutcome = (packed: readonly number[], offset: number): number => (packed[offset + 3] as number) & 3;

/** Gives the trust that a RuleEvent's number stands for. */
export const trustOf = (trust: number): (typeof TRUSTS)[number] | null => TRUSTS[trust - 1] ?? null;

/**
 * The order of agents whose events have the same time: by a hash of their ids, so that it does not depend on which agent was
 * known first.
 */
export class AgentOrder {
  readonly #uuid: (agent: number) => string;
  readonly #ranks: number[] = [];

  constructor(uuid: (agent: number) => string) {
    this.#uuid = uuid;
  }

  rank(agent: number): number {
    const known = this.#ranks[agent];
    if (known !== undefined) return known;
    const rank = hashOf(this.#uuid(agent));
    this.#ranks[agent] = rank;
    return rank;
  }
}
