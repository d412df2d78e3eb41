/** All open connections: those in the table, and those in the lane in front of it, which come into the table to be found there. */

import type { Client } from './clients.ts';
import type { Connection } from './connection.ts';
import { isOrdinary, STAGES } from './stages.ts';
import { type Fit, isAny, OPEN_LIMIT_CONNECTIONS, type Peer, Table } from './table.ts';
import { WORKBENCH } from './workbench.ts';

const { NEW } = STAGES;

/** A table in which those of the lane are found, too: each is in one of the two, never in both. */
export class OpenConnections extends Table {
  readonly lane = WORKBENCH.lane;

  /** Nobody is in the lane any more: it is to be somebody else's. */
  clear(): void {
    this.#enter(isAny);
  }

  /** Takes who is at this place of the lane over from it. */
  #take(place: number): Connection {
    const one = this.lane.object(place);
    this.add(one, this.lane.free(place));
    return one;
  }

  /** Takes those that `fit` over from the lane. */
  #enter(fit: Fit): void {
    this.lane.forEach((place) => {
      if (fit(this.lane.seen(place))) this.#take(place);
    });
  }

  override get size(): number {
    return super.size + this.lane.size;
  }

  override those(fit: Fit): Generator<Connection> {
    this.#enter(fit);
    return super.those(fit);
  }

  override firstUntoldLine(): number {
    return Math.min(super.firstUntoldLine(), this.lane.firstUntoldLine());
  }

  override oldest(): Connection | undefined {
    this.#enter(isAny);
    return super.oldest();
  }

  override byPid(host: number, pid: number): Connection | undefined {
    const { lane } = this;
    const place = lane.placeOf(host, pid);
    return lane.stage(place, host, pid) === NEW ? super.byPid(host, pid) : this.#take(place);
  }

  override byPeer(host: number, ip: string, port: number): Connection | undefined {
    if (this.ports.of(port) > 0) this.#enter((one) => one.port === port && one.host === host && one.ip === ip);
    return super.byPeer(host, ip, port);
  }

  override search(host: number, client: Peer, looseOnly: boolean, fits: Fit = isAny): Connection | undefined {
    // Those in the lane have a pid.
    if (!looseOnly) this.#enter((one) => one.host === host && fits(one));
    return super.search(host, client, looseOnly, fits);
  }

  override helper(one: Client & Pick<Connection, 'host'>): Connection | undefined {
    this.#enter((other) => other.host === one.host && other.pamOnly && other.pamFailures > 0);
    return super.helper(one);
  }

  override remove(one: Connection): void {
    const { lane } = this;
    const place = lane.placeOf(one.host, one.pid);
    if (one.slot < 0 && lane.more(place) === one) {
      lane.object(place);
      lane.free(place);
    } else super.remove(one);
  }

  /** True where PAM's helper process may have spoken of the client whose place in the lane this is, or is to be. */
  hasHelper(host: number, ip: string, at: number): boolean {
    let has = super.helper({ host, ip, name: null, user: null }) !== undefined;
    this.lane.forEach((place) => {
      const { pamOnly, pamFailures, ip: its } = this.lane.seen(place);
      if (place !== at && pamOnly && pamFailures > 0 && its === ip) has = true;
    });
    return has;
  }

  /** True where the table knows one of this pid, whatever the lane knows. */
  isBehind(host: number, pid: number): boolean {
    return super.size > 0 && super.byPid(host, pid) !== undefined;
  }

  /** True where there is room for one more, of which nobody else has the port: then the lane may have it. */
  isFree(port: number): boolean {
    return this.ports.of(port) === 0 && this.isRoom;
  }

  /** True where there is room for one more. */
  get isRoom(): boolean {
    return this.size < OPEN_LIMIT_CONNECTIONS;
  }

  /** Frees this place in the lane for a new one; gives how many were opened before that. */
  makeWay(at: number): number {
    this.#clearPlace(at);
    return this.nextAge();
  }

  #clearPlace(at: number): void {
    if (this.lane.stages[at] !== NEW) this.#take(at);
  }

  /** Puts the one of this pid into the lane, if it is ordinary. */
  forward(host: number, pid: number): void {
    const one = pid < 0 ? undefined : super.byPid(host, pid);
    if (one === undefined || !isOrdinary(one) || (one.port !== null && this.ports.of(one.port) > 1)) return;
    const age = this.ageOf(one);
    super.remove(one);
    this.#clearPlace(this.lane.placeOf(host, pid));
    if (!this.lane.put(one, age)) this.add(one, age);
  }
}
