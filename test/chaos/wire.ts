import { connect, createServer, type Server, type Socket } from 'node:net';

/** Stands between two programs, and breaks what goes through it: at once, in the middle of a line, by standing still, or by being slow. */
export class Wire {
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();
  #stalled = false;
  /** How much later each piece arrives; once above 0 it stays, so that pieces keep their order. */
  #delayMs = 0;
  port = 0;

  constructor(to: number) {
    this.#server = createServer((near) => {
      const far = connect(to, '127.0.0.1');
      const pair: [Socket, Socket] = [near, far];
      this.#pairs.add(pair);
      const end = () => {
        near.destroy();
        far.destroy();
        this.#pairs.delete(pair);
      };
      for (const socket of pair) socket.on('error', end).on('close', end);
      near.on('data', (chunk) => this.#pass(chunk, far));
      far.on('data', (chunk) => this.#pass(chunk, near));
      if (this.#stalled) this.#hold(pair);
    });
  }

  open(): Promise<void> {
    return new Promise((done) => {
      this.#server.listen(0, '127.0.0.1', () => {
        this.port = (this.#server.address() as { port: number }).port;
        done();
      });
    });
  }

  /** Cuts every connection; with `inside`, after passing on one more half of what comes. */
  cut(inside: boolean): void {
    for (const [near, far] of this.#pairs) {
      if (!inside) {
        near.destroy();
        continue;
      }
      near.removeAllListeners('data');
      near.once('data', (chunk) => {
        far.write(chunk.subarray(0, Math.ceil(chunk.length / 2)));
        far.end();
        setImmediate(() => near.destroy());
      });
    }
  }

  /** Lets nothing through, either way, until `resume`. */
  stall(): void {
    this.#stalled = true;
    for (const pair of this.#pairs) this.#hold(pair);
  }

  resume(): void {
    this.#stalled = false;
    for (const pair of this.#pairs) for (const socket of pair) socket.resume();
  }

  /** Passes each piece on so much later, from now on. */
  slow(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  close(): void {
    this.#server.close();
    for (const [near] of this.#pairs) near.destroy();
  }

  #pass(chunk: Buffer, to: Socket): void {
    if (this.#delayMs === 0) to.write(chunk);
    else setTimeout(() => to.write(chunk), this.#delayMs);
  }

  #hold(pair: [Socket, Socket]): void {
    for (const socket of pair) socket.pause();
  }
}
