import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { BODY_LIMIT_BYTES, CONNECTION_LIMITS } from '../../../alphaserver/web/in-flight.ts';
import { VIEWERS_LIMIT, VIEWERS_OF_ADDRESS_LIMIT } from '../../../alphaserver/web/live.ts';
import { Pair } from '../../programs.ts';

/** Sends requests over one connection each; resolves with the status of each answer, 0 where the connection is cut off. */
function statuses(
  port: number,
  count: number,
  request: string,
  sockets: Socket[],
  localAddress = '127.0.0.1',
): Promise<number[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect({ port, host: '127.0.0.1', localAddress }).on('error', () => {});
      sockets.push(socket);
      socket.write(request);
      const ended = once(socket, 'close').catch(() => [false]);
      const [bytes] = (await Promise.race([once(socket, 'data').catch(() => ended), ended])) as [Buffer | boolean];
      return Buffer.isBuffer(bytes) ? Number(bytes.toString().split(' ')[1]) : 0;
    }),
  );
}

test('a body above its limit, a viewer too many and a connection too many are refused; others are served', async (context) => {
  const pair = await Pair.make();
  const sockets: Socket[] = [];
  context.after(async () => {
    for (const socket of sockets) socket.destroy();
    await pair.close();
  });
  await pair.serving();
  const headers = 'Host: localhost\r\nContent-Type: application/json\r\n';
  const post = (bytes: number): string =>
    `POST /api/alerts/x/ack HTTP/1.1\r\n${headers}Content-Length: ${bytes}\r\n\r\n${'"'.padEnd(bytes, 'x')}`;
  assert.deepEqual(await statuses(pair.httpPort, 1, post(BODY_LIMIT_BYTES + 1), sockets), [413]);
  const [within] = await statuses(pair.httpPort, 1, post(BODY_LIMIT_BYTES), sockets);
  assert.notEqual(within, 413);

  const stream = 'GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const watching = async (count: number, address: string, refused: number): Promise<void> => {
    const viewers = await statuses(pair.httpPort, count + 1, stream, sockets, address);
    assert.equal(viewers.filter((status) => status === 200).length, count);
    assert.equal(viewers.filter((status) => status === refused).length, 1);
  };
  await watching(VIEWERS_OF_ADDRESS_LIMIT, '127.0.0.1', 429);
  await watching(VIEWERS_LIMIT - VIEWERS_OF_ADDRESS_LIMIT, '127.0.0.4', 503);

  const get = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const { perAddress, all } = CONNECTION_LIMITS;
  const servedOf = async (count: number, address: string): Promise<number> =>
    (await statuses(pair.httpPort, count, get, sockets, address)).filter((status) => status === 200).length;
  // Of the address that watches, and then of all.
  const first = await servedOf(perAddress, '127.0.0.1');
  assert.ok(first > 0 && first < perAddress - VIEWERS_OF_ADDRESS_LIMIT + 10, `${first} served`);
  const others = all - perAddress - (VIEWERS_LIMIT - VIEWERS_OF_ADDRESS_LIMIT + 1) - 10;
  assert.equal(await servedOf(others, '127.0.0.2'), others, 'another address');
  const last = await servedOf(100, '127.0.0.3');
  assert.ok(last < 100 && last > 0, `${last} of ${all} served at last`);
  for (const socket of sockets.splice(0)) socket.destroy();
  assert.deepEqual(await pair.api('/healthz'), { status: 'up' });
});
