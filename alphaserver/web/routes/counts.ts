/** `GET /api/summary`, `/api/timeline` and `/api/top/...`: how much happened, when, and by whom. */
import { vouchedState } from '../../queries/agent-state.ts';
import type { AlertQueries } from '../../queries/alert-results.ts';
import { UnreadableError } from '../../queries/query-thread.ts';
import { TIMELINE_LIMIT, type Views, type WrittenViews } from '../../queries/results.ts';
import { API, spanOf } from '../api-schema.ts';
import { type ApiApp, ParameterError } from '../parameters.ts';
import { sendWritten } from '../send-json.ts';

const STEPS_MS = { '60s': 60_000, '1h': 3_600_000, '1d': 86_400_000 } as const;

/** The sources of counts. */
interface Options {
  readonly views: Pick<Views, 'summary' | 'coverage'>;
  readonly written: Pick<WrittenViews, 'timeline' | 'top' | 'networks'>;
  readonly alerts: Pick<AlertQueries, 'state'>;
  /** Returns why nothing can be stored at the moment, or null. */
  readonly ready: () => string | null;
}

/** Counts of a span of time: in all, in steps, and by host, source and user. */
export function countRoutes(app: ApiApp, { views, written, alerts, ready }: Options): void {
  app.get('/api/summary', API.summary, async ({ query }, reply) => {
    try {
      const [{ state, because, asOf, doubt }, counts, coverage] = await Promise.all([
        alerts.state(),
        views.summary(spanOf(query)),
        views.coverage(),
      ]);
      const unstored = ready();
      const why = doubt ?? (unstored === null ? null : `Nothing can be stored: ${unstored}`);
      return { ...vouchedState(state, why, coverage), asOf, because, coverage, ...counts };
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      const why = error.message;
      return reply.status(error.statusCode).send({
        ...{ error: 'unavailable', message: why, state: 'unknown', why, doubt: why },
        ...{ asOf: { stored: null, rules: null }, because: [] },
      });
    }
  });
  app.get('/api/timeline', API.timeline, async ({ query }, reply) => {
    const { since, until, step, host } = query;
    const timeline = await written.timeline(since, until, step && STEPS_MS[step], host);
    if (timeline === 'tooLong')
      throw new ParameterError('step', `longer, or since later: there would be more than ${TIMELINE_LIMIT} points`);
    return sendWritten(reply, timeline);
  });
  app.get('/api/top/hosts', API.topHosts, async ({ query }, reply) =>
    sendWritten(reply, await written.top('hosts', spanOf(query), query.limit)),
  );
  app.get('/api/top/users', API.topUsers, async ({ query }, reply) =>
    sendWritten(reply, await written.top('users', spanOf(query), query.limit)),
  );
  app.get('/api/top/sources', API.topSources, async ({ query }, reply) =>
    sendWritten(reply, await written.top('sources', spanOf(query), query.limit)),
  );
  app.get('/api/top/networks', API.topNetworks, async ({ query }, reply) =>
    sendWritten(reply, await written.networks(spanOf(query), query.limit)),
  );
}
