/** `/api/decisions`: what people decided, and how they decide; each decision says who, when, until when and why. */
import { STANDING_LIMIT, type Standing } from '../../alerting/standing.ts';
import type { AlertQueries } from '../../queries/alert-results.ts';
import type { DecisionPage, DecisionQueries } from '../../queries/decision-results.ts';
import { API } from '../api-schema.ts';
import { ACKNOWLEDGE_MANY, DECIDE, UNDO } from '../decision-schema.ts';
import { type ApiApp, ParameterError } from '../parameters.ts';

/** The most decisions in the answer to one that was taken: the newest. */
const SHOWN_AFTER = 100;

/** There is no decision of this id that holds: HTTP's 404. */
class UnknownDecisionError extends Error {
  readonly statusCode = 404;
}

/** So many decisions of a kind hold that no further one is taken: HTTP's 429. */
class FullError extends Error {
  readonly statusCode = 429;
}

const answerOf = ({ decisions, next }: DecisionPage) => ({ decisions, next: next === null ? null : String(next) });

/** Adds the routes. Each that acts answers with the newest decisions, or alerts, as they are now. */
export function decisionRoutes(app: ApiApp, decisions: DecisionQueries, alerts: AlertQueries): void {
  app.get('/api/decisions', API.decisions, async ({ query }) =>
    answerOf(await decisions.list(query.limit, query.cursor, query.holds !== null)),
  );
  app.post('/api/decisions', DECIDE, async ({ body, actor }) => {
    const id = await decisions.decide(standingOf(body), nameOf(actor, body));
    if (id === 'full')
      throw new FullError(
        `${STANDING_LIMIT} decisions of the kind ${body.kind} hold already, the most there may be: undo one, or wait until one ends`,
      );
    const newest = await decisions.list(SHOWN_AFTER, null, false);
    // By its id, since others decide at the same time: the newest may be theirs.
    const made = newest.decisions.find((one) => one.id === id);
    return { ...answerOf(newest), made: made ?? null };
  });
  app.post('/api/decisions/:id/undo', UNDO, async ({ params, body, actor }) => {
    const undone = await decisions.undo(params.id, body.why, nameOf(actor, body));
    if (!undone) throw new UnknownDecisionError('there is no decision of this id that could be undone');
    return answerOf(await decisions.list(SHOWN_AFTER, null, false));
  });
  app.post('/api/alerts/acknowledge', ACKNOWLEDGE_MANY, async ({ body, actor }) => {
    const by = nameOf(actor, body);
    let acknowledged = 0;
    for (const id of body.ids) if ((await alerts.acknowledge(id, by)) !== null) acknowledged += 1;
    return { acknowledged };
  });
}

/** The name of who is logged in, else the one that is given. */
function nameOf({ name }: { readonly name: string | null }, { by }: { readonly by: string | null }): string {
  const known = name ?? by;
  if (known === null) throw new ParameterError('by', 'who decides, since nobody is logged in');
  return known;
}

interface Given {
  readonly kind: 'block' | 'allow' | 'silence';
  readonly source: string | null;
  readonly host: string | null;
  readonly rule: Standing['rule'];
  readonly until: number | null;
  readonly why: string;
}

const KINDS = { block: 'blocked', allow: 'allowed', silence: 'silenced' } as const;

/** Reads a decision. Throws a ParameterError for what its kind does not take, or lacks. */
function standingOf({ kind, source, host, rule, until, why }: Given): Standing {
  if (kind === 'silence') {
    if (source === null && host === null && rule === null)
      throw new ParameterError('host', 'given, or source, or rule: a silence is for one of them');
    // Both lists together would be all their pairs.
    if (source?.includes(',') && host?.includes(' '))
      throw new ParameterError('host', 'one name where there are several sources');
  } else if (source === null) throw new ParameterError('source', `given: it says what to ${kind}`);
  else if (host !== null || rule !== null) throw new ParameterError(host === null ? 'rule' : 'host', 'left out here');
  if (kind !== 'allow' && until === null)
    throw new ParameterError('until', `given: nobody would end a ${kind} for ever`);
  return { kind: KINDS[kind], source, host, rule, untilMs: until, why };
}
