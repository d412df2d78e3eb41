/** Settings of PostgreSQL that break the promise of the shared log. */
import type { Logger } from '../../service/logger.ts';
import type { PostgresConnection } from './postgres-connection.ts';
import { publicAddress } from './postgres-url.ts';

/** The address of PostgreSQL, and who hears of its settings. */
export interface PostgresOptions {
  readonly url: string;
  readonly log: Pick<Logger, 'warn' | 'error' | 'info'>;
}

/** Logs what PostgreSQL is set up to lose of what it acknowledged, and a standby that it waits for and that is not there. */
export async function sayUnsafe(db: Pick<PostgresConnection, 'query'>, { url, log }: PostgresOptions): Promise<void> {
  const at = publicAddress(url);
  const shown = ['fsync', 'full_page_writes', 'synchronous_commit', 'synchronous_standby_names'];
  const [values] = await db.query({
    text: `SELECT ${shown.map((name) => `current_setting('${name}')`).join(', ')}, (SELECT count(*) FROM pg_stat_replication)`,
  });
  const [fsync, pages, commit, standbys, connected] = values as [string, string, string, string, number];
  for (const [name, value] of [
    ['fsync', fsync],
    ['full_page_writes', pages],
  ] as const)
    if (value === 'off')
      log.error(`${at} has ${name} = off: a power failure there loses or damages what was acknowledged`);
  if (commit === 'off' || (commit === 'local' && standbys !== ''))
    log.error(`${at} has synchronous_commit = ${commit}: a crash there loses what was acknowledged. It should be on`);
  if (standbys !== '' && connected === 0)
    log.error(
      `${at} waits for a standby (synchronous_standby_names = ${standbys}), and none is connected: nothing is stored until one is`,
    );
}
