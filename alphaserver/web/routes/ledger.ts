/** `GET /api/ledger`, `/api/unknown` and `/api/gaps`: what was not seen, so that "no attacks" is never "not looking". */
import type { FastifyInstance } from 'fastify';
import type { Views } from '../../queries/results.ts';
import { Parameters } from '../parameters.ts';
import { ANSWERS, route } from '../schemas.ts';

const rowIn = (text: string): number | null => (/^\d{1,15}$/.test(text) ? Number(text) : null);

/** The accounts of every agent, the lines that no rule knew, and the parts of logs that could not be read. */
export function ledgerRoutes(app: FastifyInstance, { views, now }: { views: Views; now: () => number }): void {
  const paged = ['limit', 'cursor'] as const;
  app.get(
    '/api/ledger',
    route('What each agent sent and what became of it: sent = stored + gaps + waiting', paged, ANSWERS.ledger),
    async (request) => {
      const given = new Parameters(request.query, now());
      given.only(paged);
      const { agents, totals, next } = await views.ledger(given.limit(), given.cursor(rowIn) ?? 0);
      return { agents, totals, next: next === null ? null : String(next) };
    },
  );
  const shapes = route('Shapes of log lines that no rule knows, seen most first', ['limit'], ANSWERS.unknown);
  app.get('/api/unknown', shapes, async (request) => {
    const given = new Parameters(request.query, now());
    given.only(['limit']);
    return { shapes: await views.unknown(given.limit()) };
  });
  const unread = route(
    'What is missing: parts of logs that could not be read, events that never came; newest first',
    paged,
    ANSWERS.gaps,
  );
  app.get('/api/gaps', unread, async (request) => {
    const given = new Parameters(request.query, now());
    given.only(paged);
    const { gaps, next } = await views.gaps(given.limit(), given.cursor(rowIn));
    return { gaps, next: next === null ? null : String(next) };
  });
}
