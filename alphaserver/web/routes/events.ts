/** `GET /api/events`. */
import { Readable } from 'node:stream';
import {
  type EventQuery,
  EventView,
  eventCursor,
  Origin,
  type Views,
  type WrittenViews,
} from '../../queries/results.ts';
import { API, LIMIT_DEFAULT, LIMIT_MOST } from '../api-schema.ts';
import { BYTE_ORDER_MARK, csvHead, csvRows } from '../csv.ts';
import { type ApiApp, ParameterError } from '../parameters.ts';
import { addressOf } from '../send-csv.ts';
import { sendWritten } from '../send-json.ts';

const { origin: _, ...FIELDS } = EventView.properties;
const COLUMNS = [...Object.keys(FIELDS), ...Object.keys(Origin.properties)];

/** Downloads of all rows at once; each holds a page of them. */
export const DOWNLOADS_LIMIT = 4;

/** Registers the route: events by the time they happened, newest first, filtered by any of host, source, user, outcome, method and time. */
export function eventRoutes(app: ApiApp, views: Pick<Views, 'events'>, written: Pick<WrittenViews, 'events'>): void {
  let downloads = 0;
  app.get('/api/events', API.events, async (request, reply) => {
    const { since, until, format, bom, limit, ...rest } = request.query;
    const query = { ...rest, sinceMs: since, untilMs: until };
    if (format !== 'csv') {
      if (bom !== null) throw new ParameterError('bom', 'left out: only format=csv has one');
      return sendWritten(reply, await written.events({ ...query, limit: limit ?? LIMIT_DEFAULT }));
    }
    if (limit === null && downloads >= DOWNLOADS_LIMIT)
      return reply
        .status(503)
        .header('retry-after', '5')
        .send({ error: 'busy', message: `${DOWNLOADS_LIMIT} downloads of all rows are under way; ask again later` });
    const first = await views.events({ ...query, limit: limit ?? LIMIT_MOST });
    const head = (bom === null ? '' : BYTE_ORDER_MARK) + csvHead(COLUMNS);
    reply.type('text/csv; charset=utf-8').header('content-disposition', 'attachment; filename="events.csv"');
    if (limit === null) {
      downloads += 1;
      reply.raw.once('close', () => {
        downloads -= 1;
      });
      return reply.send(Readable.from(allPages(views, query, first, head), { objectMode: false }) as never);
    }
    if (first.next) reply.header('link', `<${addressOf(request.url, eventCursor(first.next))}>; rel="next"`);
    return reply.serializer((csv: string) => csv).send((head + rowsOf(first)) as never);
  });
}

type Page = Awaited<ReturnType<Views['events']>>;

const rowsOf = ({ events }: Page): string =>
  csvRows(
    COLUMNS,
    events.map(({ origin, ...event }) => ({ ...event, ...origin })),
  );

/** Yields the rows of all pages, each read when the ones before it were taken. A page that cannot be read breaks the download off. */
async function* allPages(
  views: Pick<Views, 'events'>,
  query: Omit<EventQuery, 'limit'>,
  first: Page,
  head: string,
): AsyncGenerator<string> {
  yield head + rowsOf(first);
  for (let cursor = first.next; cursor !== null; ) {
    const page = await views.events({ ...query, cursor, limit: LIMIT_MOST });
    yield rowsOf(page);
    cursor = page.next;
  }
}
