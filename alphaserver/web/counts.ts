/** `GET /api/summary`, `/api/timeline` and `/api/top/...`: how much happened, when, and by whom. */
import type { FastifyInstance } from 'fastify';
import type { AlertsView } from './alert-views.ts';
import type { OriginOf } from './origin.ts';
import { ParameterError, Parameters } from './parameters.ts';
import { ANSWERS, route } from './schemas.ts';
import { TIMELINE_LIMIT, type Views } from './views.ts';

const STEPS_MS = { '60s': 60_000, '1h': 3_600_000, '1d': 86_400_000 } as const;

interface Options {
  readonly views: Views;
  readonly alerts: AlertsView;
  readonly originOf: OriginOf;
  readonly now: () => number;
}

/** Counts of a span of time: in all, in steps, and by host, source and user. */
export function countRoutes(app: FastifyInstance, options: Options): void {
  const { views, alerts, now } = options;
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
  app.get('/api/timeline', route('Counts in steps of time', names, ANSWERS.timeline), async (request) => {
    const given = new Parameters(request.query, now());
    given.only(names);
    const step = given.oneOf('step', ['60s', '1h', '1d']);
    const timeline = await views.timeline(
      given.time('since'),
      given.time('until'),
      step && STEPS_MS[step],
      given.text('host'),
    );
    if (timeline === 'tooLong')
      throw new ParameterError('step', `longer, or since later: there would be more than ${TIMELINE_LIMIT} points`);
    return timeline;
  });
  topRoutes(app, options);
}

function topRoutes(app: FastifyInstance, { views, originOf, now }: Options): void {
  const names = ['since', 'until', 'limit'] as const;
  const top = async (query: unknown, kind: 'hosts' | 'sources' | 'users') => {
    const given = new Parameters(query, now());
    given.only(names);
    return views.top(kind, given.span(), given.limit());
  };
  app.get('/api/top/hosts', route('Hosts, most attempts first', names, ANSWERS.topHosts), async (request) => {
    const { ranks, error } = await top(request.query, 'hosts');
    return { hosts: ranks.map(({ value, ...rank }) => ({ host: value, ...rank })), error };
  });
  app.get('/api/top/sources', route('Sources, most attempts first', names, ANSWERS.topSources), async (request) => {
    const { ranks, error } = await top(request.query, 'sources');
    return { sources: ranks.map(({ value, ...rank }) => ({ ip: value, ...rank, ...originOf(value) })), error };
  });
  app.get('/api/top/users', route('User names, most attempts first', names, ANSWERS.topUsers), async (request) => {
    const { ranks, error } = await top(request.query, 'users');
    return { users: ranks.map(({ value, ...rank }) => ({ user: value, ...rank })), error };
  });
}
