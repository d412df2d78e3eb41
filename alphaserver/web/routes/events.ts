/** `GET /api/events`. */
import type { FastifyInstance } from 'fastify';
import { NO_ORIGIN, type OriginOf } from '../../queries/origin.ts';
import { type EventCursor, eventCursor, type Views, type WrittenViews } from '../../queries/results.ts';
import { csvOf } from '../csv.ts';
import { Parameters } from '../parameters.ts';
import { ANSWERS, type ParameterName, route } from '../schemas.ts';
import { sendWritten } from '../send-json.ts';

const NAMES: readonly ParameterName[] = [
  'host',
  'ip',
  'user',
  'outcome',
  'method',
  'since',
  'until',
  'limit',
  'cursor',
  'format',
];
const COLUMNS = [
  ...[
    'id',
    'at',
    'storedAt',
    'agent',
    'host',
    'outcome',
    'method',
    'user',
    'invalidUser',
    'ip',
    'port',
    'key',
    'reason',
    'seq',
    'trust',
    'pid',
  ],
  ...['country', 'network', 'asn', 'organization'],
];

function cursorIn(text: string): EventCursor | null {
  const match = /^(-?\d{1,16})\.(\d{1,15})$/.exec(text);
  return match ? { atMs: Number(match[1]), id: Number(match[2]) } : null;
}

/** Events by the time they happened, newest first, narrowed by any of host, source, user, outcome, method and time. */
export function eventRoutes(
  app: FastifyInstance,
  { views, written, originOf, now }: { views: Views; written: WrittenViews; originOf: OriginOf; now: () => number },
): void {
  const spec = route('Events by the time they happened, newest first', NAMES, ANSWERS.events);
  app.get('/api/events', spec, async (request, reply) => {
    const given = new Parameters(request.query, now());
    given.only(NAMES);
    const format = given.oneOf('format', ['json', 'csv']);
    const query = {
      host: given.text('host'),
      ip: given.source('ip'),
      user: given.text('user'),
      outcome: given.oneOf('outcome', ['accepted', 'failed', 'probe']),
      method: given.text('method'),
      sinceMs: given.time('since'),
      untilMs: given.time('until'),
      limit: given.limit(),
      cursor: given.cursor(cursorIn),
    };
    if (format !== 'csv' && originOf === NO_ORIGIN) return sendWritten(reply, await written.events(query));
    const { events, next } = await views.events(query);
    const cursor = next && eventCursor(next);
    if (format !== 'csv') return { events: events.map((event) => ({ ...event, ...originOf(event.ip) })), next: cursor };
    if (cursor) {
      const more = new URLSearchParams({ ...(request.query as Record<string, string>), cursor });
      reply.header('link', `</api/events?${more}>; rel="next"`);
    }
    reply.type('text/csv; charset=utf-8').header('content-disposition', 'attachment; filename="events.csv"');
    return csvOf(
      COLUMNS,
      events.map((event) => ({ ...event, ...originOf(event.ip).origin })),
    );
  });
}
