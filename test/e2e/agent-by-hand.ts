/** An agent made of a socket, for what a test wants to have happened. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { LoginEvent } from '../../protocol/event.ts';
import type { AgentReport, DeclaredGap, ShapeCount } from '../../protocol/report.ts';
import { until } from '../until.ts';
import { CAUGHT_UP } from '../wire-messages.ts';

/** Often enough for the server not to take it for dead. */
const PING_MS = 10_000;

const WELL: AgentReport = { ...CAUGHT_UP, linesRead: 100 };
const NOTHING: Omit<LoginEvent, 'outcome'> = {
  at: null,
  method: 'password',
  user: 'root',
  invalidUser: false,
  ip: '192.0.2.1',
  port: 40_000,
};

/** What `events` takes. */
export type EventByHand = Partial<LoginEvent> & Pick<LoginEvent, 'outcome'>;

/** Makes so many failed logins of one source. */
export const failures = (count: number, ip: string, more: Partial<LoginEvent> = {}): EventByHand[] =>
  Array.from({ length: count }, () => ({ outcome: 'failed', ip, user: 'root', ...more }));

/** A connected agent. Times are now unless given. */
export class AgentByHand {
  readonly #socket: Socket;
  readonly #pings: NodeJS.Timeout;
  #seq = 0;
  #acked = 0;
  #received = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#pings = setInterval(() => this.#send({ type: 'ping' }), PING_MS).unref();
    socket.on('error', () => {}).on('close', () => clearInterval(this.#pings));
    socket.setEncoding('utf8').on('data', (text: string) => {
      this.#received += text;
      const lines = this.#received.split('\n');
      this.#received = lines.pop() ?? '';
      for (const line of lines) {
        const { type, seq } = JSON.parse(line) as { type: string; seq: number };
        if (type === 'ack' || type === 'welcome') this.#acked = seq;
      }
    });
  }

  /** Connects, and says that all is well. */
  static async of(host: string, port: number): Promise<AgentByHand> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const agent = new AgentByHand(socket);
    agent.#send({ type: 'hello', version: 1, agent: randomUUID(), host });
    agent.reports();
    return agent;
  }

  /** Sends events; resolves when they are stored. */
  async events(...events: EventByHand[]): Promise<void> {
    for (const event of events) {
      this.#seq += 1;
      this.#send({ type: 'event', seq: this.#seq, ...NOTHING, ...event, at: event.at ?? new Date().toISOString() });
    }
    await until(
      () => this.#acked === this.#seq,
      () => `event ${this.#seq} is stored, ${this.#acked} are`,
    );
  }

  /** Sends a ping with a report. */
  reports(
    report: Partial<AgentReport> = {},
    more: { shapes?: readonly ShapeCount[]; gaps?: readonly DeclaredGap[] } = {},
  ): void {
    this.#send({ type: 'ping', report: { ...WELL, sentSeq: this.#seq, ...report }, ...more });
  }

  /** Sends quit. */
  async leaves(): Promise<void> {
    this.#send({ type: 'quit' });
    await once(this.#socket, 'close');
  }

  #send(message: object): void {
    this.#socket.write(`${JSON.stringify(message)}\n`);
  }
}
