/** Incidents in the store. */
import type { Incident } from './rules/incident.ts';
import type { Rule } from './rules/terms.ts';
import type { Database, Statement, Value } from './tables.ts';

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

const COLUMNS = 'body, told, acknowledgedAt, acknowledgedBy';
const CURSOR = /^(-?\d{1,16})\.([a-z0-9-]{1,64})$/;

/** Incidents closed for this long are forgotten, and the oldest when there are too many. */
export const INCIDENTS_KEPT_MS = 400 * 86_400_000;
export const INCIDENTS_LIMIT = 500_000;
/** Deleted at once: keeps the transaction short. */
const FORGOTTEN_AT_ONCE = 1_000;

export class Archive {
  readonly #db: Database;
  readonly #get: Statement;
  readonly #put: Statement;
  readonly #drop: Statement;
  readonly #ordinal: Statement;

  constructor(db: Database) {
    this.#db = db;
    this.#get = db.prepare(`SELECT ${COLUMNS} FROM incidents WHERE id = ?`);
    this.#put = db.prepare(
      `INSERT INTO incidents (id, rule, key, ordinal, severity, source, openedAt, lastAt, closedAt, partOf, raisedBy, body, told)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, source = excluded.source, openedAt = excluded.openedAt,
         lastAt = excluded.lastAt, closedAt = excluded.closedAt, partOf = excluded.partOf, body = excluded.body, told = excluded.told`,
    );
    this.#drop = db.prepare('DELETE FROM incidents WHERE id = ?');
    this.#ordinal = db.prepare('SELECT max(ordinal) AS n FROM incidents WHERE rule = ? AND key = ? AND raisedBy < ?');
  }

  get(id: string): KeptIncident | null {
    const row = this.#get.get(id) as Row | undefined;
    return row ? kept(row) : null;
  }

  /** Keeps an incident, with what people were told of it. `by` is the event that raised it. */
  put(incident: Incident, told: Told, by: number): void {
    const { id, rule, key, ordinal, severity, source, openedAt, lastAt, closedAt, partOf } = incident;
    const body = JSON.stringify(incident);
    this.#put.run(id, rule, key, ordinal, severity, source, openedAt, lastAt, closedAt, partOf, by, body, told);
  }

  drop(id: string): void {
    this.#drop.run(id);
  }

  /** The highest ordinal of a rule and key among incidents raised by an event before this one; 0 for none. */
  ordinalBefore(rule: Rule, key: string, eventId: number): number {
    return (this.#ordinal.get(rule, key, eventId) as { n: number | null }).n ?? 0;
  }

  /** Notes who takes care of it; the first one stays. Null when there is no such incident. */
  acknowledge(id: string, by: string, nowMs: number): KeptIncident | null {
    this.#db
      .prepare('UPDATE incidents SET acknowledgedAt = ?, acknowledgedBy = ? WHERE id = ? AND acknowledgedAt IS NULL')
      .run(nowMs, by, id);
    return this.get(id);
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

  /** Open incidents, the gravest and newest first. */
  open(limit: number): KeptIncident[] {
    return ['critical', 'warning', 'notice']
      .flatMap((severity) => {
        const rows = this.#db
          .prepare(
            `SELECT ${COLUMNS} FROM incidents WHERE closedAt IS NULL AND severity = ? AND partOf IS NULL ORDER BY openedAt DESC, id DESC LIMIT ?`,
          )
          .all(severity, limit) as Row[];
        return rows.map(kept);
      })
      .slice(0, limit);
  }

  /** Incidents, parts of scans too, that are open or had their last event at or after `sinceMs`, and the events that raised them. */
  recent(sinceMs: number): [incident: Incident, by: number][] {
    const rows = this.#db
      .prepare('SELECT body, raisedBy FROM incidents WHERE closedAt IS NULL OR lastAt >= ?')
      .all(sinceMs);
    return (rows as { body: string; raisedBy: number }[]).map(({ body, raisedBy }) => [
      JSON.parse(body) as Incident,
      raisedBy,
    ]);
  }

  /** Forgets the oldest closed incidents, some at a time. */
  forget(nowMs: number): void {
    const { n } = this.#db.prepare('SELECT count(*) AS n FROM incidents').get() as { n: number };
    const before = n > INCIDENTS_LIMIT ? nowMs : nowMs - INCIDENTS_KEPT_MS;
    const most = n > INCIDENTS_LIMIT ? Math.min(n - INCIDENTS_LIMIT, FORGOTTEN_AT_ONCE) : FORGOTTEN_AT_ONCE;
    this.#db
      .prepare(
        'DELETE FROM incidents WHERE id IN (SELECT id FROM incidents WHERE closedAt IS NOT NULL AND openedAt < ? ORDER BY openedAt LIMIT ?)',
      )
      .run(before, most);
  }
}
