/** Incidents in the store, read. `keeper.ts` writes them. */

import { type Rule, SEVERITIES, type Severity } from '../alert-config/rules.ts';
import type { Database, Statement, Value } from '../alerting/schema.ts';
import type { Incident } from '../detection/incident.ts';

/** What people were told of an incident: nothing, that it opened, that it is over as well. */
export const TOLD = { nothing: 0, opened: 1, resolved: 2 } as const;
export type Told = (typeof TOLD)[keyof typeof TOLD];

/** An incident as it is kept. */
export interface KeptIncident {
  readonly incident: Incident;
  readonly told: Told;
  readonly acknowledgedAt: number | null;
  readonly acknowledgedBy: string | null;
}

/** Which incidents are asked for; null leaves a condition out. Parts of a scan are left out unless asked for. */
export interface IncidentQuery {
  readonly open: boolean | null;
  readonly sinceMs: number | null;
  readonly limit: number;
  readonly cursor: string | null;
  readonly rule?: string | null;
  readonly severity?: string | null;
  readonly source?: string | null;
  /** Only the parts of this scan. */
  readonly partOf?: string | null;
}

interface Row {
  readonly body: string;
  readonly told: Told;
  readonly acknowledgedAt: number | null;
  readonly acknowledgedBy: string | null;
}

const kept = ({ body, told, acknowledgedAt, acknowledgedBy }: Row): KeptIncident => ({
  incident: JSON.parse(body) as Incident,
  told,
  acknowledgedAt,
  acknowledgedBy,
});

/** The most open incidents read at once. */
const OPEN_LIMIT = 200_000;
const COLUMNS = 'body, told, acknowledgedAt, acknowledgedBy';
const CURSOR = /^(-?\d{1,16})\.([a-z0-9-]{1,64})$/;

/** Reads on any connection to the store's file. */
export class Archive {
  readonly #db: Database;
  readonly #get: Statement;
  readonly #ordinal: Statement;

  constructor(db: Database) {
    this.#db = db;
    this.#get = db.prepare(`SELECT ${COLUMNS} FROM incidents WHERE id = ?`);
    this.#ordinal = db.prepare('SELECT max(ordinal) AS n FROM incidents WHERE rule = ? AND key = ? AND raisedBy < ?');
  }

  get(id: string): KeptIncident | null {
    const row = this.#get.get(id) as Row | undefined;
    return row ? kept(row) : null;
  }

  /** The highest ordinal of a rule and key among incidents raised by an event before this one; 0 for none. */
  ordinalBefore(rule: string, key: string, eventId: number): number {
    return (this.#ordinal.get(rule, key, eventId) as { n: number | null }).n ?? 0;
  }

  /** Incidents, newest first; `next` goes on where the page ends. Throws a RangeError for a cursor that no page gave. */
  list(query: IncidentQuery): { readonly incidents: readonly KeptIncident[]; readonly next: string | null } {
    const cursor = query.cursor === null ? null : CURSOR.exec(query.cursor);
    if (query.cursor !== null && cursor === null) throw new RangeError('no cursor');
    const conditions: [string, Value[]][] = [
      ['(openedAt, id) < (?, ?)', cursor ? [Number(cursor[1]), cursor[2] as string] : []],
      ['lastAt >= ?', query.sinceMs === null ? [] : [query.sinceMs]],
      ['rule = ?', query.rule ? [query.rule] : []],
      ['severity = ?', query.severity ? [query.severity] : []],
      ['source = ?', query.source ? [query.source] : []],
      ['partOf = ?', query.partOf ? [query.partOf] : []],
    ];
    const given = conditions.filter(([, values]) => values.length > 0);
    const where = [
      ...given.map(([sql]) => sql),
      ...(query.partOf ? [] : ['partOf IS NULL']),
      ...(query.open === null ? [] : [query.open ? 'closedAt IS NULL' : 'closedAt IS NOT NULL']),
    ];
    const rows = this.#db
      .prepare(
        `SELECT ${COLUMNS} FROM incidents ${where.length > 0 ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY openedAt DESC, id DESC LIMIT ?`,
      )
      .all(...given.flatMap(([, values]) => values), query.limit + 1) as Row[];
    const incidents = rows.slice(0, query.limit).map(kept);
    const last = incidents.at(-1)?.incident;
    return { incidents, next: rows.length > query.limit && last ? `${last.openedAt}.${last.id}` : null };
  }

  /**
   * What says how the fleet is, the gravest and newest first: incidents that are open, and critical ones that nobody has
   * acknowledged and whose last event was at or after `sinceMs`. At most `limit`, without parts of scans.
   */
  counting(sinceMs: number, limit: number): KeptIncident[] {
    const by = 'AND partOf IS NULL ORDER BY openedAt DESC, id DESC LIMIT ?';
    const grave = `SELECT ${COLUMNS} FROM incidents WHERE severity = 'critical' AND acknowledgedAt IS NULL AND lastAt >= ? ${by}`;
    const open = `SELECT ${COLUMNS} FROM incidents WHERE closedAt IS NULL AND severity = ? ${by}`;
    const rows = [
      ...this.#db.prepare(grave).all(sinceMs, limit),
      ...SEVERITIES.toReversed().flatMap((severity) => this.#db.prepare(open).all(severity, limit)),
    ] as Row[];
    const found = new Map(rows.map(kept).map((one) => [one.incident.id, one]));
    return [...found.values()].slice(0, limit);
  }

  /** Open incidents of these rules, parts of scans too, those with the newest events first. */
  open(rules: readonly Rule[]): Incident[] {
    const rows = this.#db
      .prepare(
        `SELECT body FROM incidents WHERE closedAt IS NULL AND rule IN (${rules.map(() => '?').join(', ')}) ORDER BY lastAt DESC LIMIT ?`,
      )
      .all(...rules, OPEN_LIMIT);
    return (rows as { body: string }[]).map(({ body }) => JSON.parse(body) as Incident);
  }

  /** How many are open, by rule and severity, without parts of scans. */
  openCounts(): { rule: Rule; severity: Severity; open: number }[] {
    return this.#db
      .prepare(
        'SELECT rule, severity, count(*) AS open FROM incidents WHERE closedAt IS NULL AND partOf IS NULL GROUP BY rule, severity',
      )
      .all() as { rule: Rule; severity: Severity; open: number }[];
  }

  /**
   * Incidents, parts of scans too, that are open, had their last event at or after `sinceMs`, or were raised by the event
   * `sinceId` or one after it; and the events that raised them.
   */
  recent(sinceMs: number, sinceId: number): [incident: Incident, by: number][] {
    const rows = this.#db
      .prepare('SELECT body, raisedBy FROM incidents WHERE closedAt IS NULL OR lastAt >= ? OR raisedBy >= ?')
      .all(sinceMs, sinceId);
    return (rows as { body: string; raisedBy: number }[]).map(({ body, raisedBy }) => [
      JSON.parse(body) as Incident,
      raisedBy,
    ]);
  }
}
