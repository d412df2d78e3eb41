/** Deletes old days of the shared log in PostgreSQL, and keeps no append waiting for whoever reads them. */
import { StoreError } from '../store/store.ts';
import { isLockTimeout, type PostgresConnection, PROGRAM } from './postgres-connection.ts';

const DAY_MS = 86_400_000;
/**
 * Limit of the wait for each of the four tables that the deletion of a day locks. All appends wait meanwhile: it has the log's lock by then.
 * Appends take the two in this order, so that the other one would be a deadlock. A vacuum that PostgreSQL began itself gives way after
 * `deadlock_timeout`, which is a second.
 */
const LOCK_LIMIT_MS = 2_000;
/** Limit of the deletion of a day, whose events are counted first: 500 million take minutes. No lock is held meanwhile that an append waits for. */
const DAY_LIMIT_MS = 1_800_000;

/** Statement to run after each login of the connection. PostgreSQL itself gives up, also where nobody waits for its answer any more. */
export const LIMIT_LOCKS = `SET lock_timeout = ${LOCK_LIMIT_MS}`;

/**
 * Days whose partitions are older than a span by PostgreSQL's clock, and than a day by the caller's. The partitions of the day of the newest
 * append are the ones that the next append goes into.
 */
const OLD_DAYS = `SELECT days.day FROM asgard.head, (
    SELECT to_date(substring(c.relname FROM '^events_([0-9]{8})$'), 'YYYYMMDD') - DATE '1970-01-01' AS day
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'asgard.events'::regclass
  ) AS days WHERE days.day < least((asgard.now_ms() - $1) / ${DAY_MS}, $2, head.day) ORDER BY days.day`;

/**
 * The session that has held a lock of the log's tables for longest. Not a server's: an append that waits for a standby holds them, too, and to end
 * it would show what no standby has.
 */
const HOLDER = `SELECT a.pid, coalesce(a.usename, a.backend_type), a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
  WHERE l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND a.application_name <> '${PROGRAM}'
    AND l.relation IN (SELECT oid FROM pg_class WHERE relnamespace = 'asgard'::regnamespace AND relname ~ '^(events|appends)(_[0-9]{8})?$')
  ORDER BY a.xact_start NULLS LAST LIMIT 1`;

/**
 * Deletes the days, each in a transaction of its own: the next day is counted while no append waits. Rejects with a StoreError that says who
 * reads a day that could not be locked; the days before it are deleted then.
 */
export async function deleteOldDays(
  db: Pick<PostgresConnection, 'query'>,
  retentionMs: number,
  nowMs: number,
): Promise<void> {
  const days = await db.query({ text: OLD_DAYS, values: [retentionMs, Math.floor((nowMs - retentionMs) / DAY_MS)] });
  for (const [day] of days as [number][]) {
    try {
      await db.query({ text: 'SELECT asgard.drop_before($1)', values: [day + 1], limitMs: DAY_LIMIT_MS });
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      throw new StoreError('failed', new Error(await heldBy(db)));
    }
  }
}

async function heldBy(db: Pick<PostgresConnection, 'query'>): Promise<string> {
  const [holder] = await db.query({ text: HOLDER });
  // Whoever held it may have let go since.
  if (holder === undefined) return 'a transaction of PostgreSQL held its tables';
  const [pid, user, program] = holder as [number, string, string];
  return `process ${pid} of PostgreSQL (user ${user}, program ${program || 'not known'}) reads its tables. Wait until its transaction ends, or end it: SELECT pg_terminate_backend(${pid})`;
}
