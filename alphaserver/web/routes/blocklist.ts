/** `GET /blocklist.txt`. */
import type { BlocklistFormat } from '../../alerting/blocklist.ts';
import type { BlocklistText } from '../../queries/incidents.ts';
import { BLOCKLIST } from '../api-schema.ts';
import type { ApiApp } from '../parameters.ts';

/** Gives the list as it is now; `withPrivate` where private and loopback addresses are wanted as well. */
export type BlocklistOf = (withPrivate: boolean, format: BlocklistFormat) => Promise<BlocklistText>;

/** The seconds that a list may be used without asking again: a new attacker is on it this soon. */
const FRESH_S = 30;

/** The addresses under an active attack alert; 304 to a reader who has them. */
export function blocklistRoute(app: ApiApp, blocklist: BlocklistOf, now: () => number): void {
  app.get('/blocklist.txt', BLOCKLIST, async (request, reply) => {
    const nowMs = now();
    const { format, private: withPrivate } = request.query;
    const list = await blocklist(withPrivate, format);
    const tag = `"${list.tag}"`;
    reply.headers({
      etag: tag,
      'cache-control': `private, max-age=${FRESH_S}`,
      expires: new Date(nowMs + FRESH_S * 1_000).toUTCString(),
      'content-type': `${format === 'json' ? 'application/json' : 'text/plain'}; charset=utf-8`,
    });
    if (request.headers['if-none-match'] === tag) return reply.status(304).send();
    return reply.send(list.text);
  });
}
