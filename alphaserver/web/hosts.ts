/** `GET /api/hosts`. */
import type { FastifyInstance } from 'fastify';
import { Parameters } from './parameters.ts';
import type { WebOptions } from './server.ts';

/** Hosts by name, a page at a time. */
export function hostRoutes(app: FastifyInstance, { views, now }: Pick<WebOptions, 'views' | 'now'>): void {
  app.get('/api/hosts', async (request) => {
    const given = new Parameters(request.query, now());
    given.only(['limit', 'cursor']);
    return views.hosts(given.limit(), given.text('cursor'));
  });
}
