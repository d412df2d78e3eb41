/** The open connections and the sessions, found by pid, by address and port, or by what else a line tells of a client. Bounded. */

import { type Connection, fromSaved, fromVersion1, isDecided, type SavedConnection, toSaved } from './connection.ts';

/** More connections before login than any sshd takes at once; beyond it the oldest is closed as if it had ended. */
export const OPEN_LIMIT_CONNECTIONS = 10_000;
/**
 * More sessions than a collector's hosts have at once. They are counted apart, so that a flood of connections before login evicts
 * none; beyond it the oldest is forgotten, which is no event.
 */
export const SESSION_LIMIT_CONNECTIONS = 50_000;

/** What a line tells of a client. */
export type Client = Pick<Connection, 'ip' | 'hostName' | 'user'>;

/** A client and, where the line has it, its port. */
export type Peer = Client & Pick<Connection, 'port'>;

/** True for a connection that is one of those looked for. */
export type Fit = (connection: Connection) => boolean;

/** Accepts every connection. */
export const isAny: Fit = () => true;

/** The connections of one host. A pid, and an address with a port, lead to the connection that had them last. */
class HostConnections {
  readonly byPid = new Map<number, Connection>();
  /** By the client's port: of those with the same port, one for each address. */
  readonly byPort = new Map<number, Connection[]>();
  readonly byIp = new Map<string, Connection[]>();
  readonly byHostName = new Map<string, Connection[]>();
  /** By user, those of which a name is known and no address: the name that DNS gave may be any address. */
  readonly byUser = new Map<string, Connection[]>();
  /** How many have neither a pid nor address and port: only then is a search among these worth its while. */
  portless = 0;
}

/** What `save` gives: plain JSON, each list in the order of opening. */
export interface SavedTable {
  readonly open: readonly SavedConnection[];
  readonly sessions: readonly SavedConnection[];
}

/** Holds connections and their indexes; the tracker decides what becomes of them. */
export class ConnectionTable {
  readonly #hosts: (HostConnections | undefined)[] = [];
  /** In the order of opening: those before a login, and those that are closed but for late lines. */
  readonly #open = new Set<Connection>();
  readonly #sessions = new Set<Connection>();
  #opened = 0;

  /** How many are open or closed a moment ago; sessions are not among them. */
  get size(): number {
    return this.#open.size;
  }

  /** How many sessions there are. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Those of `size` in the order of opening. */
  [Symbol.iterator](): SetIterator<Connection> {
    return this.#open.values();
  }

  /** Those of `size`, then the sessions. */
  *withSessions(): Generator<Connection> {
    yield* this.#open;
    yield* this.#sessions;
  }

  /** True for one of those of `size`. */
  has(connection: Connection): boolean {
    return this.#open.has(connection);
  }

  /** The lowest line that an event still to come can have; Infinity when there is none. */
  firstOpenLine(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const one of this.#open) {
      if (one.pendingFailure !== null && one.pendingFailure.line < first) first = one.pendingFailure.line;
      if (one.line < first && !isDecided(one)) first = one.line;
    }
    return first;
  }

  /** The newest connection of this pid. */
  byPid(host: number, pid: number): Connection | undefined {
    return this.#hosts[host]?.byPid.get(pid);
  }

  /** The newest connection of this address and port. A client may use one port to go to two hosts. */
  byPeer(host: number, ip: string, port: number): Connection | undefined {
    return this.#hosts[host]?.byPort.get(port)?.find((one) => one.ip === ip);
  }

  /** Adds one, as the newest. Gives the oldest of those before a login when there are too many now: it is to be closed. */
  add(connection: Connection): Connection | undefined {
    connection.age = this.#opened++;
    this.#open.add(connection);
    this.#index(connection);
    if (this.#open.size <= OPEN_LIMIT_CONNECTIONS) return undefined;
    const [oldest] = this.#open;
    return oldest;
  }

  /** Counts a connection as a session from now on; the oldest session is forgotten when there are too many. */
  promote(connection: Connection): void {
    this.#open.delete(connection);
    this.#sessions.add(connection);
    if (this.#sessions.size <= SESSION_LIMIT_CONNECTIONS) return;
    const [oldest] = this.#sessions;
    if (oldest !== undefined) this.remove(oldest);
  }

  remove(connection: Connection): void {
    if (this.#open.delete(connection) || this.#sessions.delete(connection)) this.#unindex(connection);
  }

  /** Sets the address and port of a connection that is in the table. */
  setPeer(connection: Connection, ip: string | null, port: number | null): void {
    this.#unindex(connection);
    connection.ip = ip;
    connection.port = port;
    this.#index(connection);
  }

  /** Sets the client's name and user of a connection that is in the table. */
  setClient(connection: Connection, hostName: string | null, user: string | null): void {
    const of = this.#hosts[connection.host];
    // Only where a name stands for the address do these lead to the connection.
    if (of === undefined || (hostName === null && connection.hostName === null)) {
      connection.user = user;
      return;
    }
    unindexClient(of, connection);
    connection.hostName = hostName;
    connection.user = user;
    indexClient(of, connection);
  }

  #index(connection: Connection): void {
    const { host, pid, ip, port } = connection;
    this.#hosts[host] ??= new HostConnections();
    const of = this.#hosts[host];
    if (pid >= 0) of.byPid.set(pid, connection);
    if (ip !== null && port !== null) {
      const others = of.byPort.get(port) ?? [];
      const last = others.findIndex((one) => one.ip === ip);
      if (last >= 0) others[last] = connection;
      else addTo(of.byPort, port, connection);
    } else if (pid < 0) of.portless++;
    indexClient(of, connection);
  }

  #unindex(connection: Connection): void {
    const { host, pid, ip, port } = connection;
    const of = this.#hosts[host];
    if (of === undefined) return;
    if (pid >= 0 && of.byPid.get(pid) === connection) of.byPid.delete(pid);
    if (ip !== null && port !== null) deleteFrom(of.byPort, port, connection);
    else if (pid < 0) of.portless--;
    unindexClient(of, connection);
  }

  /**
   * The oldest or the newest connection that `fits`, among those of the client's address, its name or, where a connection has a name
   * and no address, its user.
   */
  #find(host: number, client: Client, which: 'oldest' | 'newest', fits: Fit): Connection | undefined {
    const of = this.#hosts[host];
    if (of === undefined) return undefined;
    const { ip, hostName, user } = client;
    let found: Connection | undefined;
    const look = (connections: readonly Connection[] = []): void => {
      for (const one of connections)
        if ((found === undefined || one.age < found.age === (which === 'oldest')) && fits(one)) found = one;
    };
    if (ip !== null) look(of.byIp.get(ip));
    if (hostName !== null) look(of.byHostName.get(hostName));
    if (user !== null && of.byUser.size > 0) look(of.byUser.get(withSingleBackslashes(user)));
    return found;
  }

  /**
   * The newest connection that a message without a port may be about: the same address (or a name in its place) and, where both are
   * known, the same user. `fits` says which of them may be meant.
   */
  search(host: number, client: Peer, fits: Fit): Connection | undefined {
    return this.#find(host, client, 'newest', (one) => {
      if (one.state === 'closed' || !fits(one)) return false;
      const isSameUser = one.user !== null && client.user !== null && isSameName(one.user, client.user);
      const isSameIp = client.ip !== null && one.ip === client.ip;
      // A name that DNS gave may be any address; an address may not be that name.
      const isNamed =
        isSameUser &&
        one.ip === null &&
        one.hostName !== null &&
        (client.ip !== null || client.hostName === one.hostName);
      if (!isSameIp && !isNamed) return false;
      if (one.user !== null && client.user !== null && !isSameUser) return false;
      return client.port === null || one.port === null || client.port === one.port;
    });
  }

  /** Searches among the connections that have neither a port nor a pid. */
  searchPortless(host: number, client: Peer, fits: Fit): Connection | undefined {
    if (!this.#hosts[host]?.portless) return undefined;
    return this.search(host, client, (one) => one.port === null && one.pid < 0 && fits(one));
  }

  /** The connection that a `PAM:` line of this client has opened, for want of a port and a pid, beside the client's own. */
  portlessFailure(connection: Connection): Connection | undefined {
    const found = this.searchPortless(connection.host, connection, isAny);
    return found !== connection && found !== undefined && isDecided(found) ? found : undefined;
  }

  /**
   * The connection of a user where a message has nothing but the name: the newest one before a login, of those that failed before
   * others.
   */
  ofUser(host: number, user: string): Connection | undefined {
    let newest: Connection | undefined;
    for (const one of this.#open) {
      if (one.host !== host || one.state === 'closed' || !endsAs(one.user, user)) continue;
      if (isDecided(one) || newest === undefined || !isDecided(newest)) newest = one;
    }
    return newest;
  }

  /** PAM's helper process that wrote of this client's failures under a pid of its own, if one did: the oldest. */
  pamHelper(connection: Connection): Connection | undefined {
    const { host, ip, hostName, user } = connection;
    return this.#find(host, connection, 'oldest', (one) => {
      if (one.state !== 'unconfirmed' || one.pamFailures === 0) return false;
      if (one.user !== null && user !== null && !isSameName(one.user, user)) return false;
      if ((ip !== null && one.ip === ip) || (hostName !== null && one.hostName === hostName)) return true;
      return one.ip === null && one.hostName !== null && one.user !== null && one.user === user;
    });
  }

  save(): SavedTable {
    return { open: Array.from(this.#open, toSaved), sessions: Array.from(this.#sessions, toSaved) };
  }

  /** Takes over what `save` gave; what is damaged is left out. */
  restore({ open, sessions }: { readonly open?: unknown; readonly sessions?: unknown }): void {
    this.#take(open, OPEN_LIMIT_CONNECTIONS, fromSaved);
    this.#take(sessions, SESSION_LIMIT_CONNECTIONS, fromSaved);
  }

  /** Takes over what version 1 of the state saved: one list for all. */
  restoreVersion1(open: unknown): void {
    this.#take(open, OPEN_LIMIT_CONNECTIONS, fromVersion1);
  }

  #take(saved: unknown, limit: number, read: (value: unknown) => Connection | null): void {
    if (!Array.isArray(saved)) return;
    for (const value of saved.slice(0, limit) as unknown[]) {
      const connection = read(value);
      if (connection === null) continue;
      this.add(connection);
      if (connection.state === 'accepted') this.promote(connection);
    }
  }
}

function indexClient(of: HostConnections, connection: Connection): void {
  const { ip, hostName, user } = connection;
  if (ip !== null) addTo(of.byIp, ip, connection);
  if (hostName === null) return;
  addTo(of.byHostName, hostName, connection);
  if (ip === null && user !== null) addTo(of.byUser, withSingleBackslashes(user), connection);
}

function unindexClient(of: HostConnections, connection: Connection): void {
  const { ip, hostName, user } = connection;
  if (ip !== null) deleteFrom(of.byIp, ip, connection);
  if (hostName === null) return;
  deleteFrom(of.byHostName, hostName, connection);
  if (ip === null && user !== null) deleteFrom(of.byUser, withSingleBackslashes(user), connection);
}

function addTo<Key>(index: Map<Key, Connection[]>, key: Key, connection: Connection): void {
  const connections = index.get(key);
  if (connections === undefined) index.set(key, [connection]);
  else connections.push(connection);
}

function deleteFrom<Key>(index: Map<Key, Connection[]>, key: Key, connection: Connection): void {
  const connections = index.get(key);
  const at = connections === undefined ? -1 : connections.indexOf(connection);
  if (connections === undefined || at < 0) return;
  if (connections.length === 1) index.delete(key);
  else connections.splice(at, 1);
}

/** Names that differ only in how often a backslash was escaped have one key. */
function withSingleBackslashes(user: string): string {
  return user.includes('\\') ? user.replaceAll(/\\+/g, '\\') : user;
}

/** True when it is one name: up to 10.2, messages of the unprivileged process are escaped once more than others. */
function isSameName(a: string, b: string): boolean {
  if (a === b) return true;
  if (a.length === b.length) return false;
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short.includes('\\') && short.replaceAll('\\', '\\\\') === long;
}

/** True when it is one name, of which a message that ends in it has lost the spaces at its end. */
export function endsAs(user: string | null, name: string): boolean {
  return user !== null && (isSameName(user, name) || user.trimEnd() === name.trimEnd());
}
