/**
 * Bounds the requests that are handled at once: those of one connection one after the other, and of all connections a few in each turn
 * of the event loop. A peer may send many requests in one packet (pipelining, RFC 9112 section 9.3.2); answered in one turn, they would
 * keep every agent waiting.
 */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Turns } from '../../service/turns.ts';

/** Requests that wait on one connection for the answer before theirs. With one more it is cut off: browsers send none ahead. */
export const PIPELINED_LIMIT = 64;
/** Such requests of all connections together; each holds some 5 KiB. With one more, the connection that sent it is cut off. */
export const PIPELINED_LIMIT_OF_ALL = 4_096;
/** Requests of all connections that are begun in one turn of the event loop: each takes some 0.2 ms. */
const BEGUN_AT_ONCE = 8;

/** The bounds, which tests lower. */
export interface RequestLimits {
  readonly pipelined: number;
  readonly pipelinedOfAll: number;
}

interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

interface Connection {
  /** True while a request of it is answered. */
  isBusy: boolean;
  readonly waiting: Asked[];
}

/** Puts the bounds before whoever answers the requests of a server now. */
export function boundRequests(server: Server, limits: Partial<RequestLimits> = {}): void {
  const { pipelined = PIPELINED_LIMIT, pipelinedOfAll = PIPELINED_LIMIT_OF_ALL } = limits;
  const listeners = server.listeners('request') as RequestListener[];
  const turns = new Turns(BEGUN_AT_ONCE);
  const connections = new WeakMap<Socket, Connection>();
  let waitingOfAll = 0;

  const connectionOf = (socket: Socket): Connection => {
    const known = connections.get(socket);
    if (known !== undefined) return known;
    const connection: Connection = { isBusy: false, waiting: [] };
    connections.set(socket, connection);
    socket.once('close', () => {
      waitingOfAll -= connection.waiting.splice(0).length;
    });
    return connection;
  };
  const begin = async (connection: Connection, { request, response }: Asked): Promise<void> => {
    connection.isBusy = true;
    response.once('close', () => {
      connection.isBusy = false;
      const next = connection.waiting.shift();
      if (next === undefined) return;
      waitingOfAll -= 1;
      void begin(connection, next);
    });
    await turns.run(async () => {});
    // Not writable: it is cut off, or the answer before was its last one.
    if (request.socket.writable) for (const listener of listeners) listener.call(server, request, response);
  };

  server.removeAllListeners('request');
  server.on('request', (request, response) => {
    const { socket } = request;
    // What else stood in the packet of one that was cut off.
    if (socket.destroyed) return;
    const connection = connectionOf(socket);
    if (!connection.isBusy) void begin(connection, { request, response });
    else if (connection.waiting.length >= pipelined || waitingOfAll >= pipelinedOfAll) socket.destroy();
    else {
      connection.waiting.push({ request, response });
      waitingOfAll += 1;
    }
  });
}
