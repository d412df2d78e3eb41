/**
 * `fleet.ts PORT FIRST COUNT OF`: the agents FIRST to FIRST + COUNT of a fleet of OF, each one socket. Prints `connected`, `minute`
 * and `back` with JSON behind: when all are connected, when each has sent an event within a minute (once standard input says so),
 * and when all are connected again after they were cut off.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { agentOf, hostName } from './login-stream.ts';

const [port = 0, first = 0, count = 0, of = 0] = process.argv.slice(2).map(Number);
/** One address of loopback has ports for some 28,000 connections to the same server. */
const ADDRESSES = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4'];
/** Connections that are being made at once, and the wait before a refused one is tried again. */
const AT_ONCE = 100;
const RETRY_MS = 500;
const MINUTE_MS = 60_000;
const PING_EVERY_MS = 15_000;

/** Milliseconds that each acknowledgement took. */
const waits: number[] = [];
let refused = 0;

class Agent {
  readonly #number: number;
  #socket: Socket | null = null;
  #seq = 0;
  #sentMs = 0;
  #lost: () => void = () => {};
  #acknowledged: () => void = () => {};

  constructor(number: number) {
    this.#number = number;
  }

  /** Connects, again and again, until the server welcomes it. */
  async connect(): Promise<void> {
    while (!(await this.#try())) await pause(RETRY_MS);
  }

  /** Resolves when the connection is lost. */
  get lost(): Promise<void> {
    return new Promise((done) => {
      this.#lost = done;
    });
  }

  ping(): void {
    this.#socket?.write('{"type":"ping"}\n');
  }

  send(): Promise<void> {
    this.#seq += 1;
    this.#sentMs = performance.now();
    const event = {
      outcome: 'failed',
      method: 'password',
      user: 'root',
      invalidUser: false,
      ip: '192.0.2.1',
      port: 22,
    };
    this.#socket?.write(
      `${JSON.stringify({ type: 'event', seq: this.#seq, at: new Date().toISOString(), ...event })}\n`,
    );
    return new Promise((done) => {
      this.#acknowledged = done;
    });
  }

  #try(): Promise<boolean> {
    return new Promise((done) => {
      const localAddress = ADDRESSES[this.#number % ADDRESSES.length] as string;
      const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true });
      socket.on('error', () => {});
      socket.on('close', () => {
        done(false);
        this.#lost();
      });
      socket.on('data', (chunk) => {
        const text = String(chunk);
        if (text.includes('"error"')) refused += 1;
        if (text.includes('"welcome"')) done(true);
        if (!text.includes('"ack"')) return;
        waits.push(performance.now() - this.#sentMs);
        this.#acknowledged();
      });
      const host = hostName(this.#number);
      socket.write(`${JSON.stringify({ type: 'hello', version: 1, agent: agentOf(this.#number), host })}\n`);
      this.#socket = socket;
    });
  }
}

const agents = Array.from({ length: count }, (_, i) => new Agent(first + i));
setInterval(() => {
  for (const [i, agent] of agents.entries()) setTimeout(() => agent.ping(), ((first + i) / of) * PING_EVERY_MS);
}, PING_EVERY_MS);

async function all(): Promise<number> {
  const begunMs = performance.now();
  const waiting = [...agents];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let one = waiting.pop(); one; one = waiting.pop()) await one.connect();
    }),
  );
  return performance.now() - begunMs;
}

const print = (word: string, tookMs: number): void => {
  console.log(`${word} ${JSON.stringify({ tookMs, refused, waits })}`);
};

print('connected', await all());
await once(process.stdin, 'data');
await Promise.all(agents.map(async (agent, i) => pause(((first + i) / of) * MINUTE_MS).then(() => agent.send())));
const lost = Promise.all(agents.map((agent) => agent.lost));
print('minute', 0);
await lost;
refused = 0;
print('back', await all());
process.exit(0);
