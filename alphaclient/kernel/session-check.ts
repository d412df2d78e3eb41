/**
 * Compares the sessions in the log with the connections of the kernel: confirms sessions, finds those whose connection is gone, and
 * connections to sshd that no session explains. Pure: the connections and the clock are arguments.
 */
import type { BlindReason, EndCause, UnexplainedConnection } from '../../protocol/session.ts';
import { UNEXPLAINED_PER_PING } from '../../protocol/session.ts';
import type { Connection } from '../sshd/connection.ts';
import { HOST_SESSION_LIMIT_CONNECTIONS } from '../sshd/connection-table.ts';
import { PORTS_LIMIT } from '../sshd/sshd-listener.ts';
import { canonicalAddress, type KernelConnection } from './connections.ts';

/** This time is added to sshd's LoginGraceTime before a connection without a login is one that should not be. */
export const GRACE_MARGIN_MS = 60_000;
/** sshd's LoginGraceTime where it is 0: connections may stay without a login for ever, and this is long for one. */
const ENDLESS_GRACE_MS = 120_000;
/** The port of sshd where nothing says another. */
const SSH_PORT = 22;
/**
 * A look makes a connection older by this at most. Looks come every 10 s; where they come later, this machine was suspended or has no
 * time for anybody, and sshd had none to end the connection, either.
 */
const AGE_PER_LOOK_LIMIT_MS = 15_000;
/** Looks in which something must be so: one alone may fall between two lines of the log. */
const LOOKS = 2;
/**
 * Sessions that must have come to a port that nothing names before it is one of sshd's, where another one is known. A client may use the
 * port of a session that is over for a connection to another service, or to an sshd with a log of its own: of 14,000 ports that Linux
 * picks from, that is some session in a hundred on a busy host, and five on one port by chance are not to be expected.
 */
const PORT_SESSIONS = 5;
/** Hosts of which a session was confirmed, at most: one, and more only where its name changes or several share a network namespace. */
export const CONFIRMED_HOSTS_LIMIT = 256;

/** The settings of a check. */
export interface CheckSettings {
  /** Ports of sshd; null: those that the log names, and those of logins, else 22. */
  readonly ports: readonly number[] | null;
  /** sshd's LoginGraceTime; 0: none. */
  readonly loginGraceSeconds: number;
}

/** The state of the log at the moment of a look. */
export interface LogView {
  readonly sessions: Iterable<Connection>;
  /** Connections before a login, and those that are closed but for late lines. */
  readonly beforeLogin: Iterable<Connection>;
  /** Ports that the log says sshd listens on. */
  readonly ports: readonly number[];
  /** The last start or stop of sshd's listener, Unix milliseconds; NaN for never. */
  readonly listenerMs: number;
  /** Tells whether a process of this id is there, as far as this process can see. */
  readonly isProcess: (pid: number) => boolean;
}

/** The result of one look. */
export interface Findings {
  /** Sessions whose connection the kernel has, for the first time. */
  readonly confirmed: readonly Connection[];
  readonly ended: readonly { readonly session: number; readonly how: EndCause; readonly ms: number }[];
}

/** A session whose connection was not there: since when, and in how many looks. */
interface Missed {
  readonly ms: number;
  readonly looks: number;
}

/** A connection that nothing explains. */
interface Stranger {
  readonly ip: string;
  readonly port: number;
  readonly sinceMs: number;
  /** The time that it was seen for: see AGE_PER_LOOK_LIMIT_MS. */
  readonly ageMs: number;
  readonly looks: number;
}

const peerOf = (ip: string, port: number): string => `${ip} ${port}`;

/** The peer of a connection in the log; null where the log does not say it all. */
function loggedPeer({ ip, port }: Connection): string | null {
  const address = canonicalAddress(ip);
  return address === null || port === null ? null : peerOf(address, port);
}

/** The state of a check that a restart of the agent keeps. */
export interface SavedCheck {
  /** Peers of connections that were there before the first look of all, and are still. */
  readonly peers: readonly string[];
  readonly ports: readonly number[];
  readonly hosts: readonly string[];
  readonly firstSession: number | null;
  /** The highest number of a session that was looked for. */
  readonly lastSession: number;
}

const numbersIn = (saved: unknown): number[] =>
  Array.isArray(saved) ? saved.filter((one) => typeof one === 'number') : [];

/** The check of one log. */
export class SessionCheck {
  readonly #settings: CheckSettings;
  /** Peers of connections that were there before the first look of all, and are still; null before it. */
  #before: Set<string> | null;
  /** The first look that missed each confirmed session, by its number, and how many have since. */
  #missed = new Map<number, Missed>();
  #strangers = new Map<string, Stranger>();
  /** Ports that sessions of the log came to. */
  readonly #sessionPorts: Set<number>;
  /** Sessions, by their numbers, that came to a port which is not known to be sshd's; the port that was met first is first, and PORTS_LIMIT are kept. */
  readonly #unsurePorts = new Map<number, Set<number>>();
  /** The port of ours that each confirmed session came to, by the session's number: as of the last look. */
  #portOf = new Map<number, number>();
  /**
   * Hosts, by their names, of which a session was confirmed: their sshd is in this network namespace. Not by their numbers: one to which
   * nothing refers is given to another host.
   */
  readonly #confirmedHosts: Set<string>;
  readonly #hostName: (host: number) => string | null;
  /** The highest number of a session at the first look of all; null before it. Those above began while this looked. */
  #firstSession: number | null;
  #isFirstLook = true;
  /** The highest number of a session that was looked for, and what it was when the agent was started. */
  #lastSession: number;
  readonly #lastOfEarlierRun: number;
  /** True where the settings or the log name ports of sshd. */
  #isNamed = false;
  #lookedMs: number | null = null;
  #blind: BlindReason | null = null;

  /**
   * `saved`: what `save` gave last, or the list of peers that an early version kept; null for a log that was never compared. `hostName`
   * gives the name of the host with this number, as it is now.
   */
  constructor(settings: CheckSettings, saved: unknown, hostName: (host: number) => string | null) {
    this.#settings = settings;
    this.#hostName = hostName;
    const { peers, ports, hosts, firstSession, lastSession } = (
      Array.isArray(saved) ? { peers: saved } : (saved ?? {})
    ) as Partial<Record<keyof SavedCheck, unknown>>;
    this.#before = Array.isArray(peers) ? new Set(peers.filter((peer) => typeof peer === 'string')) : null;
    this.#sessionPorts = new Set(numbersIn(ports));
    this.#confirmedHosts = new Set(Array.isArray(hosts) ? hosts.flatMap((host) => this.#savedName(host)) : []);
    this.#firstSession = typeof firstSession === 'number' ? firstSession : null;
    this.#lastSession = this.#lastOfEarlierRun = typeof lastSession === 'number' ? lastSession : 0;
  }

  /** The name of a host that was saved; the version before saved numbers. */
  #savedName(saved: unknown): string[] {
    if (typeof saved === 'string') return [saved];
    // Number 0 is that of lines without a host.
    const name = typeof saved === 'number' ? (this.#hostName(saved) ?? (saved === 0 ? '' : null)) : null;
    return name === null ? [] : [name];
  }

  #nameOf(host: number): string {
    return this.#hostName(host) ?? '';
  }

  #confirmHost({ host }: Connection): void {
    const name = this.#nameOf(host);
    // Added anew, so that the one that was confirmed longest ago is the first.
    this.#confirmedHosts.delete(name);
    this.#confirmedHosts.add(name);
    const [oldest = ''] = this.#confirmedHosts;
    if (this.#confirmedHosts.size > CONFIRMED_HOSTS_LIMIT) this.#confirmedHosts.delete(oldest);
  }

  #isConfirmedHost({ host }: Connection): boolean {
    return this.#confirmedHosts.has(this.#nameOf(host));
  }

  /** Gives what is to be kept over a restart: plain JSON. */
  save(): SavedCheck {
    return {
      peers: [...(this.#before ?? [])],
      ports: [...this.#sessionPorts],
      hosts: [...this.#confirmedHosts],
      firstSession: this.#firstSession,
      lastSession: this.#lastSession,
    };
  }

  /** The last look: its time, and the connections that the log does not explain. */
  report(): { confirmedMs: number | null; blind: BlindReason | null; unexplained: UnexplainedConnection[] } {
    const isBlind = this.#blind !== null;
    return {
      confirmedMs: isBlind ? null : this.#lookedMs,
      blind: this.#blind,
      unexplained: isBlind ? [] : this.#unexplained(),
    };
  }

  #unexplained(): UnexplainedConnection[] {
    const { loginGraceSeconds } = this.#settings;
    const graceMs = (loginGraceSeconds === 0 ? ENDLESS_GRACE_MS : loginGraceSeconds * 1_000) + GRACE_MARGIN_MS;
    return [...this.#strangers.values()]
      .filter(({ ageMs, looks }) => looks >= LOOKS && ageMs >= graceMs)
      .slice(0, UNEXPLAINED_PER_PING)
      .map(({ ip, port, sinceMs }) => ({ ip, port, since: new Date(sinceMs).toISOString() }));
  }

  /** Notes that no look is possible, and why. */
  cannotLook(why: BlindReason): void {
    this.#blind = why;
    this.#strangers.clear();
    this.#missed.clear();
  }

  /**
   * Tells whether the next look may end one of the sessions, learn of one, or make a connection older that no session explains: it needs
   * connections that are read anew.
   */
  isDeciding(sessions: Iterable<Connection>): boolean {
    if (this.#firstSession === null || this.#strangers.size > 0) return true;
    for (const { looks } of this.#missed.values()) if (looks < LOOKS) return true;
    for (const { session } of sessions) if (session > this.#lastSession) return true;
    return false;
  }

  /** Compares. To be called when all of the log is read. */
  look(connections: readonly KernelConnection[], log: LogView, nowMs: number): Findings {
    // A clock that was set back makes nothing younger.
    const passedMs = Math.min(AGE_PER_LOOK_LIMIT_MS, Math.max(0, nowMs - (this.#lookedMs ?? nowMs)));
    this.#lookedMs = nowMs;
    const sessions = [...log.sessions];
    this.#isFirstLook = this.#firstSession === null;
    this.#lastSession = sessions.reduce((highest, { session }) => Math.max(highest, session), this.#lastSession);
    this.#firstSession ??= this.#lastSession;
    const findings = this.#compare(sessions, byPeers(connections, sessions), log, nowMs);
    const explained = new Set([...sessions, ...log.beforeLogin].filter(isThere).map(loggedPeer));
    // A session whose address is not known may be any of them.
    const isAnyUnknown = sessions.some((session) => loggedPeer(session) === null);
    this.#blind = this.#whyBlind(sessions);
    this.#findStrangers(isAnyUnknown ? [] : connections, explained, log, { nowMs, passedMs });
    return findings;
  }

  #whyBlind(sessions: readonly Connection[]): BlindReason | null {
    // Of those that were evicted, connections are still there.
    if (sessions.length >= HOST_SESSION_LIMIT_CONNECTIONS) return 'too many sessions';
    const isElsewhere =
      sessions.length > 0 && sessions.every((session) => !session.isConfirmed && !this.#isConfirmedHost(session));
    return isElsewhere ? 'other namespace' : null;
  }

  #compare(
    sessions: readonly Connection[],
    byPeer: ReadonlyMap<string, readonly KernelConnection[]>,
    log: LogView,
    nowMs: number,
  ): Findings {
    const { listenerMs } = log;
    const ports = this.#knownPorts(log);
    const confirmed: Connection[] = [];
    const ended: { session: number; how: EndCause; ms: number }[] = [];
    const missed = new Map<number, Missed>();
    const portOf = new Map<number, number>();
    for (const session of sessions) {
      if (session.isConfirmed) this.#confirmHost(session);
      const peer = loggedPeer(session);
      if (peer === null) continue;
      const knownPort = this.#portOf.get(session.session);
      const port = this.#portFor(session, knownPort, byPeer.get(peer) ?? [], ports);
      // It may be connected, or over while its client's port leads to something else: the next looks show which.
      if (port === 'unsure') continue;
      if (port !== null) {
        if (!session.isConfirmed) confirmed.push(session);
        session.isConfirmed = true;
        this.#confirmHost(session);
        portOf.set(session.session, port);
      } else {
        if (knownPort !== undefined) portOf.set(session.session, knownPort);
        const { ms, looks } = this.#missed.get(session.session) ?? { ms: nowMs, looks: 0 };
        missed.set(session.session, { ms, looks: looks + 1 });
        if (looks + 1 < LOOKS || !this.#isOver(session, log)) continue;
        const isRestart = listenerMs >= session.sinceMs && listenerMs <= ms;
        ended.push({ session: session.session, how: isRestart ? 'sshd-restart' : 'gone', ms });
        missed.delete(session.session);
      }
    }
    this.#portOf = portOf;
    this.#missed = missed;
    return { confirmed, ended };
  }

  /** Ports of sshd: those that are set, those that the log names, and those of sessions; else 22. */
  #knownPorts({ ports }: LogView): ReadonlySet<number> {
    const named = [...(this.#settings.ports ?? []), ...ports];
    this.#isNamed = named.length > 0;
    const known = [...named, ...this.#sessionPorts];
    return new Set(known.length > 0 ? known : [SSH_PORT]);
  }

  /**
   * Gives the port of ours that a session came to, by the connections of its peer: null where none of them is the session's. `known` is
   * the port that it had in the look before, if any. A client may use one port for connections to several of ours, so the session's is
   * the one to a port of sshd. Where that port is not known, a session that is new teaches it: the first one where nothing is known, as
   * do those of the first look, else several. Before that it is unsure.
   */
  #portFor(
    session: Connection,
    known: number | undefined,
    connections: readonly KernelConnection[],
    ports: ReadonlySet<number>,
  ): number | 'unsure' | null {
    const [first] = connections;
    if (first === undefined) return null;
    if (known !== undefined) return connections.some(({ localPort }) => localPort === known) ? known : null;
    const ofSshd = connections.find(({ localPort }) => ports.has(localPort));
    if (ofSshd === undefined && session.isConfirmed) return first.localPort;
    const isTaught = ofSshd !== undefined || this.#isTaught(session, first.localPort);
    if (!isTaught) return 'unsure';
    const { localPort } = ofSshd ?? first;
    if (ofSshd === undefined || !this.#isNamed) this.#sessionPorts.add(localPort);
    return localPort;
  }

  /** Tells whether a session that came to a port which nothing names shows that it is sshd's. */
  #isTaught(session: Connection, port: number): boolean {
    if (this.#isFirstLook && !this.#isNamed) return true;
    const looks = this.#missed.get(session.session)?.looks ?? 0;
    const isNew = this.#beganMeanwhile(session) && session.session > this.#lastOfEarlierRun && looks < LOOKS;
    if (!isNew) return false;
    if (!this.#isNamed && this.#sessionPorts.size === 0) return true;
    const sessions = this.#unsurePorts.get(port) ?? new Set();
    this.#unsurePorts.set(port, sessions.add(session.session));
    const [oldest = 0] = this.#unsurePorts.keys();
    if (this.#unsurePorts.size > PORTS_LIMIT) this.#unsurePorts.delete(oldest);
    if (sessions.size < PORT_SESSIONS) return false;
    this.#unsurePorts.delete(port);
    return true;
  }

  #beganMeanwhile({ session }: Connection): boolean {
    return session > (this.#firstSession ?? Number.POSITIVE_INFINITY);
  }

  /**
   * Tells whether a session that is not among the connections is over. One that never was may be of an sshd in another network
   * namespace, unless others of its host were there and its process is not. Where the log has no process ids, it must have begun
   * while this looked.
   */
  #isOver(session: Connection, { isProcess }: LogView): boolean {
    if (session.isConfirmed) return true;
    if (!this.#isConfirmedHost(session) || isProcess(session.pid)) return false;
    return session.pid > 0 || this.#beganMeanwhile(session);
  }

  #findStrangers(
    connections: readonly KernelConnection[],
    explained: ReadonlySet<string | null>,
    log: LogView,
    { nowMs, passedMs }: { readonly nowMs: number; readonly passedMs: number },
  ): void {
    const known = [...log.ports, ...this.#sessionPorts];
    const ports = new Set(this.#settings.ports ?? (known.length > 0 ? known : [SSH_PORT]));
    const strangers = new Map<string, Stranger>();
    const stillBefore = new Set<string>();
    for (const { ip, port, localPort, isEstablished } of connections) {
      const peer = peerOf(ip, port);
      if (!isEstablished || !ports.has(localPort) || explained.has(peer)) continue;
      if (this.#before?.has(peer) ?? true) stillBefore.add(peer);
      else {
        const seen = this.#strangers.get(peer);
        const { sinceMs, looks } = seen ?? { sinceMs: nowMs, looks: 0 };
        const ageMs = seen === undefined ? 0 : seen.ageMs + passedMs;
        strangers.set(peer, { ip, port, sinceMs, ageMs, looks: looks + 1 });
      }
    }
    this.#before = stillBefore;
    this.#strangers = strangers;
  }
}

/** The connections of the sessions' peers. */
function byPeers(
  connections: readonly KernelConnection[],
  sessions: readonly Connection[],
): ReadonlyMap<string, readonly KernelConnection[]> {
  const found = new Map<string, KernelConnection[]>();
  for (const session of sessions) {
    const peer = loggedPeer(session);
    if (peer !== null) found.set(peer, []);
  }
  for (const one of connections) found.get(peerOf(one.ip, one.port))?.push(one);
  return found;
}

/** True for a session, and for a connection that goes on before its login. */
const isThere = ({ state }: Connection): boolean => state !== 'closed' && state !== 'unconfirmed';
