/** `alphaserver who`: who is in now, over the fleet, beside a running server or without one. */
import type { ProgramIo } from '../../service/command-line.ts';
import { escapeJson } from '../../service/escape.ts';
import { Output } from '../../service/terminal/output.ts';
import { terminalOf } from '../../service/terminal/style.ts';
import { type Column, table } from '../../service/terminal/table.ts';
import { openOffline } from '../queries/offline.ts';
import type { EventCursor, LoginSession } from '../queries/results.ts';
import { sessionPage } from '../queries/sessions.ts';
import type { Database } from '../store/database.ts';
import { fingerprintOf } from '../store/fingerprint.ts';

/** Sessions read at once. */
const PAGE = 1_000;
/** How long ago the kernel must have confirmed a session for it to be shown as confirmed: three looks, and their way here. */
const CONFIRMED_WITHIN_MS = 90_000;

/** The arguments of the command. */
interface WhoOptions {
  readonly host: string | null;
  readonly user: string | null;
  readonly json: boolean;
}

/** The output of the command; `columns` is the variable COLUMNS. */
interface WhoIo extends ProgramIo {
  readonly columns: string | undefined;
}

const COLUMNS: readonly Column[] = [
  { title: 'user' },
  { title: 'host' },
  { title: 'from' },
  { title: 'since', whole: true },
  { title: 'for', whole: true, spare: 1 },
  { title: 'with', spare: 2 },
  { title: 'connection', whole: true, spare: 3 },
];

/** Writes the open sessions, longest first. Rejects with an OfflineError where there is no store to read. */
export async function whoCommand(
  { host, user, json }: WhoOptions,
  dataFolder: string,
  { stdout, nowMs, columns }: WhoIo,
): Promise<number> {
  const db = openOffline(dataFolder);
  const output = new Output(stdout);
  try {
    const sessions = openSessions(db, { host, user }).reverse();
    if (json) await output.write(`${escapeJson({ sessions })}\n`);
    else if (sessions.length === 0) await output.write('nobody is in\n');
    else
      await output.write(
        table(
          COLUMNS,
          sessions.map((session) => rowOf(session, nowMs)),
          terminalOf(stdout, columns),
        ),
      );
    return 0;
  } finally {
    db.close();
  }
}

/** All open sessions, those that began last first. */
function openSessions(db: Database, filter: Pick<WhoOptions, 'host' | 'user'>): LoginSession[] {
  const all: LoginSession[] = [];
  let cursor: EventCursor | null = null;
  do {
    const narrowed = { open: true, ...filter, ip: null, key: null, sinceMs: null, untilMs: null };
    const page = sessionPage(db, { ...narrowed, limit: PAGE, cursor });
    all.push(...page.sessions);
    cursor = page.next;
  } while (cursor !== null);
  return all;
}

function rowOf({ user, host, ip, since, method, key, ...rest }: LoginSession, nowMs: number): string[] {
  return [
    user ?? '-',
    host,
    ip ?? '-',
    since === null ? '-' : `${since.slice(0, 16).replace('T', ' ')}Z`,
    since === null ? '-' : spanOf(nowMs - Date.parse(since)),
    fingerprintOf(key) ?? method ?? '-',
    connectionOf(rest, nowMs),
  ];
}

/** Says what the kernel of the host says of the connection. */
function connectionOf(
  { confirmedAt, followed }: Pick<LoginSession, 'confirmedAt' | 'followed'>,
  nowMs: number,
): string {
  if (!followed) return 'not followed';
  if (confirmedAt === null) return 'not confirmed';
  return nowMs - Date.parse(confirmedAt) <= CONFIRMED_WITHIN_MS
    ? 'confirmed'
    : `confirmed ${spanOf(nowMs - Date.parse(confirmedAt))} ago`;
}

/** The largest two units of a span: `3d 4h`, `5m`. */
function spanOf(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  const [days, hours] = [Math.floor(minutes / 1_440), Math.floor(minutes / 60) % 24];
  if (days > 0) return `${days}d ${hours}h`;
  return hours > 0 ? `${hours}h ${minutes % 60}m` : `${minutes}m`;
}
