/** Messages that are on their way, in the store until they are delivered. */
import { type Database, Marks, type Statement } from '../alerting/schema.ts';
import type { Message } from './message.ts';

/** A message and how it fares. */
export interface Pending {
  readonly message: Message;
  /** How often it has failed, and when it is tried next, Unix milliseconds. */
  readonly failures: number;
  readonly nextMs: number;
}

interface Row {
  readonly body: string;
  readonly attempts: number;
  readonly nextAt: number;
}

/** All writing calls belong inside a transaction of the caller. */
export class Messages {
  readonly #marks: Marks;
  readonly #add: Statement;
  readonly #first: Statement;
  readonly #failed: Statement;
  readonly #drop: Statement;
  readonly #forget: Statement;
  readonly #count: Statement;
  readonly #channels: Statement;

  constructor(db: Database) {
    this.#marks = new Marks(db);
    this.#add = db.prepare(
      'INSERT INTO alertMessages (id, channel, body, madeAt, attempts, nextAt, fault) VALUES (?, ?, ?, ?, 0, ?, NULL)',
    );
    this.#first = db.prepare(
      'SELECT body, attempts, nextAt FROM alertMessages WHERE channel = ? ORDER BY madeAt, id LIMIT 1',
    );
    this.#failed = db.prepare('UPDATE alertMessages SET attempts = ?, nextAt = ?, fault = ? WHERE id = ?');
    this.#drop = db.prepare('DELETE FROM alertMessages WHERE id = ?');
    this.#forget = db.prepare('DELETE FROM alertMessages WHERE channel = ?');
    this.#channels = db.prepare('SELECT DISTINCT channel FROM alertMessages');
    this.#count = db.prepare(
      "SELECT coalesce(sum(json_extract(body, '$.count')), 0) AS n FROM alertMessages WHERE channel = ?",
    );
  }

  add(channel: string, message: Message): void {
    this.#add.run(message.id, channel, JSON.stringify(message), message.madeAt, message.madeAt);
    this.#marks.set(`made:${channel}`, message.madeAt);
  }

  /** The oldest that is not delivered, or null. */
  first(channel: string): Pending | null {
    const row = this.#first.get(channel) as Row | undefined;
    return row ? { message: JSON.parse(row.body) as Message, failures: row.attempts, nextMs: row.nextAt } : null;
  }

  /** When the last message of a channel was made, or null. */
  lastMadeMs(channel: string): number | null {
    return this.#marks.get(`made:${channel}`);
  }

  failed({ id }: Message, failures: number, nextMs: number, fault: string): void {
    this.#failed.run(failures, nextMs, fault, id);
  }

  /** It is delivered, or given up. */
  drop({ id }: Message): void {
    this.#drop.run(id);
  }

  /** Lets go of all messages of a channel that is no more. */
  forget(channel: string): void {
    this.#forget.run(channel);
  }

  /** Channels that a message is on its way to. */
  channels(): string[] {
    return (this.#channels.all() as { channel: string }[]).map(({ channel }) => channel);
  }

  /** How many incidents the messages on their way to a channel stand for. */
  waiting(channel: string): number {
    return (this.#count.get(channel) as { n: number }).n;
  }
}
