/**
 * Takes over the alerts of a store of the version before, which had them in asgard.db. Rules' state is not taken over: the
 * events are judged again, silently, up to where they were. Killed in between, the upgrade begins again.
 */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_DETECTION, STATE_RULES } from '../alert-config/rules.ts';
import { AgentHealth, type AgentMemory } from '../detection/agent-health.ts';
import type { Incident } from '../detection/incident.ts';
import type { Message, Notification } from '../notify/message.ts';
import { arrays, type Database, transaction } from '../store/database.ts';
import { appendDecisions, type NewDecision } from '../store/decisions.ts';
import { readerOf } from '../store/event-tables.ts';
import { Checkpoint } from './checkpoint.ts';
import { decision } from './decisions.ts';
import { agentIncidentId } from './incident-id.ts';
import { Marks, OPENED_MARK, openAlerts } from './schema.ts';

/** The file of the rules' state before, beside which SQLite has two more. */
const OLD_STATE_FILE = 'memory.db';
const OLD_TABLES = ['incidents', 'alertNotices', 'alertMessages', 'alertMarks', 'alertStories'];

interface OldIncident {
  readonly id: string;
  readonly rule: string;
  readonly key: string;
  readonly severity: string;
  readonly source: string | null;
  readonly openedAt: number;
  readonly lastAt: number;
  readonly closedAt: number | null;
  readonly partOf: string | null;
  readonly raisedBy: number;
  readonly body: string;
  readonly told: number;
  readonly acknowledgedAt: number | null;
  readonly acknowledgedBy: string | null;
}

interface OldNotice {
  readonly channel: string;
  readonly incident: string;
  readonly kind: string;
  readonly severity: string;
  readonly at: number;
  readonly body: string;
  readonly raisedBy: number | null;
}

interface OldMessage {
  readonly id: string;
  readonly channel: string;
  readonly body: string;
  readonly madeAt: number;
  readonly attempts: number;
  readonly nextAt: number;
}

/** Tells whether a store has the tables that alerts had before. */
export const hasOldAlerts = (db: Database): boolean =>
  arrays(db, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'alertMarks'").length > 0;

/** Writes alerts.db, which must not be there, and then takes the tables out of asgard.db in one transaction with the decisions. */
export function upgradeAlerts(folder: string, db: Database): void {
  const marks = new Map(arrays(db, 'SELECT name, value FROM alertMarks') as [string, number][]);
  const alerts = openAlerts(folder);
  try {
    // The tables go only when what they held is on the disk.
    alerts.exec('PRAGMA synchronous=FULL');
    transaction(alerts, () => {
      moveMarks(marks, new Marks(alerts));
      moveIncidents(db, alerts);
      moveQueue(db, alerts, marks.get('told') ?? 0);
    });
  } finally {
    alerts.close();
  }
  transaction(db, () => {
    const store = { sinceMs: marks.get('since') ?? 0 };
    appendDecisions(
      db,
      [{ kind: 'store', subject: String(marks.get('store') ?? 0), by: null, body: store }],
      Date.now(),
    );
    for (const [at, one] of decisionsOf(db)) appendDecisions(db, [one], at);
    for (const table of OLD_TABLES) db.exec(`DROP TABLE IF EXISTS ${table}`);
  });
  for (const end of ['', '-wal', '-shm']) rmSync(join(folder, `${OLD_STATE_FILE}${end}`), { force: true });
}

function moveMarks(old: ReadonlyMap<string, number>, marks: Marks): void {
  marks.set('store', old.get('store') ?? 0);
  marks.set('sinceMs', old.get('since') ?? 0);
  marks.set('position', old.get('told') ?? 0);
  for (const [name, value] of old) {
    if (name.startsWith(OPENED_MARK)) marks.set(name, value);
    const [, kind, channel] = /^(made|dropped):(.*)$/s.exec(name) ?? [];
    if (kind !== undefined) marks.set(`${kind} ${channel}`, value);
  }
}

/** Returns an incident's body with what incidents have now. */
function incidentOf(body: string, raisedBy: number): Incident {
  const { ordinal: _, ...incident } = JSON.parse(body) as Incident & { ordinal?: number };
  const readsEvents = !(STATE_RULES as readonly string[]).includes(incident.rule);
  return { ...incident, decidedBy: readsEvents ? raisedBy : null, trust: null };
}

function moveIncidents(db: Database, alerts: Database): void {
  const put = alerts.prepare(
    `INSERT INTO incidents (id, rule, key, severity, source, openedAt, lastAt, closedAt, partOf, provisional, body, notified)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)`,
  );
  for (const row of db.prepare('SELECT * FROM incidents').iterate()) {
    const { id, rule, key, severity, source, openedAt, lastAt, closedAt, partOf, raisedBy, body, told } =
      row as unknown as OldIncident;
    const now = JSON.stringify(incidentOf(body, raisedBy));
    put.run(id, rule, key, severity, source, openedAt, lastAt, closedAt, partOf, now, told);
  }
  const health = new AgentHealth({ config: DEFAULT_DETECTION, incidentId: agentIncidentId, startedMs: 0 });
  for (const [agent, memory] of arrays(db, "SELECT key, packed FROM alertStories WHERE kind = 'agent'") as [
    string,
    string,
  ][])
    health.adopt(agent, JSON.parse(memory) as AgentMemory);
  const checkpoint = new Checkpoint(alerts, new Marks(alerts));
  checkpoint.add(health.checkpoint());
  checkpoint.complete(0);
}

/** Returns the number of a notification among those of its incident, by whether it opened or is over. */
const numberOf = (kind: string): number => (kind === 'opened' ? 1 : 2);

function moveQueue(db: Database, alerts: Database, position: number): void {
  const notification = alerts.prepare(
    `INSERT INTO notifications (channel, incident, number, kind, severity, at, position, clockMs, body)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const notices = db.prepare(
    'SELECT n.*, i.raisedBy FROM alertNotices n LEFT JOIN incidents i ON i.id = n.incident ORDER BY n.n',
  );
  for (const row of notices.iterate()) {
    const { channel, incident, kind, severity, at, body, raisedBy } = row as unknown as OldNotice;
    const by = raisedBy ?? position;
    const now = JSON.stringify(incidentOf(body, by));
    notification.run(channel, incident, numberOf(kind), kind, severity, at, by, at, now);
  }
  const put = alerts.prepare(
    `INSERT INTO messages (id, channel, body, count, madeAt, attempts, nextAt, position, clockMs, notifications)
     VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?)`,
  );
  for (const row of db.prepare('SELECT * FROM alertMessages').iterate()) {
    const { id, channel, body, madeAt, attempts, nextAt } = row as unknown as OldMessage;
    const { told, ...rest } = JSON.parse(body) as Omit<Message, 'notifications'> & { told: readonly Notification[] };
    const message: Message = { ...rest, notifications: told };
    const keys = told.map(({ kind, incident }) => [incident.id, numberOf(kind)]);
    put.run(id, channel, JSON.stringify(message), rest.count, madeAt, attempts, nextAt, madeAt, JSON.stringify(keys));
  }
}

/** Gives what no event says: who acknowledged what, and the names of the incidents, which were made otherwise. */
function* decisionsOf(db: Database): Generator<[at: number, decision: NewDecision]> {
  const first = readerOf(db).bounds().first ?? 0;
  for (const row of db.prepare('SELECT * FROM incidents').all()) {
    const { id, rule, key, openedAt, lastAt, closedAt, raisedBy, acknowledgedAt, acknowledgedBy } =
      row as unknown as OldIncident;
    // A closed incident whose event is deleted is never found again.
    if (raisedBy > 0 && (raisedBy >= first || closedAt === null))
      yield [lastAt, decision('named', id, { rule, key, openedAt, lastAt, raisedBy })];
    if (acknowledgedAt !== null) yield [acknowledgedAt, decision('acknowledged', id, {}, acknowledgedBy)];
  }
}
