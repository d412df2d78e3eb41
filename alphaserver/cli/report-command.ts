/** `alphaserver report`: the page's answer in a terminal. */
import type { Writable } from 'node:stream';
import { escapeJson } from '../../service/escape.ts';
import { Output } from '../../service/terminal/output.ts';
import { terminalOf } from '../../service/terminal/style.ts';
import { offlineAlerts, offlineViews, openOffline } from '../queries/offline.ts';
import { originsFrom } from '../queries/origin.ts';
import { Options } from './options.ts';
import { reportOf } from './report.ts';
import { reportText } from './report-text.ts';

/** The span that is told of unless another one is asked for. */
const SINCE_MS = 86_400_000;

/** What the command is given: its settings, the time, and where it writes. */
export interface ReportIo {
  readonly dataFolder: string;
  readonly geoipFile: string | null;
  readonly nowMs: number;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** The variable COLUMNS. */
  readonly columns: string | undefined;
}

/** Writes the report; resolves when it is written. Rejects with a UsageError, or with a OfflineError where there is no store to read. */
export async function reportCommand(args: readonly string[], io: ReportIo): Promise<void> {
  const { nowMs } = io;
  const options = new Options('report', args, { since: 'text', until: 'text', json: 'flag' }, nowMs);
  const untilMs = options.time('until') ?? nowMs;
  const sinceMs = options.time('since') ?? untilMs - SINCE_MS;
  options.inOrder(sinceMs, untilMs);
  const db = openOffline(io.dataFolder);
  try {
    const report = await reportOf({
      views: offlineViews(db, () => nowMs),
      alerts: offlineAlerts(db, () => nowMs),
      originOf: originsFrom(io.geoipFile, { error: (message) => void io.stderr.write(`${message}\n`) }),
      sinceMs,
      untilMs,
      nowMs,
    });
    const text = options.flag('json')
      ? `${escapeJson(report)}\n`
      : reportText(report, terminalOf(io.stdout, io.columns));
    await new Output(io.stdout).write(text);
  } finally {
    db.close();
  }
}
