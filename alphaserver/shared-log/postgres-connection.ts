/** One connection to PostgreSQL that is made again after it was lost. The one file that knows the driver. */
import { Socket } from 'node:net';
import pg from 'pg';
import { StoreError } from '../store/store.ts';
import { serverUrls } from './postgres-url.ts';

/** Limit of the time to connect and log in. */
const CONNECT_LIMIT_MS = 5_000;
/** Limit of a query. A commit waits for its standbys meanwhile; past it the connection counts as lost. */
const QUERY_LIMIT_MS = 15_000;
/** Milliseconds after which PostgreSQL drops a client that does not acknowledge, so that its locks are free again. */
const PEER_LIMIT_MS = 8_000;

/** OIDs of PostgreSQL's types `int8` and `int8[]`: numbers here, all of which are below 2^53. */
const INT8 = 20;
const INT8_ARRAY = 1016;

/** SQLSTATE of a disk without room: appendix A of PostgreSQL's manual. */
const DISK_FULL = '53100';
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
}

/** A query: its text with `$1` and so on, and the values. */
export interface Query {
  readonly text: string;
  readonly values?: readonly unknown[];
  /** The name under which PostgreSQL keeps the plan. */
  readonly name?: string;
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
  #isClosed = false;
  /** Ends with the last query given: the driver takes one at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Runs a query and gives its rows as arrays. Rejects with a StoreError, after which the connection may be another one. */
  query(query: Query): Promise<unknown[][]> {
    const done = this.#turn.then(() => this.#query(query));
    this.#turn = done.catch(() => {});
    return done;
  }

  async #query({ text, values = [], name }: Query): Promise<unknown[][]> {
    let client: pg.Client | null = null;
    try {
      this.#client ??= this.#connect();
      client = await this.#client;
      const result = await client.query({ text, values: [...values], rowMode: 'array', ...(name ? { name } : {}) });
      return result.rows as unknown[][];
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
    if (was !== null) this.#options.lost?.();
  }

  close(): void {
    this.#isClosed = true;
    this.drop();
  }

  /** Connects to the first of the servers that takes writes. */
  async #connect(): Promise<pg.Client> {
    let fault: unknown = new Error('the server is closing');
    for (const url of serverUrls(this.#options.url) ?? []) {
      if (this.#isClosed) break;
      try {
        return await this.#connectTo(url);
      } catch (error) {
        fault = error;
      }
    }
    throw fault;
  }

  async #connectTo(url: string): Promise<pg.Client> {
    const socket = new Socket();
    const client = new pg.Client({
      connectionString: url,
      application_name: 'asgard',
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
    } catch (error) {
      socket.destroy();
      throw error;
    }
    this.#socket = socket;
    return client;
  }
}

function sqlState(error: unknown): string | null {
  return error instanceof pg.DatabaseError && error.code ? error.code : null;
}

function parser(oid: number): (text: string) => unknown {
  if (oid === INT8) return Number;
  if (oid === INT8_ARRAY) return (text) => text.slice(1, -1).split(',').filter(Boolean).map(Number);
  return pg.types.getTypeParser(oid, 'text');
}
