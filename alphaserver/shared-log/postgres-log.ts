/** The shared log in PostgreSQL. */
import type { AgentReport } from '../../protocol/report.ts';
import type { Forgotten } from '../store/agents.ts';
import { FORGET_DECISION, type NewDecision } from '../store/decisions.ts';
import { type StoreBase, StoreError } from '../store/store.ts';
import { Fence, type FenceMemory } from './fence.ts';
import { LogClock } from './log-clock.ts';
import { COPIED, type CopyMark, type ImportedAppend, type ImportLog } from './migrate.ts';
import { type RunStatement, readBase, writeBase } from './postgres-base.ts';
import { PostgresConnection } from './postgres-connection.ts';
import { deleteOldDays, LIMIT_LOCKS } from './postgres-old-days.ts';
import { appendValues, batchesOf, oneEventValues } from './postgres-rows.ts';
import {
  EVENT_COLUMNS,
  LEADER_LOCK,
  MIGRATION_LOCK,
  MIGRATIONS,
  NEWS_CHANNEL,
  NOTIFY_LATER,
} from './postgres-schema.ts';
import { type PostgresOptions, sayUnsafe } from './postgres-settings.ts';
import type {
  Exchanged,
  KeptSecret,
  LogBounds,
  LoggedAppend,
  LogPlace,
  NewAppend,
  Presence,
  SharedLog,
} from './shared-log.ts';

/** A read ends with the append that passes one of these: a server that catches up holds twice as much of the log in memory. */
const READ_LIMIT_APPENDS = 2_048;
const READ_LIMIT_EVENTS = 20_000;
const READ_LIMIT_BYTES = 8_388_608;
/** Interval at which a server looks for news that no notification brought. */
const POLL_MS = 1_000;
/** Presence published this long before the last look may have committed after it. */
const PRESENCE_OVERLAP_MS = 30_000;

const parameters = (count: number): string => Array.from({ length: count }, (_, i) => `$${i + 1}`).join(', ');
const APPEND = `SELECT ARRAY[o_position, o_stored_at, o_first_event] FROM asgard.append(${parameters(EVENT_COLUMNS.length + 12)})`;
const APPEND_ONE = `SELECT asgard.append_one(${parameters(EVENT_COLUMNS.length + 3)})`;
const APPENDS = `SELECT position, stored_at, first_event, counts, name, batches FROM (
    SELECT *, sum(octet_length(batches)) OVER (ORDER BY position) - octet_length(batches) AS bytes, first_event - min(first_event) OVER () AS events
      FROM (SELECT * FROM asgard.appends WHERE position > $1 AND stored_at >= $2 ORDER BY position LIMIT ${READ_LIMIT_APPENDS}) AS next
  ) AS summed WHERE bytes < ${READ_LIMIT_BYTES} AND events < ${READ_LIMIT_EVENTS} ORDER BY position`;
/** Events by column: one JSON array of each takes a third of the time of rows, which are parsed text by text. */
const EVENTS = `SELECT ${EVENT_COLUMNS.map(([name]) => `json_agg(${name})`).join(', ')} FROM (SELECT * FROM asgard.events
  WHERE id >= $1 AND id < $2 AND stored_at >= $3 AND stored_at <= $4 ORDER BY id) AS page`;

/** A time at which an agent was heard that is further ahead than this is of a clock that was set back since. */
const AHEAD_LIMIT_MS = 60_000;

/** Each append would be planned anew otherwise: an array's length makes a plan for it look cheaper, and planning takes longer than the append of one event. */
const KEEP_PLANS = 'SET plan_cache_mode = force_generic_plan';
/** A page of events is read faster than code is made for it. */
const NO_COMPILER = 'SET jit = off';

/** The address of PostgreSQL, who hears of its settings, and what is kept of it. */
export interface PostgresLogOptions extends PostgresOptions {
  /** Keeps the newest primary that was seen, so that no older one is used; nothing is kept unless given. */
  readonly memory?: FenceMemory;
}

/** What keeps nothing: a copy is made by hand, and in one go. */
const NO_MEMORY: FenceMemory = { read: () => null, write: () => {} };

/** Opens the log: makes or migrates its tables. Rejects with a StoreError while PostgreSQL cannot be reached, and with an Error for good. */
export async function openPostgresLog(options: PostgresLogOptions): Promise<PostgresLog> {
  const log = new PostgresLog(options);
  try {
    await log.prepare();
    return log;
  } catch (error) {
    await log.close();
    throw error;
  }
}

/**
 * A commit of its own, which holds no lock. Whoever waits for the standbys with a commit waits for all commits before it: also for those that
 * a crash or a shutdown of PostgreSQL has made visible before a standby had them.
 */
const SETTLE = "SELECT pg_logical_emit_message(true, 'asgard', '')";

type LogPlaceRow = [position: number, storedMs: number, firstId: number];
type AppendRow = [position: number, storedMs: number, firstId: number, counts: number[], name: string, batches: string];

/**
 * Two connections: one appends, so that no read delays a commit, the other reads, listens and holds the leader's lock. A third one is there
 * while old days are deleted, which may take minutes.
 */
export class PostgresLog implements SharedLog, ImportLog {
  readonly #options: PostgresLogOptions;
  readonly #writer: PostgresConnection;
  readonly #reader: PostgresConnection;
  readonly #deleter: PostgresConnection;
  readonly #poll: NodeJS.Timeout;
  readonly #clock: LogClock;
  #news: (name: string | null) => void = () => {};
  #leads = false;
  /** Losses of the reader's connection, and how many there were when its log was compared with the server's own last append; null before. */
  #losses = 0;
  #comparedAt: number | null = null;
  /** How many there were when what it showed was known to be with a quorum; null before. */
  #settledAt: number | null = null;
  /** Ends with the last append that was given; rejected where that failed, until all that waited for it were rejected too. */
  #appended: Promise<unknown> = Promise.resolve();
  /** The name of the newest append that others have not been notified of. */
  #unannounced: string | null = null;
  /** Time of the last append that was read: older partitions need no look. */
  #readTo = { position: 0, storedMs: 0 };

  constructor(options: PostgresLogOptions) {
    this.#options = options;
    this.#clock = new LogClock(options.log, Date.now);
    const fence = new Fence(options.memory ?? NO_MEMORY, (primary) => {
      this.#writer.leave(primary);
      this.#reader.leave(primary);
      this.#deleter.leave(primary);
    });
    this.#writer = new PostgresConnection({ url: options.url, fence, setUp: [KEEP_PLANS, NO_COMPILER, NOTIFY_LATER] });
    this.#reader = new PostgresConnection({
      url: options.url,
      fence,
      notified: (name) => this.#news(name),
      lost: () => {
        this.#leads = false;
        this.#losses += 1;
      },
      setUp: [`LISTEN ${NEWS_CHANNEL}`, NO_COMPILER],
    });
    this.#deleter = new PostgresConnection({ url: options.url, fence, setUp: [LIMIT_LOCKS] });
    this.#poll = setInterval(() => this.#news(null), POLL_MS).unref();
  }

  /** Makes or migrates the tables, one server at a time, and logs settings of PostgreSQL that break the promise. */
  async prepare(): Promise<void> {
    const db = this.#writer;
    await sayUnsafe(db, this.#options);
    await db.query({ text: `SELECT pg_advisory_lock(${MIGRATION_LOCK})` });
    try {
      const version = await this.#version();
      if (version > MIGRATIONS.length)
        throw new Error(`its tables are of version ${version}, newer than this program knows (${MIGRATIONS.length})`);
      for (const [i, step] of MIGRATIONS.entries()) {
        if (i < version) continue;
        await db.query({
          text: `BEGIN; ${i === 0 ? 'CREATE SCHEMA asgard;' : ''} ${step};
            INSERT INTO asgard.facts VALUES ('version', '${i + 1}') ON CONFLICT (name) DO UPDATE SET value = excluded.value; COMMIT`,
        });
      }
    } finally {
      await db.query({ text: `SELECT pg_advisory_unlock(${MIGRATION_LOCK})` }).catch(() => db.drop());
    }
  }

  async append(what: NewAppend): Promise<LogPlace> {
    // Encoded while the append before is on its way.
    const one = oneEventValues(what);
    const call =
      one === null
        ? { name: 'append', text: APPEND, values: appendValues(what, null) }
        : { name: 'append one', text: APPEND_ONE, values: one };
    const done = this.#appended.then(() => this.#writer.numbers(call));
    this.#appended = done;
    done.catch(() => {
      if (this.#appended === done) this.#appended = Promise.resolve();
    });
    const [position, storedMs, firstId] = (await done) as LogPlaceRow;
    this.#clock.heard(storedMs);
    return { position, storedMs, firstId };
  }

  announce(name: string): void {
    const isOnItsWay = this.#unannounced !== null;
    this.#unannounced = name;
    if (!isOnItsWay) void this.#announce();
  }

  /** Notifies of what was appended until then, by the name of the newest append: who hears of it reads all that is new. */
  async #announce(): Promise<void> {
    while (this.#unannounced !== null) {
      const name = this.#unannounced;
      // Other servers look once a second besides.
      await this.#reader
        .query({ name: 'announce', text: `SELECT pg_notify('${NEWS_CHANNEL}', $1)`, values: [name] })
        .catch(() => {});
      if (this.#unannounced === name) this.#unannounced = null;
    }
  }

  async has(position: number, storedMs: number): Promise<boolean> {
    while (this.#comparedAt !== this.#losses) {
      const losses = this.#losses;
      const [row] = await this.#reader.query({
        text: 'SELECT stored_at FROM asgard.appends WHERE position = $1',
        values: [position],
      });
      if (row !== undefined && row[0] !== storedMs) return false;
      this.#comparedAt = losses;
    }
    return true;
  }

  async settled(): Promise<void> {
    await this.#writer.query({ text: SETTLE });
  }

  async read(after: number): Promise<LoggedAppend[]> {
    const since = this.#readTo.position === after ? this.#readTo.storedMs : 0;
    const taken = (await this.#reader.query({ name: 'appends', text: APPENDS, values: [after, since] })) as AppendRow[];
    const [first, last] = [taken.at(0), taken.at(-1)];
    if (!first || !last) return [];
    const losses = this.#losses;
    if (this.#settledAt !== losses) await this.#reader.query({ text: SETTLE });
    this.#settledAt = losses;
    const end = last[2] + sum(last[3]);
    const columns = await this.#columns(first[2], end, first[1], last[1]);
    const decisions = (await this.#reader.query({
      name: 'decisions',
      text: `SELECT position, kind, subject, by, body FROM asgard.decisions WHERE position > $1 AND position <= $2 ORDER BY position, number`,
      values: [after, last[0]],
    })) as [number, string, string, string | null, string][];
    if (losses !== this.#losses || (this.#comparedAt ?? losses) !== losses)
      throw new StoreError('failed', new Error('the connection was lost before what it gave was compared'));
    this.#readTo = { position: last[0], storedMs: last[1] };
    // Decisions outlive the appends they came with: a new server takes those of deleted ones with the oldest that is left.
    const decided = Map.groupBy(decisions, ([at]) => Math.max(at, first[0]));
    return taken.map(([position, storedMs, firstId, counts, name, batches]) => ({
      position,
      storedMs,
      firstId,
      name,
      isCopied: name === COPIED,
      batches: batchesOf(batches, counts, columns, firstId - first[2]),
      decisions: (decided.get(position) ?? []).map(
        ([, kind, subject, by, body]): NewDecision => ({ kind, subject, by, body: JSON.parse(body) as object }),
      ),
    }));
  }

  /** Reads the events from an id to another one by column, each a list in the order of the ids. */
  async #columns(firstId: number, endId: number, fromMs: number, toMs: number): Promise<unknown[][]> {
    if (firstId === endId) return [];
    const [columns] = await this.#reader.query({
      name: 'events',
      text: EVENTS,
      values: [firstId, endId, fromMs, toMs],
    });
    if ((columns as (unknown[] | null)[])[0]?.length !== endId - firstId)
      throw new StoreError('failed', new Error('events were deleted while they were read'));
    return columns as unknown[][];
  }

  async bounds(): Promise<LogBounds> {
    const [row] = await this.#reader.query({
      text: `SELECT value::bigint, position, kept_from FROM asgard.head, asgard.facts WHERE name = 'number'`,
    });
    const [number = 0, newest = 0, oldest = 1] = row as number[];
    return { number, newest, oldest };
  }

  base(): Promise<StoreBase> {
    return readBase(this.#reader);
  }

  async copied(store: string): Promise<CopyMark | null> {
    const rows = await this.#writer.query({ text: "SELECT name, value FROM asgard.facts WHERE name LIKE 'copied%'" });
    const facts = new Map(rows as [string, string][]);
    const [row] = await this.#writer.query({
      text: 'SELECT position, (SELECT count(*) FROM asgard.appends WHERE name <> $1 LIMIT 1) FROM asgard.head',
      values: [COPIED],
    });
    const [position, foreign] = row as [number, number];
    if (!facts.has('copiedStore')) {
      if (position > 0) throw new Error('it has a log already, which was not copied from here');
      return null;
    }
    if (facts.get('copiedStore') !== store) throw new Error('it has the log of another store');
    if (foreign > 0) throw new Error('a server uses the copy already, so that it is complete');
    return { event: Number(facts.get('copiedEvent') ?? 0), decision: Number(facts.get('copiedDecision') ?? 0) };
  }

  async beginCopy(store: string, firstId: number): Promise<void> {
    await this.#inTransaction(async (run) => {
      await run('UPDATE asgard.head SET event = $1', [firstId - 1]);
      await run("INSERT INTO asgard.facts VALUES ('copiedStore', $1)", [store]);
    });
  }

  async importAppends(appends: readonly ImportedAppend[], { event, decision }: CopyMark): Promise<void> {
    await this.#inTransaction(async (run) => {
      for (const one of appends) await run(APPEND, appendValues({ ...one, name: COPIED }, one.storedMs), 'append');
      await run(
        `INSERT INTO asgard.facts VALUES ('copiedEvent', $1), ('copiedDecision', $2)
           ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
        [String(event), String(decision)],
      );
    });
  }

  async endCopy(base: StoreBase, forgotten: Forgotten): Promise<void> {
    await this.#inTransaction(async (run) => {
      await writeBase(run, base);
      // Who came back since an earlier copy need not have sent events that would list it again.
      await run(
        "DELETE FROM asgard.decisions WHERE position = (SELECT value::bigint FROM asgard.facts WHERE name = 'copiedForgotten')",
        [],
      );
      const [subject] = [...forgotten.agents, ...forgotten.hosts];
      if (subject === undefined) return;
      const decisions = [{ kind: FORGET_DECISION, subject, by: null, body: forgotten }];
      // Nobody knows when; the log makes it the time of what was copied last, before which no later copy appends.
      await run(APPEND, appendValues({ name: COPIED, batches: [], decisions }, 0), 'append');
      await run(
        `INSERT INTO asgard.facts SELECT 'copiedForgotten', position::text FROM asgard.head
           ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
        [],
      );
    });
  }

  onNews(listener: (name: string | null) => void): void {
    this.#news = listener;
  }

  async lead(): Promise<boolean> {
    // A query even where it leads already: it shows that the connection, and so the lock, is still there.
    const sql = this.#leads ? 'SELECT true' : `SELECT pg_try_advisory_lock(${LEADER_LOCK})`;
    const [row] = await this.#reader.query({ text: sql });
    this.#leads = row?.[0] === true;
    return this.#leads;
  }

  async exchange(server: string, own: readonly Presence[], afterMs: number): Promise<Exchanged> {
    const columns = [
      own.map(({ agent }) => agent),
      own.map(({ server }) => server),
      own.map(({ isConnected }) => isConnected),
      own.map(({ heardMs }) => heardMs),
      own.map(({ report }) => report && JSON.stringify(report)),
    ];
    if (own.length > 0)
      await this.#writer.query({
        name: 'presence',
        text: `INSERT INTO asgard.presence AS p SELECT o.*, asgard.now_ms() FROM unnest($1::text[], $2::text[], $3::boolean[], $4::bigint[], $5::text[]) AS o
          ON CONFLICT (agent) DO UPDATE SET server = excluded.server, connected = excluded.connected, heard_at = excluded.heard_at,
            report = coalesce(excluded.report, p.report), updated_at = excluded.updated_at
          WHERE (excluded.heard_at >= p.heard_at OR p.server = excluded.server OR p.heard_at > asgard.now_ms() + ${AHEAD_LIMIT_MS})
            AND (excluded.connected OR p.server = excluded.server)`,
        values: columns,
      });
    const rows = (await this.#reader.query({
      name: 'others',
      text: 'SELECT agent, server, connected, heard_at, report, asgard.now_ms() FROM asgard.presence WHERE updated_at >= $1 AND server <> $2',
      values: [Math.max(0, afterMs - PRESENCE_OVERLAP_MS), server],
    })) as [string, string, boolean, number, string | null, number][];
    return {
      others: rows.map(([agent, name, isConnected, heardMs, report]) => ({
        agent,
        server: name,
        isConnected,
        heardMs,
        report: report === null ? null : (JSON.parse(report) as AgentReport),
      })),
      nowMs: rows.at(0)?.[5] ?? afterMs,
    };
  }

  async secret(name: string): Promise<KeptSecret | null> {
    const [row] = await this.#writer.query({
      text: 'SELECT open, sealed FROM asgard.secrets WHERE name = $1',
      values: [name],
    });
    const [open, sealed] = (row ?? []) as string[];
    return open === undefined || sealed === undefined ? null : { open, sealed };
  }

  async keepSecret(name: string, { open, sealed }: KeptSecret, replaces: string | null): Promise<KeptSecret | null> {
    await this.#writer.query({
      text: `INSERT INTO asgard.secrets AS s VALUES ($1, $2, $3)
        ON CONFLICT (name) DO UPDATE SET open = excluded.open, sealed = excluded.sealed WHERE s.open = $4`,
      values: [name, open, sealed, replaces],
    });
    return this.secret(name);
  }

  async deleteOlderThan(retentionMs: number, nowMs: number): Promise<void> {
    try {
      await deleteOldDays(this.#deleter, retentionMs, nowMs);
    } finally {
      this.#deleter.drop();
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#poll);
    this.#writer.close();
    this.#reader.close();
    this.#deleter.close();
  }

  /** Runs statements of the writer in one transaction. */
  async #inTransaction(work: (run: RunStatement) => Promise<void>): Promise<void> {
    const db = this.#writer;
    await db.query({ text: 'BEGIN' });
    try {
      await work((text, values, name) => db.query({ text, values, ...(name ? { name } : {}) }));
      await db.query({ text: 'COMMIT' });
    } catch (error) {
      // The connection's end is the end of its transaction, whatever state that is in.
      db.drop();
      throw error;
    }
  }

  async #version(): Promise<number> {
    const [found] = await this.#writer.query({
      text: `SELECT (SELECT count(*) = 2 FROM pg_attribute WHERE attrelid = to_regclass('asgard.facts') AND attname IN ('name', 'value')),
        EXISTS (SELECT FROM pg_namespace WHERE nspname = 'asgard')`,
    });
    const [isOurs, isTaken] = found as [boolean, boolean];
    if (!isOurs && isTaken) throw new Error('its schema asgard belongs to something else: use another database');
    if (!isOurs) return 0;
    const [row] = await this.#writer.query({ text: `SELECT value FROM asgard.facts WHERE name = 'version'` });
    return Number(row?.[0] ?? 0);
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);
