/** `GET /api/sessions`: who is in now, and who was. */
import { eventCursor, SessionView, type Views } from '../../queries/results.ts';
import { API } from '../api-schema.ts';
import type { ApiApp } from '../parameters.ts';
import { sendCsv } from '../send-csv.ts';

const COLUMNS = Object.keys(SessionView.properties);

/** Registers the route: sessions by when they began, newest first. */
export function sessionRoutes(app: ApiApp, views: Pick<Views, 'sessions'>): void {
  app.get('/api/sessions', API.sessions, async (request, reply) => {
    const { since, until, format, ...rest } = request.query;
    const page = await views.sessions({ ...rest, sinceMs: since, untilMs: until });
    const next = page.next === null ? null : eventCursor(page.next);
    if (format === 'json') return { sessions: [...page.sessions], next };
    return sendCsv(reply, { name: 'sessions', columns: COLUMNS, rows: page.sessions, next, url: request.url });
  });
}
