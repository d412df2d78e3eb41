/** `GET /api/hosts`. */
import type { Views } from '../../queries/results.ts';
import { API } from '../api-schema.ts';
import type { ApiApp } from '../parameters.ts';

/** Hosts by name, a page at a time. */
export function hostRoutes(app: ApiApp, views: Pick<Views, 'hosts'>): void {
  app.get('/api/hosts', API.hosts, ({ query }) => views.hosts(query.limit, query.cursor));
}
