/** Stores what an outbox has one of, and what it has one of for each log, as JSON by its name. */
import { type Database, withOutboxErrors } from './database.ts';

/** The schema of the table. */
export const META_SCHEMA = 'CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID';

/** The key of a log's bookmark is this and the log's name. */
const LOG = 'log:';

/** Returns the key of a log's bookmark. */
export const bookmarkKey = (log: string): string => LOG + log;

/** Returns the log whose bookmark a key is of; null for any other key. */
export const logOfKey = (key: string): string | null => (key.startsWith(LOG) ? key.slice(LOG.length) : null);

/** The logs that an agent has read. */
export interface ReadLogs {
  /** Those that have a bookmark, in the order of their names. */
  readonly all: readonly string[];
  /** The one followed last; null where none was, or an earlier version did not note which. No line of it need have been read. */
  readonly last: string | null;
}

/** The table on one database. */
export class MetaRows {
  readonly #db: Database;
  readonly #get: ReturnType<Database['prepare']>;
  readonly #set: ReturnType<Database['prepare']>;

  constructor(db: Database) {
    this.#db = db;
    this.#get = db.prepare('SELECT value FROM meta WHERE key = ?');
    this.#set = db.prepare(
      'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    );
  }

  /** Returns a value, or null. Throws an OutboxError, `damaged` where it is no JSON. */
  get(key: string): unknown {
    return withOutboxErrors(() => {
      const row = this.#get.get(key) as { value: string } | undefined;
      return row ? JSON.parse(row.value) : null;
    });
  }

  /** Writes values, inside the caller's transaction. */
  set(values: Readonly<Record<string, unknown>>): void {
    for (const [key, value] of Object.entries(values)) this.#set.run(key, JSON.stringify(value));
  }

  /** Returns the logs that were read. Throws an OutboxError. */
  readLogs(): ReadLogs {
    const keys = withOutboxErrors(() => this.#db.prepare('SELECT key FROM meta ORDER BY key').all()) as {
      key: string;
    }[];
    return { all: keys.flatMap(({ key }) => logOfKey(key) ?? []), last: this.get('sessionsOf') as string | null };
  }
}
