/** Agents of a benchmark: sockets that send events and hear when they are stored. */
import { connect, type Socket } from 'node:net';
import { agentOf, hostName, LoginStream } from './login-stream.ts';

/** As real agents do while they wait. */
const PING_EVERY_MS = 15_000;
/** Numbers of hosts that no made store has: the seqs of these begin at 1. */
const FIRST_HOST = 10_000;

/** One agent's connection. */
export class BenchAgent {
  readonly #socket: Socket;
  readonly #stream: LoginStream;
  readonly #host: number;
  readonly #pings: NodeJS.Timeout;
  #acknowledged = 0;
  #sent = 0;
  #heard: (() => void)[] = [];

  /** `host`: a name that the server knows, where it knows as many as it takes. */
  constructor(port: number, number: number, host = hostName(FIRST_HOST + number)) {
    this.#host = FIRST_HOST + number;
    this.#stream = new LoginStream({
      ...{ events: 1_000_000, days: 1 / 24, endMs: Date.now(), hosts: 1, sources: 50_000, users: 5_000 },
    });
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let text = '';
    this.#socket.on('data', (chunk) => {
      text += chunk;
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        const { type, seq, message } = JSON.parse(line) as { type: string; seq: number; message?: string };
        if (type === 'error') throw new Error(message);
        if (type === 'ack') this.#acknowledged = seq;
      }
      for (const heard of this.#heard.splice(0)) heard();
    });
    this.#pings = setInterval(() => this.#socket.write('{"type":"ping"}\n'), PING_EVERY_MS);
    this.#socket.write(`${JSON.stringify({ type: 'hello', version: 1, agent: agentOf(this.#host), host })}\n`);
  }

  /** The next events as lines of the wire. */
  lines(events: number): string {
    return this.#stream
      .ofOne(this.#host, events)
      .events.map(({ seq, event }) => `${JSON.stringify({ type: 'event', seq, ...event })}\n`)
      .join('');
  }

  /** Sends lines that were made before, of so many events; resolves once all are acknowledged, with how long that took. */
  async send(lines: string, events: number): Promise<number> {
    const begun = performance.now();
    this.#sent += events;
    const last = this.#sent;
    this.#socket.write(lines);
    while (this.#acknowledged < last) await new Promise<void>((heard) => this.#heard.push(heard));
    return performance.now() - begun;
  }

  close(): void {
    clearInterval(this.#pings);
    this.#socket.destroy();
  }
}
