/** A proxy of HTTP that can hold the live stream, as a network does that lost a connection without a word; all else goes on. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A proxy before the server of a port. */
export class StreamProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** What the server sent on streams that are held, oldest first. */
  readonly #held: [to: Socket, bytes: Buffer][] = [];
  #isHeld = false;

  private constructor(port: number) {
    this.#server = createServer((client) => {
      const server = connect(port, '127.0.0.1');
      let isStream = false;
      client.on('data', (bytes) => {
        isStream ||= bytes.includes('GET /api/stream');
        server.write(bytes);
      });
      server.on('data', (bytes) => {
        if (isStream && this.#isHeld) this.#held.push([client, bytes]);
        else client.write(bytes);
      });
      for (const [one, other] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(one);
        one.on('error', () => {});
        one.on('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
      }
    });
  }

  /** Listens on a free port of loopback. */
  static async before(port: number): Promise<StreamProxy> {
    const proxy = new StreamProxy(port);
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Holds back what comes by streams from now on. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Gives out what was held, and holds nothing back any more. */
  release(): void {
    this.#isHeld = false;
    for (const [to, bytes] of this.#held.splice(0)) to.write(bytes);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
