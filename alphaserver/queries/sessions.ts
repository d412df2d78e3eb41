/** Sessions as the API gives them: newest first, narrowed by what is asked, a page at a time. */
import { isWithin, readNetwork } from '../../service/ip-network.ts';
import type { Database } from '../store/database.ts';
import { fingerprintOf } from '../store/fingerprint.ts';
import { SELECT_SESSIONS, type SessionRow, sessionOf } from '../store/sessions.ts';
import type { EventCursor, SessionPage, SessionQuery } from './results.ts';

/** Reads a page of sessions. */
export function sessionPage(db: Database, query: SessionQuery): SessionPage {
  const conditions: string[] = [];
  const values: (string | number)[] = [];
  const add = (condition: string, ...given: (string | number)[]): void => {
    conditions.push(condition);
    values.push(...given);
  };
  const { open, host, user, ip, key, sinceMs, untilMs, limit, cursor } = query;
  if (open === true) add('s.until IS NULL AND s.recorded');
  if (open === false) add('s.until IS NOT NULL');
  if (host !== null) add('s.host = (SELECT id FROM hosts WHERE name = ?)', host);
  if (user !== null) add('s.user = ?', user);
  const network = ip?.includes('/') ? readNetwork(ip) : null;
  if (network !== null) {
    db.function('isWithin', { deterministic: true }, (address) => Number(isWithin(network, address as string | null)));
    add('isWithin(s.ip)');
  } else if (ip !== null) add('s.ip = ?', ip);
  if (key !== null) add('s.fingerprint = ?', fingerprintOf(key) ?? key);
  // A session belongs to a span that it had a part in.
  if (sinceMs !== null) add('(s.until IS NULL OR s.until >= ?)', sinceMs);
  if (untilMs !== null) add('s.sortAt < ?', untilMs);
  if (cursor !== null) add('(s.sortAt, s.id) < (?, ?)', cursor.atMs, cursor.id);
  const where = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '';
  const rows = db
    .prepare(`${SELECT_SESSIONS} ${where} ORDER BY s.sortAt DESC, s.id DESC LIMIT ?`)
    .all(...values, limit + 1) as unknown as SessionRow[];
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const next: EventCursor | null = rows.length > limit && last ? { atMs: last.sortAt, id: last.id } : null;
  return { sessions: page.map(sessionOf), next };
}
