/** `GET /api/events`. */
import type { FastifyInstance } from 'fastify';
import { ParameterError, Parameters } from './parameters.ts';
import type { WebOptions } from './server.ts';

/** Events, newest first, narrowed by any of host, source, user, outcome, method and time. */
export function eventRoutes(app: FastifyInstance, { views, now }: Pick<WebOptions, 'views' | 'now'>): void {
  app.get('/api/events', async (request) => {
    const given = new Parameters(request.query, now());
    given.only(['host', 'ip', 'user', 'outcome', 'method', 'since', 'until', 'limit', 'cursor']);
    const cursor = given.text('cursor');
    if (cursor !== null && !/^\d{1,15}$/.test(cursor))
      throw new ParameterError('cursor', "what an earlier answer's next gave");
    return views.events({
      host: given.text('host'),
      ip: given.text('ip'),
      user: given.text('user'),
      outcome: given.oneOf('outcome', ['accepted', 'failed', 'probe']),
      method: given.text('method'),
      sinceMs: given.time('since'),
      untilMs: given.time('until'),
      limit: given.limit(),
      cursor: cursor === null ? null : Number(cursor),
    });
  });
}
