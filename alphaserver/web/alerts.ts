/** `GET /api/alerts`. */
import type { FastifyInstance } from 'fastify';
import { Parameters } from './parameters.ts';
import { ANSWERS, route } from './schemas.ts';
import type { AlertsView } from './views.ts';

/** Incidents, newest first. */
export function alertRoutes(app: FastifyInstance, { alerts, now }: { alerts: AlertsView; now: () => number }): void {
  const names = ['open', 'since', 'limit', 'cursor'] as const;
  app.get('/api/alerts', route('Incidents, newest first', names, ANSWERS.alerts), async (request) => {
    const given = new Parameters(request.query, now());
    given.only(names);
    return alerts.list({
      open: given.flag('open'),
      sinceMs: given.time('since'),
      limit: given.limit(),
      cursor: given.text('cursor'),
    });
  });
}
