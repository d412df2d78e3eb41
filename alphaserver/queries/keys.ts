/** Keys by their fingerprint: who used each, where, from where, first and last. */
import type { Database } from '../store/database.ts';
import type { KeyCursor, KeyDetail, KeyPage, KeyQuery, LoginKey } from './key-results.ts';

/** Names that a key's row lists of each kind, those used last. */
const NAMES = 20;
/** Uses that a key's page lists, and in which the names of a key's row are looked for: those used last. */
const USES = 1_000;

interface KeyRow {
  readonly id: number;
  readonly fingerprint: string;
  readonly key: string;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly logins: number;
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** Reads a page of keys, those used last first. */
export function keyPage(db: Database, { user, host, unusedSinceMs, limit, cursor }: KeyQuery): KeyPage {
  const where = ['true'];
  const values: (string | number)[] = [];
  if (user !== null) {
    where.push('id IN (SELECT key FROM keyUses WHERE user = ?)');
    values.push(user);
  }
  if (host !== null) {
    where.push('id IN (SELECT key FROM keyUses WHERE host = (SELECT id FROM hosts WHERE name = ?))');
    values.push(host);
  }
  if (unusedSinceMs !== null) {
    where.push('lastAt < ?');
    values.push(unusedSinceMs);
  }
  if (cursor !== null) {
    where.push('(lastAt, fingerprint) < (?, ?)');
    values.push(cursor.atMs, cursor.fingerprint);
  }
  const rows = db
    .prepare(`SELECT * FROM keys WHERE ${where.join(' AND ')} ORDER BY lastAt DESC, fingerprint DESC LIMIT ?`)
    .all(...values, limit + 1) as unknown as KeyRow[];
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const next: KeyCursor | null =
    rows.length > limit && last ? { atMs: last.lastAt, fingerprint: last.fingerprint } : null;
  return { keys: page.map((row) => viewOf(row, usesOf(db, row))), next };
}

/** Reads one key with its uses; null for one that nobody used. */
export function keyDetail(db: Database, fingerprint: string): KeyDetail | null {
  const row = db.prepare('SELECT * FROM keys WHERE fingerprint = ?').get(fingerprint) as KeyRow | undefined;
  if (!row) return null;
  const uses = [...usesOf(db, row)];
  return {
    ...viewOf(row, uses),
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

interface UseRow {
  readonly user: string;
  readonly host: string;
  readonly ip: string;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly logins: number;
}

/** Reads the uses of a key, last first, one after the other. */
const usesOf = (db: Database, { id }: KeyRow): Iterable<UseRow> =>
  db
    .prepare(
      `SELECT u.user, h.name AS host, u.ip, u.firstAt, u.lastAt, u.logins FROM keyUses u JOIN hosts h ON h.id = u.host
       WHERE u.key = ? ORDER BY u.lastAt DESC LIMIT ?`,
    )
    .iterate(id, USES) as Iterable<unknown> as Iterable<UseRow>;

/** `uses`: those of the key, last first. */
function viewOf({ fingerprint, key, firstAt, lastAt, logins }: KeyRow, uses: Iterable<UseRow>): LoginKey {
  const names = { users: new Set<string>(), hosts: new Set<string>(), sources: new Set<string>() };
  for (const { user, host, ip } of uses) {
    if (user !== '') names.users.add(user);
    names.hosts.add(host);
    if (ip !== '') names.sources.add(ip);
    if (Object.values(names).every(({ size }) => size >= NAMES)) break;
  }
  return {
    key: fingerprint,
    type: typeOf(key),
    certificate: certificateOf(key),
    users: [...names.users].slice(0, NAMES),
    hosts: [...names.hosts].slice(0, NAMES),
    sources: [...names.sources].slice(0, NAMES),
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
