/** What people are still to be told, channel by channel, in the store until it is delivered. */

import type { NoticeKind } from '../alert-config/routing.ts';
import { SEVERITIES, type Severity } from '../alert-config/rules.ts';
import type { Incident } from '../detection/incident.ts';
import { type Database, Marks, type Statement } from './schema.ts';

/** One incident that a channel is told of. */
export interface Notice {
  readonly n: number;
  readonly kind: NoticeKind;
  readonly severity: Severity;
  /** When it was noted, Unix milliseconds. */
  readonly at: number;
  readonly incident: Incident;
}

/** The most notices that wait for one channel: past it the oldest are only counted. */
export const NOTICES_LIMIT = 10_000;
/** The bound is looked at once in so many notices: counting those that wait costs more than adding one. */
export const CHECK_EVERY = 100;

interface Row {
  readonly n: number;
  readonly kind: NoticeKind;
  readonly severity: Severity;
  readonly at: number;
  readonly body: string;
}

/** All calls belong inside a transaction of the caller: a notice is written with its incident, and leaves with its message. */
export class Notices {
  readonly #marks: Marks;
  #unchecked = 0;
  readonly #add: Statement;
  readonly #count: Statement;
  readonly #channels: Statement;
  readonly #list: Statement;
  readonly #first: Statement;
  readonly #drop: Statement;
  readonly #dropOldest: Statement;

  constructor(db: Database) {
    this.#marks = new Marks(db);
    this.#add = db.prepare(
      'INSERT INTO alertNotices (channel, incident, kind, severity, at, body) VALUES (?, ?, ?, ?, ?, ?)',
    );
    const severities = '(severity = ? OR severity = ? OR severity = ?)';
    this.#count = db.prepare(`SELECT count(*) AS n FROM alertNotices WHERE channel = ? AND ${severities}`);
    this.#list = db.prepare(
      `SELECT n, kind, severity, at, body FROM alertNotices WHERE channel = ? AND ${severities}
       ORDER BY CASE severity WHEN 'critical' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, n LIMIT ?`,
    );
    this.#first = db.prepare(`SELECT min(at) AS at FROM alertNotices WHERE channel = ? AND ${severities}`);
    this.#channels = db.prepare('SELECT DISTINCT channel FROM alertNotices');
    this.#drop = db.prepare(`DELETE FROM alertNotices WHERE channel = ? AND ${severities}`);
    this.#dropOldest = db.prepare(
      'DELETE FROM alertNotices WHERE n IN (SELECT n FROM alertNotices WHERE channel = ? ORDER BY n LIMIT ?)',
    );
  }

  /** Notes that a channel is to be told. */
  add(channel: string, incident: Incident, kind: NoticeKind, nowMs: number): void {
    this.#add.run(channel, incident.id, kind, incident.severity, nowMs, JSON.stringify(incident));
    this.#unchecked += 1;
    if (this.#unchecked < CHECK_EVERY) return;
    this.#unchecked = 0;
    for (const one of this.channels()) this.#bound(one);
  }

  #bound(channel: string): void {
    const over = this.waiting(channel) - NOTICES_LIMIT;
    if (over <= 0) return;
    this.#dropOldest.run(channel, over);
    this.#marks.set(`dropped:${channel}`, this.dropped(channel) + over);
  }

  /** How many were let go to keep the bound since the last message. */
  dropped(channel: string): number {
    return this.#marks.get(`dropped:${channel}`) ?? 0;
  }

  /** How many wait for a channel, of these severities. */
  waiting(channel: string, severities: readonly Severity[] = SEVERITIES): number {
    return (this.#count.get(channel, ...three(severities)) as { n: number }).n;
  }

  /** Those that wait for a channel, of these severities, the gravest first and then the oldest. */
  gravest(channel: string, severities: readonly Severity[], limit: number): Notice[] {
    const rows = this.#list.all(channel, ...three(severities), limit) as Row[];
    return rows.map(({ body, ...rest }) => ({ ...rest, incident: JSON.parse(body) as Incident }));
  }

  /** Since when one of these severities waits for a channel, Unix milliseconds; null when none does. */
  since(channel: string, severities: readonly Severity[]): number | null {
    return (this.#first.get(channel, ...three(severities)) as { at: number | null }).at;
  }

  /** Channels that something waits for. */
  channels(): string[] {
    return (this.#channels.all() as { channel: string }[]).map(({ channel }) => channel);
  }

  /** Lets go of all that waits for a channel that is no more. */
  forget(channel: string): void {
    this.settle(channel, SEVERITIES);
  }

  /** Takes off those of a channel and these severities: a message stands for them, and for those dropped. */
  settle(channel: string, severities: readonly Severity[]): void {
    this.#drop.run(channel, ...three(severities));
    if (this.dropped(channel) > 0) this.#marks.set(`dropped:${channel}`, 0);
  }
}

/** Three values for the statements' three places. */
function three(severities: readonly Severity[]): [string, string, string] {
  const [a = '', b = a, c = b] = severities;
  return [a, b, c];
}
