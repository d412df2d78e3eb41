/** One connection to PostgreSQL that is made again after it was lost. The one file that loads the driver. */
import { Socket } from 'node:net';
import pg from 'pg';
import { StoreError } from '../store/store.ts';
import type { Fence, Primary } from './fence.ts';
import { type Call, PostgresCall } from './postgres-call.ts';
import { serverUrls } from './postgres-url.ts';

/** The name of every connection of a server, as `application_name` in PostgreSQL. */
export const PROGRAM = 'asgard';
/** Limit of the time to connect and log in. */
const CONNECT_LIMIT_MS = 5_000;
/** Limit of a query. A commit waits for its standbys meanwhile; past it the connection counts as lost. */
const QUERY_LIMIT_MS = 15_000;
/** Once one of several servers takes writes, the others have so long to say that they do too, and on which timeline. */
const OTHERS_LIMIT_MS = 1_000;
/** Milliseconds after which PostgreSQL drops a client that does not acknowledge, so that its locks are free again. */
const PEER_LIMIT_MS = 8_000;

/** OIDs of PostgreSQL's types `int8` and `int8[]`: numbers here, all of which are below 2^53. */
const INT8 = 20;
const INT8_ARRAY = 1016;

/** SQLSTATE of a disk without room: appendix A of PostgreSQL's manual. */
const DISK_FULL = '53100';
/** SQLSTATE of a lock that was not had in time. */
const LOCK_NOT_AVAILABLE = '55P03';
/** SQLSTATEs that no waiting mends: invalid authorization, no such database, no rights, tables that are others', a version that is too old. */
const LASTING = /^(28...|3D000|3F000|42...|0A000)$/;

/** The address, and the listeners. */
export interface ConnectionOptions {
  readonly url: string;
  /** Called with the payload of each notification of a channel that is listened to. */
  readonly notified?: (payload: string) => void;
  /** Called when a connection that was there is lost. */
  readonly lost?: () => void;
  /** Statements to run after each login. */
  readonly setUp?: readonly string[];
  /** Says which primaries may be used; all, unless given. */
  readonly fence?: Pick<Fence, 'take'>;
}

/** A connection to a server that takes writes. `primary` is null where the server does not say which one it is. */
interface Opened {
  readonly url: string;
  readonly client: pg.Client;
  readonly socket: Socket;
  readonly primary: Primary | null;
}

/** A query: its text with `$1` and so on, and the values. */
export interface Query {
  readonly text: string;
  readonly values?: readonly unknown[];
  /** The name under which PostgreSQL keeps the plan. */
  readonly name?: string;
  /** The limit of one that may take longer than others. */
  readonly limitMs?: number;
}

/** True when an error of `query` is that a lock was not had within `lock_timeout`. */
export function isLockTimeout(error: unknown): boolean {
  return sqlState((error as { cause?: unknown }).cause) === LOCK_NOT_AVAILABLE;
}

/** True when an error of `query` is PostgreSQL's refusal, which stays until somebody changes its settings or ours. */
export function isRefusal(error: unknown): boolean {
  const state = sqlState((error as { cause?: unknown }).cause);
  return state !== null && LASTING.test(state);
}

/** Runs queries in the order they are given. Connects at the first one, and again at the next one after a loss. */
export class PostgresConnection {
  readonly #options: ConnectionOptions;
  #client: Promise<pg.Client> | null = null;
  #socket: Socket | null = null;
  #primary: Primary | null = null;
  #isClosed = false;
  /** Ends with the last query given: the driver takes one at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Runs a query and gives its rows as arrays. Rejects with a StoreError, after which the connection may be another one. */
  query({ text, values = [], name, limitMs = QUERY_LIMIT_MS }: Query): Promise<unknown[][]> {
    return this.#inTurn(async (client) => {
      // The driver takes the limit of one query too, which its types lack.
      const config: pg.QueryArrayConfig<unknown[]> & { query_timeout: number } = {
        text,
        values: [...values],
        rowMode: 'array',
        query_timeout: limitMs,
        ...(name ? { name } : {}),
      };
      const result = await client.query(config);
      return result.rows as unknown[][];
    });
  }

  /** Runs a statement that gives numbers as one `bigint[]`. Rejects as `query` does. */
  numbers(call: Call): Promise<number[]> {
    return this.#inTurn(async (client) => {
      const value = await new Promise<string>((done, failed) => {
        client.query(new PostgresCall(call, (error, given) => (error ? failed(error) : done(given ?? '{}'))));
      });
      return numbersOf(value);
    });
  }

  #inTurn<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const done = this.#turn.then(() => this.#run(work));
    this.#turn = done.catch(() => {});
    return done;
  }

  async #run<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    let client: pg.Client | null = null;
    try {
      this.#client ??= this.#connect();
      client = await this.#client;
      return await work(client);
    } catch (error) {
      // With an SQLSTATE it is PostgreSQL's answer and the connection is sound. After anything else its state is not known.
      if (client === null || sqlState(error) === null) this.drop();
      throw new StoreError(sqlState(error) === DISK_FULL ? 'full' : 'failed', error, "PostgreSQL's disk");
    }
  }

  /** Drops the connection; the next query makes another. */
  drop(): void {
    const was = this.#client;
    this.#client = null;
    this.#socket?.destroy();
    this.#socket = null;
    this.#primary = null;
    if (was !== null) this.#options.lost?.();
  }

  close(): void {
    this.#isClosed = true;
    this.drop();
  }

  /** Drops a connection to another primary than this one: a standby was promoted. */
  leave({ system, timeline }: Primary): void {
    const at = this.#primary;
    if (at !== null && (at.system !== system || at.timeline < timeline)) this.drop();
  }

  /** Connects to the server that takes writes; where several do, to that of the newest timeline. */
  async #connect(): Promise<pg.Client> {
    const urls = serverUrls(this.#options.url) ?? [];
    const { opened, faults } = await this.#openAll(urls);
    let taken: Opened | null = null;
    for (const one of opened) {
      const fault = taken === null && !this.#isClosed ? this.#refused(one) : null;
      if (fault !== null) faults.set(one.url, fault);
      if (taken === null && fault === null && !this.#isClosed) taken = one;
      else one.socket.destroy();
    }
    if (taken === null) throw this.#isClosed ? new Error('the server is closing') : faultOf(urls, faults);
    this.#socket = taken.socket;
    this.#primary = taken.primary;
    return taken.client;
  }

  #refused({ primary }: Opened): unknown {
    if (primary === null) return null;
    try {
      const reason = this.#options.fence?.take(primary) ?? null;
      return reason === null ? null : new Error(reason);
    } catch (error) {
      return error;
    }
  }

  /** Connects to all servers at once. Gives those that take writes, of the newest timeline first, and why the others do not. */
  async #openAll(urls: readonly string[]): Promise<{ opened: readonly Opened[]; faults: Map<string, unknown> }> {
    const opened: Opened[] = [];
    const faults = new Map<string, unknown>();
    const enough = Promise.withResolvers<void>();
    let isOver = false;
    let late: NodeJS.Timeout | null = null;
    const all = urls.map(async (url) => {
      try {
        const one = await this.#open(url);
        if (isOver) one.socket.destroy();
        else opened.push(one);
        late ??= setTimeout(enough.resolve, OTHERS_LIMIT_MS);
      } catch (error) {
        faults.set(url, error);
      }
    });
    await Promise.race([Promise.all(all), enough.promise]);
    isOver = true;
    if (late !== null) clearTimeout(late);
    const place = ({ url }: Opened): number => urls.indexOf(url);
    opened.sort((a, b) => (b.primary?.timeline ?? 0) - (a.primary?.timeline ?? 0) || place(a) - place(b));
    return { opened, faults };
  }

  async #open(url: string): Promise<Opened> {
    const socket = new Socket();
    const client = new pg.Client({
      connectionString: url,
      application_name: PROGRAM,
      connectionTimeoutMillis: CONNECT_LIMIT_MS,
      query_timeout: QUERY_LIMIT_MS,
      keepAlive: true,
      types: { getTypeParser: (oid: number) => parser(oid) } as pg.CustomTypesConfig,
      stream: () => socket,
    });
    const ended = (): void => {
      if (socket === this.#socket) this.drop();
    };
    // Without a listener an error would end the process. A query that runs is rejected with it too.
    client.on('error', ended);
    client.on('end', ended);
    client.on('notification', ({ payload = '' }) => this.#options.notified?.(payload));
    try {
      await client.connect();
      const { rows } = await client.query({ text: 'SELECT pg_is_in_recovery()', rowMode: 'array' });
      if ((rows as unknown[][])[0]?.[0] !== false) throw new Error('it is a standby, which takes no writes');
      await client.query(`SET tcp_user_timeout = ${PEER_LIMIT_MS}`);
      for (const statement of this.#options.setUp ?? []) await client.query(statement);
      return { url, client, socket, primary: await primaryOf(client) };
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }
}

/** Asks a server which primary it is; null where its provider does not let everyone ask. */
async function primaryOf(client: pg.Client): Promise<Primary | null> {
  try {
    // The first eight digits of a WAL file's name are its timeline, in hexadecimal. A checkpoint has it only some time after a promotion.
    const { rows } = await client.query({
      text: 'SELECT system_identifier::text, pg_walfile_name(pg_current_wal_lsn()) FROM pg_control_system()',
      rowMode: 'array',
    });
    const [system, file] = (rows as [string, string][])[0] ?? ['', ''];
    const timeline = Number.parseInt(file.slice(0, 8), 16);
    return Number.isSafeInteger(timeline) ? { system, timeline } : null;
  } catch (error) {
    if (sqlState(error) === null) throw error;
    return null;
  }
}

/** Gives the one reason why no server of an address could be used: a refusal that no waiting mends, or what is wrong with each. */
function faultOf(urls: readonly string[], faults: ReadonlyMap<string, unknown>): unknown {
  const all = [...faults.values()];
  const lasting = all.find((error) => LASTING.test(sqlState(error) ?? ''));
  if (lasting !== undefined || all.length < 2) return lasting ?? all[0];
  const reason = (error: unknown): string =>
    error instanceof AggregateError ? reason(error.errors[0]) : error instanceof Error ? error.message : String(error);
  return new Error(
    urls
      .filter((url) => faults.has(url))
      .map((url) => `${new URL(url).host}: ${reason(faults.get(url))}`)
      .join('; '),
  );
}

function sqlState(error: unknown): string | null {
  return error instanceof pg.DatabaseError && error.code ? error.code : null;
}

/** Reads an array of numbers as PostgreSQL writes it. */
const numbersOf = (text: string): number[] => text.slice(1, -1).split(',').filter(Boolean).map(Number);

function parser(oid: number): (text: string) => unknown {
  if (oid === INT8) return Number;
  if (oid === INT8_ARRAY) return numbersOf;
  return pg.types.getTypeParser(oid, 'text');
}
