/**
 * The log of decisions as alerts read it: who acknowledged an incident, which notifications are delivered, and up to where a
 * channel needs none. Applied in order; what is applied twice changes nothing more.
 */
import type { Incident } from '../detection/incident.ts';
import type { Database, Statement } from '../store/database.ts';
import type { Decision, NewDecision } from '../store/decisions.ts';
import type { Marks } from './schema.ts';

/** A notification in the log: the incident, and which of its notifications, counted from 1. */
export type NotificationKey = readonly [incident: string, number: number];

/**
 * Up to where a channel is settled: every notification that was decided at or before this position in the event log, or for
 * an incident that closed at or before this time, is delivered, discarded, or was not for this channel.
 */
export interface Settled {
  readonly position: number;
  readonly clockMs: number;
}

/** The bodies of decisions, by kind. The subject is an incident's id, or a channel's name for the last two. */
interface Bodies {
  /** `by` acknowledged an incident. Only the first counts. */
  readonly acknowledged: Record<string, never>;
  /** An incident has another deciding event since, and so another id; `notified` where receivers know it by the first. */
  readonly replaced: { readonly by: string; readonly notified: boolean };
  /** An incident that an older version named by a scheme of its own. */
  readonly named: {
    readonly rule: string;
    readonly key: string;
    readonly openedAt: number;
    readonly lastAt: number;
    readonly raisedBy: number;
  };
  /** A message was delivered to a channel. `incidents` has those that no event can derive again. */
  readonly notified: Settled & {
    readonly message: string;
    readonly notifications: readonly NotificationKey[];
    readonly incidents: readonly (readonly [number: number, incident: Incident])[];
  };
  /** Up to here a channel needs no notification. */
  readonly settled: Settled;
}

/** Makes a decision of a kind. */
export const decision = <K extends keyof Bodies>(
  kind: K,
  subject: string,
  body: Bodies[K],
  by: string | null = null,
): NewDecision => ({ kind, subject, by, body });

/**
 * Deletes the messages of a channel whose notifications are all delivered. A server that lost the lead can hold one that was made of
 * the same notifications in another grouping, and so has another id: it would send it whenever it leads again.
 */
const DELETE_NOTIFIED = `DELETE FROM messages WHERE channel = ?1 AND notifications <> '[]' AND NOT EXISTS (
  SELECT 1 FROM json_each(messages.notifications) AS named WHERE NOT EXISTS (
    SELECT 1 FROM notified WHERE incident = named.value ->> 0 AND channel = ?1 AND number = named.value ->> 1))`;

/** A notification that may be due on a channel. */
export interface Due {
  readonly key: NotificationKey;
  /** The position at which it was decided. */
  readonly position: number;
  /** The event that decided the incident; null for rules that read no events. */
  readonly decidedBy: number | null;
  /** The time at which the incident closed, for a notification that it is over; else null. */
  readonly closedAt: number | null;
}

/** The decisions applied to alerts.db. `apply` belongs inside the caller's transaction. */
export class DecisionProjection {
  readonly #db: Database;
  readonly #marks: Marks;
  readonly #restore: (incidents: Bodies['notified']['incidents']) => void;
  readonly #isNotified: Statement;
  readonly #wasNotified: Statement;
  readonly #addNotified: Statement;
  readonly #acknowledge: Statement;
  readonly #alias: Statement;
  /** Channels that were settled further than the incidents are written, when this process started. */
  readonly #replayed = new Map<string, Settled>();

  /** `restore` writes incidents that no event can derive again, as they stood at their notifications of these numbers. */
  constructor(db: Database, marks: Marks, restore: (incidents: Bodies['notified']['incidents']) => void) {
    this.#db = db;
    this.#marks = marks;
    this.#restore = restore;
    this.#isNotified = db.prepare('SELECT 1 FROM notified WHERE incident = ? AND channel = ? AND number = ?');
    this.#wasNotified = db.prepare('SELECT 1 FROM notified WHERE incident = ? AND number >= ?');
    this.#addNotified = db.prepare('INSERT OR IGNORE INTO notified (incident, channel, number) VALUES (?, ?, ?)');
    this.#acknowledge = db.prepare('INSERT OR IGNORE INTO acknowledgements (incident, at, by) VALUES (?, ?, ?)');
    this.#alias = db.prepare('SELECT notifiedAs FROM aliases WHERE incident = ?');
  }

  /** The last decision that is applied. */
  get applied(): number {
    return this.#marks.get('decided') ?? 0;
  }

  apply({ id, at, kind, subject, by, body }: Decision): void {
    switch (kind as keyof Bodies) {
      case 'acknowledged':
        this.#acknowledge.run(subject, at, by ?? '');
        break;
      case 'replaced': {
        const { by: successor, notified } = body as Bodies['replaced'];
        this.replace(subject, successor, notified);
        break;
      }
      case 'named': {
        const { rule, key, openedAt, lastAt, raisedBy } = body as Bodies['named'];
        this.#db
          .prepare('INSERT OR IGNORE INTO named (rule, key, openedAt, lastAt, raisedBy, id) VALUES (?, ?, ?, ?, ?, ?)')
          .run(rule, key, openedAt, lastAt, raisedBy, subject);
        break;
      }
      case 'notified':
        this.#notified(subject, body as Bodies['notified']);
        break;
      case 'settled':
        this.#settle(subject, body as Settled);
        break;
      // A kind of a newer version, or one that another projection reads.
      default:
    }
    this.#marks.set('decided', id);
  }

  /** Makes what was decided of an incident hold for the one that stands for it from now on. */
  replace(incident: string, by: string, notified: boolean): void {
    this.#db
      .prepare('INSERT OR IGNORE INTO acknowledgements SELECT ?, at, by FROM acknowledgements WHERE incident = ?')
      .run(by, incident);
    if (!notified) return;
    this.#db
      .prepare('INSERT OR IGNORE INTO aliases (incident, notifiedAs) VALUES (?, ?)')
      .run(by, this.notifiedAs(incident));
  }

  /** Makes an incident of which nobody was notified go on under the id by which receivers know the same one. */
  rename(incident: string, to: string): void {
    this.replace(incident, to, false);
    this.#db.prepare('INSERT OR REPLACE INTO aliases (incident, notifiedAs) VALUES (?, ?)').run(incident, to);
  }

  /** Makes an incident known by its own id: receivers were notified of it by that. */
  nameItself(incident: string): void {
    this.#db.prepare('DELETE FROM aliases WHERE incident = ?').run(incident);
  }

  /** Returns the id by which receivers know an incident, or would. */
  notifiedAs(incident: string): string {
    const row = this.#alias.get(incident) as { notifiedAs: string } | undefined;
    return row?.notifiedAs ?? incident;
  }

  /** Tells whether a notification of an incident of this number, or one after it, was delivered to any channel. */
  wasNotified(incident: string, number: number): boolean {
    return this.#wasNotified.get(this.notifiedAs(incident), number) !== undefined;
  }

  /** Returns up to where a channel is settled; null where nothing says so. */
  settled(channel: string): Settled | null {
    const position = this.#marks.get(`settled ${channel}`);
    return position === null ? null : { position, clockMs: this.#marks.get(`settledMs ${channel}`) ?? 0 };
  }

  /**
   * Begins a replay from a position: alerts.db was deleted, or lost its last writes. Until it has passed where a channel is
   * settled, nothing is due on that channel. `otherwise` holds for channels that nothing is known of, null for none.
   */
  replay(channels: readonly string[], position: number, otherwise: Settled | null): void {
    for (const channel of channels) {
      const settled = this.settled(channel) ?? otherwise;
      if (settled !== null && settled.position > position) this.#replayed.set(channel, settled);
    }
  }

  /** Tells whether a replay has not yet come to where a channel is settled. */
  isReplaying(channel: string, position: number): boolean {
    return position < (this.#replayed.get(channel)?.position ?? 0);
  }

  /** The positions at which a replay has to stop and give all its changes, so that what is due after them is exact. */
  get boundaries(): number[] {
    return [...this.#replayed.values()].map(({ position }) => position);
  }

  /** Tells whether a channel is to be notified: not where it was already, nor of what was decided before it was settled. */
  isDue(channel: string, { key: [incident, number], position, decidedBy, closedAt }: Due): boolean {
    if (this.#isNotified.get(incident, channel, number)) return false;
    const settled = this.#replayed.get(channel);
    if (!settled || decidedBy === null) return true;
    if (position <= settled.position) return false;
    return closedAt === null || closedAt > settled.clockMs || decidedBy > settled.position;
  }

  #notified(channel: string, { message, notifications, incidents, position, clockMs }: Bodies['notified']): void {
    this.#db.prepare('DELETE FROM messages WHERE id = ?').run(message);
    // Before the queue is looked at: what waits there of such an incident can get another id by it.
    this.#restore(incidents);
    const queued = this.#db.prepare('DELETE FROM notifications WHERE channel = ? AND incident = ? AND number = ?');
    for (const [incident, number] of notifications) {
      this.#addNotified.run(incident, channel, number);
      queued.run(channel, incident, number);
    }
    this.#db.prepare(DELETE_NOTIFIED).run(channel);
    this.#settle(channel, { position, clockMs });
  }

  #settle(channel: string, { position, clockMs }: Settled): void {
    const before = this.settled(channel);
    if (before && before.position > position) return;
    this.#marks.set(`settled ${channel}`, position);
    this.#marks.set(`settledMs ${channel}`, Math.max(clockMs, before?.clockMs ?? 0));
    // After its last writes were lost, the file can hold what is delivered since; on a server that does not deliver, what another
    // one did not name, such as an agent's incident, which each server names by its own clock. What is queued at the position itself
    // may have been decided after the channel was settled: there the clock tells.
    this.#db
      .prepare(
        `DELETE FROM notifications WHERE channel = ?1 AND (
           (position < ?2 AND (kind = 'opened' OR clockMs <= ?3)) OR (position = ?2 AND clockMs < ?3))`,
      )
      .run(channel, position, clockMs);
  }
}
