/** `GET /api/sessions`: who is in now, and who was. */
import { eventCursor, LoginSession, type Views } from '../../queries/results.ts';
import { API, LIMIT_DEFAULT } from '../api-schema.ts';
import { type ApiApp, refuseMark } from '../parameters.ts';
import type { CsvDownloads } from '../send-csv.ts';

const COLUMNS = Object.keys(LoginSession.properties);

/** Registers the route: sessions by when they began, newest first. */
export function sessionRoutes(app: ApiApp, views: Pick<Views, 'sessions'>, downloads: CsvDownloads): void {
  app.get('/api/sessions', API.sessions, async (request, reply) => {
    const { since, until, format, bom, limit, ...rest } = request.query;
    const query = { ...rest, sinceMs: since, untilMs: until };
    refuseMark(bom, format);
    if (format === 'json') {
      const { sessions, next } = await views.sessions({ ...query, limit: limit ?? LIMIT_DEFAULT });
      return { sessions: [...sessions], next: next === null ? null : eventCursor(next) };
    }
    return downloads.send(reply, {
      ...{ name: 'sessions', columns: COLUMNS, marked: bom !== null, limit, cursor: query.cursor, url: request.url },
      cursorText: eventCursor,
      page: async (cursor, most) => {
        const { sessions, next } = await views.sessions({ ...query, cursor, limit: most });
        return { rows: sessions, next };
      },
    });
  });
}
