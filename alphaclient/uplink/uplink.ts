/**
 * The connection to alphaserver: sends `hello`, then the pending events of the outbox within a window, records what is
 * acknowledged, and reconnects when it breaks.
 */
import type { Socket } from 'node:net';
import { LineFramer } from '../../protocol/framing.ts';
import {
  encode,
  encodeEnd,
  encodeEvent,
  HELLO_TIMEOUT_MS,
  LINE_LIMIT_BYTES,
  PING_EVERY_MS,
  PROTOCOL_VERSION,
  readServerMessage,
  type ServerMessage,
  SILENCE_LIMIT_MS,
} from '../../protocol/messages.ts';
import { LoggedProblems } from '../../service/logged-problems.ts';
import type { Logger } from '../../service/logger.ts';
import { Ticker } from '../../service/ticker.ts';
import type { Outbox } from '../outbox/outbox.ts';
import type { PendingEnd } from '../outbox/sessions.ts';
import { Backoff } from './backoff.ts';
import type { Dialed } from './connect.ts';
import type { PingContent } from './ping.ts';
import { type Renewal, Renewals } from './renewals.ts';

/** Events sent and not yet acknowledged, at most. `npm run bench`: a larger window is not faster. */
export const WINDOW_EVENTS = 8_192;
/** Ends of sessions sent and not yet acknowledged, at most. */
const WINDOW_ENDS = 2_048;
/** Events read from the outbox at once. */
const PAGE_EVENTS = 512;
/** Bytes that may be unsent in the socket before sending pauses until it drains. */
const UNSENT_LIMIT_BYTES = 262_144;
/** Problems that are remembered as logged: more than servers times reasons. */
const PROBLEMS_LIMIT = 200;
/** How often the agent looks whether its certificate is to be renewed; the first time when it starts. */
const RENEWAL_CHECKED_EVERY_MS = 3_600_000;

/** The part of an outbox that an uplink uses. */
export type Queue = Pick<
  Outbox,
  | 'agent'
  | 'lastSeq'
  | 'maySentSeq'
  | 'acked'
  | 'resumed'
  | 'after'
  | 'noteSending'
  | 'checkPending'
  | 'acknowledge'
  | 'setStoredByServer'
  | 'takeNewId'
  | 'lastEnd'
  | 'ackedEnd'
  | 'endsAfter'
  | 'acknowledgeEnds'
  | 'setEndsStoredByServer'
>;

/** The outbox, the servers, the clock and the random numbers of one uplink. */
export interface UplinkOptions {
  readonly outbox: Queue;
  /** Events sent and not yet acknowledged, at most; default WINDOW_EVENTS. */
  readonly windowEvents?: number;
  readonly host: string;
  readonly token: string | null;
  /** A random id of this start of the agent. */
  readonly run: string;
  /** Returns why the token is not to be shown over this connection, or null. */
  readonly tokenFault: (socket: Socket, name: string) => string | null;
  /** Opens a connection to the next server in turn; the caller owns addresses and TLS. */
  readonly connect: (turn: number) => Dialed;
  /** Returns the content of the next pings. */
  readonly pingContent: (isNewConnection: boolean) => readonly PingContent[];
  /** The agent's own certificate, where it is one that the server renews; else null. */
  readonly renewal?: Renewal | null;
  /** Called when the outbox cannot be read or written. */
  readonly onOutboxError: (error: unknown) => void;
  readonly log: Logger;
  readonly now: () => number;
  readonly random: () => number;
  /** Pings and silence are checked with its ticks, one each second; default: one of its own. */
  readonly ticker?: Ticker;
}

type Welcome = Extract<ServerMessage, { readonly type: 'welcome' }>;
type Ack = Extract<ServerMessage, { readonly type: 'ack' }>;

/** The uplink of one agent, for its whole life. `start` never fails: it connects again and again until `stop`. */
export class Uplink {
  readonly #options: UplinkOptions;
  #socket: Socket | null = null;
  #welcomed = false;
  /** The highest seq written to this connection, or stored by the server without that. */
  #sentSeq = 0;
  /** The highest number of an end written to this connection, or stored by the server without that; null to a server that takes none. */
  #sentEnd: number | null = null;
  /** The ends behind that which were read and wait for their logins to be sent: at most PAGE_EVENTS. */
  #readEnds: readonly PendingEnd[] = [];
  #lastReceivedMs = 0;
  #lastPingMs = 0;
  readonly #renewals: Renewals | null;
  #renewalCheckedMs = Number.NEGATIVE_INFINITY;
  #turn = 0;
  readonly #backoff = new Backoff();
  #refused = false;
  #retryTimer: NodeJS.Timeout | null = null;
  #endChecks: () => void = () => {};
  #stopping = false;
  /** Problems since the last welcome. */
  readonly #problems = new LoggedProblems(PROBLEMS_LIMIT);
  /** Whether the log has the reason why this connection ends. */
  #hasLoggedReason = false;
  #onAck: () => void = () => {};

  constructor(options: UplinkOptions) {
    const { renewal, log } = options;
    this.#options = options;
    this.#renewals = renewal ? new Renewals(renewal, log) : null;
  }

  /** True between `welcome` and the end of a connection. */
  get connected(): boolean {
    return this.#welcomed;
  }

  /** True when an event that is stored now is sent at once: connected, and nothing else waits. */
  get sendsAtOnce(): boolean {
    const { outbox, windowEvents = WINDOW_EVENTS } = this.#options;
    return (
      this.#welcomed &&
      !this.#stopping &&
      this.#sentSeq === outbox.lastSeq &&
      this.#sentSeq - outbox.acked < windowEvents
    );
  }

  /** Sets the function that is called after each acknowledgement. */
  onAck(called: () => void): void {
    this.#onAck = called;
  }

  start(): void {
    this.#endChecks = (this.#options.ticker ?? new Ticker()).add(() => this.#check());
    this.#open();
  }

  /** Sends `quit` and closes once the server has acknowledged what was sent and closed, or after `limitMs`. */
  async stop(limitMs: number): Promise<void> {
    this.#stopping = true;
    if (this.#retryTimer) clearTimeout(this.#retryTimer);
    const socket = this.#socket;
    if (socket && this.#welcomed) {
      const closed = new Promise<void>((done) => socket.once('close', () => done()));
      socket.write(encode({ type: 'quit' }));
      await Promise.race([closed, new Promise((late) => setTimeout(late, limitMs).unref())]);
    }
    this.#endChecks();
    socket?.destroy();
  }

  /** Sends pending events as far as the window and the socket allow. */
  sendPending(): void {
    this.#readingOutbox(() => this.#send());
  }

  /** Sends a ping with the agent's report at once. */
  report(isNewConnection = false): void {
    if (!this.#socket || !this.#welcomed || this.#stopping) return;
    this.#lastPingMs = this.#options.now();
    this.#readingOutbox(() => {
      for (const content of this.#options.pingContent(isNewConnection))
        this.#socket?.write(encode({ type: 'ping', ...content }));
    });
  }

  /** Runs `work`. An outbox that cannot be read ends the connection, not the process: what is pending is sent after the next welcome. */
  #readingOutbox(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#outboxFailed('read', error);
    }
  }

  #outboxFailed(at: 'read' | 'written', error: unknown): void {
    // Not as the socket's error, which would be logged as a fault of the connection.
    this.#logProblem(`The outbox cannot be ${at}: ${(error as Error).message}`);
    this.#socket?.destroy();
    this.#options.onOutboxError(error);
  }

  #send(): void {
    const { outbox, windowEvents = WINDOW_EVENTS } = this.#options;
    const socket = this.#socket;
    if (!socket || !this.#welcomed || this.#stopping) return;
    while (this.#sentSeq < outbox.lastSeq && socket.writableLength < UNSENT_LIMIT_BYTES) {
      const room = windowEvents - (this.#sentSeq - outbox.acked);
      const page = room > 0 ? outbox.after(this.#sentSeq, Math.min(PAGE_EVENTS, room)) : [];
      if (page.length === 0) break;
      const { seq: lastOfPage } = page.at(-1) as { seq: number };
      if (lastOfPage > outbox.maySentSeq && !this.#noteSending(Math.min(outbox.lastSeq, this.#sentSeq + windowEvents)))
        return;
      socket.write(page.map(({ seq, body }) => encodeEvent(seq, body)).join(''));
      this.#sentSeq = lastOfPage;
    }
    this.#sendEnds(socket);
  }

  /**
   * Notes that events up to `seq` may have been sent, before the first byte goes out: after a crash an acknowledgement of them must not
   * look like a lie. In blocks of a window, since each note is a write that waits for the disk. False where it fails.
   */
  #noteSending(seq: number): boolean {
    try {
      this.#options.outbox.noteSending(seq);
      return true;
    } catch (error) {
      this.#outboxFailed('written', error);
      return false;
    }
  }

  /** Sends ends whose login has been sent: a server must know the session that an end is of. */
  #sendEnds(socket: Socket): void {
    const { outbox } = this.#options;
    while (this.#sentEnd !== null && this.#sentEnd < outbox.lastEnd && socket.writableLength < UNSENT_LIMIT_BYTES) {
      const room = WINDOW_ENDS - (this.#sentEnd - Math.max(outbox.ackedEnd, 0));
      if (this.#readEnds.length === 0 && room > 0)
        this.#readEnds = outbox.endsAfter(this.#sentEnd, Math.min(PAGE_EVENTS, room));
      const unsent = this.#readEnds.findIndex(({ session }) => session !== null && session > this.#sentSeq);
      const ready = unsent < 0 ? this.#readEnds : this.#readEnds.slice(0, unsent);
      if (ready.length === 0) return;
      this.#readEnds = this.#readEnds.slice(ready.length);
      socket.write(ready.map(({ number, session, body }) => encodeEnd(number, session, body)).join(''));
      this.#sentEnd = ready.at(-1)?.number ?? this.#sentEnd;
    }
  }

  #open(): void {
    const { socket, name, faultOf } = this.#options.connect(this.#turn);
    this.#turn += 1;
    this.#socket = socket;
    this.#welcomed = false;
    this.#hasLoggedReason = false;
    this.#refused = false;
    this.#lastReceivedMs = this.#options.now();
    const framer = new LineFramer(LINE_LIMIT_BYTES);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, PING_EVERY_MS);
    const ready = 'encrypted' in socket ? 'secureConnect' : 'connect';
    socket.on(ready, () => this.#sendHello(socket, name));
    socket.on('drain', () => this.sendPending());
    socket.on('data', (chunk: Buffer) => {
      this.#lastReceivedMs = this.#options.now();
      for (const frame of framer.feed(chunk)) {
        if ('line' in frame) this.#receive(frame.line, socket, name);
        else socket.destroy(new Error(frame.message));
      }
    });
    socket.on('error', (error) => this.#logProblem(`No connection to ${name}: ${faultOf(error)}`));
    socket.on('close', () => this.#closed(socket, name));
  }

  #sendHello(socket: Socket, name: string): void {
    const { outbox, host, token, run, tokenFault } = this.#options;
    const fault = token === null ? null : tokenFault(socket, name);
    if (fault !== null) {
      socket.destroy(new Error(fault));
      return;
    }
    const { agent } = outbox;
    socket.write(encode({ type: 'hello', version: PROTOCOL_VERSION, agent, host, run, ...(token && { token }) }));
  }

  #receive(line: string, socket: Socket, name: string): void {
    // What is left of the data of a connection that was given up says nothing any more. One that was refused, or left for a new id, is
    // ended and still read: each further line would have its work done and its warning logged. [P10]
    if (socket !== this.#socket || socket.destroyed || socket.writableEnded) return;
    const message = readServerMessage(line);
    if (message.type === 'fault')
      socket.destroy(new Error(`the server sent a message that cannot be read: ${message.message}`));
    else this.#handle(message, socket, name);
  }

  #handle(message: ServerMessage, socket: Socket, name: string): void {
    switch (message.type) {
      case 'welcome':
        if (message.version === PROTOCOL_VERSION) {
          this.#beginRenewals(message, socket);
          this.#welcome(message, socket, name);
        } else socket.destroy(new Error(`it speaks version ${message.version}, and this agent ${PROTOCOL_VERSION}`));
        break;
      case 'ack':
        this.#acknowledged(message, socket, name);
        break;
      case 'pong':
        break;
      case 'enrolled':
        this.#renewals?.take(message.certificate);
        break;
      case 'error':
        this.#logProblem(`${name} refused this agent: ${message.code}: ${message.message}`);
        this.#refused = true;
        // What stands damaged in the outbox would be refused each time.
        if (message.code === 'bad_json')
          this.#readingOutbox(() => this.#options.outbox.checkPending(this.#options.windowEvents ?? WINDOW_EVENTS));
        socket.end();
    }
  }

  #beginRenewals({ accepts }: Welcome, socket: Socket): void {
    const send = (csr: string): void => {
      if (socket === this.#socket) socket.write(encode({ type: 'renew', csr }));
    };
    this.#renewals?.begin(accepts?.includes('renew') ? send : null);
  }

  #acknowledged({ seq, end = 0 }: Ack, socket: Socket, name: string): void {
    const { outbox } = this.#options;
    if (!this.#welcomed) return;
    // Not only what was sent on this connection: servers that share a log acknowledge what another one of them had still in its hands. [P6]
    const maySent = Math.max(this.#sentSeq, outbox.maySentSeq);
    if (seq > maySent && outbox.resumed) outbox.setStoredByServer(seq);
    else if (seq > maySent) {
      this.#goOnUnderNewId(
        `${name} acknowledged event ${seq}, and ${maySent} is the last that may have been sent`,
        socket,
      );
      return;
    }
    const maySentEnd = this.#sentEnd === null ? 0 : Math.max(this.#sentEnd, outbox.lastEnd);
    if (end > maySentEnd && this.#sentEnd !== null && outbox.resumed) outbox.setEndsStoredByServer(end);
    else if (end > maySentEnd) {
      this.#goOnUnderNewId(
        `${name} acknowledged end ${end}, and ${maySentEnd} is the last that may have been sent`,
        socket,
      );
      return;
    }
    outbox.acknowledge(seq);
    outbox.acknowledgeEnds(end);
    // What is stored need not be sent any more.
    this.#sentSeq = Math.max(this.#sentSeq, seq);
    if (this.#sentEnd !== null && end > this.#sentEnd) {
      this.#sentEnd = end;
      this.#readEnds = this.#readEnds.filter(({ number }) => number > end);
    }
    this.#onAck();
    this.sendPending();
  }

  /** Believes nothing of what this server says of the agent: it confuses the agent with another one, or lies. */
  #goOnUnderNewId(reason: string, socket: Socket): void {
    this.#welcomed = false;
    let maySentTwice: number;
    try {
      maySentTwice = this.#options.outbox.takeNewId();
    } catch (error) {
      // The next connection comes to the same point, and takes the new id once the disk has room.
      this.#outboxFailed('written', error);
      return;
    }
    this.#options.log.warn(`${reason}; going on under a new id, ${maySentTwice} events may stand twice`);
    // A new id needs a new hello, which is only allowed once per connection.
    socket.end(encode({ type: 'quit' }));
    this.#backoff.reset();
    this.#hasLoggedReason = true;
  }

  /** Goes on after what the server has, where that may have been sent; else under a new id. [P5] [P6] */
  #welcome({ seq, end = 0, accepts }: Welcome, socket: Socket, name: string): void {
    const { outbox, log } = this.#options;
    if (this.#welcomed) return;
    if (seq > outbox.maySentSeq && outbox.resumed) outbox.setStoredByServer(seq);
    else if (seq > outbox.maySentSeq) {
      this.#goOnUnderNewId(
        `${name} has ${seq} events of this agent, its state folder has sent ${outbox.maySentSeq}: it is an older copy, or the server is not to be believed`,
        socket,
      );
      return;
    }
    const takesEnds = accepts?.includes('end') === true;
    if (takesEnds && end > outbox.lastEnd && outbox.resumed) outbox.setEndsStoredByServer(end);
    else if (takesEnds && end > outbox.lastEnd) {
      this.#goOnUnderNewId(
        `${name} has ${end} ends of sessions of this agent, its state folder has ${outbox.lastEnd}: it is an older copy, or the server is not to be believed`,
        socket,
      );
      return;
    }
    log.info(`Connected to ${name}`);
    this.#problems.clear();
    this.#welcomed = true;
    outbox.acknowledge(seq);
    this.#sentSeq = seq;
    if (takesEnds) outbox.acknowledgeEnds(end);
    this.#sentEnd = takesEnds ? Math.max(end, outbox.ackedEnd) : null;
    this.#readEnds = [];
    this.#onAck();
    this.report(true);
    this.sendPending();
  }

  #closed(socket: Socket, name: string): void {
    if (socket !== this.#socket) return;
    const { random, log } = this.#options;
    if (this.#welcomed && !this.#stopping) log.warn(`Connection to ${name} closed`);
    if (!this.#welcomed && !this.#stopping && !this.#hasLoggedReason)
      this.#logProblem(
        `${name} closed the connection without a welcome: is it an alphaserver, and is it tcp:// or tls:// there?`,
      );
    const ending = this.#refused ? 'refused' : this.#welcomed ? 'lost' : 'failed';
    this.#socket = null;
    this.#welcomed = false;
    if (!this.#stopping) this.#retryTimer = setTimeout(() => this.#open(), this.#backoff.next(ending, random()));
  }

  /** Logs why this connection ends, once an hour: several servers have each their own reasons. */
  #logProblem(text: string): void {
    const { log, now } = this.#options;
    this.#hasLoggedReason = true;
    if (this.#problems.isDue(text, now())) log.warn(`${text}; trying again`);
  }

  #check(): void {
    const nowMs = this.#options.now();
    const socket = this.#socket;
    if (!socket) return;
    const limitMs = this.#welcomed ? SILENCE_LIMIT_MS : HELLO_TIMEOUT_MS;
    if (Math.abs(nowMs - this.#lastReceivedMs) > limitMs)
      socket.destroy(new Error(`the server sent nothing for ${limitMs / 1_000} s`));
    else if (Math.abs(nowMs - this.#lastPingMs) >= PING_EVERY_MS) this.report();
    if (this.#welcomed && Math.abs(nowMs - this.#renewalCheckedMs) >= RENEWAL_CHECKED_EVERY_MS) {
      this.#renewalCheckedMs = nowMs;
      if (!this.#stopping) this.#renewals?.look(nowMs);
    }
  }
}
