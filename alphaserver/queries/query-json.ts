/** Large results as JSON in the API's shapes, written on the query thread, so that the main thread only sends bytes. Pure. */
import { alertOf } from './alert-views.ts';
import type { Queries } from './queries.ts';
import { eventCursor } from './results.ts';

type Result<Q extends keyof Shapes> = Exclude<ReturnType<Queries[Q]>, string>;
interface Shapes {
  readonly top: unknown;
  readonly networks: unknown;
  readonly timeline: unknown;
  readonly events: unknown;
  readonly alerts: unknown;
}

/** The queries whose results can be had as JSON. */
export type JsonQuery = keyof Shapes;

const NAMES = { hosts: 'host', sources: 'ip', users: 'user' } as const;

function top(kind: keyof typeof NAMES, { ranks, error }: Result<'top'>): unknown {
  const rows = ranks.map(({ value, hosts, users, origin, ...rank }) => ({
    [NAMES[kind]]: value,
    ...rank,
    ...(kind === 'sources' ? { hosts, users, origin } : {}),
  }));
  return { [kind]: rows, error };
}

/** Writes a result as JSON in UTF-8, into memory that nothing else uses. A result that is only a word stays that word. */
export function queryJson<Q extends JsonQuery>(
  query: Q,
  values: Parameters<Queries[Q]>,
  result: ReturnType<Queries[Q]>,
): Uint8Array<ArrayBuffer> | string {
  if (typeof result === 'string') return result;
  return new TextEncoder().encode(JSON.stringify(shape(query, values, result)));
}

function shape(query: JsonQuery, values: readonly unknown[], result: unknown): unknown {
  switch (query) {
    case 'top':
      return top(values[0] as keyof typeof NAMES, result as Result<'top'>);
    case 'timeline':
    case 'networks':
      return result;
    case 'events': {
      const { events, next } = result as Result<'events'>;
      return { events, next: next && eventCursor(next) };
    }
    case 'alerts': {
      const { incidents, next } = result as Result<'alerts'>;
      return { alerts: incidents.map(alertOf), next };
    }
  }
}
