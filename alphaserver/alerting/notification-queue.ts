/** The durable queue of notifications: what each channel is to be notified of, and the messages made of it, until delivery. */

import type { NotificationKind } from '../alert-config/routing.ts';
import { SEVERITIES, type Severity } from '../alert-config/rules.ts';
import type { Incident } from '../detection/incident.ts';
import type { ChannelQueue, ChannelQueues, MakeMessages, PendingMessage } from '../notify/channel-queue.ts';
import type { Message, Notification } from '../notify/message.ts';
import { type Database, Marks, type Statement } from './schema.ts';

/** The most notifications queued for one channel: past it the oldest are only counted. */
export const QUEUED_LIMIT = 10_000;
/** The bound is checked once in so many notifications: counting those queued costs more than adding one. */
export const CHECK_EVERY = 100;

interface Row {
  readonly kind: NotificationKind;
  readonly body: string;
}

interface MessageRow {
  readonly body: string;
  readonly attempts: number;
  readonly nextAt: number;
}

/** The file that the queue is in. */
export interface QueueOptions {
  readonly db: Database;
  /** Runs work in one durable transaction; throws when the disk does not take it. */
  readonly transaction: <T>(work: () => T) => T;
  /** Records a delivery in the log of decisions. Rejects when it cannot be recorded. */
  readonly record: (channel: string, message: Message) => Promise<void>;
}

/** The queues of all channels, in one table. */
export class NotificationQueue implements ChannelQueues {
  readonly #options: QueueOptions;
  readonly #marks: Marks;
  readonly #add: Statement;
  readonly #dropOldest: Statement;
  readonly #names: Statement;
  #unchecked = 0;

  constructor(options: QueueOptions) {
    const { db } = options;
    this.#options = options;
    this.#marks = new Marks(db);
    this.#add = db.prepare(
      'INSERT INTO alertNotices (channel, incident, kind, severity, at, body) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#dropOldest = db.prepare(
      'DELETE FROM alertNotices WHERE n IN (SELECT n FROM alertNotices WHERE channel = ? ORDER BY n LIMIT ?)',
    );
    this.#names = db.prepare('SELECT channel FROM alertNotices UNION SELECT channel FROM alertMessages');
  }

  /** Queues a notification, inside the caller's transaction. */
  add(channel: string, incident: Incident, kind: NotificationKind, nowMs: number): void {
    this.#add.run(channel, incident.id, kind, incident.severity, nowMs, JSON.stringify(incident));
    this.#unchecked += 1;
    if (this.#unchecked < CHECK_EVERY) return;
    this.#unchecked = 0;
    for (const one of this.names()) this.#keepBound(one);
  }

  names(): string[] {
    return (this.#names.all() as { channel: string }[]).map(({ channel }) => channel);
  }

  channel(name: string): Channel {
    return new Channel(name, this.#options);
  }

  remove(name: string): void {
    const { db, transaction } = this.#options;
    transaction(() => {
      for (const table of ['alertNotices', 'alertMessages'])
        db.prepare(`DELETE FROM ${table} WHERE channel = ?`).run(name);
      this.#marks.set(`dropped:${name}`, 0);
    });
  }

  #keepBound(name: string): void {
    const channel = this.channel(name);
    const over = channel.queued() - QUEUED_LIMIT;
    if (over <= 0) return;
    this.#dropOldest.run(name, over);
    this.#marks.set(`dropped:${name}`, channel.dropped + over);
  }
}

/** One channel's part of the tables. */
class Channel implements ChannelQueue {
  readonly #name: string;
  readonly #options: QueueOptions;
  readonly #marks: Marks;

  constructor(name: string, options: QueueOptions) {
    this.#name = name;
    this.#options = options;
    this.#marks = new Marks(options.db);
  }

  /** How many notifications of these severities are queued. */
  queued(severities: readonly Severity[] = SEVERITIES): number {
    return this.#number('count(*)', severities) ?? 0;
  }

  /** How many were dropped to keep the bound since the last message. */
  get dropped(): number {
    return this.#marks.get(`dropped:${this.#name}`) ?? 0;
  }

  get pending(): number {
    const { n } = this.#options.db
      .prepare("SELECT coalesce(sum(json_extract(body, '$.count')), 0) AS n FROM alertMessages WHERE channel = ?")
      .get(this.#name) as { n: number };
    return n + this.queued() + this.dropped;
  }

  oldestMs(severities: readonly Severity[]): number | null {
    return this.#number('min(at)', severities);
  }

  get lastMadeMs(): number | null {
    return this.#marks.get(`made:${this.#name}`);
  }

  get first(): PendingMessage | null {
    const row = this.#options.db
      .prepare('SELECT body, attempts, nextAt FROM alertMessages WHERE channel = ? ORDER BY madeAt, id LIMIT 1')
      .get(this.#name) as MessageRow | undefined;
    return row ? { message: JSON.parse(row.body) as Message, failures: row.attempts, nextMs: row.nextAt } : null;
  }

  gather(severities: readonly Severity[], listed: number, make: MakeMessages): void {
    const { db, transaction } = this.#options;
    transaction(() => {
      const add = db.prepare(
        'INSERT INTO alertMessages (id, channel, body, madeAt, attempts, nextAt, fault) VALUES (?, ?, ?, ?, 0, ?, NULL)',
      );
      const { dropped } = this;
      for (const message of make(this.#gravest(severities, listed), this.queued(severities) + dropped)) {
        add.run(message.id, this.#name, JSON.stringify(message), message.madeAt, message.madeAt);
        this.#marks.set(`made:${this.#name}`, message.madeAt);
      }
      db.prepare(`DELETE FROM alertNotices WHERE ${OF_CHANNEL}`).run(this.#name, ...three(severities));
      if (dropped > 0) this.#marks.set(`dropped:${this.#name}`, 0);
    });
  }

  failed({ id }: Message, failures: number, nextMs: number, fault: string): void {
    const { db, transaction } = this.#options;
    const update = db.prepare('UPDATE alertMessages SET attempts = ?, nextAt = ?, fault = ? WHERE id = ?');
    transaction(() => update.run(failures, nextMs, fault, id));
  }

  async delivered(message: Message): Promise<void> {
    await this.#options.record(this.#name, message);
    this.discard(message);
  }

  discard({ id }: Message): void {
    const { db, transaction } = this.#options;
    transaction(() => db.prepare('DELETE FROM alertMessages WHERE id = ?').run(id));
  }

  /** Returns queued notifications, the gravest first and then the oldest. */
  #gravest(severities: readonly Severity[], limit: number): Notification[] {
    const rows = this.#options.db
      .prepare(
        `SELECT kind, body FROM alertNotices WHERE ${OF_CHANNEL}
         ORDER BY CASE severity WHEN 'critical' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, n LIMIT ?`,
      )
      .all(this.#name, ...three(severities), limit) as Row[];
    return rows.map(({ kind, body }) => ({ kind, incident: JSON.parse(body) as Incident }));
  }

  #number(what: string, severities: readonly Severity[]): number | null {
    const row = this.#options.db
      .prepare(`SELECT ${what} AS n FROM alertNotices WHERE ${OF_CHANNEL}`)
      .get(this.#name, ...three(severities)) as { n: number | null };
    return row.n;
  }
}

const OF_CHANNEL = 'channel = ? AND (severity = ? OR severity = ? OR severity = ?)';

/** Fills the three places of OF_CHANNEL. */
function three(severities: readonly Severity[]): [string, string, string] {
  const [a = '', b = a, c = b] = severities;
  return [a, b, c];
}
