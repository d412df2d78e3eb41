/** A proxy of HTTP that can hold the live stream, as a network does that lost a connection without a word; all else goes on. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A proxy before the server of a port. */
export class StreamProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections of the live stream to viewers. */
  readonly #streams = new Set<Socket>();
  /** What the server sent to those that are held, oldest first. */
  readonly #held = new Map<Socket, Buffer[]>();
  #given = '';

  private constructor(port: number) {
    this.#server = createServer((client) => {
      const server = connect(port, '127.0.0.1');
      client.on('data', (bytes) => {
        if (bytes.includes('GET /api/stream')) this.#streams.add(client);
        server.write(bytes);
      });
      server.on('data', (bytes) => {
        const held = this.#held.get(client);
        if (held !== undefined) return void held.push(bytes);
        if (this.#streams.has(client)) this.#given += bytes;
        client.write(bytes);
      });
      for (const [one, other] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(one);
        one.on('error', () => {});
        one.on('close', () => {
          this.#sockets.delete(one);
          this.#streams.delete(one);
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

  /** All that streams have given to viewers so far. */
  get given(): string {
    return this.#given;
  }

  /** Holds back from now on what comes by the streams that there are; one that is opened later is not held. */
  hold(): void {
    for (const stream of this.#streams) this.#held.set(stream, []);
  }

  /** Gives out what was held, and holds nothing back any more. */
  release(): void {
    for (const [stream, held] of this.#held) for (const bytes of held) stream.write(bytes);
    this.#held.clear();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
