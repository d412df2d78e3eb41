/** The connections that stand in front of the table, each a row of numbers. */

import { pidHash } from './chains.ts';
import { Connection } from './connection.ts';
import { Identities, identitiesBytes } from './identities.ts';
import type { Matcher } from './matcher.ts';
import type { Place } from './matching.ts';
import type { Memory } from './memory.ts';
import { Ports } from './ports.ts';
import { ANSWERS, STAGES, stageOf } from './stages.ts';

const { NEW, INVALID, WITHOUT_PORT, UNDECIDED, ACCEPTED, REMARKED } = STAGES;
const { NO, YES, UNKNOWN } = ANSWERS;

/** Many pids have the same place: the one who comes later gets it. A power of two. */
const LANE_PLACES = 1_024;
/** What a lane needs of the memory it is given. */
export const LANE_BYTES = identitiesBytes(LANE_PLACES);
/** No pid, and no port. */
const NONE = -1;

/**
 * An ordinary connection has five lines or so in a busy log, all of its pid and soon after each other: here it is found by that
 * alone, for a tenth of what it costs to be found in every other way. Whoever looks for one in another way takes it over into
 * the table first. LANE_PLACES of them at most, and a stage that is kept right: skimming goes by it alone.
 */
export class Lane {
  readonly memory: Memory;
  /** What the connections are known by, each at its place in the memory. */
  readonly identities: Identities;
  /** How many of all open connections of whoever reads have each port. */
  counts = new Ports();
  /** How far each has come: see ordinary.ts. `NEW` where the place is nobody's. */
  readonly stages = new Uint8Array(LANE_PLACES);
  /** What `Connection` says of each, by the same names. */
  readonly pids = new Float64Array(LANE_PLACES).fill(NONE);
  readonly hosts = new Int32Array(LANE_PLACES);
  readonly decisions = new Float64Array(LANE_PLACES);
  readonly pamFailures = new Float64Array(LANE_PLACES);
  readonly pamUnknown = new Float64Array(LANE_PLACES);
  readonly lines = new Float64Array(LANE_PLACES);
  readonly ms = new Float64Array(LANE_PLACES);
  readonly readMs = new Float64Array(LANE_PLACES);
  /** The port, or -1. */
  readonly ports = new Int32Array(LANE_PLACES);
  readonly invalids = new Uint8Array(LANE_PLACES);
  readonly named = new Uint8Array(LANE_PLACES);
  readonly pamOnly = new Uint8Array(LANE_PLACES);
  /** Those that were in the table, or of which more is known than stands here. */
  readonly #objects = new Array<Connection | null>(LANE_PLACES).fill(null);
  readonly #seen = new Connection();
  readonly #users = new Array<string | null>(LANE_PLACES).fill(null);
  readonly #ips = new Array<string | null>(LANE_PLACES).fill(null);
  readonly #ages = new Float64Array(LANE_PLACES);
  /** The places that are taken, in no order, and where among them each stands. */
  readonly #taken = new Int32Array(LANE_PLACES);
  readonly #among = new Int32Array(LANE_PLACES);
  #size = 0;

  constructor(memory: Memory) {
    this.memory = memory;
    this.identities = new Identities(memory, LANE_PLACES);
  }

  get size(): number {
    return this.#size;
  }

  /** The place of a pid: another one on each host, since hosts that were set up alike have their pids at the same time. */
  placeOf(host: number, pid: number): number {
    return pidHash(host, pid) & (LANE_PLACES - 1);
  }

  /** How far the connection of this pid has come, whose place it is: `NEW` where it is another's, or nobody's. */
  stage(place: number, host: number, pid: number): number {
    return this.pids[place] === pid && this.hosts[place] === host ? (this.stages[place] as number) : NEW;
  }

  /** The user of the one at this place. */
  user(place: number): string {
    const from = this.identities.user(place);
    this.#users[place] ??= this.memory.text(from, from + (this.identities.userChars[place] as number));
    return this.#users[place];
  }

  /** Its address. */
  ip(place: number): string {
    const from = this.identities.peer(place);
    this.#ips[place] ??= this.memory.text(from, from + (this.identities.ipChars[place] as number));
    return this.#ips[place];
  }

  /** What more is known of the one at this place than its numbers, or null: only what no number says of it is true. */
  more(place: number): Connection | null {
    return this.#objects[place] as Connection | null;
  }

  /** The one at this place, as it is now. Once it is changed, `changed` is to be called. */
  object(place: number): Connection {
    this.#objects[place] ??= new Connection();
    return this.#fill(this.#objects[place], place);
  }

  /** The same, to look at: it is another one as soon as another is looked at. */
  seen(place: number): Connection {
    return this.#fill(this.#objects[place] ?? this.#seen, place);
  }

  #fill(one: Connection, place: number): Connection {
    const port = this.ports[place] as number;
    const invalid = this.invalids[place];
    const stage = this.stages[place] as number;
    one.host = this.hosts[place] as number;
    one.pid = this.pids[place] as number;
    if (stage < REMARKED) {
      one.ip = this.ip(place);
      one.user = this.user(place);
    }
    one.port = port === NONE ? null : port;
    one.invalid = invalid === UNKNOWN ? null : invalid === YES;
    one.decisions = this.decisions[place] as number;
    one.accepted = stage >= ACCEPTED && stage < REMARKED;
    one.named = this.named[place] === YES;
    one.pamFailures = this.pamFailures[place] as number;
    one.pamUnknown = this.pamUnknown[place] as number;
    one.pamOnly = this.pamOnly[place] === YES;
    one.line = this.lines[place] as number;
    one.ms = this.ms[place] as number;
    one.readMs = this.readMs[place] as number;
    return one;
  }

  /** Its user, its address, its pid and its host stay what they are. */
  changed(place: number, one: Connection): void {
    this.stages[place] = stageOf(one);
    this.ports[place] = one.port ?? NONE;
    this.invalids[place] = one.invalid === null ? UNKNOWN : one.invalid ? YES : NO;
    this.decisions[place] = one.decisions;
    this.named[place] = one.named ? YES : NO;
    this.pamFailures[place] = one.pamFailures;
    this.pamUnknown[place] = one.pamUnknown;
    this.pamOnly[place] = one.pamOnly ? YES : NO;
    this.lines[place] = one.line;
    this.ms[place] = one.ms;
    this.readMs[place] = one.readMs;
  }

  /** Takes in an ordinary one whose place is free, opened after `age` others; false where it has to stay out. */
  put(one: Connection, age: number): boolean {
    const place = this.placeOf(one.host, one.pid);
    if (!this.identities.keep(place, one)) return false;
    this.#take(place, one.host, one.pid, age);
    this.#objects[place] = one;
    this.#users[place] = one.user;
    this.#ips[place] = one.ip;
    this.changed(place, one);
    this.counts.count(one.port, 1);
    return true;
  }

  /** Opens one at a place that is free, of which a line told user, address and port. */
  open(at: number, age: number, place: Place, found: Matcher): void {
    this.identities.keepClient(at, found.userFrom, found.userEnd, found.ipFrom, found.ipEnd, found.portEnd);
    this.openAs(UNDECIDED, at, age, place);
    this.takePort(at, found.port);
  }

  /** The same where it told no port. */
  openWithoutPort(at: number, age: number, place: Place, found: Matcher): void {
    this.identities.keepParts(at, found.userFrom, found.userEnd, found.ipFrom, found.ipEnd);
    this.openAs(WITHOUT_PORT, at, age, place);
  }

  /** The same where nothing is known but how far it has come: what is, its object is to say. */
  openAs(stage: number, at: number, age: number, place: Place): void {
    this.#take(at, place.host, place.pid, age);
    this.stages[at] = stage;
    this.ports[at] = NONE;
    this.invalids[at] = UNKNOWN;
    this.decisions[at] = this.pamFailures[at] = this.pamUnknown[at] = 0;
    this.named[at] = NO;
    this.pamOnly[at] = YES;
    this.heard(at, place);
  }

  #take(place: number, host: number, pid: number, age: number): void {
    this.pids[place] = pid;
    this.hosts[place] = host;
    this.#ages[place] = age;
    this.#among[place] = this.#size;
    this.#taken[this.#size++] = place;
  }

  /** A line spoke of the one at this place. */
  heard(at: number, { line, ms, nowMs }: Place): void {
    this.lines[at] = line;
    this.ms[at] = ms;
    this.readMs[at] = nowMs;
  }

  /** What a line says of the user of the one at this place: that it is invalid is not taken back. */
  learnInvalid(place: number, invalid: boolean | null): void {
    if (this.invalids[place] === YES) return;
    this.invalids[place] = invalid === null ? UNKNOWN : invalid ? YES : NO;
    if (invalid === true) this.stages[place] = (this.stages[place] as number) | INVALID;
  }

  /** The port of the one at this place, which had none. */
  learnPort(place: number, { port, portFrom, portEnd }: Matcher): void {
    this.stages[place] = UNDECIDED | ((this.stages[place] as number) & INVALID);
    this.takePort(place, port);
    this.identities.learnPort(place, portFrom, portEnd);
  }

  /** The port of the one at this place, which is known now. */
  takePort(place: number, port: number): void {
    this.ports[place] = port;
    this.counts.count(port, 1);
  }

  /** Frees a place that is taken; gives how many were opened before who had it. */
  free(place: number): number {
    const port = this.ports[place] as number;
    if (port !== NONE) this.counts.count(port, -1);
    this.stages[place] = NEW;
    this.pids[place] = NONE;
    this.#objects[place] = this.#users[place] = this.#ips[place] = null;
    const last = this.#taken[--this.#size] as number;
    const among = this.#among[place] as number;
    this.#taken[among] = last;
    this.#among[last] = among;
    return this.#ages[place] as number;
  }

  /** The lowest line of one that has had no decision; Infinity when there is none. */
  firstUntoldLine(): number {
    let first = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#size; i++) {
      const place = this.#taken[i] as number;
      const line = this.lines[place] as number;
      if (this.decisions[place] === 0 && line < first) first = line;
    }
    return first;
  }

  /** Calls `each` with every place that is taken; it may free it. */
  forEach(each: (place: number) => void): void {
    for (let i = this.#size - 1; i >= 0; i--) each(this.#taken[i] as number);
  }
}
