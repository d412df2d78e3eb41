/** `alphaserver migrate --to URL`. */
import type { ProgramIo } from '../../service/command-line.ts';
import { UserError } from '../../service/user-error.ts';
import { reasonOf } from '../shared-log/join.ts';
import { copyStore } from '../shared-log/migrate.ts';
import { publicAddress } from '../shared-log/postgres-url.ts';

/** Progress is logged each time that so many events are copied. */
const REPORTED_EVERY_EVENTS = 500_000;

/** Copies the embedded store of a folder to PostgreSQL, and goes on with a copy that was begun. Rejects with a UserError. */
export async function migrateCommand(url: string, folder: string, { stdout, stderr }: ProgramIo): Promise<number> {
  const { openPostgresLog } = await import('../shared-log/postgres-log.ts');
  const to = publicAddress(url);
  const say = (line: string): void => void stderr.write(`alphaserver migrate: ${line}\n`);
  let reportedAt = 0;
  try {
    const log = await openPostgresLog({ url, log: { warn: say, error: say, info: say } });
    try {
      const copied = await copyStore(folder, log, (event, of) => {
        if (event < reportedAt + REPORTED_EVERY_EVENTS) return;
        reportedAt = event;
        say(`event ${event} of ${of}`);
      });
      const what = `${copied.events} events and ${copied.decisions} decisions`;
      stdout.write(
        `Copied ${what} from ${folder} to ${to}. Once no alphaserver runs on ${folder} any more, run this again for what came since.\n`,
      );
      return 0;
    } finally {
      await log.close();
    }
  } catch (error) {
    throw new UserError(`${folder} cannot be copied to ${to}: ${reasonOf(error)}`, 1, { cause: error });
  }
}
