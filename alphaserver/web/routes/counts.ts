/** `GET /api/summary`, `/api/timeline` and `/api/top/...`: how much happened, when, and by whom. */
import type { FastifyInstance } from 'fastify';
import type { AlertsView } from '../../queries/alert-results.ts';
import { NO_ORIGIN, type OriginOf } from '../../queries/origin.ts';
import { type SpanQuery, TIMELINE_LIMIT, type Views, type WrittenViews } from '../../queries/results.ts';
import { ParameterError, Parameters } from '../parameters.ts';
import { ANSWERS, route } from '../schemas.ts';
import { sendWritten } from '../send-json.ts';

const STEPS_MS = { '60s': 60_000, '1h': 3_600_000, '1d': 86_400_000 } as const;

interface Options {
  readonly views: Views;
  readonly written: WrittenViews;
  readonly alerts: AlertsView;
  readonly originOf: OriginOf;
  readonly now: () => number;
}

/** Counts of a span of time: in all, in steps, and by host, source and user. */
export function countRoutes(app: FastifyInstance, options: Options): void {
  const { views, written, alerts, now } = options;
  const span = ['since', 'until'] as const;
  app.get(
    '/api/summary',
    route('The answer: is anything wrong, and how much', span, ANSWERS.summary),
    async (request) => {
      const given = new Parameters(request.query, now());
      given.only(span);
      const [{ state, because }, counts] = await Promise.all([alerts.state(), views.summary(given.span())]);
      return { state, because, ...counts };
    },
  );
  const names = ['since', 'until', 'step', 'host'] as const;
  app.get('/api/timeline', route('Counts in steps of time', names, ANSWERS.timeline), async (request, reply) => {
    const given = new Parameters(request.query, now());
    given.only(names);
    const step = given.oneOf('step', ['60s', '1h', '1d']);
    const timeline = await written.timeline(
      given.time('since'),
      given.time('until'),
      step && STEPS_MS[step],
      given.text('host'),
    );
    if (timeline === 'tooLong')
      throw new ParameterError('step', `longer, or since later: there would be more than ${TIMELINE_LIMIT} points`);
    return sendWritten(reply, timeline);
  });
  topRoutes(app, options);
}

function topRoutes(app: FastifyInstance, { views, written, originOf, now }: Options): void {
  const names = ['since', 'until', 'limit'] as const;
  const asked = (query: unknown): [span: SpanQuery, limit: number] => {
    const given = new Parameters(query, now());
    given.only(names);
    return [given.span(), given.limit()];
  };
  app.get('/api/top/hosts', route('Hosts, most attempts first', names, ANSWERS.topHosts), async (request, reply) =>
    sendWritten(reply, await written.top('hosts', ...asked(request.query))),
  );
  app.get('/api/top/users', route('User names, most attempts first', names, ANSWERS.topUsers), async (request, reply) =>
    sendWritten(reply, await written.top('users', ...asked(request.query))),
  );
  const sources = route('Sources, most attempts first', names, ANSWERS.topSources);
  app.get('/api/top/sources', sources, async (request, reply) => {
    const ranking = ['sources', ...asked(request.query)] as const;
    if (originOf === NO_ORIGIN) return sendWritten(reply, await written.top(...ranking));
    const { ranks, error } = await views.top(...ranking);
    return { sources: ranks.map(({ value, ...rank }) => ({ ip: value, ...rank, ...originOf(value) })), error };
  });
}
