/** Joins a server to the shared log in PostgreSQL, for as long as that takes. */
import type { Logger } from '../../service/logger.ts';
import { SettingsError } from '../../service/settings.ts';
import { StoreError } from '../store/store.ts';
import { fenceFile } from './fence.ts';
import { publicAddress } from './postgres-url.ts';
import type { SharedLog } from './shared-log.ts';

/** Interval between two tries to reach PostgreSQL. */
const RETRY_MS = 2_000;

/**
 * Opens the log at a URL for the server of a data folder. Waits, and says so, while PostgreSQL cannot be reached. Rejects with a SettingsError when it refuses
 * the user or the database, or its tables are not ours. The driver is loaded here, by servers that need it.
 */
export async function openSharedLog(url: string, folder: string, log: Logger): Promise<SharedLog> {
  const [{ openPostgresLog }, { isRefusal }] = await Promise.all([
    import('./postgres-log.ts'),
    import('./postgres-connection.ts'),
  ]);
  const at = publicAddress(url);
  let logged = '';
  for (;;) {
    try {
      const opened = await openPostgresLog({ url, log, memory: fenceFile(folder) });
      if (logged !== '') log.info(`Connected to ${at}`);
      return opened;
    } catch (error) {
      const reason = reasonOf(error);
      if (!(error instanceof StoreError) || isRefusal(error))
        throw new SettingsError([`ALPHASERVER_STORE cannot be used: ${at}: ${reason}`]);
      if (reason !== logged) log.warn(`Waiting for ${at}: ${reason}`);
      logged = reason;
      await new Promise((later) => setTimeout(later, RETRY_MS));
    }
  }
}

/** Says why the log cannot be used. A StoreError has the reason as its cause; one of several addresses has none of its own. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof StoreError ? error.cause : error;
  if (cause instanceof AggregateError) return reasonOf(cause.errors[0]);
  return cause instanceof Error ? cause.message : String(cause);
}
