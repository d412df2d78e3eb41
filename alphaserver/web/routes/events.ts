/** `GET /api/events`. */
import { eventCursor, ListedEvent, Origin, type Views, type WrittenViews } from '../../queries/results.ts';
import { API, LIMIT_DEFAULT } from '../api-schema.ts';
import { type ApiApp, refuseMark } from '../parameters.ts';
import type { CsvDownloads } from '../send-csv.ts';
import { sendWritten } from '../send-json.ts';

const { origin: _, ...FIELDS } = ListedEvent.properties;
const COLUMNS = [...Object.keys(FIELDS), ...Object.keys(Origin.properties)];

/** The source of events, and of their downloads. */
interface Options {
  readonly views: Pick<Views, 'events'>;
  readonly written: Pick<WrittenViews, 'events'>;
  readonly downloads: CsvDownloads;
}

/** Registers the route: events by the time they happened, newest first, filtered by any of host, source, user, outcome, method and time. */
export function eventRoutes(app: ApiApp, { views, written, downloads }: Options): void {
  app.get('/api/events', API.events, async (request, reply) => {
    const { since, until, format, bom, limit, ...rest } = request.query;
    const query = { ...rest, sinceMs: since, untilMs: until };
    refuseMark(bom, format);
    if (format === 'json') return sendWritten(reply, await written.events({ ...query, limit: limit ?? LIMIT_DEFAULT }));
    return downloads.send(reply, {
      ...{ name: 'events', columns: COLUMNS, marked: bom !== null, limit, cursor: query.cursor, url: request.url },
      cursorText: eventCursor,
      page: async (cursor, most) => {
        const { events, next } = await views.events({ ...query, cursor, limit: most });
        return { rows: events.map(({ origin, ...event }) => ({ ...event, ...origin })), next };
      },
    });
  });
}
