/**
 * Stores sessions: a row for each login, written with its event, and completed by its end. An end names the `seq` of its login;
 * where it does not, the session is found again by host, address, port and sshd's pid.
 */
import type { AgentLook, AgentRow } from './agents.ts';
import { arrays, type Database, type Statement } from './database.ts';
import { addKeyUsesOfSessions } from './earlier-key-uses.ts';
import { methodText, storedMethod } from './event-rows.ts';
import { CountedRows } from './facts.ts';
import { fingerprintOf } from './fingerprint.ts';
import { KeyUses } from './key-uses.ts';
import { TRUSTS } from './schema.ts';
import type { KeyRow, NumberedEnd, OpenList, StoredEvent, StoredSession } from './store.ts';

/** Sessions without an end that are kept, of all hosts; of more, those that began first are evicted. */
export const OPEN_SESSIONS_LIMIT = 500_000;
/** This share of the limit is evicted besides, so that not each commit has to evict. */
const EVICTED_SHARE = 1 / 500;

/** Open sessions of one peer on one host that an end is compared with, the newest: sshd gives a port again once its connection has ended. */
export const PEER_SESSIONS_LIMIT = 16;
/** Sessions that one list of an agent takes from those it follows; more are left to its next list. An agent lists 50,000 at most. */
export const UNFOLLOWED_LIMIT = 60_000;

/** A row with the names of its agent and host, and what its agent looked at. */
export interface SessionRow {
  readonly id: number;
  readonly sortAt: number;
  readonly agent: string;
  readonly host: string;
  readonly user: string | null;
  readonly method: number | string | null;
  readonly key: string | null;
  readonly ip: string | null;
  readonly port: number | null;
  readonly pid: number | null;
  readonly trust: number | null;
  readonly since: number | null;
  readonly until: number | null;
  readonly lastedSeconds: number | null;
  readonly how: StoredSession['how'];
  readonly followed: number;
  readonly confirmed: number;
  readonly confirmedAt: number | null;
  readonly lookedAt: string | null;
}

/** Reads sessions with the names of their agents and hosts; conditions and order come behind it. */
export const SELECT_SESSIONS = `SELECT s.id, s.sortAt, a.uuid AS agent, h.name AS host, s.user, s.method, s.key, s.ip, s.port, s.pid, s.trust, s.since,
  s.until, s.lastedSeconds, s.how, s.followed, s.confirmed, s.confirmedAt, a.looked ->> 'confirmedAt' AS lookedAt
  FROM sessions s JOIN agents a ON a.id = s.agent JOIN hosts h ON h.id = s.host`;

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/** Turns a row into what is shown. */
export function sessionOf(row: SessionRow): StoredSession {
  const isOpen = row.until === null;
  const confirmedAt = isOpen ? row.lookedAt : iso(row.confirmedAt);
  return {
    id: row.id,
    agent: row.agent,
    host: row.host,
    user: row.user,
    method: methodText(row.method),
    key: row.key,
    ip: row.ip,
    port: row.port,
    pid: row.pid,
    trust: row.trust === null ? null : (TRUSTS[row.trust] ?? null),
    since: iso(row.since),
    until: iso(row.until),
    lastedSeconds: row.lastedSeconds,
    how: row.how,
    confirmedAt: row.confirmed === 1 ? confirmedAt : null,
    followed: row.followed === 1 || !isOpen,
  };
}

/** A session that an end completes; `recorded` is 1 where it counts as open. */
interface Found {
  readonly id: number;
  readonly recorded: number;
}

/** The one writer of the table of sessions. All but the constructor belongs inside a transaction; after one that failed call `reload`. */
export class SessionWriter {
  readonly #db: Database;
  readonly #limit: number;
  readonly #keys: KeyUses;
  readonly #begin: Statement;
  readonly #insertEnded: Statement;
  readonly #byLogin: Statement;
  readonly #byPeer: Statement;
  readonly #end: Statement;
  readonly #followed: Statement;
  readonly #unfollowed: Statement;
  readonly #follow: Statement;
  readonly #one: Statement;
  readonly #open: CountedRows;
  /**
   * No session up to this id is without an end; null where it is not known. A session never opens again, and ids ascend: so each row is
   * looked at once, where a search for the oldest would look at all that are open with each commit.
   */
  #evictedUpTo: number | null = null;

  constructor(db: Database, openLimit = OPEN_SESSIONS_LIMIT) {
    this.#db = db;
    this.#limit = openLimit;
    this.#keys = new KeyUses(db);
    this.#begin = db.prepare(
      `INSERT INTO sessions (sortAt, event, agent, seq, host, user, method, key, fingerprint, ip, port, pid, trust, since, followed, confirmed)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 0)`,
    );
    this.#insertEnded = db.prepare(
      `INSERT INTO sessions (sortAt, agent, host, user, ip, port, pid, since, until, lastedSeconds, how, followed, confirmed)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 0)`,
    );
    this.#byLogin = db.prepare(
      'SELECT id, recorded FROM sessions WHERE agent = ? AND followed IN (0, 1) AND seq = ? AND until IS NULL',
    );
    // One agent sends in the order of its log, in which a login stands before its end: its host's clock may have been set back
    // between the two. Between two agents only the times tell.
    this.#byPeer = db.prepare(
      `SELECT id, recorded FROM (SELECT id, recorded, agent, pid, since FROM sessions
         WHERE ip = ?1 AND port = ?2 AND host = ?3 AND until IS NULL ORDER BY id DESC LIMIT ${PEER_SESSIONS_LIMIT})
       WHERE (pid IS NULL OR ?4 IS NULL OR pid = ?4) AND (agent = ?6 OR since <= ?5) ORDER BY since DESC LIMIT 1`,
    );
    this.#end = db.prepare(
      `UPDATE sessions SET until = ?, lastedSeconds = ?, how = ?, confirmedAt = CASE WHEN confirmed THEN
         (SELECT unixepoch(looked ->> 'confirmedAt', 'subsec') * 1000 FROM agents WHERE id = agent) END WHERE id = ?`,
    );
    this.#followed = db.prepare(
      `SELECT id, seq, confirmed FROM sessions WHERE agent = ? AND followed = 1 AND seq <= ? AND until IS NULL
       ORDER BY seq LIMIT ${UNFOLLOWED_LIMIT}`,
    );
    this.#unfollowed = db.prepare(
      'SELECT id FROM sessions WHERE agent = ? AND followed = 0 AND seq = ? AND until IS NULL',
    );
    this.#follow = db.prepare('UPDATE sessions SET followed = ?, confirmed = ? WHERE id = ?');
    this.#one = db.prepare(`${SELECT_SESSIONS} WHERE s.id = ?`);
    const counted = 'SELECT count(*) FROM sessions WHERE until IS NULL AND recorded';
    this.#open = new CountedRows(db, 'openSessions', counted);
  }

  /** Takes the numbers of rows as they are stored. */
  reload(): void {
    this.#evictedUpTo = null;
    this.#open.reload();
    this.#keys.reload();
  }

  /** Stores the numbers of rows, inside the transaction that changed them. */
  save(): void {
    this.#open.save();
    this.#keys.save();
  }

  /** Takes over uses of keys that another store counted; its sessions are in the table already. */
  addBase(keyUses: readonly KeyRow[], hostOf: (name: string) => number): void {
    this.#keys.add(keyUses, hostOf);
    this.#open.recount();
    this.save();
  }

  /** Begins a session with each success among the stored events of a batch. `hostOf` gives the number of a host. Gives their ids. */
  begin(agent: AgentRow, events: readonly StoredEvent[], hostOf: (name: string) => number): number[] {
    const begun: number[] = [];
    for (const event of events) {
      if (event.outcome !== 'accepted') continue;
      const { key = null, user, ip } = event;
      const [atMs, host, fingerprint] = [Date.parse(event.at), hostOf(event.host), fingerprintOf(key)];
      if (key !== null && fingerprint !== null) this.#keys.count({ fingerprint, key, host, user, ip, at: atMs });
      const { lastInsertRowid } = this.#begin.run(
        atMs,
        event.id,
        agent.id,
        event.seq,
        host,
        user,
        storedMethod(event.method),
        key,
        fingerprint,
        ip,
        event.port,
        event.pid ?? null,
        event.trust ? TRUSTS.indexOf(event.trust) : null,
        atMs,
      );
      begun.push(Number(lastInsertRowid));
    }
    this.#open.add(begun.length);
    if (this.#open.rows > this.#limit) this.#evict();
    return begun;
  }

  /** Deletes the oldest of the sessions without an end, some below the limit: not each commit has to. */
  #evict(): void {
    const oldest = 'SELECT min(id) FROM sessions INDEXED BY openSessions WHERE until IS NULL AND recorded';
    this.#evictedUpTo ??= ((arrays(this.#db, oldest) as [number | null][])[0]?.[0] ?? 1) - 1;
    const which =
      'id IN (SELECT id FROM sessions NOT INDEXED WHERE id > ? AND until IS NULL AND recorded ORDER BY id LIMIT ?)';
    const rows = this.#open.rows - this.#limit + Math.floor(this.#limit * EVICTED_SHARE);
    this.#evictedUpTo = this.#delete(which, [this.#evictedUpTo, rows]).last || null;
  }

  /** Ends sessions. An end whose number is stored already is dropped. Gives the ids of the sessions. */
  end(agent: AgentRow, ends: readonly NumberedEnd[], hostOf: (name: string) => number): number[] {
    const ended: number[] = [];
    for (const { number, end } of ends) {
      if (number <= agent.lastEnd) continue;
      agent.lastEnd = number;
      const host = hostOf(end.host ?? agent.host);
      const untilMs = Date.parse(end.at);
      const found = this.#find(agent, end, host, untilMs);
      if (found !== null) {
        this.#end.run(untilMs, end.lastedSeconds, end.how, found.id);
        this.#open.add(-found.recorded);
        ended.push(found.id);
        continue;
      }
      // Its login was stored by a version that kept no sessions, was evicted, or was never read by any agent.
      const sinceMs = end.lastedSeconds === null ? null : untilMs - end.lastedSeconds * 1_000;
      const { lastInsertRowid } = this.#insertEnded.run(
        sinceMs ?? untilMs,
        agent.id,
        host,
        end.user,
        end.ip,
        end.port,
        end.pid,
        sinceMs,
        untilMs,
        end.lastedSeconds,
        end.how,
      );
      ended.push(Number(lastInsertRowid));
    }
    return ended;
  }

  #find(agent: AgentRow, { session, ip, port, pid }: NumberedEnd['end'], host: number, untilMs: number): Found | null {
    let row = session === null ? undefined : this.#byLogin.get(agent.id, session);
    if (row === undefined && ip !== null && port !== null)
      row = this.#byPeer.get(ip, port, host, pid, untilMs, agent.id);
    return (row as Found | undefined) ?? null;
  }

  /** Takes the list of an agent's open sessions: those it does not name are followed no more, which says nothing about their end. */
  list(agent: AgentRow, open: OpenList): void {
    const { at, sessions, confirmedAt, blind, unexplained, loginGraceSeconds } = open;
    agent.looked = JSON.stringify({
      at,
      sessions,
      confirmedAt,
      blind,
      unexplained,
      loginGraceSeconds,
    } satisfies AgentLook);
    const listed = new Set(open.list);
    const unconfirmed = new Set(open.unconfirmed);
    const isConfirmed = (seq: number): number => Number(confirmedAt !== null && !unconfirmed.has(seq));
    // Those without a change are not written, and those that nobody follows are not even read: an agent may have any number of them.
    const rows = this.#followed.all(agent.id, open.upToSeq) as { id: number; seq: number; confirmed: number }[];
    for (const { id, seq, confirmed } of rows) {
      if (!listed.delete(seq)) this.#follow.run(0, 0, id);
      else if (isConfirmed(seq) !== confirmed) this.#follow.run(1, isConfirmed(seq), id);
    }
    for (const seq of listed) {
      if (seq > open.upToSeq) continue;
      const row = this.#unfollowed.get(agent.id, seq) as { id: number } | undefined;
      if (row !== undefined) this.#follow.run(1, isConfirmed(seq), row.id);
    }
  }

  /** Reads sessions by their ids. */
  withIds(ids: readonly number[]): StoredSession[] {
    return ids.flatMap((id) => {
      const row = this.#one.get(id) as unknown as SessionRow | undefined;
      return row ? [sessionOf(row)] : [];
    });
  }

  /** Deletes sessions that ended, or that nobody has followed and that began, before a time. At most `rows`; true where more is to go. */
  deleteBefore(cutoffMs: number, rows: number): boolean {
    const which = `id IN (SELECT id FROM sessions WHERE until < ?1
      UNION ALL SELECT id FROM sessions WHERE until IS NULL AND followed = 0 AND sortAt < ?1 LIMIT ?2)`;
    return this.#delete(which, [cutoffMs, rows]).rows === rows;
  }

  /** Deletes sessions, and remembers when their keys were last used. Gives how many, and the highest of their ids; 0 for none. */
  #delete(which: string, values: readonly number[]): { readonly rows: number; readonly last: number } {
    addKeyUsesOfSessions(this.#db, which, values);
    const sql = `DELETE FROM sessions WHERE ${which} RETURNING until IS NULL AND recorded, id`;
    const deleted = arrays(this.#db, sql, ...values) as [open: number, id: number][];
    this.#open.add(-deleted.filter(([open]) => open === 1).length);
    return { rows: deleted.length, last: deleted.reduce((highest, [, id]) => Math.max(highest, id), 0) };
  }
}
