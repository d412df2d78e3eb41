/** `GET /api/events`. */
import { NO_ORIGIN, type OriginOf } from '../../queries/origin.ts';
import { EventView, eventCursor, Origin, type Views, type WrittenViews } from '../../queries/results.ts';
import { API } from '../api-schema.ts';
import { csvOf } from '../csv.ts';
import type { ApiApp } from '../parameters.ts';
import { sendWritten } from '../send-json.ts';

const { origin: _, ...FIELDS } = EventView.properties;
const COLUMNS = [...Object.keys(FIELDS), ...Object.keys(Origin.properties)];

/** Where events come from; `originOf` where their sources are. */
interface Options {
  readonly views: Pick<Views, 'events'>;
  readonly written: Pick<WrittenViews, 'events'>;
  readonly originOf: OriginOf;
}

/** Events by the time they happened, newest first, filtered by any of host, source, user, outcome, method and time. */
export function eventRoutes(app: ApiApp, { views, written, originOf }: Options): void {
  app.get('/api/events', API.events, async (request, reply) => {
    const { since, until, format, ...rest } = request.query;
    const query = { ...rest, sinceMs: since, untilMs: until };
    if (format !== 'csv' && originOf === NO_ORIGIN) return sendWritten(reply, await written.events(query));
    const { events, next } = await views.events(query);
    const cursor = next && eventCursor(next);
    if (format !== 'csv') return { events: events.map((event) => ({ ...event, ...originOf(event.ip) })), next: cursor };
    if (cursor) reply.header('link', `<${addressOf(request.url, cursor)}>; rel="next"`);
    reply.type('text/csv; charset=utf-8').header('content-disposition', 'attachment; filename="events.csv"');
    const rows = events.map((event) => ({ ...event, ...originOf(event.ip).origin }));
    return reply.serializer((csv: string) => csv).send(csvOf(COLUMNS, rows) as never);
  });
}

/** The same question, from a cursor on. */
function addressOf(url: string, cursor: string): string {
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  searchParams.set('cursor', cursor);
  return `${pathname}?${searchParams}`;
}
