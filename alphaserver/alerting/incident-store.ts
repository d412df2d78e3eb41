/** Writes what the rules found into alerts.db: the incidents, and who is to be notified of them. */

import { channelsFor, isAsGrave, type NotificationKind } from '../alert-config/routing.ts';
import { type Severity, STATE_RULES } from '../alert-config/rules.ts';
import { type AlertSettings, silencedBy } from '../alert-config/settings.ts';
import { ADOPTED_FOR_MS } from '../detection/agent-health.ts';
import type { AdoptedIncident, Incident } from '../detection/incident.ts';
import type { Change } from '../detection/incident-tracker.ts';
import { FLEET_KEY } from '../detection/silent-groups.ts';
import type { Database, Statement } from '../store/database.ts';
import { type DecisionProjection, decision, type Settled } from './decisions.ts';
import type { NotificationQueue } from './notification-queue.ts';
import { type Marks, OPENED_MARK } from './schema.ts';
import type { UnrecordedDecisions } from './unrecorded-decisions.ts';

/** Incidents closed for this long are deleted, and the oldest when there are too many. */
export const INCIDENTS_KEPT_MS = 400 * 86_400_000;
export const INCIDENTS_LIMIT = 500_000;
/** Deleted at once: keeps the transaction short. */
const DELETED_AT_ONCE = 1_000;
/** Open incidents looked at in one transaction after a silence: some milliseconds where none of them is to be notified. */
export const OPEN_AT_ONCE = 1_000;

/** An incident as it is stored. */
export interface StoredIncident {
  readonly incident: Incident;
  /** Unix milliseconds and a name; null while nobody has acknowledged it. */
  readonly acknowledgedAt: number | null;
  readonly acknowledgedBy: string | null;
}

/**
 * Says what a write did to an incident. A part of a scan does not open or close by itself: it `grew`, as one that only grew did.
 * `replaced`: another incident stands for it now.
 */
export interface WrittenIncident extends StoredIncident {
  readonly became: 'opened' | 'closed' | 'grew' | 'withdrawn' | 'replaced';
}

/** The settings of the rules, and the position up to which they have read. */
export interface WriteContext extends Settled {
  /** What was written before this step. */
  readonly from: Settled;
  readonly settings: AlertSettings;
  readonly nowMs: number;
  /** True for what is judged ahead of the position: the rules confirm it when they get there. */
  readonly provisional: boolean;
}

interface Row {
  readonly id: string;
  readonly severity: Severity;
  readonly closedAt: number | null;
  readonly partOf: string | null;
  readonly provisional: number;
  readonly body: string;
  readonly notified: number;
  readonly acknowledgedAt: number | null;
  readonly acknowledgedBy: string | null;
}

/** A place among the open incidents, in the order of their index. */
export type OpenPlace = readonly [severity: string, openedAt: number, id: string];

/** Tells how lists show an incident. */
const shownAs = ({ partOf, closedAt }: Pick<Incident, 'partOf' | 'closedAt'>): 'open' | 'over' | 'hidden' =>
  partOf !== null ? 'hidden' : closedAt === null ? 'open' : 'over';

/** Tells whether receivers know an incident as open. */
const isKnownOpen = (notified: number): boolean => notified % 2 === 1;

/** True when an incident is graver than what was stored of it, or of the one that it takes the place of. */
const isGraver = ({ severity }: Incident, before: Row | undefined): boolean =>
  before !== undefined && !isAsGrave(before.severity, severity);

/**
 * Returns where a notification was decided. Of several servers each ends its steps elsewhere and looks at the clock at other
 * times, but they read the same events: what one settles must not be taken for what another one has still to send. An event
 * before this step decides nothing that may be settled already. An end that is set before this step, since the quiet time was made
 * shorter, does not count as settled either.
 */
function decidedAt({ decidedBy, closedAt }: Incident, kind: NotificationKind, context: WriteContext): Settled {
  const { from, position, clockMs } = context;
  if (kind === 'resolved') return { position, clockMs: Math.max(from.clockMs, closedAt ?? clockMs) };
  return { position: decidedBy !== null && decidedBy > from.position ? decidedBy : position, clockMs };
}

/** Holds what the store writes to, all on the connection of the alert thread. */
export interface IncidentStoreOptions {
  readonly db: Database;
  readonly marks: Marks;
  readonly queue: Pick<NotificationQueue, 'add' | 'rename'>;
  readonly decisions: Pick<
    DecisionProjection,
    'isDue' | 'replace' | 'rename' | 'nameItself' | 'notifiedAs' | 'wasNotified'
  >;
  readonly unrecorded: Pick<UnrecordedDecisions, 'add'>;
  /** Nobody is notified of an incident that was over before this: the rules first ran then, on a store that had events. */
  readonly sinceMs: () => number;
}

/** Every method belongs inside a transaction of the caller. */
export class IncidentStore {
  readonly #options: IncidentStoreOptions;
  readonly #get: Statement;
  readonly #put: Statement;
  readonly #delete: Statement;
  readonly #moveParts: Statement;
  readonly #open: Statement;
  /** The silences of the settings that came last, as they are read. */
  #silences: AlertSettings['silences'] = [];
  #isSilenced = silencedBy([]);
  /** The ids of open incidents that decisions alone brought, and that the rules of agents do not know yet. */
  readonly #restored = new Set<string>();
  #wereTaken = false;
  /** The place before all open incidents. */
  readonly firstOpen: OpenPlace = ['', 0, ''];

  constructor(options: IncidentStoreOptions) {
    const { db } = options;
    this.#options = options;
    this.#get = db.prepare(
      `SELECT id, severity, closedAt, partOf, provisional, body, notified, a.at AS acknowledgedAt, a.by AS acknowledgedBy
       FROM incidents i LEFT JOIN acknowledgements a ON a.incident = i.id WHERE i.id = ?`,
    );
    this.#put = db.prepare(
      `INSERT INTO incidents (id, rule, key, severity, source, openedAt, lastAt, closedAt, partOf, provisional, body, notified)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, source = excluded.source, openedAt = excluded.openedAt,
         lastAt = excluded.lastAt, closedAt = excluded.closedAt, partOf = excluded.partOf, provisional = excluded.provisional,
         body = excluded.body, notified = excluded.notified`,
    );
    this.#delete = db.prepare('DELETE FROM incidents WHERE id = ?');
    this.#moveParts = db.prepare(
      "UPDATE incidents SET partOf = ?2, body = json_set(body, '$.partOf', ?2) WHERE partOf = ?1",
    );
    this.#open = db.prepare(
      `SELECT severity, openedAt, id, partOf IS NULL AND notified = 0 AS isUnknown FROM incidents
       WHERE closedAt IS NULL AND (severity, openedAt, id) > (?, ?, ?) ORDER BY severity, openedAt, id LIMIT ${OPEN_AT_ONCE}`,
    );
  }

  /**
   * Writes changes and queues notifications. Written twice they change nothing more. An incident that stands for another one
   * from now on comes before the withdrawal of that one.
   */
  write(changes: readonly Change[], context: WriteContext): WrittenIncident[] {
    const replaced = new Map(
      changes.flatMap((change): [string, string][] =>
        change.type === 'withdrawn' && change.replacedBy !== null ? [[change.replacedBy, change.id]] : [],
      ),
    );
    return changes.flatMap((change) => {
      if (change.type === 'withdrawn') return this.#withdraw(change.id, change.replacedBy, context);
      if (change.type === 'incident') return this.#upsert(change.incident, replaced.get(change.incident.id), context);
      const row = this.#row(change.id);
      if (!row) return [];
      return this.#upsert({ ...(JSON.parse(row.body) as Incident), partOf: change.partOf }, undefined, context);
    });
  }

  /** Returns the incidents that wait for the rules to confirm them. */
  provisional(): Incident[] {
    const rows = this.#options.db.prepare('SELECT body FROM incidents WHERE provisional = 1').all();
    return (rows as { body: string }[]).map(({ body }) => JSON.parse(body) as Incident);
  }

  /** Makes the open incidents of these rules wait for the rules to confirm them: other rules may judge the same events now. */
  doubt(rules: readonly string[]): void {
    const places = rules.map(() => '?').join(', ');
    this.#options.db
      .prepare(`UPDATE incidents SET provisional = 1 WHERE closedAt IS NULL AND rule IN (${places})`)
      .run(...rules);
  }

  /** Returns the open incidents of rules that read no events, as they were written last. */
  openOf(rules: readonly string[]): Incident[] {
    const places = rules.map(() => '?').join(', ');
    const sql = `SELECT body FROM incidents WHERE closedAt IS NULL AND rule IN (${places})`;
    const rows = this.#options.db.prepare(sql).all(...rules) as { body: string }[];
    return rows.map(({ body }) => JSON.parse(body) as Incident);
  }

  /** Returns the open and confirmed incidents of these rules, without those of these ids. */
  openBesides(rules: readonly string[], ids: ReadonlySet<string>): Incident[] {
    const places = rules.map(() => '?').join(', ');
    const sql = `SELECT id, body FROM incidents WHERE closedAt IS NULL AND provisional = 0 AND rule IN (${places})`;
    const found: Incident[] = [];
    // One at a time, and mostly none is left: a wide attack has a hundred thousand open.
    for (const row of this.#options.db.prepare(sql).iterate(...rules)) {
      const { id, body } = row as unknown as Pick<Row, 'id' | 'body'>;
      if (!ids.has(id)) found.push(JSON.parse(body) as Incident);
    }
    return found;
  }

  /** Returns an incident as it is written; null where it is not open. */
  openOne(id: string): Incident | null {
    const row = this.#row(id);
    return row && row.closedAt === null ? (JSON.parse(row.body) as Incident) : null;
  }

  /**
   * Writes incidents of which the log of decisions alone knows, as they stood at their notifications of these numbers. The rules of
   * agents go by each server's own clock, so this server may have the same incident under another id, of which nobody was notified:
   * that one goes on under the id that receivers know. Ends come first: what opened since is another one.
   */
  restore(incidents: readonly (readonly [number: number, incident: Incident])[]): void {
    let open: Incident[] | null = null;
    for (const [number, incident] of incidents.toSorted(
      ([, a], [, b]) => Number(b.closedAt !== null) - Number(a.closedAt !== null),
    )) {
      const row = this.#row(incident.id);
      if (row && row.notified >= number) continue;
      // One look at all that is open, which may be much, for all of them.
      if (!row) open ??= this.openOf(STATE_RULES);
      const own: Incident | null = row ? null : this.#sameAs(incident, open ?? []);
      if (!row) this.#options.decisions.nameItself(incident.id);
      if (own) open = (open ?? []).filter((one) => one !== own);
      const notified = own ? this.#rename(own.id, incident.id) : 0;
      // Of one that stands here as well this server may know more by now than the message that was made for it says.
      const known =
        own && incident.closedAt === null ? { ...own, id: incident.id, openedAt: incident.openedAt } : incident;
      this.#save(known, isKnownOpen(notified) ? Math.max(notified, number) : number, false);
      if (incident.closedAt !== null) this.#restored.delete(incident.id);
      // The rules know one that is written as open, or go on with it under the id that they gave it.
      else if (!own && row?.closedAt !== null) this.#restored.add(incident.id);
    }
  }

  /**
   * Returns the open incidents that were restored since the last call, and that no incident of this server went on as. Of several of
   * one rule about one agent the latest stands, on all servers; those that an earlier process left are looked for at the first call.
   */
  takeRestored(): AdoptedIncident[] {
    const isFirst = !this.#wereTaken;
    if (!isFirst && this.#restored.size === 0) return [];
    const open = this.openOf(STATE_RULES);
    const restored = new Set(this.#restored);
    this.#restored.clear();
    this.#wereTaken = true;
    // Several groups of agents that fell silent together can be open, each by itself.
    const groups = Map.groupBy(open, ({ id, rule, key }) => (key === FLEET_KEY ? id : `${rule} ${key}`));
    return [...groups.values()].flatMap((group) => {
      if (!(isFirst && group.length > 1) && !group.some(({ id }) => restored.has(id))) return [];
      const sorted = group.toSorted((a, b) => a.openedAt - b.openedAt || (a.id < b.id ? -1 : 1));
      return sorted.slice(-1).map((incident) => ({ incident, overtaken: sorted.slice(0, -1) }));
    });
  }

  /**
   * Queues what silences kept back and these settings do not: an incident such as that of a silent agent may not change for
   * days. Looks at some open incidents after a place. Returns the place to go on from, null after the last.
   */
  notifyUnsilenced(after: OpenPlace, context: Omit<WriteContext, 'provisional'>): OpenPlace | null {
    const places = this.#open.all(...after) as { severity: string; openedAt: number; id: string; isUnknown: number }[];
    for (const { id, isUnknown } of places) {
      const row = isUnknown === 1 ? this.#row(id) : undefined;
      if (!row) continue;
      const [incident, provisional] = [JSON.parse(row.body) as Incident, row.provisional === 1];
      const notified = this.#notifications(incident, row, { ...context, provisional });
      if (notified > 0) this.#save(incident, notified, provisional);
    }
    const last = places.length === OPEN_AT_ONCE ? places.at(-1) : undefined;
    return last ? [last.severity, last.openedAt, last.id] : null;
  }

  /**
   * Finds the open incident of this server that is the same as another server's: of several, the one that opened nearest to it. It opened
   * seconds before or after it: one that is further away is of another fault, which somebody may not have been notified of.
   */
  #sameAs({ id, rule, key, openedAt, closedAt }: Incident, open: readonly Incident[]): Incident | null {
    const farMs = (one: Incident): number => Math.abs(one.openedAt - openedAt);
    const same = open.filter(
      (one) =>
        one.rule === rule &&
        one.key === key &&
        one.id !== id &&
        farMs(one) <= ADOPTED_FOR_MS &&
        (closedAt === null || one.openedAt <= closedAt) &&
        !this.#options.decisions.wasNotified(one.id, 1),
    );
    return same.toSorted((a, b) => farMs(a) - farMs(b))[0] ?? null;
  }

  /** Gives an incident another id. Returns how many notifications were decided for it. */
  #rename(id: string, to: string): number {
    const { queue, decisions } = this.#options;
    const notified = this.#row(id)?.notified ?? 0;
    decisions.rename(id, to);
    queue.rename(id, to);
    this.#moveParts.run(id, to);
    this.#delete.run(id);
    return notified;
  }

  /** Returns an incident of a rule that reads no events under the id that it has since a notification of another server. */
  #asNotified(incident: Incident): Incident {
    if (incident.decidedBy !== null) return incident;
    const { decisions } = this.#options;
    const { id, partOf } = incident;
    return { ...incident, id: decisions.notifiedAs(id), partOf: partOf === null ? null : decisions.notifiedAs(partOf) };
  }

  #row(id: string): Row | undefined {
    return this.#get.get(id) as Row | undefined;
  }

  #upsert(given: Incident, replaces: string | undefined, context: WriteContext): WrittenIncident[] {
    const incident = this.#asNotified(given);
    const row = this.#row(incident.id);
    // The rules know it already, and are only not there yet.
    if (row && row.provisional === 0 && context.provisional) return [];
    const before = row ?? (replaces === undefined ? undefined : this.#row(replaces));
    if (before && !row) this.#options.decisions.replace(before.id, incident.id, before.notified > 0);
    this.#save(incident, this.#notifications(incident, before, context), context.provisional);
    const [was, is] = [before ? shownAs(before) : 'hidden', shownAs(incident)];
    const isSame = was === is && !(is === 'open' && isGraver(incident, before));
    const became = isSame ? 'grew' : is === 'hidden' || (was === 'open' && is === 'over') ? 'closed' : 'opened';
    if (became === 'opened') this.#options.marks.add(`${OPENED_MARK}${incident.rule} ${incident.severity}`, 1);
    const { acknowledgedAt = null, acknowledgedBy = null } = before ?? {};
    return [{ incident, acknowledgedAt, acknowledgedBy, became }];
  }

  #withdraw(id: string, replacedBy: string | null, context: WriteContext): WrittenIncident[] {
    const row = this.#row(id);
    if (!row || (row.provisional === 0 && context.provisional)) return [];
    const { body, notified, acknowledgedAt, acknowledgedBy } = row;
    const stored = JSON.parse(body) as Incident;
    const incident = { ...stored, closedAt: stored.closedAt ?? context.nowMs };
    const { decisions, unrecorded } = this.#options;
    // The other one was written before this: where it is not known by this id, nobody would hear of this one's end.
    const isKnownByIt = replacedBy !== null && decisions.notifiedAs(replacedBy) === decisions.notifiedAs(id);
    if (!isKnownByIt && isKnownOpen(notified)) this.#notify(incident, notified + 1, 'resolved', context);
    if (replacedBy !== null) {
      const stands = { by: replacedBy, notified: notified > 0 && isKnownByIt };
      if (notified > 0 || acknowledgedAt !== null) unrecorded.add(decision('replaced', id, stands));
      decisions.replace(id, stands.by, stands.notified);
      // The parts of a scan too that the rules do not know any more.
      this.#moveParts.run(id, replacedBy);
    }
    this.#delete.run(id);
    return [{ incident, acknowledgedAt, acknowledgedBy, became: replacedBy === null ? 'withdrawn' : 'replaced' }];
  }

  #save(incident: Incident, notified: number, provisional: boolean): void {
    const { id, rule, key, severity, source, openedAt, lastAt, closedAt, partOf } = incident;
    const body = JSON.stringify(incident);
    this.#put.run(
      ...[id, rule, key, severity, source, openedAt, lastAt, closedAt, partOf, Number(provisional), body, notified],
    );
  }

  /** Queues what is to be notified of an incident as it is now. Returns how many notifications were decided for it in all. */
  #notifications(incident: Incident, before: Row | undefined, context: WriteContext): number {
    let notified = before?.notified ?? 0;
    const queue = (one: Incident, kind: NotificationKind): void => {
      notified += 1;
      this.#notify(one, notified, kind, context);
    };
    const { closedAt, partOf } = incident;
    if (partOf !== null) {
      // Receivers that know it already get it as over: from now on the scan stands for it.
      if (isKnownOpen(notified)) queue({ ...incident, partOf: null, closedAt: closedAt ?? context.nowMs }, 'resolved');
      return notified;
    }
    const reopened = notified > 0 && !isKnownOpen(notified) && before?.closedAt !== null && closedAt === null;
    const graver = isKnownOpen(notified) && closedAt === null && isGraver(incident, before);
    if (notified === 0 || reopened || graver) {
      // Known as open it stays where it is graver, so the number of its end is left out.
      const skipped = graver ? 1 : 0;
      if (this.#isWanted(incident, context.settings)) {
        notified += skipped;
        queue(incident, 'opened');
        // An alerts.db that is made again under a silence: what was delivered before that counts, so that the end is sent.
      } else if (this.#options.decisions.wasNotified(incident.id, notified + skipped + 1)) notified += skipped + 1;
    }
    // In spite of silences: receivers that know an incident as open, from before it was silenced, would keep it so.
    if (isKnownOpen(notified) && closedAt !== null) queue(incident, 'resolved');
    return notified;
  }

  /** Tells whether somebody is to be notified that an incident opened. */
  #isWanted(incident: Incident, { silences, notifyLate }: AlertSettings): boolean {
    // Hundreds of silences take long to read: not for each incident.
    if (silences !== this.#silences) [this.#silences, this.#isSilenced] = [silences, silencedBy(silences)];
    const { lastAt, late } = incident;
    return lastAt >= this.#options.sinceMs() && (!late || notifyLate) && !this.#isSilenced(incident);
  }

  #notify(incident: Incident, number: number, kind: NotificationKind, context: WriteContext): void {
    const { settings, nowMs, position, provisional } = context;
    const { queue, decisions } = this.#options;
    const { decidedBy, closedAt } = incident;
    const id = decisions.notifiedAs(incident.id);
    const due = {
      key: [id, number] as const,
      position: provisional ? (decidedBy ?? position) : position,
      decidedBy,
      closedAt: kind === 'resolved' ? closedAt : null,
    };
    for (const channel of channelsFor(settings, incident, kind))
      if (decisions.isDue(channel, due))
        queue.add({ channel, incident: { ...incident, id }, kind, number, nowMs }, decidedAt(incident, kind, context));
  }

  /** Deletes the oldest closed incidents, some at a time, with what was decided of them. */
  deleteOld(nowMs: number): void {
    const { db } = this.#options;
    const { n } = db.prepare('SELECT count(*) AS n FROM incidents').get() as { n: number };
    const before = n > INCIDENTS_LIMIT ? nowMs : nowMs - INCIDENTS_KEPT_MS;
    const most = n > INCIDENTS_LIMIT ? Math.min(n - INCIDENTS_LIMIT, DELETED_AT_ONCE) : DELETED_AT_ONCE;
    const old = 'SELECT id FROM incidents WHERE closedAt IS NOT NULL AND openedAt < ?1 ORDER BY openedAt LIMIT ?2';
    // Of an incident that was renamed the alias alone is left.
    db.prepare(`DELETE FROM aliases WHERE notifiedAs IN (${old})`).run(before, most);
    for (const table of ['acknowledgements', 'notified', 'aliases'])
      db.prepare(`DELETE FROM ${table} WHERE incident IN (${old})`).run(before, most);
    db.prepare(`DELETE FROM incidents WHERE id IN (${old})`).run(before, most);
  }
}
