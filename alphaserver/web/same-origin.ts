/** Keeps other sites' pages from changing anything in the name of somebody who is logged in here. */
import type { FastifyReply, FastifyRequest } from 'fastify';

/**
 * Answers 403 to a request that a browser sent for another site's page: by `Sec-Fetch-Site` (Fetch Metadata) where it
 * says so, and by `Origin` (RFC 6454) where that is not the host that was asked. Programs send neither.
 */
export async function refuseForeign({ headers }: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const site = headers['sec-fetch-site'];
  const foreignSite = site !== undefined && site !== 'same-origin' && site !== 'none';
  if (!foreignSite && (headers.origin === undefined || hostOf(headers.origin) === headers.host)) return undefined;
  return reply
    .status(403)
    .send({ error: 'forbidden', message: 'this may be asked for by the page of this server only' });
}

const hostOf = (origin: string): string | null => (URL.canParse(origin) ? new URL(origin).host : null);
