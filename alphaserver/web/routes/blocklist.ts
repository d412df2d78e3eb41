/** `GET /blocklist.txt`. */
import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { BLOCKLIST_FORMATS, type Blocked, written } from '../../alerting/blocklist.ts';
import { Parameters } from '../parameters.ts';

/** Gives the list as it is now; `withPrivate` where private and loopback addresses are wanted as well. */
export type BlocklistOf = (withPrivate: boolean) => Promise<readonly Blocked[]>;

/** How long a list may be used without asking again, in seconds: a new attacker is on it this soon. */
const FRESH_S = 30;

/** The addresses under an active attack alert; 304 to a reader who has them. */
export function blocklistRoute(app: FastifyInstance, blocklist: BlocklistOf, now: () => number): void {
  const summary = 'Addresses under an active attack alert, one a line, or as files for nftables and ipset';
  app.get(
    '/blocklist.txt',
    {
      schema: {
        summary,
        produces: ['text/plain'],
        querystring: {
          type: 'object',
          properties: {
            format: { type: 'string', enum: [...BLOCKLIST_FORMATS], default: 'plain' },
            private: { type: 'boolean', default: false, description: 'Also private and loopback addresses' },
          },
        },
      },
    },
    async (request, reply) => {
      const nowMs = now();
      const given = new Parameters(request.query, nowMs);
      given.only(['format', 'private']);
      const format = given.oneOf('format', BLOCKLIST_FORMATS) ?? 'plain';
      const list = await blocklist(given.flag('private') ?? false);
      // Of what stands for the list, not of its text: the seconds that are left change with each look.
      const tag = `"${createHash('sha256')
        .update(`${format}\n${list.map(({ address, untilMs }) => `${address} ${untilMs}`).join('\n')}`)
        .digest('base64url')
        .slice(0, 22)}"`;
      reply.headers({
        etag: tag,
        'cache-control': `private, max-age=${FRESH_S}`,
        expires: new Date(nowMs + FRESH_S * 1_000).toUTCString(),
        'content-type': 'text/plain; charset=utf-8',
      });
      if (request.headers['if-none-match'] === tag) return reply.status(304).send();
      return reply.send(written(list, format, nowMs));
    },
  );
}
