/** `GET /api/hosts`, and what is known of one host, source or user. */
import type { About, Views } from '../../queries/results.ts';
import { API } from '../api-schema.ts';
import type { ApiApp } from '../parameters.ts';

/** Hosts by name, a page at a time, and the page of each thing. */
export function hostRoutes(app: ApiApp, views: Pick<Views, 'hosts' | 'about'>): void {
  app.get('/api/hosts', API.hosts, ({ query }) => views.hosts(query.limit, query.cursor, query.coverage));
  app.get('/api/hosts/:name', API.host, async ({ params, query }) => {
    const name = query.name ?? params.name;
    const { origin: _, ...about } = found(await views.about('host', name), 'host');
    return { host: name, ...about };
  });
  app.get('/api/sources/:ip', API.source, async ({ params: { ip } }) => {
    const { watched: _, ...about } = found(await views.about('ip', ip), 'source');
    return { ip, ...about };
  });
  app.get('/api/users/:name', API.user, async ({ params, query }) => {
    const name = query.name ?? params.name;
    const { watched: _, origin: __, ...about } = found(await views.about('user', name), 'user');
    return { user: name, ...about };
  });
}

/** Nothing is known of it: HTTP's 404. */
class UnknownError extends Error {
  readonly statusCode = 404;
}

function found(about: About | null, noun: string): About {
  if (about === null) throw new UnknownError(`nothing is known of this ${noun}`);
  return about;
}
