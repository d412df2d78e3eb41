import { connect, createServer, type Server, type Socket } from 'node:net';

/** Stands between agent and server, and breaks what goes through it: at once, in the middle of a line, or by standing still. */
export class Wire {
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();
  #stalled = false;
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
      near.on('data', (chunk) => far.write(chunk));
      far.on('data', (chunk) => near.write(chunk));
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

  close(): void {
    this.#server.close();
    for (const [near] of this.#pairs) near.destroy();
  }

  #hold(pair: [Socket, Socket]): void {
    for (const socket of pair) socket.pause();
  }
}
