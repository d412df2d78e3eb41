/** `GET /api/hosts`. */
import type { FastifyInstance } from 'fastify';
import type { Views } from '../../queries/results.ts';
import { Parameters } from '../parameters.ts';
import { ANSWERS, route } from '../schemas.ts';

/** Hosts by name, a page at a time. */
export function hostRoutes(app: FastifyInstance, { views, now }: { views: Views; now: () => number }): void {
  const names = ['limit', 'cursor'] as const;
  app.get('/api/hosts', route('Hosts by name', names, ANSWERS.hosts), async (request) => {
    const given = new Parameters(request.query, now());
    given.only(names);
    return views.hosts(given.limit(), given.text('cursor'));
  });
}
