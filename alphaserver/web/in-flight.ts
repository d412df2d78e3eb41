/** Bounds the connections, and the answers that wait for their readers: bytes that are written and not yet taken. */
import type { Server, Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { ConnectionCounts, type ConnectionLimits } from '../../service/connection-counts.ts';
import { peerAddress } from '../../service/ip-network.ts';
import { whenClosed } from './when-closed.ts';

/** All answers together. The largest one has some 8 MB: a thousand events with texts at their limits. */
export const IN_FLIGHT_LIMIT_BYTES = 67_108_864;
/** A connection whose peer neither sends nor takes anything for so long is cut off; streams have a heartbeat of 10 s. */
export const IDLE_LIMIT_MS = 60_000;
/** The longest time that a request may take to arrive, and its headers alone. */
export const REQUEST_LIMIT_MS = 30_000;
export const HEADERS_LIMIT_MS = 10_000;
/** Connections at once. One address, which may be a proxy's, can have half of them: others can connect whatever it does. */
export const CONNECTION_LIMITS: ConnectionLimits = { perAddress: 2_048, all: 4_096 };
/** Bytes of a request's body: an acknowledgement is the largest there is. */
export const BODY_LIMIT_BYTES = 16_384;

/** Options of a fastify server that hold these bounds. */
export const SERVER_LIMITS = {
  bodyLimit: BODY_LIMIT_BYTES,
  connectionTimeout: IDLE_LIMIT_MS,
  requestTimeout: REQUEST_LIMIT_MS,
  http: { headersTimeout: HEADERS_LIMIT_MS },
} as const;

/** Cuts off connections beyond their limits. */
export function boundConnections(server: Server, limits: ConnectionLimits = CONNECTION_LIMITS): void {
  const counts = new ConnectionCounts(limits);
  server.on('connection', (socket: Socket) => {
    const address = peerAddress(socket.remoteAddress);
    const peer = `${address} ${socket.remotePort}`;
    if (counts.enter(peer, address)) socket.on('close', () => counts.leave(peer));
    else socket.destroy();
  });
}

/** Answers 503 while more than `limitBytes` wait for their readers; a slow reader makes others wait for it no longer than IDLE_LIMIT_MS. */
export function boundAnswers(app: FastifyInstance, limitBytes = IN_FLIGHT_LIMIT_BYTES): void {
  let waiting = 0;
  app.addHook('onSend', async (_request, reply, payload) => {
    const bytes = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload.length : 0;
    if (bytes === 0) return;
    if (waiting > 0 && waiting + bytes > limitBytes) {
      void reply.status(503).header('retry-after', '5').removeHeader('content-length').removeHeader('content-encoding');
      return JSON.stringify({ error: 'busy', message: 'too many answers wait for their readers' });
    }
    waiting += bytes;
    whenClosed(reply.raw, () => {
      waiting -= bytes;
    });
    return;
  });
}
