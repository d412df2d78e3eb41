/** `GET /api/alerts`, one alert, and who takes care of it. */
import type { AlertDetail, AlertQueries } from '../../queries/alert-results.ts';
import { ACKNOWLEDGE, API } from '../api-schema.ts';
import { type ApiApp, ParameterError } from '../parameters.ts';
import { sendWritten } from '../send-json.ts';

/** The most bytes of a body that says who takes care of an alert. */
const BODY_LIMIT_BYTES = 4_096;

/** There is no alert of this id: HTTP's 404. */
class UnknownAlertError extends Error {
  readonly statusCode = 404;
}

/** Incidents, newest first; one with its evidence; and its acknowledgement. */
export function alertRoutes(app: ApiApp, alerts: AlertQueries): void {
  app.get('/api/alerts', API.alerts, async ({ query }, reply) => {
    const { since, ...rest } = query;
    return sendWritten(reply, await alerts.list({ ...rest, sinceMs: since }));
  });
  const found = (alert: AlertDetail | null): AlertDetail => {
    if (alert === null) throw new UnknownAlertError('there is no alert of this id');
    return alert;
  };
  app.get('/api/alerts/:id', API.alert, async ({ params }) => found(await alerts.one(params.id)));
  app.post(
    '/api/alerts/:id/acknowledge',
    { ...ACKNOWLEDGE, bodyLimit: BODY_LIMIT_BYTES },
    async ({ params, body, actor }) => {
      const by = actor.name ?? body.by;
      if (by === null) throw new ParameterError('by', 'who takes care of it, since nobody is logged in');
      return found(await alerts.acknowledge(params.id, by));
    },
  );
}
