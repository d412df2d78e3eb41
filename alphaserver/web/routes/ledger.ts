/** `GET /api/ledger`, `/api/unknown` and `/api/gaps`: what was not seen, so that "no attacks" is never "not looking". */
import type { Views } from '../../queries/results.ts';
import { API } from '../api-schema.ts';
import type { ApiApp } from '../parameters.ts';

/** A row's number as a cursor. */
const next = (row: number | null): string | null => (row === null ? null : String(row));

/** The accounts of every agent, the lines that were not understood, and the parts of logs that could not be read. */
export function ledgerRoutes(app: ApiApp, views: Pick<Views, 'ledger' | 'unknown' | 'gaps'>): void {
  app.get('/api/ledger', API.ledger, async ({ query }) => {
    const page = await views.ledger(query.limit, query.cursor ?? 0);
    return { ...page, next: next(page.next) };
  });
  app.get('/api/unknown', API.unknown, async ({ query }) => ({ shapes: await views.unknown(query.limit, query.host) }));
  app.get('/api/gaps', API.gaps, async ({ query }) => {
    const page = await views.gaps(query.limit, query.cursor, query.host);
    return { ...page, next: next(page.next) };
  });
}
