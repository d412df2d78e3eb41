/** The durable queue of notifications: what each channel is to be notified of, and the messages made of it, until delivery. */

import type { NotificationKind } from '../alert-config/routing.ts';
import { SEVERITIES, type Severity, STATE_RULES } from '../alert-config/rules.ts';
import type { Incident } from '../detection/incident.ts';
import type {
  ChannelQueue,
  ChannelQueues,
  MakeMessages,
  NumberedNotification,
  PendingMessage,
} from '../notify/channel-queue.ts';
import type { Message } from '../notify/message.ts';
import type { Database, Statement } from '../store/database.ts';
import type { NewDecision } from '../store/decisions.ts';
import { decision, type NotificationKey, type Settled } from './decisions.ts';
import type { Marks } from './schema.ts';

/** The most notifications queued for one channel: past it the oldest are only counted. */
export const QUEUED_LIMIT = 10_000;
/** The bound is checked once in so many notifications: counting those queued costs more than adding one. */
export const CHECK_EVERY = 100;

/** A notification to queue. */
export interface NewNotification {
  readonly channel: string;
  readonly incident: Incident;
  readonly kind: NotificationKind;
  /** Its number among the incident's notifications, from 1. */
  readonly number: number;
  readonly nowMs: number;
}

interface Row {
  readonly n: number;
  readonly incident: string;
  readonly number: number;
  readonly kind: NotificationKind;
}

const keyOfRow = ({ incident, number }: Row): NotificationKey => [incident, number];

interface MessageRow {
  readonly body: string;
  readonly attempts: number;
  readonly nextAt: number;
}

/** The file that the queue is in, and the log of decisions. */
export interface QueueOptions {
  readonly db: Database;
  readonly marks: Marks;
  /** Runs work in a transaction that survives a power failure; throws when the disk does not take it. */
  readonly durably: <T>(work: () => T) => T;
  /** Appends to the log of decisions. Rejects when it cannot be appended. */
  readonly record: (decisions: readonly NewDecision[]) => Promise<void>;
  /** The position of the alerts: a channel for which nothing is queued is settled up to there. */
  readonly reached: () => Settled;
}

/** The queues of all channels, in one table. */
export class NotificationQueue implements ChannelQueues {
  readonly #options: QueueOptions;
  readonly #add: Statement;
  readonly #dropOldest: Statement;
  readonly #names: Statement;
  #unchecked = 0;

  constructor(options: QueueOptions) {
    const { db } = options;
    this.#options = options;
    this.#add = db.prepare(
      `INSERT INTO notifications (channel, incident, number, kind, severity, at, position, clockMs, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#dropOldest = db.prepare(
      'DELETE FROM notifications WHERE n IN (SELECT n FROM notifications WHERE channel = ? ORDER BY n LIMIT ?)',
    );
    this.#names = db.prepare('SELECT channel FROM notifications UNION SELECT channel FROM messages');
  }

  /** Queues a notification that was decided at this position and time, inside the caller's transaction. */
  add({ channel, incident, kind, number, nowMs }: NewNotification, { position, clockMs }: Settled): void {
    const { id, severity } = incident;
    this.#add.run(channel, id, number, kind, severity, nowMs, position, clockMs, JSON.stringify(incident));
    this.#unchecked += 1;
    if (this.#unchecked < CHECK_EVERY) return;
    this.#unchecked = 0;
    for (const one of this.names()) this.#keepBound(one);
  }

  /** Gives an incident another id in all that waits, inside the caller's transaction. */
  rename(incident: string, to: string): void {
    const { db } = this.#options;
    db.prepare("UPDATE notifications SET incident = ?2, body = json_set(body, '$.id', ?2) WHERE incident = ?1").run(
      incident,
      to,
    );
    const made = db.prepare('SELECT id, body, notifications FROM messages WHERE instr(notifications, ?) > 0');
    const update = db.prepare('UPDATE messages SET body = ?, notifications = ? WHERE id = ?');
    const rows = made.all(JSON.stringify(incident)) as { id: string; body: string; notifications: string }[];
    for (const { id, body, notifications } of rows) {
      const message = JSON.parse(body) as Message;
      const listed = message.notifications.map((one) =>
        one.incident.id === incident ? { ...one, incident: { ...one.incident, id: to } } : one,
      );
      const keys = (JSON.parse(notifications) as NotificationKey[]).map(
        ([name, number]): NotificationKey => [name === incident ? to : name, number],
      );
      update.run(JSON.stringify({ ...message, notifications: listed }), JSON.stringify(keys), id);
    }
  }

  names(): string[] {
    return (this.#names.all() as { channel: string }[]).map(({ channel }) => channel);
  }

  channel(name: string): QueueOfChannel {
    return new QueueOfChannel(name, this.#options);
  }

  remove(name: string): void {
    const { db, marks, durably } = this.#options;
    durably(() => {
      for (const table of ['notifications', 'messages']) db.prepare(`DELETE FROM ${table} WHERE channel = ?`).run(name);
      marks.set(`dropped ${name}`, 0);
    });
  }

  #keepBound(name: string): void {
    const channel = this.channel(name);
    const over = channel.queued() - QUEUED_LIMIT;
    if (over <= 0) return;
    this.#dropOldest.run(name, over);
    this.#options.marks.set(`dropped ${name}`, channel.dropped + over);
  }
}

/** One channel's part of the tables. */
export class QueueOfChannel implements ChannelQueue {
  readonly #name: string;
  readonly #options: QueueOptions;

  constructor(name: string, options: QueueOptions) {
    this.#name = name;
    this.#options = options;
  }

  /** Counts the queued notifications of these severities. */
  queued(severities: readonly Severity[] = SEVERITIES): number {
    return this.#number('count(*)', severities) ?? 0;
  }

  /** The number of those dropped to keep the bound since the last message. */
  get dropped(): number {
    return this.#options.marks.get(`dropped ${this.#name}`) ?? 0;
  }

  get pending(): number {
    const { n } = this.#options.db
      .prepare('SELECT coalesce(sum(count), 0) AS n FROM messages WHERE channel = ?')
      .get(this.#name) as { n: number };
    return n + this.queued() + this.dropped;
  }

  oldestMs(severities: readonly Severity[]): number | null {
    return this.#number('min(at)', severities);
  }

  get lastMadeMs(): number | null {
    return this.#options.marks.get(`made ${this.#name}`);
  }

  get first(): PendingMessage | null {
    const row = this.#options.db
      .prepare('SELECT body, attempts, nextAt FROM messages WHERE channel = ? ORDER BY madeAt, id LIMIT 1')
      .get(this.#name) as MessageRow | undefined;
    return row ? { message: JSON.parse(row.body) as Message, failures: row.attempts, nextMs: row.nextAt } : null;
  }

  gather(severities: readonly Severity[], listed: number, make: MakeMessages): void {
    const { db, marks, durably } = this.#options;
    durably(() => {
      // Behind the graver one, as once quiet hours are over, the milder one would open an alert that nothing ends.
      db.prepare(DELETE_MILDER).run(this.#name);
      const overtaken = db.prepare(DELETE_OVERTAKEN_ENDS).all(this.#name, ...three(severities)) as unknown as Row[];
      const rows = this.#queued(severities);
      const shown = rows
        .slice(0, listed)
        .map(({ n, kind, number }): NumberedNotification => ({ kind, incident: this.#incident(n), number }));
      const oldest = this.#oldest('notifications', `AND ${SEVERITY}`, three(severities));
      const messages = make(shown, rows.length + this.dropped);
      const named = new Set<string>();
      for (const [i, message] of messages.entries()) {
        // The last one stands for all that the others do not list, and for the overtaken ends, which no server may send later.
        const keys =
          i === messages.length - 1
            ? [...rows, ...overtaken].map(keyOfRow).filter((key) => !named.has(key.join(' ')))
            : message.notifications.map(({ incident, number = 1 }): NotificationKey => [incident.id, number]);
        this.#insert(message, keys, oldest);
        for (const key of keys) named.add(key.join(' '));
        marks.set(`made ${this.#name}`, message.madeAt);
      }
      db.prepare(`DELETE FROM notifications WHERE channel = ? AND ${SEVERITY}`).run(this.#name, ...three(severities));
      if (this.dropped > 0) marks.set(`dropped ${this.#name}`, 0);
    });
  }

  failed({ id }: Message, failures: number, nextMs: number): void {
    const { db, durably } = this.#options;
    const update = db.prepare('UPDATE messages SET attempts = ?, nextAt = ? WHERE id = ?');
    durably(() => update.run(failures, nextMs, id));
  }

  async delivered(message: Message): Promise<void> {
    const { db, record } = this.#options;
    const row = db.prepare('SELECT notifications FROM messages WHERE id = ?').get(message.id) as
      | { notifications: string }
      | undefined;
    const notifications = JSON.parse(row?.notifications ?? '[]') as NotificationKey[];
    const numbers = new Map(notifications);
    await record([
      decision('notified', this.#name, {
        message: message.id,
        notifications,
        incidents: message.notifications
          .filter(({ incident: { rule } }) => (STATE_RULES as readonly string[]).includes(rule))
          // A message of a version before has no numbers in it.
          .map(({ incident, number }) => [number ?? numbers.get(incident.id) ?? 1, incident]),
        ...this.settled(message.id),
      }),
    ]);
    this.discard(message);
  }

  discard({ id }: Message): void {
    const { db, durably } = this.#options;
    durably(() => db.prepare('DELETE FROM messages WHERE id = ?').run(id));
  }

  /** Returns up to where the channel is settled once a message is delivered: before all that is queued and in other messages. */
  settled(except = ''): Settled {
    const reached = this.#options.reached();
    const pending = [this.#oldest('notifications'), this.#oldest('messages', 'AND id <> ?', [except])];
    return {
      position: Math.min(reached.position, ...pending.map(({ position }) => position - 1)),
      clockMs: Math.min(reached.clockMs, ...pending.map(({ clockMs }) => clockMs - 1)),
    };
  }

  #insert(message: Message, keys: readonly NotificationKey[], { position, clockMs }: Settled): void {
    this.#options.db
      .prepare(
        `INSERT INTO messages (id, channel, body, count, madeAt, attempts, nextAt, position, clockMs, notifications)
         VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?)`,
      )
      .run(
        message.id,
        this.#name,
        JSON.stringify(message),
        message.count,
        message.madeAt,
        message.madeAt,
        position,
        clockMs,
        JSON.stringify(keys),
      );
  }

  /**
   * Returns queued notifications: those of incidents that open, the gravest first and then the oldest, before those that say that
   * one is over, since an opening that is not listed is a number at most.
   */
  #queued(severities: readonly Severity[]): Row[] {
    return this.#options.db
      .prepare(
        `SELECT n, incident, number, kind FROM notifications WHERE channel = ? AND ${SEVERITY}
         ORDER BY kind = 'resolved',
           CASE severity WHEN 'critical' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, n`,
      )
      .all(this.#name, ...three(severities)) as unknown as Row[];
  }

  #incident(n: number): Incident {
    const row = this.#options.db.prepare('SELECT body FROM notifications WHERE n = ?').get(n) as { body: string };
    return JSON.parse(row.body) as Incident;
  }

  /** Returns the least position and time of what is pending; Infinity where nothing is. */
  #oldest(table: 'notifications' | 'messages', where = '', values: readonly string[] = []): Settled {
    const row = this.#options.db
      .prepare(`SELECT min(position) AS position, min(clockMs) AS clockMs FROM ${table} WHERE channel = ? ${where}`)
      .get(this.#name, ...values) as { position: number | null; clockMs: number | null };
    return { position: row.position ?? Number.POSITIVE_INFINITY, clockMs: row.clockMs ?? Number.POSITIVE_INFINITY };
  }

  #number(what: string, severities: readonly Severity[]): number | null {
    const row = this.#options.db
      .prepare(`SELECT ${what} AS n FROM notifications WHERE channel = ? AND ${SEVERITY}`)
      .get(this.#name, ...three(severities)) as { n: number | null };
    return row.n;
  }
}

/** The openings after the first, as a table that SQLite looks up by incident: joined by channel, 5,000 of them took 25 s. */
const AGAIN = `WITH again AS MATERIALIZED (
  SELECT incident, number, severity FROM notifications WHERE channel = ?1 AND kind = 'opened' AND number > 1)`;

/** Deletes what is queued of an incident that turned out graver since, where that is queued as well. */
const DELETE_MILDER = `${AGAIN} DELETE FROM notifications WHERE n IN (
  SELECT mild.n FROM notifications AS mild CROSS JOIN again ON again.incident = mild.incident
  WHERE mild.channel = ?1 AND mild.kind = 'opened' AND mild.number < again.number AND mild.severity <> again.severity)`;

/**
 * Deletes the queued ends of incidents whose later opening, of these severities, is sent now: behind it, as the graver one or once
 * quiet hours are over, such an end would resolve what is open.
 */
const DELETE_OVERTAKEN_ENDS = `${AGAIN} DELETE FROM notifications WHERE n IN (
  SELECT past.n FROM notifications AS past CROSS JOIN again ON again.incident = past.incident
  WHERE past.channel = ?1 AND past.kind = 'resolved' AND past.number < again.number AND again.severity IN (?2, ?3, ?4))
  RETURNING n, incident, number, kind`;

const SEVERITY = '(severity = ? OR severity = ? OR severity = ?)';

/** Fills three places for severities. */
function three(severities: readonly Severity[]): [string, string, string] {
  const [a = '', b = a, c = b] = severities;
  return [a, b, c];
}
