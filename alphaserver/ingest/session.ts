/** Serves one agent's connection, from hello to quit: docs/protocol.md. Takes a duplex stream and opens nothing. */
import type { Duplex } from 'node:stream';
import { LineFramer } from '../../protocol/framing.ts';
import type { Enroll } from '../../protocol/joining.ts';
import {
  type AgentMessage,
  type EndMessage,
  type ErrorCode,
  type EventMessage,
  encode,
  HELLO_TIMEOUT_MS,
  type Hello,
  LINE_LIMIT_BYTES,
  PING_EVERY_MS,
  type Ping,
  PROTOCOL_VERSION,
  readAgentMessage,
  type ServerMessage,
  SILENCE_LIMIT_MS,
} from '../../protocol/messages.ts';
import type { AgentReport } from '../../protocol/report.ts';
import type { Logger } from '../../service/logger.ts';
import { hashOf } from '../../service/text-hash.ts';
import type { AgentBatch, Mark, NumberedEnd, SequencedEvent } from '../store/store.ts';
import type { Admission, Admitted, Peer, Rejected } from './admission.ts';
import { type GroupCommit, weightOf } from './group-commit.ts';
import type { AgentCertificate } from './joined-hosts.ts';
import type { Enrolled, Joining } from './joining.ts';
import { OpenListParts } from './open-list.ts';
import type { ReadTurns } from './read-turns.ts';
import { Slowdown } from './slowdown.ts';
import type { ValueBounds } from './value-bounds.ts';

/**
 * Events of one session that may wait for the store before its socket is no longer read: two commits of them, so that the store is never
 * idle. Long ones count as several.
 */
export const UNSTORED_LIMIT_EVENTS = 4_096;
/** Bytes of answers that a peer may leave unread before nothing more is read from it. */
const UNREAD_LIMIT_BYTES = 65_536;
/** A refused peer has this long to read why. */
const LINGER_MS = 2_000;

/** How long one line may take from its first byte to its end: the longest takes a second on the slowest link that is of use. */
export const LINE_TIMEOUT_MS = 30_000;

/** A heartbeat that says nothing new is stored at this interval: by what is stored, an agent is silent after 90 s. */
const HEARTBEAT_STORED_EVERY_MS = 30_000;

/** Knows which agent is served by which session. */
export interface Sessions {
  /** Called once a hello is admitted: older sessions of this agent, and of the one that it ends, are refused from here on. */
  entered(agent: string, ends: string | null, session: Session): void;
  /** Called when the connection is closed. */
  closed(session: Session): void;
}

/** Holds what all sessions of a listener share: an idle one holds no more of its own than it must. */
export interface SessionContext {
  /** Gives what a connection shows of who is at its other end. */
  readonly shown: (stream: Duplex) => Peer;
  readonly ingest: GroupCommit;
  readonly admission: Admission;
  /** Gives null where the server has no authority of its own, or the connection is not encrypted. */
  readonly joining: (stream: Duplex) => Pick<Joining, 'enroll' | 'renew'> | null;
  readonly sessions: Sessions;
  /** The users and sources that the agents have brought. */
  readonly values: ValueBounds;
  /** Bounds what all sessions read in one turn of the event loop. */
  readonly reads: ReadTurns;
  readonly log: Logger;
  readonly now: () => number;
}

/** Serves one connection until it closes. */
export class Session {
  readonly peer: string;
  /** Bytes read so far. */
  receivedBytes = 0;
  readonly #stream: Duplex;
  readonly #context: SessionContext;
  readonly #framer = new LineFramer(LINE_LIMIT_BYTES);
  readonly #openedMs: number;
  #hello: Hello | null = null;
  #heardMs: number;
  /** The time at which the line began that has not ended; null between two lines. */
  #lineBegunMs: number | null = null;
  #gathered: SequencedEvent[] = [];
  /** Characters of the lines that were gathered. */
  #gatheredChars = 0;
  #gatheredEnds: NumberedEnd[] = [];
  /** Null until the agent lists its open sessions. */
  #open: OpenListParts | null = null;
  #unstored = 0;
  /** Acknowledgements of what came right behind the hello: the welcome goes first. Null once that is sent. */
  #early: ServerMessage[] | null = [];
  #pongedMs = 0;
  #admitted: Admitted | null = null;
  #isRejected = false;
  /** True once `enroll` or `renew` came. */
  #hasAsked = false;
  readonly #slowdown = new Slowdown();
  /** True while it waits for a turn to read more. */
  #isInLine = false;
  /** The newest ping, and what was stored of the one before. */
  #heartbeat: { readonly report: AgentReport | null; readonly seenMs: number } | null = null;
  /** The hash of its JSON. */
  #storedReport = 0;
  #storedHeartbeatMs = Number.NEGATIVE_INFINITY;
  #ending = false;
  #draining = false;

  /** `peer`: `IP:PORT`, for people. */
  constructor(stream: Duplex, peer: string, context: SessionContext) {
    this.#stream = stream;
    this.#context = context;
    this.peer = peer;
    this.#openedMs = this.#heardMs = context.now();
    stream.on('data', (chunk: Uint8Array) => this.#read(chunk));
    stream.on('drain', () => this.flow());
    stream.on('error', (error: Error) => context.log.debug(`Connection ${this.peer}: ${error.message}`));
    stream.on('close', () => this.#closed());
  }

  #closed(): void {
    this.#ending = true;
    this.#context.sessions.closed(this);
    this.#storeHeartbeat();
    this.#context.log.info(`Connection ${this.peer} closed`);
  }

  /** The agent behind it, once its hello was admitted. */
  get hello(): Hello | null {
    return this.#hello;
  }

  /**
   * Ends a session that has been silent too long or is no longer admitted; resumes one that waited for the store. Called every
   * second. `recheck`: its admission may have ended.
   */
  check(nowMs: number, recheck: boolean): void {
    if (this.#ending) return;
    if (!this.#hello) {
      if (!this.#isRejected && nowMs - this.#openedMs > HELLO_TIMEOUT_MS) this.refuse('timeout', 'no hello came');
      return;
    }
    if (recheck && this.#admitted !== null && !this.#context.admission.mayStay(this.#admitted))
      this.refuse('unauthorized', 'its token or certificate is not valid any more');
    else if (this.#stream.isPaused()) this.#wait(nowMs);
    else if (this.#lineBegunMs !== null && nowMs - this.#lineBegunMs > LINE_TIMEOUT_MS)
      this.refuse('timeout', 'a line took too long');
    else if (nowMs - this.#heardMs > SILENCE_LIMIT_MS) this.refuse('timeout', 'nothing was heard for too long');
  }

  /** Sends a pong to an agent that is not read from: its pings are not seen, and it would reconnect again and again. */
  #wait(nowMs: number): void {
    this.flow();
    if (!this.#stream.isPaused() || Math.abs(nowMs - this.#pongedMs) < PING_EVERY_MS) return;
    this.#pongedMs = nowMs;
    this.#send({ type: 'pong' });
  }

  /** Tells the peer why and closes. What it sent before is stored all the same. `isLogged`: the log has it already. [P10] */
  refuse(code: ErrorCode, message: string, isLogged = false): void {
    if (this.#ending) return;
    if (!isLogged) this.#context.log.warn(`Connection ${this.peer} refused: ${code}: ${message}`);
    this.#send({ type: 'error', code, message });
    this.end();
  }

  /** Reads no more: the server is closing, and will acknowledge what it has. */
  drain(): void {
    this.#draining = true;
    this.#stream.pause();
  }

  /** Closes after what is written has gone out; a peer that does not read it is cut off. */
  end(): void {
    this.#ending = true;
    // Now, not when it is closed: by then a newer connection of the agent may have brought a newer one.
    this.#storeHeartbeat();
    const stream = this.#stream;
    stream.end();
    // What still comes is read and thrown away: closing with unread data would reset the connection and lose the error.
    stream.resume();
    setTimeout(() => stream.destroy(), LINGER_MS).unref();
  }

  #read(chunk: Uint8Array): void {
    if (this.#ending) return;
    this.receivedBytes += chunk.length;
    this.#heardMs = this.#context.now();
    const frames = this.#framer.feed(chunk);
    if (frames.length > 0) this.#lineBegunMs = null;
    for (const frame of frames) {
      if (this.#ending || this.#isRejected) break;
      if ('line' in frame) this.#take(frame.line);
      else {
        this.#flush();
        this.refuse(frame.fault === 'too_long' ? 'too_long' : 'bad_json', frame.message);
      }
    }
    this.#lineBegunMs = this.#framer.partialBytes === 0 ? null : (this.#lineBegunMs ?? this.#heardMs);
    this.#flush();
    this.#isInLine = this.#context.reads.take(chunk.length, this);
    this.flow();
  }

  /** Reads on: its turn has come. */
  readOn(): void {
    this.#isInLine = false;
    this.flow();
  }

  #take(line: string): void {
    const message = readAgentMessage(line);
    if (message.type === 'fault') {
      this.#flush();
      this.refuse(message.code, message.message);
    } else if (message.type === 'hello') this.#greet(message);
    else if (message.type === 'enroll') this.#enroll(message);
    else if (!this.#hello) this.refuse('bad_message', 'hello must be the first line');
    else this.#serve(message, line.length);
  }

  #serve(message: Exclude<AgentMessage, Hello | Enroll>, chars: number): void {
    switch (message.type) {
      case 'event':
        this.#gather(message, chars);
        break;
      case 'end':
        this.#gatherEnd(message, chars);
        break;
      case 'ping':
        this.#send({ type: 'pong' });
        this.#flush();
        this.#ping(message);
        break;
      case 'renew':
        this.#renew(message.csr);
        break;
      case 'quit':
        this.#quit();
        break;
    }
  }

  #gather(message: EventMessage, chars: number): void {
    const { event } = message;
    if (!this.#mayReport(event.host)) return;
    const { values, now } = this.#context;
    this.#slow(values.take((this.#hello as Hello).agent, event.user, event.ip, now()));
    this.#gathered.push(message);
    this.#gatheredChars += chars;
  }

  #gatherEnd({ number, end }: EndMessage, chars: number): void {
    if (!this.#mayReport(end.host)) return;
    this.#gatheredEnds.push({ number, end });
    this.#gatheredChars += chars;
  }

  /** Reads nothing for so long, since the agent brings too much that is new at once. */
  #slow(delayMs: number): void {
    this.#slowdown.extend(delayMs, this.#context.now());
  }

  /** True where the agent may report about a host; refuses it where it may not. */
  #mayReport(host: string | null | undefined): boolean {
    const { admission } = this.#context;
    const verdict = host ? admission.eventHost(this.#admitted as Admitted, this.#hello as Hello, host) : { delayMs: 0 };
    if ('delayMs' in verdict) {
      this.#slow(verdict.delayMs);
      return true;
    }
    this.#flush();
    this.refuse(verdict.code, verdict.message);
    return false;
  }

  #greet(hello: Hello): void {
    const { admission, sessions, ingest, shown } = this.#context;
    const fault = this.#helloFault(hello);
    if (fault) {
      this.refuse(...fault);
      return;
    }
    const admitted = admission.admit(hello, shown(this.#stream));
    if ('message' in admitted) {
      this.#reject(admitted);
      return;
    }
    this.#hello = hello;
    this.#admitted = admitted;
    const { change } = admitted;
    sessions.entered(hello.agent, change?.ends ?? null, this);
    // Through the queue, behind whatever an older connection of this agent left there: welcome.seq must count it. [P5]
    const binding = change === null ? {} : { binding: change };
    ingest.submit({ agent: hello.agent, host: hello.host, events: [], ...binding }).then(
      ({ lastSeq, lastEnd }) =>
        this.#later(admitted.delayMs, () => {
          const accepts = this.#renewable === null ? ['end'] : ['end', 'renew'];
          const welcome = { type: 'welcome', version: PROTOCOL_VERSION, seq: lastSeq, end: lastEnd, accepts } as const;
          if (this.#ending) return;
          this.#send(welcome);
          for (const ack of this.#early?.splice(0) ?? []) this.#send(ack);
          this.#early = null;
        }),
      () => this.end(),
    );
  }

  #helloFault(hello: Hello): [ErrorCode, string] | null {
    if (this.#hello) return ['bad_message', 'hello may come once'];
    if (hello.version !== PROTOCOL_VERSION) return ['version', `this server speaks version ${PROTOCOL_VERSION}`];
    // Its welcome could only wait, behind those of all agents that come back meanwhile. [P7]
    return this.#context.ingest.fault === null ? null : ['busy', this.#context.ingest.fault];
  }

  /** Answers a host that joins, once; what it sends meanwhile waits. */
  #enroll(message: Enroll): void {
    const joining = this.#context.joining(this.#stream);
    if (this.#hello !== null || this.#hasAsked) this.refuse('bad_message', 'enroll may come once, before hello');
    else if (message.version !== PROTOCOL_VERSION)
      this.refuse('version', `this server speaks version ${PROTOCOL_VERSION}`);
    else if (joining === null)
      this.refuse('unauthorized', 'nobody can join here: it takes tls:// and alphaserver certs init');
    else this.#certify(joining.enroll(message, this.#context.shown(this.#stream).address));
  }

  /** Gives an agent its next certificate, once for each connection. */
  #renew(csr: string): void {
    const shown = this.#renewable;
    const joining = this.#context.joining(this.#stream);
    if (this.#hasAsked) this.refuse('bad_message', 'renew may come once');
    else if (joining === null || shown === null)
      this.refuse('unauthorized', 'only a certificate of this server can be renewed');
    else this.#certify(joining.renew(csr, shown));
  }

  #certify(answer: Promise<Enrolled | Rejected>): void {
    this.#hasAsked = true;
    answer.then(
      (enrolled) => {
        if (this.#ending) return;
        if ('message' in enrolled) this.#reject(enrolled);
        else this.#send({ type: 'enrolled', certificate: enrolled.certificate, ca: enrolled.ca });
      },
      (error: unknown) => {
        this.#context.log.error(`No certificate for ${this.peer}: ${error instanceof Error ? error.message : error}`);
        this.refuse('busy', 'the server cannot sign a certificate now; its log says why');
      },
    );
  }

  /** The certificate that the agent was let in by, where this server can renew it; else null. */
  get #renewable(): AgentCertificate | null {
    return this.#context.joining(this.#stream) === null ? null : (this.#admitted?.certificate ?? null);
  }

  /** Refuses after a delay that grows with the wrong guesses of its address. Nothing is read meanwhile. */
  #reject({ code, message, delayMs, isLogged }: Rejected): void {
    this.#isRejected = true;
    this.#stream.pause();
    this.#later(delayMs, () => this.refuse(code, message, isLogged));
  }

  /** Runs `work` after so long; at once for no time at all. */
  #later(delayMs: number, work: () => void): void {
    if (delayMs === 0) work();
    else setTimeout(work, delayMs).unref();
  }

  #flush(): void {
    if (this.#gathered.length + this.#gatheredEnds.length === 0) return;
    const [events, ends, chars] = [this.#gathered, this.#gatheredEnds, this.#gatheredChars];
    [this.#gathered, this.#gatheredEnds, this.#gatheredChars] = [[], [], 0];
    this.#submit({ events, ...(ends.length > 0 && { ends }) }, chars);
  }

  /** Gaps and shapes are sent once and acknowledged by being stored; a report comes again with the next ping. */
  #ping({ report, shapes, gaps, open }: Ping): void {
    const nowMs = this.#context.now();
    if (open !== null) this.#open ??= new OpenListParts();
    const list = open === null ? null : (this.#open?.take(open, report, nowMs) ?? null);
    if (shapes.length > 0 || gaps.length > 0 || list !== null) {
      if (report !== null) this.#heartbeat = null;
      this.#submit({ events: [], ping: { report, shapes, gaps, ...(list && { open: list }) } });
      return;
    }
    this.#heartbeat = { report, seenMs: nowMs };
    const due = Math.abs(nowMs - this.#storedHeartbeatMs) >= HEARTBEAT_STORED_EVERY_MS;
    if (due || hashOf(JSON.stringify(report)) !== this.#storedReport) this.#storeHeartbeat();
  }

  #storeHeartbeat(): void {
    const { agent, host } = this.#hello ?? {};
    if (agent === undefined || host === undefined || this.#heartbeat === null) return;
    const { report, seenMs } = this.#heartbeat;
    this.#heartbeat = null;
    this.#storedReport = hashOf(JSON.stringify(report));
    this.#storedHeartbeatMs = seenMs;
    this.#context.ingest.heartbeat({ agent, host, events: [], ping: { report, shapes: [], gaps: [] }, seenMs });
  }

  #submit(what: Pick<AgentBatch, 'events' | 'ends' | 'ping'>, chars = 0): void {
    const hello = this.#hello as Hello;
    const batch = { agent: hello.agent, host: hello.host, ...what };
    const weight = weightOf(batch, chars);
    this.#unstored += weight;
    const hasEnds = batch.ends !== undefined;
    const acknowledge = ({ lastSeq, lastEnd }: Mark): void => {
      if (this.#ending || !(hasEnds || batch.events.length > 0)) return;
      const ack = { type: 'ack', seq: lastSeq, ...(hasEnds && { end: lastEnd }) } as const;
      if (this.#early === null) this.#send(ack);
      else this.#early.push(ack);
    };
    this.#context.ingest.submit(batch, weight, acknowledge).then(
      () => {
        this.#unstored -= weight;
        this.flow();
      },
      () => this.end(),
    );
  }

  #quit(): void {
    this.#flush();
    const hello = this.#hello as Hello;
    // An empty batch at the end of the queue: once it is through, all before it is stored and acknowledged. [P12]
    const settled = (): void => {
      this.#context.log.info('Client is requesting to quit');
      this.end();
    };
    this.#context.ingest.submit({ agent: hello.agent, host: hello.host, events: [] }).then(settled, settled);
  }

  /** Reads on, or stops reading, by how much waits for the store and for the peer. */
  flow(): void {
    const stream = this.#stream;
    const { ingest, now } = this.#context;
    if (this.#ending || this.#draining || this.#isRejected) return;
    const behind = this.#unstored >= UNSTORED_LIMIT_EVENTS || stream.writableLength > UNREAD_LIMIT_BYTES || ingest.full;
    if (behind || this.#isInLine || this.#slowdown.holds(now())) stream.pause();
    else if (stream.isPaused()) {
      this.#heardMs = now();
      // What the peer sent meanwhile could not be read.
      if (this.#lineBegunMs !== null) this.#lineBegunMs = this.#heardMs;
      stream.resume();
    }
  }

  #send(message: ServerMessage): void {
    if (this.#stream.writable) this.#stream.write(encode(message));
  }
}
