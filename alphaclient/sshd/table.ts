/** The open connections, found by pid, by address and port, or by what else a line names. Bounded. */

import { type Connection, fromSaved, type SavedConnection, toSaved } from './connection.ts';

/** More open ones than any sshd takes at once; the oldest is let go, as if it had ended. */
export const OPEN_LIMIT_CONNECTIONS = 10_000;

/** Address and port as a key: a number for IPv4, which costs less to look up than a text. */
function peerKey(ip: string, port: number): number | string {
  let value = 0;
  let octet = 0;
  for (let i = 0; i < ip.length; i++) {
    const c = ip.charCodeAt(i);
    if (c === 46) {
      value = value * 256 + octet;
      octet = 0;
    } else if (c >= 48 && c <= 57) octet = octet * 10 + c - 48;
    else return `${ip} ${port}`;
  }
  return (value * 256 + octet) * 65_536 + port;
}

/** True when it is one name: up to 10.2, messages of the unprivileged process are escaped once more than others. */
function isSameName(a: string, b: string): boolean {
  if (a === b) return true;
  if (a.length === b.length) return false;
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short.includes('\\') && short.replaceAll('\\', '\\\\') === long;
}

/** What a line tells of a client. */
export type Client = Pick<Connection, 'ip' | 'port' | 'name' | 'user'>;

export class Table {
  readonly #all = new Set<Connection>();
  /** By host, then pid: small numbers are the cheapest keys there are. */
  readonly #byPid: Map<number, Connection>[] = [];
  readonly #byPeer = new Map<number | string, Connection>();
  /** How many have no pid and no port: only then is a search worth its while. */
  #loose = 0;

  get size(): number {
    return this.#all.size;
  }

  [Symbol.iterator](): IterableIterator<Connection> {
    return this.#all.values();
  }

  /** The lowest line that an event still to come can have; Infinity when none is open. */
  firstUntoldLine(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const one of this.#all) {
      if (one.held !== null) first = Math.min(first, one.held.line);
      if (one.decisions === 0 && one.line < first) first = one.line;
    }
    return first;
  }

  has(connection: Connection): boolean {
    return this.#all.has(connection);
  }

  /** The one that was opened first, or undefined. */
  oldest(): Connection | undefined {
    for (const connection of this.#all) return connection;
    return undefined;
  }

  byPid(host: number, pid: number): Connection | undefined {
    return this.#byPid[host]?.get(pid);
  }

  byPeer(host: number, ip: string, port: number): Connection | undefined {
    const found = this.#byPeer.get(peerKey(ip, port));
    return found !== undefined && found.host === host ? found : undefined;
  }

  add(connection: Connection): void {
    this.#all.add(connection);
    this.#index(connection);
  }

  /** Sets the peer of a connection that is in the table. */
  setPeer(connection: Connection, ip: string | null, port: number | null): void {
    this.#unindex(connection);
    connection.ip = ip;
    connection.port = port;
    this.#index(connection);
  }

  remove(connection: Connection): void {
    if (this.#all.delete(connection)) this.#unindex(connection);
  }

  #pids(host: number): Map<number, Connection> {
    while (this.#byPid.length <= host) this.#byPid.push(new Map());
    return this.#byPid[host] as Map<number, Connection>;
  }

  #index(connection: Connection): void {
    const { host, pid, ip, port } = connection;
    if (pid >= 0) this.#pids(host).set(pid, connection);
    if (ip !== null && port !== null) this.#byPeer.set(peerKey(ip, port), connection);
    else if (pid < 0) this.#loose++;
  }

  #unindex(connection: Connection): void {
    const { host, pid, ip, port } = connection;
    if (pid >= 0) {
      const pids = this.#pids(host);
      if (pids.get(pid) === connection) pids.delete(pid);
    }
    if (ip !== null && port !== null) {
      const key = peerKey(ip, port);
      if (this.#byPeer.get(key) === connection) this.#byPeer.delete(key);
    } else if (pid < 0) this.#loose--;
  }

  /**
   * The newest connection that a message without a port may speak of: same address (or a name in its place) and,
   * where both are known, the same user. `looseOnly` looks among those that have no port yet.
   */
  search(host: number, fact: Client, looseOnly: boolean): Connection | undefined {
    if (looseOnly && this.#loose === 0) return undefined;
    let best: Connection | undefined;
    for (const one of this.#all) {
      if (one.host !== host || one.over || (looseOnly && (one.port !== null || one.pid >= 0))) continue;
      const sameUser = one.user !== null && fact.user !== null && isSameName(one.user, fact.user);
      const sameIp = fact.ip !== null && one.ip === fact.ip;
      // A name that DNS gave may be any address; an address may not be that name.
      const byName = sameUser && one.ip === null && one.name !== null && (fact.ip !== null || fact.name === one.name);
      if (!sameIp && !byName) continue;
      if (one.user !== null && fact.user !== null && !sameUser) continue;
      if (fact.port !== null && one.port !== null && fact.port !== one.port) continue;
      best = one;
    }
    return best;
  }

  /** A `PAM:` line of this client that, for want of a port and a pid, stands as a connection of its own. */
  loose(one: Connection): Connection | undefined {
    const loose = this.search(one.host, one, true);
    return loose !== undefined && loose !== one && loose.decisions > 0 ? loose : undefined;
  }

  /** Plain JSON: the oldest first. */
  save(): SavedConnection[] {
    return Array.from(this.#all, toSaved);
  }

  /** Takes over what `save` gave; what is damaged is left out. */
  restore(saved: unknown): void {
    if (!Array.isArray(saved)) return;
    for (const value of saved.slice(0, OPEN_LIMIT_CONNECTIONS) as unknown[]) {
      const one = fromSaved(value);
      if (one !== null) this.add(one);
    }
  }

  /** The newest connection of a user, where a message has nothing but the name. */
  ofUser(host: number, user: string): Connection | undefined {
    let best: Connection | undefined;
    for (const one of this.#all) if (one.host === host && one.user === user && !one.over) best = one;
    return best;
  }

  /** The helper process of PAM that spoke of this client, if one did: the oldest. */
  helper(host: number, ip: string | null, name: string | null, user: string | null): Connection | undefined {
    for (const one of this.#all) {
      if (!one.pamOnly || one.host !== host || one.pamFailures === 0) continue;
      if (one.user !== null && user !== null && !isSameName(one.user, user)) continue;
      if (ip !== null && one.ip === ip) return one;
      if (name !== null && one.name === name) return one;
      if (one.ip === null && one.name !== null && one.user !== null && one.user === user) return one;
    }
    return undefined;
  }
}
