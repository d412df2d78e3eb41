/** All open connections: those in the table, and those in the lane in front of it, which come into the table to be found there. */

import type { Bytes } from './compare.ts';
import type { Connection } from './connection.ts';
import { isOrdinary, Lane } from './lane.ts';
import { type Fit, isAny, OPEN_LIMIT_CONNECTIONS, type Peer, Table } from './table.ts';
import type { Matcher } from './template.ts';

export class OpenConnections extends Table {
  readonly lane = new Lane(this.ports);

  /** Takes those that `fit` over from the lane. */
  #enter(fit: Fit): void {
    this.lane.forEach((one) => {
      if (fit(one)) this.add(one, this.lane.remove(one));
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
    let first = super.firstUntoldLine();
    this.lane.forEach((one) => {
      if (one.decisions === 0 && one.line < first) first = one.line;
    });
    return first;
  }

  override oldest(): Connection | undefined {
    this.#enter(() => true);
    return super.oldest();
  }

  override byPid(host: number, pid: number): Connection | undefined {
    const one = this.lane.find(host, pid);
    if (one === undefined) return super.byPid(host, pid);
    this.add(one, this.lane.remove(one));
    return one;
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

  override helper(one: Connection): Connection | undefined {
    this.#enter((other) => other.host === one.host && other.pamOnly && other.pamFailures > 0);
    return super.helper(one);
  }

  override remove(one: Connection): void {
    if (this.lane.holder(one) === one) this.lane.remove(one);
    else super.remove(one);
  }

  /** True where the table knows one of this pid, whatever the lane knows. */
  isBehind(host: number, pid: number): boolean {
    return super.byPid(host, pid) !== undefined;
  }

  /** True where there is room for one more, of which nobody else has the port: then the lane may have it. */
  isFree(port: number | null): boolean {
    return (port === null || this.ports.of(port) === 0) && this.size < OPEN_LIMIT_CONNECTIONS;
  }

  /** Opens one in the lane, for which `isFree` said so, with what a line told of it: an ordinary one. */
  open(one: Connection, view: Bytes, found: Matcher): void {
    this.#makeWay(one);
    this.lane.putFound(one, this.nextAge(), view, found);
  }

  /** Puts the one of this pid into the lane, if it is ordinary. */
  forward(host: number, pid: number): void {
    const one = pid < 0 ? undefined : super.byPid(host, pid);
    if (one === undefined || !isOrdinary(one) || (one.port !== null && this.ports.of(one.port) > 1)) return;
    const age = this.ageOf(one);
    super.remove(one);
    this.#makeWay(one);
    if (!this.lane.put(one, age)) this.add(one, age);
  }

  /** Who has the place of this one goes into the table. */
  #makeWay(one: Connection): void {
    const holder = this.lane.holder(one);
    if (holder !== undefined) this.add(holder, this.lane.remove(holder));
  }
}
