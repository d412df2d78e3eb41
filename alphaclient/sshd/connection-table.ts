/** The open connections and the sessions, found by pid, by address and port, or by what else a line has of a client. Bounded. */

import { endsAs, isSameName, withSingleBackslashes } from './client-name.ts';
import {
  type Connection,
  ConnectionList,
  fromSaved,
  fromVersion1,
  isDecided,
  isLogin,
  type SavedConnection,
  toSaved,
} from './connection.ts';
import type { ConnectionListener, NumberedConnection } from './connection-changes.ts';
import { grown, HashChains, hashOfBoth, hashOfText } from './hash-chains.ts';
import { likelihoodOfHelper } from './pam-helper.ts';

/** More connections before login than any sshd takes at once; beyond it the oldest is closed as if it had ended. */
export const OPEN_LIMIT_CONNECTIONS = 10_000;
/** Sessions that are followed to their end, in a log of many hosts; of more, the one that began first is evicted. */
export const SESSION_LIMIT_CONNECTIONS = 50_000;
/** Sessions of one host that are followed. A host that has more than these evicts its own. */
export const HOST_SESSION_LIMIT_CONNECTIONS = 10_000;

/** The client as a line names it. */
export type Client = Pick<Connection, 'ip' | 'hostName' | 'user'>;

/** A client and, where the line has it, its port. */
export type Peer = Client & Pick<Connection, 'port'>;

/** True for a connection that is one of those looked for. */
export type Fit = (connection: Connection) => boolean;

/** Accepts every connection. */
export const isAny: Fit = () => true;

/** The saved form: plain JSON. Sessions are saved one by one: see SessionChanges. */
export interface SavedTable {
  /** The connections in the order of opening; absent where a ConnectionListener has them saved one by one. */
  readonly open?: readonly SavedConnection[];
  /** The number of the last session. */
  readonly lastSession: number;
}

/** The saved form of the tracker, with the times, by the log, of its last checks. */
export interface SavedTracker extends SavedTable {
  readonly sweptMs: number;
  readonly checkedMs: number;
}

/** Holds connections and their indexes; the tracker decides what becomes of them. */
export class ConnectionTable {
  readonly #bySlot: (Connection | null)[] = [];
  readonly #freeSlots: number[] = [];
  /** The connections in the order of opening: those before a login, and those that are closed but for late lines. */
  readonly #open = new ConnectionList();
  readonly #sessions = new ConnectionList();
  /** The number of sessions by host. */
  readonly #sessionsOfHost = new Map<number, number>();
  #lastSession = 0;
  #opened = 0;
  readonly #listener: ConnectionListener | null;

  /** A host's pid, and an address with a port, lead to the connection that had them last. */
  readonly #byPid = new HashChains();
  readonly #byPeer = new HashChains();
  readonly #byIp = new HashChains();
  /** The hash of each connection's address, by slot. */
  #ipHashes = new Int32Array(0);
  readonly #bySession = new Map<number, Connection>();
  readonly #byHostName = new Map<string, Connection[]>();
  /** The connections, by user, of which a name is known and no address: the name that DNS gave may be any address. */
  readonly #byUser = new Map<string, Connection[]>();
  /** Counts those with neither a pid nor address and port: without any, no search among them is needed. */
  #portless = 0;

  /** `listener` hears of connections before their login. */
  constructor(listener: ConnectionListener | null = null) {
    this.#listener = listener;
  }

  /** Counts those that are open or closed a moment ago; sessions are not among them. */
  get size(): number {
    return this.#open.size;
  }

  /** Counts the sessions. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Those of `size` in the order of opening. The one that is given may be removed meanwhile, and no other. */
  [Symbol.iterator](): Generator<Connection> {
    return this.#open[Symbol.iterator]();
  }

  /** Those of `size`, then the sessions. */
  *withSessions(): Generator<Connection> {
    yield* this.#open;
    yield* this.#sessions;
  }

  /** True for a connection that was added and not removed. */
  has(connection: Connection): boolean {
    return connection.slot >= 0;
  }

  /** The lowest line that an event still to come can have; Infinity when there is none. */
  firstOpenLine(): number {
    let first = Number.POSITIVE_INFINITY;
    for (let one = this.#open.oldest; one !== null; one = one.newer) {
      if (one.pendingFailure !== null && one.pendingFailure.line < first) first = one.pendingFailure.line;
      if (one.line < first && !isDecided(one)) first = one.line;
    }
    return first;
  }

  /** The newest connection of this pid. */
  byPid(host: number, pid: number): Connection | undefined {
    for (let slot = this.#byPid.first(hashOfBoth(pid, host)); slot >= 0; slot = this.#byPid.after(slot)) {
      const one = this.#bySlot[slot] as Connection;
      if (one.pid === pid && one.host === host) return one;
    }
    return undefined;
  }

  /** The newest connection of this address and port. A client may use one port to go to two hosts. */
  byPeer(host: number, ip: string, port: number): Connection | undefined {
    return this.#peer(hashOfBoth(hashOfText(ip), port), host, ip, port);
  }

  #peer(hash: number, host: number, ip: string, port: number): Connection | undefined {
    for (let slot = this.#byPeer.first(hash); slot >= 0; slot = this.#byPeer.after(slot)) {
      const one = this.#bySlot[slot] as Connection;
      if (one.port === port && one.host === host && one.ip === ip) return one;
    }
    return undefined;
  }

  /** Adds one, as the newest. Gives the oldest of those before a login when there are too many now: it is to be closed. */
  add(connection: Connection): Connection | null {
    this.#insert(connection);
    this.#listener?.changed(connection);
    return this.#open.size > OPEN_LIMIT_CONNECTIONS ? this.#open.oldest : null;
  }

  #insert(connection: Connection): void {
    const slot = this.#freeSlots.pop() ?? this.#bySlot.length;
    connection.slot = slot;
    connection.age = this.#opened++;
    this.#bySlot[slot] = connection;
    this.#open.add(connection);
    this.#indexPid(connection);
    this.#indexPeer(connection);
  }

  /** Takes notice that a line was about a connection: one that is in the table and no session is to be saved. */
  changed(connection: Connection): void {
    if (!connection.isSession && connection.slot >= 0) this.#listener?.changed(connection);
  }

  /** The sessions in the order in which they began. The one that is given may be removed meanwhile, and no other. */
  eachSession(): Iterable<Connection> {
    return this.#sessions;
  }

  /** The session of this number. */
  bySession(session: number): Connection | undefined {
    return this.#bySession.get(session);
  }

  /** Counts a connection as a session from now on. Gives the session that is evicted when there are too many, or null. */
  promote(connection: Connection): Connection | null {
    if (connection.isSession) return null;
    this.#open.remove(connection);
    this.#listener?.removed(connection.age);
    this.#sessions.add(connection);
    connection.isSession = true;
    if (connection.session === 0) connection.session = this.#lastSession + 1;
    this.#lastSession = Math.max(this.#lastSession, connection.session);
    this.#bySession.set(connection.session, connection);
    const ofHost = (this.#sessionsOfHost.get(connection.host) ?? 0) + 1;
    this.#sessionsOfHost.set(connection.host, ofHost);
    let evicted: Connection | null = null;
    if (ofHost > HOST_SESSION_LIMIT_CONNECTIONS) evicted = this.#oldestSessionOf(connection.host);
    else if (this.#sessions.size > SESSION_LIMIT_CONNECTIONS) evicted = this.#sessions.oldest;
    if (evicted !== null) this.remove(evicted);
    return evicted;
  }

  #oldestSessionOf(host: number): Connection | null {
    for (const one of this.#sessions) if (one.host === host) return one;
    return null;
  }

  remove(connection: Connection): void {
    const { slot, isSession, host, pid } = connection;
    if (slot < 0) return;
    if (pid >= 0) this.#byPid.remove(slot, hashOfBoth(pid, host));
    this.#unindexPeer(connection);
    if (isSession) {
      this.#sessionsOfHost.set(host, (this.#sessionsOfHost.get(host) ?? 1) - 1);
      if (this.#bySession.get(connection.session) === connection) this.#bySession.delete(connection.session);
    }
    (isSession ? this.#sessions : this.#open).remove(connection);
    if (!isSession) this.#listener?.removed(connection.age);
    this.#bySlot[slot] = null;
    this.#freeSlots.push(slot);
    connection.slot = -1;
    connection.isSession = false;
  }

  /** Sets the address and port of a connection that is in the table. */
  setPeer(connection: Connection, ip: string | null, port: number | null): void {
    this.#unindexPeer(connection);
    connection.ip = ip;
    connection.port = port;
    this.#indexPid(connection);
    this.#indexPeer(connection);
  }

  /** Makes one the newest, as if it were removed and added again: it is found where others have had its pid or port since. It is no session. */
  renew(connection: Connection): void {
    if (connection.slot < 0) {
      this.add(connection);
      return;
    }
    this.#open.remove(connection);
    this.#listener?.removed(connection.age);
    this.#open.add(connection);
    connection.age = this.#opened++;
    this.#listener?.changed(connection);
    this.#indexPid(connection);
    const { slot, host, ip, port } = connection;
    if (ip === null || port === null) return;
    const hash = hashOfBoth(this.#ipHashes[slot] as number, port);
    const last = this.#peer(hash, host, ip, port);
    if (last === connection) return;
    if (last !== undefined) this.#byPeer.remove(last.slot, hash);
    this.#byPeer.add(slot, hash);
  }

  /** Sets the client's name and user of a connection that is in the table. */
  setClient(connection: Connection, hostName: string | null, user: string | null): void {
    this.#unindexNames(connection);
    connection.hostName = hostName;
    connection.user = user;
    this.#indexNames(connection);
  }

  /** Lets its pid lead to a connection, and to no other. */
  #indexPid(connection: Connection): void {
    const { slot, host, pid } = connection;
    if (pid < 0) return;
    const last = this.byPid(host, pid);
    if (last === connection) return;
    const hash = hashOfBoth(pid, host);
    if (last !== undefined) this.#byPid.remove(last.slot, hash);
    this.#byPid.add(slot, hash);
  }

  #indexPeer(connection: Connection): void {
    const { slot, host, pid, ip, port } = connection;
    if (ip !== null) {
      const hash = hashOfText(ip);
      if (slot >= this.#ipHashes.length) this.#ipHashes = grown(this.#ipHashes, slot);
      this.#ipHashes[slot] = hash;
      this.#byIp.add(slot, hash);
      if (port !== null) {
        const peerHash = hashOfBoth(hash, port);
        const last = this.#peer(peerHash, host, ip, port);
        if (last !== undefined) this.#byPeer.remove(last.slot, peerHash);
        this.#byPeer.add(slot, peerHash);
      }
    }
    if (pid < 0 && (ip === null || port === null)) this.#portless++;
    this.#indexNames(connection);
  }

  #unindexPeer(connection: Connection): void {
    const { slot, pid, ip, port } = connection;
    if (ip !== null) {
      const hash = this.#ipHashes[slot] as number;
      this.#byIp.remove(slot, hash);
      if (port !== null) this.#byPeer.remove(slot, hashOfBoth(hash, port));
    }
    if (pid < 0 && (ip === null || port === null)) this.#portless--;
    this.#unindexNames(connection);
  }

  /** Lets name and user lead to the connection where a name stands for the address. */
  #indexNames(connection: Connection): void {
    const { ip, hostName, user } = connection;
    if (hostName === null) return;
    addTo(this.#byHostName, hostName, connection);
    if (ip === null && user !== null) addTo(this.#byUser, withSingleBackslashes(user), connection);
  }

  #unindexNames(connection: Connection): void {
    const { ip, hostName, user } = connection;
    if (hostName === null) return;
    deleteFrom(this.#byHostName, hostName, connection);
    if (ip === null && user !== null) deleteFrom(this.#byUser, withSingleBackslashes(user), connection);
  }

  /**
   * Gives `look` each connection of the host that is of the client's address, its name or, where a connection has a name and no address,
   * its user.
   */
  #each(host: number, { ip, hostName, user }: Client, look: (one: Connection) => void): void {
    const lookOnHost = (one: Connection): void => {
      if (one.host === host) look(one);
    };
    if (ip !== null)
      for (let slot = this.#byIp.first(hashOfText(ip)); slot >= 0; slot = this.#byIp.after(slot))
        lookOnHost(this.#bySlot[slot] as Connection);
    if (hostName !== null) this.#byHostName.get(hostName)?.forEach(lookOnHost);
    if (user !== null && this.#byUser.size > 0) this.#byUser.get(withSingleBackslashes(user))?.forEach(lookOnHost);
  }

  /** The newest connection that `fits`, among those that `#each` gives. */
  #newest(host: number, client: Client, fits: Fit): Connection | undefined {
    let found: Connection | undefined;
    this.#each(host, client, (one) => {
      if ((found === undefined || one.age >= found.age) && fits(one)) found = one;
    });
    return found;
  }

  /**
   * The newest connection that a message without a port may be about: the same address (or a name in its place) and, where both are
   * known, the same user. `fits` says which of them may be meant.
   */
  search(host: number, client: Peer, fits: Fit): Connection | undefined {
    return this.#newest(host, client, (one) => {
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
    if (this.#portless === 0) return undefined;
    return this.search(host, client, (one) => one.port === null && one.pid < 0 && fits(one));
  }

  /** The connection that a `PAM:` line of this client has opened, for want of a port and a pid, beside the client's own. */
  portlessFailure(connection: Connection): Connection | undefined {
    const found = this.searchPortless(connection.host, connection, isAny);
    return found !== connection && found !== undefined && isDecided(found) ? found : undefined;
  }

  /** Another connection of this client and user to which, in a log without pids, a `PAM:` line has gone whose `Failed` line may follow. */
  otherFailure(connection: Connection): Connection | undefined {
    return connection.pid < 0 ? this.otherNamed(connection, (one) => one.ignoreNextFailed) : undefined;
  }

  /** Another connection of this client and user before a login, with a port and without a pid, that `fits`. */
  otherNamed(connection: Connection, fits: Fit = isAny): Connection | undefined {
    const { host, ip, hostName, user } = connection;
    const isNamed: Fit = (one) => one.port !== null && one.user !== null && one.pid < 0 && !isLogin(one);
    const isOther: Fit = (one) => one !== connection && isNamed(one) && fits(one);
    return this.search(host, { ip, hostName, user, port: null }, isOther);
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

  /**
   * PAM's helper process that wrote of this client's attempt under a pid of its own, if one did: the most likely, of several the oldest.
   * Of another connection of the client there may be no line yet but that of its failure, which looks like a helper's. `isAccepted` is
   * true where the attempt was accepted.
   */
  pamHelper(connection: Connection, isAccepted: boolean): Connection | undefined {
    let found: Connection | undefined;
    let most = 1;
    this.#each(connection.host, connection, (one) => {
      const likelihood = likelihoodOfHelper(one, connection, isAccepted);
      if (likelihood < most || (found !== undefined && likelihood === most && one.age > found.age)) return;
      found = one;
      most = likelihood;
    });
    return found;
  }

  save(): SavedTable {
    const lastSession = this.#lastSession;
    return this.#listener === null ? { open: Array.from(this.#open, toSaved), lastSession } : { lastSession };
  }

  /**
   * Takes over what `save` gave, connections that were saved one by one, in order, and sessions; what is damaged is left out. A state that
   * has its connections in itself is of a reader without a listener, or of a version before, and `rows` are older.
   */
  restore(
    { open, lastSession }: { readonly open?: unknown; readonly lastSession?: unknown },
    rows: readonly NumberedConnection[],
    sessions: unknown,
  ): void {
    if (typeof lastSession === 'number') this.#lastSession = lastSession;
    if (Array.isArray(open)) this.#take(open, OPEN_LIMIT_CONNECTIONS, fromSaved);
    else for (const row of rows) this.#takeRow(row);
    this.#take(sessions, SESSION_LIMIT_CONNECTIONS, fromSaved);
  }

  #takeRow([number, saved]: NumberedConnection): void {
    const connection = this.#open.size < OPEN_LIMIT_CONNECTIONS ? fromSaved(saved) : null;
    // It keeps its number: what is saved of it next replaces this.
    this.#opened = number;
    if (connection === null || connection.state === 'accepted') return;
    this.#insert(connection);
    this.#listener?.restored(connection);
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

function addTo(index: Map<string, Connection[]>, key: string, connection: Connection): void {
  const connections = index.get(key);
  if (connections === undefined) index.set(key, [connection]);
  else connections.push(connection);
}

function deleteFrom(index: Map<string, Connection[]>, key: string, connection: Connection): void {
  const connections = index.get(key);
  const at = connections === undefined ? -1 : connections.indexOf(connection);
  if (connections === undefined || at < 0) return;
  if (connections.length === 1) index.delete(key);
  else connections.splice(at, 1);
}
