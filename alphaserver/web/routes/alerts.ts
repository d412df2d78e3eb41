/** `GET /api/alerts`, one alert, and who takes care of it. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { AlertDetail, AlertsView } from '../../queries/alert-results.ts';
import type { OriginOf } from '../../queries/origin.ts';
import { ParameterError, Parameters } from '../parameters.ts';
import { refuseForeign } from '../same-origin.ts';
import { ANSWERS, route, routeOfOne } from '../schemas.ts';
import { sendWritten } from '../send-json.ts';

/** The longest name of who takes care of an alert, in UTF-16 units. */
export const NAME_LIMIT = 100;
/** The most bytes of a body that says so. */
const BODY_LIMIT_BYTES = 4_096;
const CURSOR = /^-?\d{1,16}\.[a-z0-9-]{1,64}$/;

interface Options {
  readonly alerts: AlertsView;
  readonly originOf: OriginOf;
  readonly now: () => number;
}

/** Incidents, newest first; one with its evidence; and its acknowledgement. */
export function alertRoutes(app: FastifyInstance, { alerts, originOf, now }: Options): void {
  const names = ['open', 'since', 'limit', 'cursor'] as const;
  app.get('/api/alerts', route('Incidents, newest first', names, ANSWERS.alerts), async (request, reply) => {
    const given = new Parameters(request.query, now());
    given.only(names);
    const list = await alerts.list({
      open: given.flag('open'),
      sinceMs: given.time('since'),
      limit: given.limit(),
      cursor: given.cursor((text) => (CURSOR.test(text) ? text : null)),
    });
    return sendWritten(reply, list);
  });
  const answer = (alert: AlertDetail | null, reply: FastifyReply): unknown =>
    alert
      ? { ...alert, events: alert.events.map((event) => ({ ...event, ...originOf(event.ip) })) }
      : reply.status(404).send({ error: 'not_found', message: 'there is no alert of this id' });
  const one = routeOfOne('One incident, with what it touched and its evidence', ANSWERS.alert);
  app.get<{ Params: { id: string } }>('/api/alerts/:id', one, async ({ params, query }, reply) => {
    new Parameters(query, now()).only([]);
    return answer(await alerts.one(params.id), reply);
  });
  const taken = {
    ...routeOfOne('Says who takes care of an incident; the first one stays', ANSWERS.alert, {
      type: 'object',
      required: ['by'],
      properties: { by: { type: 'string', minLength: 1, maxLength: NAME_LIMIT } },
    }),
    bodyLimit: BODY_LIMIT_BYTES,
    onRequest: refuseForeign,
  };
  app.post<{ Params: { id: string } }>('/api/alerts/:id/acknowledge', taken, async ({ params, body }, reply) =>
    answer(await alerts.acknowledge(params.id, nameIn(body)), reply),
  );
}

function nameIn(body: unknown): string {
  const { by, ...rest } = (typeof body === 'object' && body !== null ? body : {}) as { by?: unknown };
  const name = typeof by === 'string' ? by.trim() : '';
  if (name === '' || name.length > NAME_LIMIT || Object.keys(rest).length > 0)
    throw new ParameterError('the body', `{"by":"NAME"} with a name of 1 to ${NAME_LIMIT} characters`);
  return name;
}
