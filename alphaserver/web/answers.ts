/** Gives all answers what they have in common: they are packed where the client takes it, not kept by caches, and name other methods' fault. */
import { pipeline, Readable } from 'node:stream';
import { promisify } from 'node:util';
import { createGzip, gzip } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';

const pack = promisify(gzip);
/** A shorter answer fits into one packet as it is, in bytes. */
const PACKED_FROM_BYTES = 1_400;
/** zlib's levels go to 9; past this one it takes longer than it saves on what it is used for here. */
const LEVEL = 4;
const TEXT = /^(application\/json|text\/(plain|csv))\b/;

/** Packs texts with gzip on zlib's own threads, and forbids caches to keep answers that say nothing else: they hold names. */
export async function packed(request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
  if (request.url.startsWith('/api/') && reply.getHeader('cache-control') === undefined)
    reply.header('cache-control', 'no-store');
  const isStream = payload instanceof Readable;
  if (typeof payload !== 'string' && !Buffer.isBuffer(payload) && !isStream) return payload;
  if (!TEXT.test(String(reply.getHeader('content-type'))) || reply.getHeader('content-encoding')) return payload;
  reply.header('vary', 'accept-encoding');
  const takesGzip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
  if (isStream) {
    if (!takesGzip) return payload;
    reply.header('content-encoding', 'gzip');
    // An error of one ends the other; whoever sends the answer breaks it off.
    return pipeline(payload, createGzip({ level: LEVEL }), () => {});
  }
  if (!takesGzip || Buffer.byteLength(payload) < PACKED_FROM_BYTES) return payload;
  reply.header('content-encoding', 'gzip').removeHeader('content-length');
  return pack(payload, { level: LEVEL });
}

const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Answers 405 with `Allow` to other methods on the paths of an instance. `register` adds the routes. */
export async function refuseOtherMethods(app: FastifyInstance, register: () => Promise<void>): Promise<void> {
  const known = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = known.get(url) ?? new Set<string>();
    for (const one of [method].flat()) methods.add(one);
    known.set(url, methods);
  });
  await register();
  for (const [url, methods] of [...known]) {
    if (url.includes('*')) continue;
    const others = METHODS.filter((method) => !methods.has(method) && !(method === 'HEAD' && methods.has('GET')));
    const allowed = [...methods].join(', ');
    app.route({
      method: others,
      url,
      schema: { hide: true },
      // Before the body is read: what it is does not matter.
      onRequest: async (_request, reply) =>
        reply
          .status(405)
          .header('allow', allowed)
          .send({ error: 'method_not_allowed', message: `this path takes ${allowed}` }),
      handler: () => undefined,
    });
  }
}
