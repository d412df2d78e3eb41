/** The open connections, found by pid, by address and port, or by what else a line names. Bounded. */

import { Chains, peerHash, pidHash } from './chains.ts';
import { type Client, Clients, endsAs, isSameName } from './clients.ts';
import { type Connection, fromSaved, type SavedConnection, toSaved } from './connection.ts';
import { Openings } from './openings.ts';

/** More open ones than any sshd takes at once; the oldest is let go, as if it had ended. */
export const OPEN_LIMIT_CONNECTIONS = 10_000;

/** How many places the table has: a power of two above the limit, so that one more can be in before the oldest is let go. */
const SLOTS = 16_384;

/** A client and, where the line has it, its port. */
export type Peer = Client & Pick<Connection, 'port'>;

/** Says of a connection whether it is one of those looked for. */
export type Fit = (one: Connection) => boolean;

/** Looks for nobody in particular. */
export const isAny: Fit = () => true;

/** Holds OPEN_LIMIT_CONNECTIONS and, while one is added, one more. */
export class Table {
  readonly #at: (Connection | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #openings = new Openings(SLOTS);
  #opened = 0;
  #size = 0;
  readonly #byPid = new Chains(SLOTS);
  readonly #byPeer = new Chains(SLOTS);
  readonly #peerHashes = new Int32Array(SLOTS);
  readonly #byClient = new Clients(SLOTS);
  /** PAM's helper processes: nothing but PAM's modules spoke under their pid, while sshd speaks of the client under another. */
  readonly #helpers = new Clients(SLOTS);
  /** How many have no pid and no port: only then is a search worth its while. */
  #loose = 0;

  get size(): number {
    return this.#size;
  }

  /** In the order of their opening. Those removed meanwhile are left out. */
  [Symbol.iterator](): Generator<Connection> {
    return this.those(isAny);
  }

  /** Those that `fit`, in the order of their opening. Those removed meanwhile are left out. */
  *those(fit: Fit): Generator<Connection> {
    const all: Connection[] = [];
    for (let slot = this.#openings.oldest; slot >= 0; slot = this.#openings.after(slot)) {
      const one = this.#one(slot);
      if (fit(one)) all.push(one);
    }
    for (const one of all) if (one.slot >= 0) yield one;
  }

  #one(slot: number): Connection {
    return this.#at[slot] as Connection;
  }

  /** The lowest line that an event still to come can have; Infinity when none is open. */
  firstUntoldLine(): number {
    let first = Number.POSITIVE_INFINITY;
    for (let slot = this.#openings.oldest; slot >= 0; slot = this.#openings.after(slot)) {
      const one = this.#one(slot);
      if (one.held !== null) first = Math.min(first, one.held.line);
      if (one.decisions === 0 && one.line < first) first = one.line;
    }
    return first;
  }

  has(connection: Connection): boolean {
    return connection.slot >= 0;
  }

  /** The one that was opened first, or undefined. */
  oldest(): Connection | undefined {
    return this.#at[this.#openings.oldest];
  }

  /** The one whose pid this is: the newest, where several had it. */
  byPid(host: number, pid: number): Connection | undefined {
    for (let slot = this.#byPid.first(pidHash(host, pid)); slot >= 0; slot = this.#byPid.after(slot)) {
      const one = this.#one(slot);
      if (one.pid === pid && one.host === host) return one;
    }
    return undefined;
  }

  /** The newest one of this host whose address and port these are: a client may use one port to go to two hosts. */
  byPeer(host: number, ip: string, port: number): Connection | undefined {
    return this.#peer(peerHash(ip, port), host, ip, port);
  }

  #peer(hash: number, host: number, ip: string, port: number): Connection | undefined {
    for (let slot = this.#byPeer.first(hash); slot >= 0; slot = this.#byPeer.after(slot)) {
      const one = this.#one(slot);
      if (one.port === port && one.host === host && one.ip === ip) return one;
    }
    return undefined;
  }

  /** Takes one in that is opened now. */
  add(connection: Connection): void {
    const slot = this.#free.pop() ?? this.#at.length;
    connection.slot = slot;
    this.#at[slot] = connection;
    this.#openings.add(slot, this.#opened++);
    this.#size++;
    this.#index(connection);
    this.learned(connection);
  }

  /** Sets the peer of a connection that is in the table. */
  setPeer(connection: Connection, ip: string | null, port: number | null): void {
    this.#unindex(connection);
    connection.ip = ip;
    connection.port = port;
    this.#index(connection);
    this.learned(connection);
  }

  remove(connection: Connection): void {
    const { slot } = connection;
    if (slot < 0) return;
    this.#unindex(connection);
    this.#helpers.remove(slot);
    this.#byClient.remove(slot);
    this.#openings.remove(slot);
    this.#size--;
    this.#at[slot] = undefined;
    this.#free.push(slot);
    connection.slot = -1;
  }

  /** What the new one is known by is no longer the old one's. */
  #index(connection: Connection): void {
    const { slot, host, pid, ip, port } = connection;
    if (pid >= 0) {
      const other = this.byPid(host, pid);
      const hash = pidHash(host, pid);
      if (other !== undefined) this.#byPid.remove(other.slot, hash);
      this.#byPid.add(slot, hash);
    }
    if (ip !== null && port !== null) {
      const hash = peerHash(ip, port);
      const other = this.#peer(hash, host, ip, port);
      if (other !== undefined) this.#byPeer.remove(other.slot, hash);
      this.#byPeer.add(slot, hash);
      this.#peerHashes[slot] = hash;
    } else if (pid < 0) this.#loose++;
    this.#byClient.put(connection, this.#openings.age(slot));
  }

  #unindex({ slot, host, pid, ip, port }: Connection): void {
    if (pid >= 0) this.#byPid.remove(slot, pidHash(host, pid));
    if (ip !== null && port !== null) this.#byPeer.remove(slot, this.#peerHashes[slot] as number);
    else if (pid < 0) this.#loose--;
  }

  /**
   * The newest connection that a message without a port may speak of: same address (or a name in its place) and,
   * where both are known, the same user. `looseOnly` looks among those that have no port yet, `fits` says which of them may
   * be meant.
   */
  search(host: number, client: Peer, looseOnly: boolean, fits: Fit = isAny): Connection | undefined {
    if (looseOnly && this.#loose === 0) return undefined;
    return this.#byClient.find(client, false, (one) => {
      if (one.host !== host || one.over || (looseOnly && (one.port !== null || one.pid >= 0))) return false;
      if (!fits(one)) return false;
      const sameUser = one.user !== null && client.user !== null && isSameName(one.user, client.user);
      const sameIp = client.ip !== null && one.ip === client.ip;
      // A name that DNS gave may be any address; an address may not be that name.
      const named =
        sameUser &&
        one.ip === null &&
        one.hostName !== null &&
        (client.ip !== null || client.hostName === one.hostName);
      if (!sameIp && !named) return false;
      if (one.user !== null && client.user !== null && !sameUser) return false;
      return client.port === null || one.port === null || client.port === one.port;
    });
  }

  /** A `PAM:` line of this client that, for want of a port and a pid, stands as a connection of its own. */
  loose(one: Connection): Connection | undefined {
    const loose = this.search(one.host, one, true);
    return loose !== undefined && loose !== one && loose.decisions > 0 ? loose : undefined;
  }

  /** Plain JSON: the oldest first. */
  save(): SavedConnection[] {
    return Array.from(this, toSaved);
  }

  /** Takes over what `save` gave; what is damaged is left out. */
  restore(saved: unknown): void {
    if (!Array.isArray(saved)) return;
    for (const value of saved.slice(0, OPEN_LIMIT_CONNECTIONS) as unknown[]) {
      const one = fromSaved(value);
      if (one === null) continue;
      this.add(one);
    }
  }

  /**
   * Where a message has nothing but the name: the newest connection of that user who has not logged in, of those that failed
   * before others.
   */
  ofUser(host: number, user: string): Connection | undefined {
    const all = [...this.those((one) => one.host === host && !one.over && !one.accepted && endsAs(one.user, user))];
    return all.findLast(({ decisions }) => decisions > 0) ?? all.at(-1);
  }

  /** To be called when PAM spoke of it, or its name or user became known, or sshd spoke: it may be a helper now, or no more. */
  learned(one: Connection): void {
    const { slot } = one;
    if (slot < 0) return;
    const age = this.#openings.age(slot);
    if (one.hostName !== null) this.#byClient.put(one, age);
    if (one.pamOnly && one.pamFailures > 0) this.#helpers.put(one, age);
    else this.#helpers.remove(slot);
  }

  /** The helper process of PAM that spoke of this client, if one did: the oldest. */
  helper({ host, ip, hostName, user }: Client & Pick<Connection, 'host'>): Connection | undefined {
    return this.#helpers.find({ ip, hostName, user }, true, (one) => {
      if (one.host !== host) return false;
      if (one.user !== null && user !== null && !isSameName(one.user, user)) return false;
      if ((ip !== null && one.ip === ip) || (hostName !== null && one.hostName === hostName)) return true;
      return one.ip === null && one.hostName !== null && one.user !== null && one.user === user;
    });
  }
}
