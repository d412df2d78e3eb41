/** Bounds the connections, and the answers that wait for their readers: bytes that are written and not yet taken. */
import type { Server, Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { ConnectionCounts, type ConnectionLimits } from '../../service/connection-counts.ts';
import { peerAddress } from '../../service/ip-network.ts';
import { Holdings, keyOf, ownerOf } from './owner.ts';
import { whenClosed } from './when-closed.ts';

/**
 * All answers together; one user, token or address without a name can have half of them. The largest one has some 25 MB: a thousand
 * events with texts at their limits, all of control characters, each of which is six bytes in JSON.
 */
export const IN_FLIGHT_LIMIT_BYTES = 67_108_864;
/** A connection whose peer neither sends nor takes anything for so long is cut off; the heartbeat of streams is shorter. */
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

/**
 * Bounds the answers that wait for their readers. Answers 429 where those of one owner would have more than half of `limitBytes`, and
 * 503 where all together would have more than it. The first answer of an owner, and the first of all, may have any size. A reader who
 * takes a little now and then holds its answer for as long as it likes: no more than its owner's share is gone meanwhile.
 */
export function boundAnswers(app: FastifyInstance, limitBytes = IN_FLIGHT_LIMIT_BYTES): void {
  const waiting = new Holdings();
  app.addHook('onSend', async (request, reply, payload) => {
    const bytes = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload.length : 0;
    if (bytes === 0) return;
    const owner = keyOf(ownerOf(request));
    const own = waiting.of(owner);
    const isOverShare = own > 0 && own + bytes > limitBytes / 2;
    if (isOverShare || (waiting.all > 0 && waiting.all + bytes > limitBytes)) {
      const [status, error, message] = isOverShare
        ? ([429, 'too_many', 'too many of your answers wait to be read'] as const)
        : ([503, 'busy', 'too many answers wait for their readers'] as const);
      void reply.status(status).header('retry-after', '5');
      void reply.removeHeader('content-length').removeHeader('content-encoding');
      return JSON.stringify({ error, message });
    }
    whenClosed(reply.raw, waiting.hold(owner, bytes));
    return;
  });
}
