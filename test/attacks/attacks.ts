/** Attacks on a running alphaserver, as outside clients make them: over real sockets, each until it is stopped. */
import { randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';

/** What attackers know of their target. */
export interface Target {
  readonly port: number;
  readonly httpPort: number;
  /** The page's password, which a viewer has who attacks. */
  readonly password: string;
  /** A token that may report any host, and one for its own host: those of hosts that were taken over. */
  readonly token: string;
  readonly ownToken: string;
}

/** Attackers have an address of their own: connections without a hello are bounded by address. */
const ATTACKER = '127.0.0.66';

/** The connections of one attack, opened again when they are cut off. */
class Crowd {
  readonly #sockets = new Set<Socket>();
  #stopped = false;

  /** Opens a connection; `act` does what it is for. Its end brings another one, a moment later. */
  join(port: number, act: (socket: Socket) => void): void {
    if (this.#stopped) return;
    const socket = connect({ port, host: '127.0.0.1', localAddress: ATTACKER });
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('connect', () => act(socket));
    socket.on('close', () => {
      this.#sockets.delete(socket);
      setTimeout(() => this.join(port, act), 20).unref();
    });
  }

  stop(): void {
    this.#stopped = true;
    for (const socket of this.#sockets) socket.destroy();
  }
}

const line = (message: object): string => `${JSON.stringify(message)}\n`;
const hello = (token: string | null, more: object = {}): string =>
  line({ type: 'hello', version: 1, agent: randomUUID(), host: 'evil', token, ...more });
const event = (seq: number, more: object = {}): object => ({
  type: 'event',
  seq,
  at: new Date().toISOString(),
  outcome: 'failed',
  method: 'password',
  user: `u${seq % 5_000}`,
  ip: `198.51.${(seq >> 8) & 255}.${seq & 255}`,
  port: 40_000,
  ...more,
});

/** Sends a text one byte a packet. */
function byByte(socket: Socket, text: string): void {
  socket.setNoDelay(true);
  let at = 0;
  const next = (): void => {
    if (at >= text.length || socket.destroyed) return;
    socket.write(text[at++] as string);
    setImmediate(next);
  };
  next();
}

/** Writes whatever `next` gives for as long as the peer takes it. */
function flood(socket: Socket, next: () => string): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(next()));
  };
  socket.on('drain', more);
  more();
}

/** A question of throughput besides, so that it is measured by itself and not among all at once. */
export const UNPACED = 'events of ever new users and sources, as fast as they are read';

/** Each attack by its name. */
const ATTACKS: Readonly<Record<string, (crowd: Crowd, target: Target) => void>> = {
  'lines sent byte by byte before hello': (crowd, { port }) => {
    for (let i = 0; i < 20; i++) crowd.join(port, (socket) => byByte(socket, 'x'.repeat(60_000)));
  },
  'connections that say nothing': (crowd, { port }) => {
    for (let i = 0; i < 1_200; i++) crowd.join(port, () => {});
  },
  'lines that never end': (crowd, { port }) => {
    for (let i = 0; i < 50; i++)
      crowd.join(port, (socket) => socket.write('{"type":"hello","agent":"'.padEnd(60_000, 'y')));
  },
  'guessed tokens': (crowd, { port }) => {
    for (let i = 0; i < 50; i++) crowd.join(port, (socket) => socket.write(hello(randomUUID())));
  },
  'nested JSON, numbers near 2^53, the year 9999': (crowd, { port, token }) => {
    const wrong = [
      `${'['.repeat(30_000)}\n`,
      line(event(2 ** 53 - 1)),
      line(event(1, { at: '9999-12-31T23:59:59.999Z' })),
      line(event(1, { ip: 'x'.repeat(60_000) })),
    ];
    let turn = 0;
    for (let i = 0; i < 10; i++)
      crowd.join(port, (socket) => socket.write(hello(i % 2 === 0 ? token : null) + wrong[turn++ % wrong.length]));
  },
  'hosts, users and sources without end, and acknowledgements that nobody reads': (crowd, { port, token }) => {
    const agent = randomUUID();
    crowd.join(port, (socket) => {
      socket.pause();
      socket.write(hello(token, { agent }));
      let seq = 0;
      flood(socket, () => line(event(++seq, { host: `flood-${seq}` })));
    });
  },
  'events of ever new users and sources': (crowd, { port, ownToken }) => {
    const agent = randomUUID();
    let seq = 0;
    crowd.join(port, (socket) => {
      socket.resume();
      socket.write(hello(ownToken, { agent, host: 'taken' }));
      // 20,000 a second: more is a question of throughput, which other benches answer.
      const timer = setInterval(() => {
        if (socket.writableNeedDrain) return;
        socket.write(Array.from({ length: 1_000 }, () => line(event(++seq))).join(''));
      }, 50);
      socket.on('close', () => clearInterval(timer));
    });
  },
  [UNPACED]: (crowd, { port, ownToken }) => {
    const agent = randomUUID();
    let seq = 0;
    crowd.join(port, (socket) => {
      socket.resume();
      socket.write(hello(ownToken, { agent, host: 'taken' }));
      flood(socket, () =>
        line(event(++seq, { user: `u${seq}`, ip: `10.${(seq >> 16) & 255}.${(seq >> 8) & 255}.${seq & 255}` })),
      );
    });
  },
  'viewers that never read': (crowd, { httpPort, password }) => {
    for (let i = 0; i < 60; i++)
      crowd.join(httpPort, (socket) => {
        socket.pause();
        socket.write(request('GET', '/api/stream', password));
      });
  },
  'large answers that nobody reads': (crowd, { httpPort, password }) => {
    for (let i = 0; i < 60; i++)
      crowd.join(httpPort, (socket) => {
        socket.pause();
        const asked = request('GET', `/api/events?limit=1000&until=${1 + (i % 7)}s`, password);
        socket.write(asked.repeat(20));
      });
  },
  'headers and bodies sent byte by byte': (crowd, { httpPort, password }) => {
    for (let i = 0; i < 100; i++)
      crowd.join(httpPort, (socket) => {
        socket.write('GET / HTTP/1.1\r\n');
        const timer = setInterval(() => socket.write('a'), 500);
        socket.on('close', () => clearInterval(timer));
      });
    for (let i = 0; i < 50; i++)
      crowd.join(httpPort, (socket) => {
        socket.write(request('POST', '/api/alerts/x/ack', password, 'content-length: 1000000'));
        const timer = setInterval(() => socket.write('b'), 500);
        socket.on('close', () => clearInterval(timer));
      });
  },
  'guessed passwords and foreign host names': (crowd, { httpPort }) => {
    for (let i = 0; i < 20; i++)
      crowd.join(httpPort, (socket) => socket.write(request('GET', '/api/hosts', randomUUID())));
    for (let i = 0; i < 20; i++)
      crowd.join(httpPort, (socket) => socket.write('GET /api/hosts HTTP/1.1\r\nHost: evil.example.org\r\n\r\n'));
  },
};

function request(method: string, path: string, password: string, ...headers: readonly string[]): string {
  const basic = Buffer.from(`:${password}`, 'utf8').toString('base64');
  return [`${method} ${path} HTTP/1.1`, 'Host: localhost', `Authorization: Basic ${basic}`, ...headers, '', ''].join(
    '\r\n',
  );
}

/** The names of the attacks that are made at once. */
export const ATTACK_NAMES: readonly string[] = Object.keys(ATTACKS).filter((name) => name !== UNPACED);

/** Starts the named attacks, or all; returns what stops them. */
export function attack(target: Target, names: readonly string[] = ATTACK_NAMES): () => void {
  const crowds = names.map((name) => {
    const crowd = new Crowd();
    ATTACKS[name]?.(crowd, target);
    return crowd;
  });
  return () => {
    for (const crowd of crowds) crowd.stop();
  };
}
