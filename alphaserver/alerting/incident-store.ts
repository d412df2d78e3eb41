/** Writes what the rules found into the store: incidents, whom to tell, what is known of agents, in one transaction each time. */

import { channelsFor, type NotificationKind } from '../alert-config/routing.ts';
import type { AlertSettings } from '../alert-config/settings.ts';
import type { Change } from '../detection/engine.ts';
import type { Incident } from '../detection/incident.ts';
import { type KeptIncident, TOLD, type Told } from '../queries/incidents.ts';
import { KnownAgents } from './known-agents.ts';
import type { NotificationQueue } from './notification-queue.ts';
import type { Findings } from './rule-runner.ts';
import { type Database, Marks, OPENED_MARK, type Statement } from './schema.ts';

/** Incidents closed for this long are forgotten, and the oldest when there are too many. */
export const INCIDENTS_KEPT_MS = 400 * 86_400_000;
export const INCIDENTS_LIMIT = 500_000;
/** Deleted at once: keeps the transaction short. */
const FORGOTTEN_AT_ONCE = 1_000;

/** What became of an incident. A part of a scan does not open or close by itself: it `grew`, as what only grew did. */
export interface Written extends KeptIncident {
  readonly became: 'opened' | 'closed' | 'withdrawn' | 'grew';
}

interface Before extends Omit<KeptIncident, 'incident'> {
  readonly closedAt: number | null;
  readonly partOf: string | null;
}

/** How an incident is seen in lists. */
const seen = ({ partOf, closedAt }: Pick<Incident, 'partOf' | 'closedAt'>): 'open' | 'over' | 'hidden' =>
  partOf !== null ? 'hidden' : closedAt === null ? 'open' : 'over';

/** All on the connection that writes. Every method but the constructor belongs inside a transaction of the caller. */
export class Keeper {
  readonly #db: Database;
  readonly #marks: Marks;
  readonly #agents: KnownAgents;
  readonly #queue: Pick<NotificationQueue, 'add'>;
  readonly #before: Statement;
  readonly #put: Statement;
  readonly #drop: Statement;
  #since: number | null = null;

  /** The tables are there: `makeTables`. */
  constructor(db: Database, queue: Pick<NotificationQueue, 'add'>) {
    this.#db = db;
    this.#queue = queue;
    this.#marks = new Marks(db);
    this.#agents = new KnownAgents(db);
    this.#before = db.prepare(
      'SELECT told, closedAt, partOf, acknowledgedAt, acknowledgedBy FROM incidents WHERE id = ?',
    );
    this.#put = db.prepare(
      `INSERT INTO incidents (id, rule, key, ordinal, severity, source, openedAt, lastAt, closedAt, partOf, raisedBy, body, told)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, source = excluded.source, openedAt = excluded.openedAt,
         lastAt = excluded.lastAt, closedAt = excluded.closedAt, partOf = excluded.partOf, body = excluded.body, told = excluded.told`,
    );
    this.#drop = db.prepare('DELETE FROM incidents WHERE id = ?');
  }

  /**
   * When the rules first ran on this store, noted by the first call: of what was over before, in a store that had events
   * already, nobody is told.
   */
  since(nowMs: number): number {
    const known = this.#since ?? this.#marks.get('since');
    this.#since = known ?? (this.#db.prepare('SELECT 1 FROM events LIMIT 1').get() ? nowMs : 0);
    if (known === null) this.#marks.set('since', this.#since);
    return this.#since;
  }

  /** Writes findings. Written twice they change nothing more. */
  write({ changes, agents, told }: Findings, settings: AlertSettings, nowMs: number): Written[] {
    const written = changes.map((change) => this.#take(change, settings, nowMs));
    for (const [agent, known] of agents) this.#agents.keep(agent, known, nowMs);
    this.#marks.set('told', told);
    return written;
  }

  #take({ incident, by, withdrawn }: Change, settings: AlertSettings, nowMs: number): Written {
    const { id } = incident;
    const before = this.#before.get(id) as Before | undefined;
    const { acknowledgedAt = null, acknowledgedBy = null } = before ?? {};
    const kept = { incident, acknowledgedAt, acknowledgedBy };
    if (withdrawn) {
      this.#drop.run(id);
      if (before?.told === TOLD.opened) this.#tell({ ...incident, closedAt: nowMs }, 'resolved', settings, nowMs);
      return { ...kept, told: TOLD.nothing, became: 'withdrawn' };
    }
    const told = this.#told(incident, before, settings, nowMs);
    const { rule, key, ordinal, severity, source, openedAt, lastAt, closedAt, partOf } = incident;
    const body = JSON.stringify(incident);
    this.#put.run(id, rule, key, ordinal, severity, source, openedAt, lastAt, closedAt, partOf, by, body, told);
    const [was, is] = [before ? seen(before) : 'hidden', seen(incident)];
    const became = was === is ? 'grew' : is === 'hidden' || was === 'open' ? 'closed' : 'opened';
    if (became === 'opened') this.#marks.add(`${OPENED_MARK}${rule} ${severity}`, 1);
    return { ...kept, told, became };
  }

  /** Adds what is to be told, and says what has been then. */
  #told(incident: Incident, before: Before | undefined, settings: AlertSettings, nowMs: number): Told {
    let told = before?.told ?? TOLD.nothing;
    const { lastAt, closedAt, partOf } = incident;
    if (partOf !== null) {
      // Told of before its scan was known: it is over, for it has become a part of what is told instead.
      if (told !== TOLD.opened) return told;
      this.#tell({ ...incident, partOf: null, closedAt: closedAt ?? nowMs }, 'resolved', settings, nowMs);
      return TOLD.resolved;
    }
    const worthTelling = lastAt >= this.since(nowMs) && (!incident.late || settings.notifyLate);
    const again = told === TOLD.resolved && before?.closedAt !== null && closedAt === null;
    if (worthTelling && (told === TOLD.nothing || again)) {
      this.#tell(incident, 'opened', settings, nowMs);
      told = TOLD.opened;
    }
    if (told !== TOLD.opened || closedAt === null) return told;
    this.#tell(incident, 'resolved', settings, nowMs);
    return TOLD.resolved;
  }

  #tell(incident: Incident, kind: NotificationKind, settings: AlertSettings, nowMs: number): void {
    for (const channel of channelsFor(settings, incident, kind)) this.#queue.add(channel, incident, kind, nowMs);
  }

  /** Notes who takes care of an incident; the first one stays. */
  acknowledge(id: string, by: string, nowMs: number): void {
    this.#db
      .prepare('UPDATE incidents SET acknowledgedAt = ?, acknowledgedBy = ? WHERE id = ? AND acknowledgedAt IS NULL')
      .run(nowMs, by, id);
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
