/** Listens for agents: one socket, one session. Knows which agents are connected. */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket, type Server as TlsServer } from 'node:tls';
import { HELLO_TIMEOUT_MS } from '../../protocol/messages.ts';
import { ConnectionCounts, type ConnectionLimits } from '../../service/connection-counts.ts';
import { peerAddress } from '../../service/ip-network.ts';
import type { Logger } from '../../service/logger.ts';
import { type Address, hostAndPort } from '../../service/value-parser.ts';
import type { Admission, Peer } from './admission.ts';
import { CERTIFICATE_CHECKED_EVERY_MS, type CertificateFiles, ServerCertificate } from './certificate.ts';
import type { GroupCommit } from './group-commit.ts';
import type { Joining } from './joining.ts';
import { ReadTurns } from './read-turns.ts';
import { Session, type SessionContext, type Sessions } from './session.ts';
import { TlsFaults } from './tls-faults.ts';
import { ValueBounds, type ValueLimits } from './value-bounds.ts';

/** The most connections at once; more get `busy`. A session without traffic holds a few KiB. */
export const SESSIONS_LIMIT = 100_000;
/**
 * Connections without an admitted hello: strangers may hold so many of one address, since a thousand agents behind one come
 * back together after an outage, and so many in all. Each holds a few KiB, and at most one partial line.
 */
export const UNADMITTED_LIMITS: ConnectionLimits = { perAddress: 1_024, all: 16_384 };
/** Sessions are checked for silence, and tokens for a change, at this interval. */
const CHECK_EVERY_MS = 1_000;
/** So many sessions are checked in one turn of the event loop: to refuse one that is out of time takes some 0.1 ms. */
const CHECKED_AT_ONCE = 100;
/** TCP keep-alive finds half-open connections earlier than heartbeats do. */
const KEEP_ALIVE_MS = 30_000;
/** Sessions have this long to read their last acknowledgement at a shutdown. */
const CLOSE_LIMIT_MS = 1_000;

/** Says where to listen, and holds what each session is given. */
export interface ListenerOptions {
  readonly listen: Address;
  readonly tls: CertificateFiles | null;
  readonly admission: Admission;
  /** Lets hosts join over TLS; null where there is no authority. */
  readonly joining?: Joining | null;
  readonly ingest: GroupCommit;
  readonly log: Logger;
  readonly now: () => number;
  readonly sessionsLimit?: number;
  readonly unadmittedLimits?: Partial<ConnectionLimits>;
  readonly valueLimits?: Partial<ValueLimits>;
}

/** Listens for agents. `open` binds, `close` ends every session. */
export class Listener implements Sessions {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #sessions = new Set<Session>();
  readonly #agents = new Map<string, Session>();
  readonly #unadmitted: ConnectionCounts;
  readonly #context: SessionContext;
  readonly #tlsFaults = new TlsFaults();
  #certificate: ServerCertificate | null = null;
  #certificateCheckedMs = 0;
  #check: NodeJS.Timeout | null = null;
  #isChecking = false;
  /** True where admissions may have ended since the last check of all sessions began. */
  #mustRecheck = false;
  #closed: Promise<void> = Promise.resolve();
  #closedBytes = 0;

  /** Throws when a TLS file cannot be read. */
  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#unadmitted = new ConnectionCounts({ ...UNADMITTED_LIMITS, ...options.unadmittedLimits });
    const { tls, ingest, admission, joining = null, log, now } = options;
    this.#context = {
      shown: (stream) => ({ address: addressOf(stream as Socket), certificate: certificateOf(stream as Socket) }),
      ...{ ingest, admission },
      joining: (stream) => (stream instanceof TLSSocket ? joining : null),
      sessions: this,
      values: new ValueBounds(options.valueLimits),
      reads: new ReadTurns(),
      ...{ log, now },
    };
    const accept = (socket: Socket): void => this.#accept(socket);
    if (tls) {
      const certificate = new ServerCertificate(tls, log);
      this.#certificate = certificate;
      this.#server = createTlsServer(
        {
          ...certificate.credentials,
          // Whether a certificate is needed, and is a good one, is for the hello to say: joining comes before it. [P4]
          requestCert: tls.clientCaFile !== null,
          rejectUnauthorized: false,
          // The handshake has as long as the hello after it, whose time begins when the handshake has ended.
          handshakeTimeout: HELLO_TIMEOUT_MS,
        },
        accept,
      );
      // Before the handshake, which a stranger can make last.
      this.#server.on('connection', (socket: Socket) => {
        const peer = nameOf(socket);
        if (this.#count(socket)) socket.on('close', () => this.#unadmitted.leave(peer));
      });
      this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: Socket) => {
        const line = this.#tlsFaults.line(addressOf(socket), error, options.now());
        if (line !== null) log.warn(line);
        // Node reports a handshake that is out of time, and leaves the connection open.
        socket.destroy();
      });
    } else
      this.#server = createServer({ noDelay: true }, (socket) => {
        if (this.#count(socket)) accept(socket);
      });
    // All at once: a thousand that each read one more piece would be too much already.
    options.ingest.onFull(() => {
      for (const session of this.#sessions) session.flow();
    });
    log.info('Socket created');
  }

  /** Binds and listens. Rejects with the system's error, such as EADDRINUSE. Resolves with the port. */
  open(): Promise<number> {
    const { host, port } = this.#options.listen;
    return new Promise((done, failed) => {
      this.#server.once('error', failed);
      this.#server.listen({ host, port, backlog: 4_096 }, () => {
        this.#server.off('error', failed);
        this.#server.on('error', (error) => this.#options.log.error(`Cannot accept: ${error.message}`));
        this.#options.log.info('Socket now listening');
        this.refreshCertificate();
        this.#check = setInterval(() => void this.#checkAll(), CHECK_EVERY_MS);
        done((this.#server.address() as { port: number }).port);
      });
    });
  }

  /** How many agents are connected now. */
  get agents(): number {
    return this.#agents.size;
  }

  /** How many connections are open, also those that have not sent hello. */
  get connections(): number {
    return this.#sessions.size;
  }

  /** Bytes read from all connections since the start. */
  get receivedBytes(): number {
    let sum = this.#closedBytes;
    for (const session of this.#sessions) sum += session.receivedBytes;
    return sum;
  }

  /** Lists the agents that are connected now. */
  connectedAgents(): Iterable<string> {
    return this.#agents.keys();
  }

  /** True when this agent is connected now. */
  isConnected(agent: string): boolean {
    return this.#agents.has(agent);
  }

  /** Serves the newer connection of an agent, and refuses the older one. [P7] */
  entered(agent: string, ends: string | null, session: Session): void {
    this.#unadmitted.leave(session.peer);
    const older = this.#agents.get(agent);
    this.#agents.set(agent, session);
    older?.refuse('busy', 'this agent connected again from elsewhere');
    if (ends !== null)
      this.#agents.get(ends)?.refuse('unauthorized', 'another agent has taken this token or certificate');
  }

  /**
   * Refuses agents that were forgotten although they are connected: at another server, which did not know that, or as they came. The hello with
   * which they come back makes them known again, on all servers.
   */
  forget(agents: readonly string[]): void {
    for (const agent of agents)
      this.#agents.get(agent)?.refuse('busy', 'this agent was forgotten, and is listed again when it comes back');
  }

  closed(session: Session): void {
    this.#unadmitted.leave(session.peer);
    const agent = session.hello?.agent;
    if (agent !== undefined && this.#agents.get(agent) === session) this.#agents.delete(agent);
    this.#sessions.delete(session);
    this.#closedBytes += session.receivedBytes;
  }

  /** Takes no more connections and reads no more from the open ones; what was read is still acknowledged. */
  drain(): void {
    if (this.#check) clearInterval(this.#check);
    this.#closed = new Promise((done) => this.#server.close(() => done()));
    for (const session of this.#sessions) session.drain();
  }

  /** Ends every session; resolves when the last is closed, or did not close in time. Call `drain` first. */
  async close(): Promise<void> {
    for (const session of this.#sessions) session.end();
    await Promise.race([this.#closed, new Promise((late) => setTimeout(late, CLOSE_LIMIT_MS))]);
  }

  /** Counts a connection until its agent is admitted. One too many is cut off without a message, which would cost more. */
  #count(socket: Socket): boolean {
    const peer = nameOf(socket);
    if (!this.#unadmitted.enter(peer, addressOf(socket))) {
      this.#options.log.debug(`Connection from ${peer} cut off: too many without a hello`);
      socket.on('error', () => {});
      socket.destroy();
      return false;
    }
    return true;
  }

  /** Serves a connection, or refuses one above the bound. [P7] */
  #accept(socket: Socket): void {
    const { log, sessionsLimit = SESSIONS_LIMIT } = this.#options;
    const peer = nameOf(socket);
    log.info(`Received connection from ${peer}`);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    const session = new Session(socket, peer, this.#context);
    this.#sessions.add(session);
    if (this.#sessions.size > sessionsLimit) session.refuse('busy', 'too many connections');
  }

  /** Gives when the certificate that agents see ends, Unix milliseconds; null without TLS. */
  get certificateEndsMs(): number | null {
    return this.#certificate?.endsMs ?? null;
  }

  /** Reads the certificate's files again where they have changed. Connections that are open go on. */
  refreshCertificate(): void {
    this.#certificateCheckedMs = this.#options.now();
    const renewed = this.#certificate?.refresh(this.#certificateCheckedMs) ?? null;
    if (renewed !== null) (this.#server as TlsServer).setSecureContext(renewed);
  }

  /** Checks every session, in pieces: a thousand that are out of time at once keep no acknowledgement waiting. */
  async #checkAll(): Promise<void> {
    const nowMs = this.#options.now();
    if (Math.abs(nowMs - this.#certificateCheckedMs) >= CERTIFICATE_CHECKED_EVERY_MS) this.refreshCertificate();
    // One look at the file of tokens, not one for each of 20,000 sessions.
    this.#mustRecheck ||= this.#options.admission.changed();
    if (this.#isChecking) return;
    this.#isChecking = true;
    const recheck = this.#mustRecheck;
    this.#mustRecheck = false;
    let checked = 0;
    // Sessions that come meanwhile are checked too, at the end.
    for (const session of this.#sessions) {
      session.check(this.#options.now(), recheck);
      checked += 1;
      if (checked % CHECKED_AT_ONCE === 0) await new Promise((next) => setImmediate(next));
    }
    this.#isChecking = false;
  }
}

/** Gives the peer's address; an IPv4 one as it is, also where the socket has it inside IPv6. */
const addressOf = (socket: Socket): string => peerAddress(socket.remoteAddress);

function certificateOf(socket: Socket): Peer['certificate'] {
  if (!(socket instanceof TLSSocket)) return null;
  const { subject, valid_from: from } = socket.getPeerCertificate() ?? {};
  const name = subject?.CN;
  if (typeof name !== 'string') return null;
  const fault = socket.authorized
    ? null
    : (CERTIFICATE_FAULTS[String(socket.authorizationError)] ?? 'is not of this server');
  return { name, fromMs: Date.parse(from ?? ''), fault };
}

/** The faults of a client's certificate in words, by Node's codes of OpenSSL's X509_V_ERR. */
const CERTIFICATE_FAULTS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'has ended: its host joins again by a code of alphaserver enroll NAME',
  CERT_NOT_YET_VALID: "is not valid yet by this server's clock",
};

function nameOf(socket: Socket): string {
  const { remotePort = 0 } = socket;
  return hostAndPort(addressOf(socket), remotePort);
}
