/** `GET /api/events`. */
import { EventView, eventCursor, Origin, type Views, type WrittenViews } from '../../queries/results.ts';
import { API } from '../api-schema.ts';
import { csvOf } from '../csv.ts';
import type { ApiApp } from '../parameters.ts';
import { sendWritten } from '../send-json.ts';

const { origin: _, ...FIELDS } = EventView.properties;
const COLUMNS = [...Object.keys(FIELDS), ...Object.keys(Origin.properties)];

/** Events by the time they happened, newest first, filtered by any of host, source, user, outcome, method and time. */
export function eventRoutes(app: ApiApp, views: Pick<Views, 'events'>, written: Pick<WrittenViews, 'events'>): void {
  app.get('/api/events', API.events, async (request, reply) => {
    const { since, until, format, ...rest } = request.query;
    const query = { ...rest, sinceMs: since, untilMs: until };
    if (format !== 'csv') return sendWritten(reply, await written.events(query));
    const { events, next } = await views.events(query);
    if (next) reply.header('link', `<${addressOf(request.url, eventCursor(next))}>; rel="next"`);
    reply.type('text/csv; charset=utf-8').header('content-disposition', 'attachment; filename="events.csv"');
    const rows = events.map(({ origin, ...event }) => ({ ...event, ...origin }));
    return reply.serializer((csv: string) => csv).send(csvOf(COLUMNS, rows) as never);
  });
}

/** The same question, from a cursor on. */
function addressOf(url: string, cursor: string): string {
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  searchParams.set('cursor', cursor);
  return `${pathname}?${searchParams}`;
}
