/** Queries about incidents, on any connection to alerts.db. */

import { createHash } from 'node:crypto';
import { isWithin, readNetwork } from '../../service/ip-network.ts';
import { ATTACK_RULES, type Rule, SEVERITIES, type Severity } from '../alert-config/rules.ts';
import { silencedBy } from '../alert-config/settings.ts';
import { type BlocklistFormat, type BlocklistSettings, blocked, formatted } from '../alerting/blocklist.ts';
import type { StoredIncident } from '../alerting/incident-store.ts';
import { holding } from '../alerting/standing.ts';
import type { Incident } from '../detection/incident.ts';
import type { Database } from '../store/database.ts';
import { standing } from './decisions.ts';

/** A question for incidents; null leaves a condition out. Parts of a scan are left out unless asked for. */
export interface IncidentQuery {
  readonly open: boolean | null;
  readonly sinceMs: number | null;
  readonly limit: number;
  readonly cursor: string | null;
  /** The scan whose parts alone are asked for. */
  readonly partOf?: string | null;
}

/** A firewall's question for addresses, and the format that it wants. */
export interface BlocklistQuery {
  readonly settings: BlocklistSettings;
  readonly withPrivate: boolean;
  readonly format: BlocklistFormat;
  readonly nowMs: number;
}

/** The list as it goes out. */
export interface BlocklistText {
  readonly text: string;
  /** Changes with the addresses and their times, and not with the seconds that are left. */
  readonly tag: string;
}

interface Row {
  readonly body: string;
  readonly acknowledgedAt: number | null;
  readonly acknowledgedBy: string | null;
}

interface SilenceableRow extends Row {
  readonly rule: Rule;
  readonly host: string | null;
  readonly source: string | null;
}

const storedOf = ({ body, acknowledgedAt, acknowledgedBy }: Row): StoredIncident => ({
  incident: JSON.parse(body) as Incident,
  acknowledgedAt,
  acknowledgedBy,
});

/** The place at which an incident has what it touched: a path into its JSON for one thing alone, and for all. */
const TOUCHED = {
  host: { column: "body ->> 'host'", list: '$.hosts' },
  ip: { column: 'source', list: '$.ips' },
  user: { column: "body ->> 'user'", list: '$.users' },
} as const;
/** The newest incidents among which those about one thing are looked for. */
const SEARCHED_LIMIT_INCIDENTS = 10_000;
/** The most open incidents read at once. */
const OPEN_LIMIT_INCIDENTS = 200_000;
const COLUMNS = `body, a.at AS acknowledgedAt, a.by AS acknowledgedBy
  FROM incidents i LEFT JOIN acknowledgements a ON a.incident = i.id`;
const SELECT = `SELECT ${COLUMNS}`;
const CURSOR = /^(-?\d{1,16})\.([a-z0-9-]{1,64})$/;

/** Incidents as lists and single pages show them. */
export class Incidents {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Returns an incident by its id, by the id under which receivers of notifications know it, or by the one that it had before it was that. */
  get(id: string): StoredIncident | null {
    const alias =
      'SELECT incident FROM aliases WHERE notifiedAs = ?1 UNION SELECT notifiedAs FROM aliases WHERE incident = ?1';
    const [row] = this.#rows(`WHERE i.id = ?1 OR i.id IN (${alias}) ORDER BY i.id <> ?1 LIMIT 1`, id);
    return row ? storedOf(row) : null;
  }

  /** Returns incidents, newest first; `next` goes on where the page ends. Throws a RangeError for a cursor that no page gave. */
  list(query: IncidentQuery): { readonly incidents: readonly StoredIncident[]; readonly next: string | null } {
    const cursor = query.cursor === null ? null : CURSOR.exec(query.cursor);
    if (query.cursor !== null && cursor === null) throw new RangeError('no cursor');
    const conditions: [string, (string | number)[]][] = [
      ['(openedAt, id) < (?, ?)', cursor ? [Number(cursor[1]), cursor[2] as string] : []],
      ['lastAt >= ?', query.sinceMs === null ? [] : [query.sinceMs]],
      ['partOf = ?', query.partOf ? [query.partOf] : []],
    ];
    const given = conditions.filter(([, values]) => values.length > 0);
    const where = [
      ...given.map(([sql]) => sql),
      ...(query.partOf ? [] : ['partOf IS NULL']),
      ...(query.open === null ? [] : [query.open ? 'closedAt IS NULL' : 'closedAt IS NOT NULL']),
    ];
    const rows = this.#rows(
      `${where.length > 0 ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY openedAt DESC, id DESC LIMIT ?`,
      ...given.flatMap(([, values]) => values),
      query.limit + 1,
    );
    const incidents = rows.slice(0, query.limit).map(storedOf);
    const last = incidents.at(-1)?.incident;
    return { incidents, next: rows.length > query.limit && last ? `${last.openedAt}.${last.id}` : null };
  }

  /**
   * Returns what the state of the fleet depends on, the gravest and newest first: critical incidents that nobody has acknowledged
   * and that are open, or whose last event was at or after `sinceMs`; then open attacks. At most `limit`, without parts of scans
   * and what is silenced now.
   */
  counting(sinceMs: number, limit: number, nowMs: number): StoredIncident[] {
    const isSilent = silencedBy(holding(standing(this.#db, ['silenced'], nowMs), nowMs).silences);
    const found: StoredIncident[] = [];
    // `limit` bounds what counts, not what is read: else newer incidents that are silenced would hide the one that is not.
    const take = (where: string, ...values: (string | number)[]): void => {
      if (found.length === limit) return;
      const sql = `SELECT rule, source, body ->> 'host' AS host, ${COLUMNS} WHERE partOf IS NULL AND ${where}`;
      for (const one of this.#db.prepare(sql).iterate(...values) as Iterable<unknown> as Iterable<SilenceableRow>)
        if (!isSilent(one) && found.push(storedOf(one)) === limit) return;
    };
    // Each in the order of an index, so that SQLite reads no further than this does, and no incident twice.
    const grave = "severity = 'critical' AND a.at IS NULL";
    take(`${grave} AND lastAt >= ? ORDER BY lastAt DESC, id DESC`, sinceMs);
    take(`${grave} AND lastAt < ? AND closedAt IS NULL ORDER BY openedAt DESC, id DESC`, sinceMs);
    const places = ATTACK_RULES.map(() => '?').join(', ');
    const attack = `severity = ? AND NOT (${grave}) AND rule IN (${places}) AND closedAt IS NULL`;
    for (const severity of SEVERITIES.toReversed())
      take(`${attack} ORDER BY openedAt DESC, id DESC`, severity, ...ATTACK_RULES);
    return found;
  }

  /** Returns the newest incidents that touched a host, a source or a user, without parts of scans. */
  about(kind: keyof typeof TOUCHED, value: string, limit: number): StoredIncident[] {
    const { column, list } = TOUCHED[kind];
    const network = kind === 'ip' && value.includes('/') ? readNetwork(value) : null;
    if (network !== null)
      this.#db.function('isWithin', { deterministic: true }, (one) => Number(isWithin(network, one as string | null)));
    const is = (what: string): string => (network === null ? `${what} = ?1` : `(${what} = ?1 OR isWithin(${what}))`);
    // An incident that touched many names none of them in its column.
    const touched = `EXISTS (SELECT 1 FROM json_each(body, '${list}') WHERE ${is('value')})`;
    const recent = 'i.id IN (SELECT id FROM incidents ORDER BY openedAt DESC, id DESC LIMIT ?3)';
    const where = `WHERE partOf IS NULL AND (${is(column)} OR ${touched}) AND ${recent} ORDER BY openedAt DESC, i.id DESC LIMIT ?2`;
    return this.#rows(where, value, limit, SEARCHED_LIMIT_INCIDENTS).map(storedOf);
  }

  /** Returns the addresses under an active attack alert. */
  blocklist({ settings, withPrivate, format, nowMs }: BlocklistQuery): BlocklistText {
    const list = blocked(this.#open(settings.blocklistRules), {
      ...{ settings, withPrivate, nowMs },
      identityOf: this.#identities(),
      byHand: holding(standing(this.#db, ['blocked', 'allowed'], nowMs), nowMs),
    });
    const addresses = list.map(({ address, untilMs, by }) => `${address} ${untilMs} ${by}`).join('\n');
    const tag = createHash('sha256').update(`${format}\n${addresses}`).digest('base64url').slice(0, 22);
    return { text: formatted(list, format, nowMs), tag };
  }

  /** Returns how many are open, by rule and severity, without parts of scans. */
  openCounts(): { rule: Rule; severity: Severity; open: number }[] {
    return this.#db
      .prepare(
        'SELECT rule, severity, count(*) AS open FROM incidents WHERE closedAt IS NULL AND partOf IS NULL GROUP BY rule, severity',
      )
      .all() as { rule: Rule; severity: Severity; open: number }[];
  }

  /** Returns a lookup of agents' identities that asks once for each. */
  #identities(): (agent: string) => string | null {
    const statement = this.#db.prepare('SELECT identity FROM agents WHERE uuid = ?');
    const known = new Map<string, string | null>();
    return (agent) => {
      let identity = known.get(agent);
      if (identity !== undefined) return identity;
      // Incidents of a version before have no agent.
      const row = agent ? (statement.get(agent) as { identity: string | null } | undefined) : undefined;
      identity = row?.identity ?? null;
      known.set(agent, identity);
      return identity;
    };
  }

  /** Returns open incidents of these rules, parts of scans too, those with the newest events first. */
  #open(rules: readonly Rule[]): Incident[] {
    const places = rules.map(() => '?').join(', ');
    const where = `WHERE closedAt IS NULL AND rule IN (${places}) ORDER BY lastAt DESC LIMIT ?`;
    return this.#rows(where, ...rules, OPEN_LIMIT_INCIDENTS).map(({ body }) => JSON.parse(body) as Incident);
  }

  #rows(where: string, ...values: (string | number)[]): Row[] {
    return this.#db.prepare(`${SELECT} ${where}`).all(...values) as unknown as Row[];
  }
}
