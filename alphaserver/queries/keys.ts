/** Keys by their fingerprint: who used each, where, from where, first and last. */
import type { Database } from '../store/database.ts';
import type { KeyCursor, KeyDetail, KeyPage, KeyQuery, LoginKey } from './key-results.ts';

/** Names that a key's row lists of each kind, those used last. */
const NAMES = 20;
/** Uses that a key's page lists, those used last. */
const USES = 1_000;

interface KeyRow {
  readonly fingerprint: string;
  readonly key: string;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly logins: number;
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** Reads a page of keys, those used last first. */
export function keyPage(db: Database, { user, host, unusedSinceMs, limit, cursor }: KeyQuery): KeyPage {
  const used: string[] = [];
  const kept: string[] = [];
  const values: (string | number)[] = [];
  if (user !== null) {
    used.push('fingerprint IN (SELECT fingerprint FROM keyUses WHERE user = ?)');
    values.push(user);
  }
  if (host !== null) {
    used.push('fingerprint IN (SELECT fingerprint FROM keyUses WHERE host = (SELECT id FROM hosts WHERE name = ?))');
    values.push(host);
  }
  if (unusedSinceMs !== null) {
    kept.push('max(lastAt) < ?');
    values.push(unusedSinceMs);
  }
  if (cursor !== null) {
    kept.push('(max(lastAt), fingerprint) < (?, ?)');
    values.push(cursor.atMs, cursor.fingerprint);
  }
  const rows = db
    .prepare(
      `SELECT fingerprint, key, min(firstAt) AS firstAt, max(lastAt) AS lastAt, sum(logins) AS logins FROM keyUses
       ${used.length > 0 ? `WHERE ${used.join(' AND ')}` : ''} GROUP BY fingerprint
       ${kept.length > 0 ? `HAVING ${kept.join(' AND ')}` : ''} ORDER BY 4 DESC, 1 DESC LIMIT ?`,
    )
    .all(...values, limit + 1) as unknown as KeyRow[];
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const next: KeyCursor | null =
    rows.length > limit && last ? { atMs: last.lastAt, fingerprint: last.fingerprint } : null;
  return { keys: page.map((row) => viewOf(db, row)), next };
}

/** Reads one key with its uses; null for one that nobody used. */
export function keyDetail(db: Database, fingerprint: string): KeyDetail | null {
  const row = db
    .prepare(
      `SELECT fingerprint, key, min(firstAt) AS firstAt, max(lastAt) AS lastAt, sum(logins) AS logins FROM keyUses
       WHERE fingerprint = ? GROUP BY fingerprint`,
    )
    .get(fingerprint) as unknown as KeyRow | undefined;
  if (!row) return null;
  const uses = db
    .prepare(
      `SELECT u.user, h.name AS host, u.ip, u.firstAt, u.lastAt, u.logins FROM keyUses u JOIN hosts h ON h.id = u.host
       WHERE u.fingerprint = ? ORDER BY u.lastAt DESC LIMIT ?`,
    )
    .all(fingerprint, USES) as {
    user: string;
    host: string;
    ip: string;
    firstAt: number;
    lastAt: number;
    logins: number;
  }[];
  return {
    ...viewOf(db, row),
    uses: uses.map(({ user, host, ip, firstAt, lastAt, logins }) => ({
      user: user === '' ? null : user,
      host,
      ip: ip === '' ? null : ip,
      firstUsed: iso(firstAt),
      lastUsed: iso(lastAt),
      logins,
    })),
  };
}

function viewOf(db: Database, { fingerprint, key, firstAt, lastAt, logins }: KeyRow): LoginKey {
  const names = (column: string): string[] =>
    db
      .prepare(
        `SELECT ${column} AS name FROM keyUses u JOIN hosts h ON h.id = u.host WHERE u.fingerprint = ? AND ${column} <> ''
         GROUP BY 1 ORDER BY max(u.lastAt) DESC LIMIT ?`,
      )
      .all(fingerprint, NAMES)
      .map(({ name }) => name as string);
  return {
    key: fingerprint,
    type: typeOf(key),
    certificate: certificateOf(key),
    users: names('u.user'),
    hosts: names('h.name'),
    sources: names('u.ip'),
    firstUsed: iso(firstAt),
    lastUsed: iso(lastAt),
    logins,
  };
}

/** `ED25519`, `RSA-CERT`: the word before the fingerprint. */
const typeOf = (key: string): string | null => /^([\w-]{1,40}) /.exec(key)?.[1] ?? null;

/** `ED25519-CERT SHA256:... ID alice (serial 7) CA ED25519 SHA256:...`: sshd's words for a certificate. */
const CERTIFICATE = / ID (.{0,1024}) \(serial (\d{1,20})\) CA (\S{1,40} \S{1,80})$/s;

function certificateOf(key: string): LoginKey['certificate'] {
  const [, id, serial, ca] = CERTIFICATE.exec(key) ?? [];
  return id === undefined || serial === undefined || ca === undefined ? null : { id, serial, ca };
}
