/** `alphaserver alert replay`: runs rules on what is stored, to try a threshold. Changes nothing. */
import type { ProgramIo } from '../../service/command-line.ts';
import { escapeJson } from '../../service/escape.ts';
import { originsFrom } from '../../service/origin.ts';
import { Output } from '../../service/terminal/output.ts';
import { terminalOf } from '../../service/terminal/style.ts';
import { table } from '../../service/terminal/table.ts';
import { EVENT_RULES, WINDOW_LIMIT_MS } from '../alert-config/rules.ts';
import { alertSettings, readRulesFile } from '../alert-config/rules-file.ts';
import type { AlertSettings } from '../alert-config/settings.ts';
import { incidentIds } from '../alerting/incident-id.ts';
import { originNames } from '../alerting/origin-names.ts';
import type { ServerConfig } from '../config.ts';
import type { Incident } from '../detection/incident.ts';
import { Replay } from '../detection/replay.ts';
import type { OriginNamesOf } from '../detection/source-origin.ts';
import { alertOf } from '../queries/alert-views.ts';
import { openOffline } from '../queries/offline.ts';
import { type Database, isAttached } from '../store/database.ts';
import { keyUsesUpTo } from '../store/earlier-key-uses.ts';
import { acceptedForRules, eventsForRules, firstStoredSince, RowNames, type RuleRow } from '../store/event-rows.ts';

/** Events read at once. */
const PAGE_EVENTS = 5_000;
/** The time that rules for attacks remember, and that events may come out of order. */
const BEFORE_MS = WINDOW_LIMIT_MS + 2 * 3_600_000;

/** The options of the command; `since` is in Unix milliseconds. */
interface ReplayOptions {
  readonly rules: string | null;
  readonly since: number | null;
  readonly json: boolean;
}

/** The streams of the command; `columns` is the variable COLUMNS. */
interface ReplayIo extends ProgramIo {
  readonly columns: string | undefined;
}

/** Writes what the rules raise. Rejects with a RulesError, or an OfflineError where there is no store to read. */
export async function replayCommand(
  { rules, since, json }: ReplayOptions,
  {
    dataFolder,
    rulesFile,
    webhook,
    geoipFile,
  }: Pick<ServerConfig, 'dataFolder' | 'rulesFile' | 'webhook' | 'geoipFile'>,
  io: ReplayIo,
): Promise<number> {
  const sinceMs = since ?? Number.NEGATIVE_INFINITY;
  const settings = rules === null ? alertSettings(rulesFile, webhook) : readRulesFile(rules);
  const originOf = originNames(originsFrom(geoipFile, { error: (message) => void io.stderr.write(`${message}\n`) }));
  const db = openOffline(dataFolder);
  let incidents: Incident[];
  let taken: number;
  try {
    ({ incidents, taken } = raised(db, { settings, sinceMs, nowMs: io.nowMs, originOf }));
  } finally {
    db.close();
  }
  const text = json ? `${escapeJson({ events: taken, alerts: incidents.map(shown) })}\n` : asText(incidents, taken, io);
  await new Output(io.stdout).write(text);
  return 0;
}

const shown = (incident: Incident): unknown => {
  const {
    acknowledgedAt: _,
    acknowledgedBy: __,
    ...view
  } = alertOf({
    incident,
    acknowledgedAt: null,
    acknowledgedBy: null,
  });
  return view;
};

/** The rules get this besides the events. */
interface RaisedOptions {
  readonly settings: AlertSettings;
  readonly sinceMs: number;
  readonly nowMs: number;
  readonly originOf: OriginNamesOf;
}

/** Returns incidents whose last event was at or after `sinceMs`, without parts of scans, and how many events were judged. */
function raised(
  db: Database,
  { settings, sinceMs, nowMs, originOf }: RaisedOptions,
): { incidents: Incident[]; taken: number } {
  const hasAlerts = isAttached(db, 'alerts');
  const replay = new Replay({
    config: settings.detection,
    allow: settings.allow,
    names: new RowNames(db),
    incidentId: incidentIds(db, hasAlerts ? db : null),
    originOf,
  });
  replay.rememberKeys(keyUsesUpTo(db, 0));
  let taken = 0;
  const take = (rows: readonly RuleRow[]): number | null => {
    for (const row of rows) replay.take(row);
    taken += rows.length;
    return rows.at(-1)?.[0] ?? null;
  };
  const pages = (first: number, read: (id: number) => readonly RuleRow[]): void => {
    for (let id: number | null = first; id !== null; ) id = take(read(id));
  };
  const from = sinceMs === Number.NEGATIVE_INFINITY ? 0 : firstStoredSince(db, sinceMs - BEFORE_MS) - 1;
  // Who came from where is remembered for longer than attacks are; logins are few.
  pages(0, (id) => acceptedForRules(db, id, from, PAGE_EVENTS));
  pages(from, (id) => eventsForRules(db, id, PAGE_EVENTS));
  const incidents = replay.incidents(nowMs).filter(({ lastAt, partOf }) => lastAt >= sinceMs && partOf === null);
  return { incidents, taken };
}

function asText(incidents: readonly Incident[], taken: number, { stdout, columns }: ReplayIo): string {
  const terminal = terminalOf(stdout, columns);
  const counts = EVENT_RULES.map((rule) => [rule, incidents.filter((one) => one.rule === rule).length] as const);
  const rows = incidents.map(({ openedAt, severity, rule, count, late, summary }) => [
    `${new Date(openedAt).toISOString().slice(0, 19)}Z`,
    severity,
    rule,
    count,
    late ? 'late' : '',
    summary,
  ]);
  const columnsOf = [
    { title: 'opened' },
    { title: 'severity' },
    { title: 'rule' },
    { title: 'count', number: true, spare: 1 },
    { title: '', spare: 2 },
    { title: 'what', limitChars: 400 },
  ];
  const sums = counts.filter(([, n]) => n > 0).map(([rule, n]) => `${n} ${rule}`);
  const sum = `${incidents.length} incidents in ${taken} events${sums.length > 0 ? `: ${sums.join(', ')}` : ''}\n`;
  return incidents.length === 0 ? sum : `${table(columnsOf, rows, terminal)}\n${sum}`;
}
