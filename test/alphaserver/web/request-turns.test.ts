import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { boundRequests, type RequestLimits } from '../../../alphaserver/web/request-turns.ts';
import { until } from '../../until.ts';

async function served(
  context: TestContext,
  listener: RequestListener,
  limits: Partial<RequestLimits> = {},
): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer(listener);
  boundRequests(server, limits);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, server };
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const numbered = (count: number): string => Array.from({ length: count }, (_, i) => get(`/${i}`)).join('');

/** Opens a connection and keeps what comes; reading begins at once. */
function client(port: number): { readonly socket: Socket; received(): string } {
  let received = '';
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text;
  });
  return { socket, received: () => received };
}

test('requests of one connection are handled one after the other, in their order, however many stand in a packet', async (context) => {
  let inHand = 0;
  let most = 0;
  const { port } = await served(context, async ({ url }, response) => {
    inHand += 1;
    most = Math.max(most, inHand);
    await new Promise(setImmediate);
    inHand -= 1;
    response.end(`[${url}]`);
  });
  const { socket, received } = client(port);
  socket.write(numbered(50));
  await until(
    () => received().includes('[/49]'),
    () => received(),
  );
  assert.deepEqual(
    [...received().matchAll(/\[\/(\d+)\]/g)].map(([, number]) => Number(number)),
    Array.from({ length: 50 }, (_, i) => i),
  );
  assert.equal(most, 1);
});

test('requests of many connections are begun a few in each turn of the event loop', async (context) => {
  let turn = 0;
  let isCounting = true;
  const count = (): void => {
    turn += 1;
    if (isCounting) setImmediate(count);
  };
  count();
  context.after(() => {
    isCounting = false;
  });
  const begun = new Map<number, number>();
  const { port } = await served(context, (_request, response) => {
    begun.set(turn, (begun.get(turn) ?? 0) + 1);
    response.end('x');
  });
  const clients = Array.from({ length: 60 }, () => client(port));
  for (const { socket } of clients) socket.write(numbered(20));
  await until(() => clients.every(({ received }) => received().split('HTTP/1.1 200').length === 21));
  const most = Math.max(...begun.values());
  assert.ok(most <= 16, `${most} in one turn`);
});

test('a connection with more waiting requests than its limit is cut off, and others are served', async (context) => {
  let handled = 0;
  const { port } = await served(
    context,
    (_request, response) => {
      handled += 1;
      if (handled > 1) response.end('x');
    },
    { pipelined: 5 },
  );
  const within = client(port);
  within.socket.write(numbered(6));
  const beyond = client(port);
  await until(() => handled === 1);
  beyond.socket.write(numbered(7));
  await once(beyond.socket, 'close');
  const other = client(port);
  other.socket.write(get('/'));
  await until(() => other.received().includes('200 OK'));
  assert.equal(within.socket.readyState, 'open');
  within.socket.destroy();
  beyond.socket.destroy();
  other.socket.destroy();
});

test('all connections together may have so many requests that wait; what one had is given back when it closes', async (context) => {
  let begun = 0;
  const { port } = await served(
    context,
    () => {
      begun += 1;
    },
    { pipelinedOfAll: 10 },
  );
  const first = client(port);
  first.socket.write(numbered(11));
  await until(() => begun === 1);
  const second = client(port);
  second.socket.write(get('/'));
  // Its first request waits for no other one.
  await until(() => begun === 2);
  second.socket.write(get('/'));
  await once(second.socket, 'close');
  first.socket.destroy();
  const third = client(port);
  await until(async () => {
    const fourth = client(port);
    fourth.socket.write(numbered(8));
    const isCut = await Promise.race([
      once(fourth.socket, 'close').then(() => true),
      new Promise<boolean>((later) => setTimeout(later, 50, false)),
    ]);
    fourth.socket.destroy();
    return !isCut;
  });
  third.socket.destroy();
});

test('what comes behind an answer that is the last one is not handled, and of one whose connection is gone neither', async (context) => {
  const handled: string[] = [];
  const { port } = await served(context, ({ url = '' }, response) => {
    handled.push(url);
    if (url === '/last') response.setHeader('connection', 'close');
    if (url !== '/held') response.end('x');
  });
  const last = client(port);
  last.socket.write(get('/last') + get('/behind'));
  await once(last.socket, 'close');
  const gone = client(port);
  gone.socket.write(get('/held') + get('/waits'));
  await until(() => handled.includes('/held'));
  gone.socket.destroy();
  const other = client(port);
  other.socket.write(get('/other'));
  await until(() => other.received().includes('200 OK'));
  assert.deepEqual(handled, ['/last', '/held', '/other']);
  other.socket.destroy();
});
