/**
 * The connections that stand in front of the table. An ordinary one has five lines or so in a busy log, all of its pid and
 * soon after each other: here it is found by that alone, for a tenth of what it costs to be found in every other way.
 * Whoever looks for one in another way takes it over into the table first.
 */

import type { Bytes } from './compare.ts';
import type { Connection } from './connection.ts';
import { Identities } from './identities.ts';
import type { Ports } from './ports.ts';
import type { Matcher } from './template.ts';

/** Many pids have the same place: the one who comes later gets it. A power of two. */
const LANE_PLACES = 1_024;
/** How sshd tells names that are no account's: a client's name that begins so is for the table to tell apart. */
const TWO_MEANINGS = ['invalid user', 'illegal user', '<invalid username>'];

/** The place of a pid: another one on each host, since hosts that were set up alike have their pids at the same time. */
function placeOf(host: number, pid: number): number {
  return (pid + Math.imul(host, 0x9e37_79b1)) & (LANE_PLACES - 1);
}

/** True where all that its next lines can say is told by comparing them: see ordinary.ts. */
export function isOrdinary({
  pid,
  name,
  user,
  ip,
  port,
  held,
  swallow,
  ending,
  over,
  decisions,
  accepted,
}: Connection): boolean {
  if (pid < 0 || name !== null || user === null || ip === null || held !== null) return false;
  if (swallow || ending || over || (port === null && (decisions > 0 || accepted))) return false;
  return !TWO_MEANINGS.some((words) => user.startsWith(words));
}

export class Lane {
  /** What the connections are known by, each at its place. */
  readonly identities = new Identities(LANE_PLACES);
  readonly #at = new Array<Connection | undefined>(LANE_PLACES).fill(undefined);
  readonly #ages = new Float64Array(LANE_PLACES);
  readonly #ports: Ports;
  /** The places that are taken, in no order, and where among them each stands. */
  readonly #taken = new Int32Array(LANE_PLACES);
  readonly #among = new Int32Array(LANE_PLACES);
  #size = 0;

  /** `ports` counts how many have each port, here and elsewhere. */
  constructor(ports: Ports) {
    this.#ports = ports;
  }

  get size(): number {
    return this.#size;
  }

  /** The connection of this pid, or undefined. Its identity is the one that `identities` is turned to. */
  find(host: number, pid: number): Connection | undefined {
    const place = placeOf(host, pid);
    const one = this.#at[place];
    if (one === undefined || one.pid !== pid || one.host !== host) return undefined;
    this.identities.place = place;
    return one;
  }

  /** Who has the place of this one, or undefined. */
  holder({ host, pid }: Connection): Connection | undefined {
    return this.#at[placeOf(host, pid)];
  }

  /** Takes in an ordinary one whose place is free, opened after `age` others; false where it has to stay out. */
  put(one: Connection, age: number): boolean {
    const place = placeOf(one.host, one.pid);
    if (!this.identities.keep(place, one)) return false;
    this.#put(place, one, age);
    return true;
  }

  /** The same with what a line told of it, which was found in `view`. */
  putFound(one: Connection, age: number, view: Bytes, found: Matcher): void {
    const place = placeOf(one.host, one.pid);
    this.identities.keepParts(place, view, found.user, found.ip);
    if (one.port !== null) this.identities.learnPort(place, view, found.portAt);
    this.#put(place, one, age);
  }

  #put(place: number, one: Connection, age: number): void {
    this.#at[place] = one;
    this.#ages[place] = age;
    this.#among[place] = this.#size;
    this.#taken[this.#size++] = place;
    this.#ports.count(one.port, 1);
  }

  /** The port of one that is in and had none, found in `view`. */
  learnPort(one: Connection, view: Bytes, { port, portAt }: Matcher): void {
    one.port = port;
    this.#ports.count(port, 1);
    this.identities.learnPort(placeOf(one.host, one.pid), view, portAt);
  }

  /** Takes one out that is in; gives how many were opened before it. */
  remove(one: Connection): number {
    const place = placeOf(one.host, one.pid);
    this.#at[place] = undefined;
    this.#size--;
    const last = this.#taken[this.#size] as number;
    const among = this.#among[place] as number;
    this.#taken[among] = last;
    this.#among[last] = among;
    this.#ports.count(one.port, -1);
    return this.#ages[place] as number;
  }

  /** Calls `each` with every one; it may remove it. */
  forEach(each: (one: Connection) => void): void {
    for (let i = this.#size - 1; i >= 0; i--) each(this.#at[this.#taken[i] as number] as Connection);
  }
}
