/** The connection to alphaserver: says hello, sends what waits in the outbox, notes what is acknowledged, comes back when it breaks. */
import type { Socket } from 'node:net';
import { LineFramer } from '../../protocol/framing.ts';
import {
  encode,
  encodeEvent,
  HELLO_TIMEOUT_MS,
  LINE_LIMIT_BYTES,
  PING_EVERY_MS,
  PROTOCOL_VERSION,
  readServerMessage,
  type ServerMessage,
  SILENCE_LIMIT_MS,
} from '../../protocol/messages.ts';
import { Backoff } from './backoff.ts';
import type { UplinkOptions } from './uplink-options.ts';

/** Events sent and not yet acknowledged, at most. See `npm run bench`: above this nothing gets faster. */
export const WINDOW_EVENTS = 8_192;
/** Events read from the outbox at once. */
const PAGE_EVENTS = 512;
/** Bytes that may wait in the socket before sending pauses until it drains. */
const UNSENT_LIMIT_BYTES = 262_144;
/** How often the clock is looked at: for pings and for silence. */
const LOOK_EVERY_MS = 1_000;

/** One uplink for the life of the agent. `start` never fails: it goes on trying until `stop`. */
export class Uplink {
  readonly #options: UplinkOptions;
  #socket: Socket | null = null;
  #welcomed = false;
  /** The highest seq written to this connection. */
  #sent = 0;
  #heardMs = 0;
  #pingedMs = 0;
  #turn = 0;
  readonly #backoff = new Backoff();
  #refused = false;
  #retry: NodeJS.Timeout | null = null;
  #look: NodeJS.Timeout | null = null;
  #stopping = false;
  #complained = '';
  /** Whether anybody was told why this connection is no good. */
  #explained = false;
  #onAck: () => void = () => {};

  constructor(options: UplinkOptions) {
    this.#options = options;
  }

  /** True between welcome and the end of a connection. */
  get connected(): boolean {
    return this.#welcomed;
  }

  /** Sets what is called after each acknowledgement. */
  onAck(called: () => void): void {
    this.#onAck = called;
  }

  start(): void {
    this.#look = setInterval(() => this.#check(), LOOK_EVERY_MS);
    this.#open();
  }

  /** Says goodbye and closes, after what is in the outbox has been acknowledged or `limitMs` have passed. */
  async stop(limitMs: number): Promise<void> {
    this.#stopping = true;
    if (this.#retry) clearTimeout(this.#retry);
    const socket = this.#socket;
    if (socket && this.#welcomed) {
      const gone = new Promise<void>((done) => socket.once('close', () => done()));
      socket.write(encode({ type: 'quit' }));
      await Promise.race([gone, new Promise((late) => setTimeout(late, limitMs).unref())]);
    }
    if (this.#look) clearInterval(this.#look);
    socket?.destroy();
  }

  /** There is something new in the outbox. */
  wake(): void {
    this.#reading(() => this.#send());
  }

  /** Tells the server at once how the agent is doing. */
  report(fresh = false): void {
    if (!this.#socket || !this.#welcomed || this.#stopping) return;
    this.#pingedMs = this.#options.now();
    this.#reading(() => this.#socket?.write(encode({ type: 'ping', ...this.#options.tell(fresh) })));
  }

  /** An outbox that cannot be read for now ends the connection, not the process: what waits in it is sent after the next welcome. */
  #reading(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#socket?.destroy(new Error(`the outbox cannot be read: ${(error as Error).message}`));
      this.#options.failed(error);
    }
  }

  #send(): void {
    const { outbox, windowEvents = WINDOW_EVENTS } = this.#options;
    const socket = this.#socket;
    if (!socket || !this.#welcomed || this.#stopping) return;
    while (this.#sent < outbox.lastSeq && socket.writableLength < UNSENT_LIMIT_BYTES) {
      const room = windowEvents - (this.#sent - outbox.acked);
      const page = room > 0 ? outbox.after(this.#sent, Math.min(PAGE_EVENTS, room)) : [];
      if (page.length === 0) return;
      socket.write(page.map(({ seq, body }) => encodeEvent(seq, body)).join(''));
      this.#sent = (page.at(-1) as { seq: number }).seq;
    }
  }

  #open(): void {
    const { socket, name } = this.#options.connect(this.#turn);
    this.#turn += 1;
    this.#socket = socket;
    this.#welcomed = false;
    this.#explained = false;
    this.#refused = false;
    this.#heardMs = this.#options.now();
    const framer = new LineFramer(LINE_LIMIT_BYTES);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, PING_EVERY_MS);
    const ready = 'encrypted' in socket ? 'secureConnect' : 'connect';
    socket.on(ready, () => this.#greet(socket));
    socket.on('drain', () => this.wake());
    socket.on('data', (chunk: Buffer) => {
      this.#heardMs = this.#options.now();
      for (const frame of framer.feed(chunk)) {
        if ('line' in frame) this.#take(frame.line, socket, name);
        else socket.destroy(new Error(frame.message));
      }
    });
    socket.on('error', (error) => this.#complain(`No connection to ${name}: ${error.message}`));
    socket.on('close', () => this.#closed(socket, name));
  }

  #greet(socket: Socket): void {
    const { outbox, host, token } = this.#options;
    socket.write(
      encode({ type: 'hello', version: PROTOCOL_VERSION, agent: outbox.agent, host, ...(token ? { token } : {}) }),
    );
  }

  #take(line: string, socket: Socket, name: string): void {
    if (socket !== this.#socket) return;
    const message = readServerMessage(line);
    if (message.type === 'fault') socket.destroy(new Error(`the server sent what cannot be read: ${message.message}`));
    else this.#serve(message, socket, name);
  }

  #serve(message: ServerMessage, socket: Socket, name: string): void {
    switch (message.type) {
      case 'welcome':
        this.#welcome(message.seq, socket, name);
        break;
      case 'ack':
        this.#options.outbox.acknowledge(message.seq);
        this.#onAck();
        this.wake();
        break;
      case 'pong':
        break;
      case 'error':
        this.#complain(`${name} refused this agent: ${message.code}: ${message.message}`);
        this.#refused = true;
        socket.end();
    }
  }

  #welcome(seq: number, socket: Socket, name: string): void {
    const { outbox, log } = this.#options;
    if (this.#welcomed) return;
    if (seq > outbox.lastSeq && outbox.resumed) outbox.expect(seq);
    else if (seq > outbox.lastSeq) {
      log.warn(
        `${name} has ${seq} events of this agent, its state folder has given out ${outbox.lastSeq}: it is an older copy; going on under a new id`,
      );
      outbox.renew();
      // A new id is a new agent: say hello again, on a new connection.
      socket.end(encode({ type: 'quit' }));
      this.#backoff.reset();
      this.#explained = true;
      return;
    }
    log.info(`Connected to ${name}`);
    this.#complained = '';
    this.#welcomed = true;
    outbox.acknowledge(seq);
    this.#sent = seq;
    this.#onAck();
    this.report(true);
    this.wake();
  }

  #closed(socket: Socket, name: string): void {
    if (socket !== this.#socket) return;
    const { chance, log } = this.#options;
    if (this.#welcomed && !this.#stopping) log.warn(`Connection to ${name} closed`);
    if (!this.#welcomed && !this.#stopping && !this.#explained)
      this.#complain(
        `${name} closed the connection without a welcome: is it an alphaserver, and is it tcp:// or tls:// there?`,
      );
    const ending = this.#refused ? 'refused' : this.#welcomed ? 'lost' : 'failed';
    this.#socket = null;
    this.#welcomed = false;
    if (!this.#stopping) this.#retry = setTimeout(() => this.#open(), this.#backoff.next(ending, chance()));
  }

  /** The same complaint is told once, not at every try. */
  #complain(text: string): void {
    if (text !== this.#complained) this.#options.log.warn(`${text}; trying again`);
    this.#complained = text;
    this.#explained = true;
  }

  #check(): void {
    const nowMs = this.#options.now();
    const socket = this.#socket;
    if (!socket) return;
    const limit = this.#welcomed ? SILENCE_LIMIT_MS : HELLO_TIMEOUT_MS;
    if (Math.abs(nowMs - this.#heardMs) > limit) socket.destroy(new Error('nothing was heard for too long'));
    else if (Math.abs(nowMs - this.#pingedMs) >= PING_EVERY_MS) this.report();
  }
}
