/** The thread that queries run on: whatever one costs, storing does not wait for it. */

import { originsOrCountries } from '../../service/countries.ts';
import { MovedReply, runThread } from '../../service/thread.ts';
import { Queries } from './queries.ts';
import { type JsonQuery, queryJson } from './query-json.ts';
import type { QueryData, QueryMessages } from './query-thread.ts';
import type { Timed } from './result-cache.ts';
import { openReader } from './snapshot.ts';

/** Storing goes first, and rolling up: the more waits to be rolled up, the more a query has to read. */
const NICE_STEPS = 15;

runThread<QueryMessages>(NICE_STEPS, ({ folder, geoipFiles }: QueryData, emit) => {
  const queries = new Queries(openReader(folder), originsOrCountries(geoipFiles, { error: emit }));
  return {
    answer: ({ query, values, json }) => {
      const startedMs = performance.now();
      const value = (queries[query] as (...given: unknown[]) => unknown)(...values);
      const result = json ? queryJson(query as JsonQuery, values as never, value as never) : value;
      const timed: Timed<unknown> = { value: result, tookMs: performance.now() - startedMs };
      return result instanceof Uint8Array ? new MovedReply(timed, [result.buffer as ArrayBuffer]) : timed;
    },
  };
});
