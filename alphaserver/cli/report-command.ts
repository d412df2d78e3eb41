/** `alphaserver report`: the page's answer in a terminal. */

import type { ProgramIo } from '../../service/command-line.ts';
import { originsOrCountries } from '../../service/countries.ts';
import { escapeJson } from '../../service/escape.ts';
import { Output } from '../../service/terminal/output.ts';
import { terminalOf } from '../../service/terminal/style.ts';
import { UserError } from '../../service/user-error.ts';
import type { ServerConfig } from '../config.ts';
import { offlineAlerts, offlineViews, openOffline } from '../queries/offline.ts';
import { reportOf } from '../report/report.ts';
import { reportText } from '../report/report-text.ts';

/** The span of a report unless another one is asked for. */
const SINCE_MS = 86_400_000;

/** The options of the command; times are Unix milliseconds. */
interface ReportOptions {
  readonly since: number | null;
  readonly until: number | null;
  readonly json: boolean;
}

/** The streams of the command; `columns` is the variable COLUMNS. */
interface ReportIo extends ProgramIo {
  readonly columns: string | undefined;
}

/** Writes the report; resolves when it is written. Rejects with a UserError where the span is none, or there is no store to read. */
export async function reportCommand(
  options: ReportOptions,
  { dataFolder, geoipFile }: Pick<ServerConfig, 'dataFolder' | 'geoipFile'>,
  { stdout, stderr, nowMs, columns }: ReportIo,
): Promise<number> {
  const untilMs = options.until ?? nowMs;
  const sinceMs = options.since ?? untilMs - SINCE_MS;
  if (sinceMs >= untilMs) throw new UserError('--since must be before --until', 2);
  const origins = originsOrCountries(geoipFile, { error: (message) => void stderr.write(`${message}\n`) });
  const db = openOffline(dataFolder);
  try {
    const report = await reportOf({
      views: offlineViews(db, origins, () => nowMs),
      alerts: offlineAlerts(db, () => nowMs),
      sinceMs,
      untilMs,
      nowMs,
    });
    const text = options.json ? `${escapeJson(report)}\n` : reportText(report, terminalOf(stdout, columns));
    await new Output(stdout).write(text);
    return 0;
  } finally {
    db.close();
  }
}
