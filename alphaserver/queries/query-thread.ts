/** Queries, run on a thread of their own. */
import type { Logger } from '../../service/logger.ts';
import { Thread, type ThreadError } from '../../service/thread.ts';
import type { Queries, QueryName } from './queries.ts';
import type { JsonQuery } from './query-json.ts';
import { ResultCache, type Timed } from './result-cache.ts';
import type { Written } from './results.ts';

/** Queries that are asked until they find nothing newer: with a result of before a commit they would miss what it stored. */
const NEVER_OLD: ReadonlySet<QueryName> = new Set(['eventsAfter']);

/** One query with its arguments. `json`: the result is wanted as JSON in UTF-8. */
export interface QueryRequest {
  readonly query: QueryName;
  readonly values: readonly unknown[];
  readonly json: boolean;
}

/** The data that the thread starts with. */
export interface QueryData {
  readonly folder: string;
  readonly geoipFiles: string | null;
}

/** Messages between the two sides. */
export interface QueryMessages {
  readonly post: never;
  /** A fault of a file that says where sources are. */
  readonly emit: string;
  readonly request: QueryRequest;
  readonly reply: Timed<unknown>;
}

/** The store cannot be read, or not at the moment: HTTP's 503. */
export class UnreadableError extends Error {
  readonly statusCode = 503;
}

/** Runs the queries of a folder's store. The same query of many at once is run once. All reject with an UnreadableError. */
export class QueryThread {
  readonly #thread: Thread<QueryMessages>;
  readonly #results = new ResultCache();

  /** `geoipFiles` as ALPHASERVER_GEOIP names them, or null; `log` gets an error when one cannot be used. */
  constructor(folder: string, geoipFiles: string | null = null, log?: Pick<Logger, 'error'>) {
    this.#thread = new Thread({
      script: new URL('./query-worker.ts', import.meta.url),
      data: (): QueryData => ({ folder, geoipFiles }),
      emitted: (fault) => log?.error(fault),
      closeLimitMs: 0,
    });
  }

  /** Runs a query. */
  run<Q extends QueryName>(query: Q, ...values: Parameters<Queries[Q]>): Promise<ReturnType<Queries[Q]>> {
    return this.#run({ query, values, json: false }) as Promise<ReturnType<Queries[Q]>>;
  }

  /** Runs a query and gives its result as the API does, as JSON; a result that is only a word stays that word. */
  runJson<Q extends JsonQuery>(
    query: Q,
    ...values: Parameters<Queries[Q]>
  ): Promise<Written | Extract<ReturnType<Queries[Q]>, string>> {
    return this.#run({ query, values, json: true }) as Promise<Written | Extract<ReturnType<Queries[Q]>, string>>;
  }

  /** Invalidates cached results after a commit; results of before it are given again only where they were expensive. */
  changed(): void {
    this.#results.outdate();
  }

  /** Gives no result of before this again: somebody changed something, and wants to see it. */
  invalidate(): void {
    this.#results.clear();
  }

  /** Ends the thread; queries that wait are rejected. */
  close(): Promise<void> {
    return this.#thread.close();
  }

  #run(request: QueryRequest): Promise<unknown> {
    const key = JSON.stringify([request.query, request.json, ...request.values.map(keyPart)]);
    const load = () => this.#thread.request(request).catch(unreadable);
    return this.#results.get(key, load, !NEVER_OLD.has(request.query));
  }
}

function unreadable(error: ThreadError): never {
  const { code, message } = error;
  if (code === 'closed') throw new UnreadableError('the store is closed', { cause: error });
  if (code === 'busy') throw new UnreadableError('too many queries wait for the store', { cause: error });
  throw new UnreadableError(`the store could not be read: ${message}`, { cause: error });
}

/** JSON has no infinity. */
function keyPart(value: unknown): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).map(([name, one]) => [name, typeof one === 'number' ? String(one) : one])
    : value;
}
