/**
 * Copies an embedded store into an empty shared log: events and decisions in the order of their times, under the same ids. What is
 * copied is marked in the log in the same transaction, so that a copy that was killed goes on where it stopped, and one of a store
 * that still grows can be completed later.
 */
import { join } from 'node:path';
import type { Forgotten } from '../store/agents.ts';
import { arrays, type Database, openReadOnly } from '../store/database.ts';
import { type Decision, decisionsAfter } from '../store/decisions.ts';
import { eventsAfter } from '../store/event-rows.ts';
import { readerOf } from '../store/event-tables.ts';
import { EVENTS_FILE } from '../store/folder.ts';
import { keyUsesOf } from '../store/key-uses.ts';
import { ALL_AGENTS, ALL_HOSTS } from '../store/row-names.ts';
import { MIGRATIONS } from '../store/schema.ts';
import type { AgentBatch, BaseRow, KeyRow, StoreBase, StoredEvent } from '../store/store.ts';
import type { NewAppend } from './shared-log.ts';

/** The name of every append that is copied. */
export const COPIED = 'copy';

/** Events read at a time, and at most in one append. */
const STEP_EVENTS = 2_048;
/** Decisions read at a time. */
const STEP_DECISIONS = 500;

/** An append with the time at which the embedded store made it. */
export interface ImportedAppend extends Omit<NewAppend, 'name'> {
  readonly storedMs: number;
}

/** The state of a copy: the last event and decision that are in the log. */
export interface CopyMark {
  readonly event: number;
  readonly decision: number;
}

/** The log as a copy writes it. */
export interface ImportLog {
  /** Gives how far the copy of this store is; null where none has begun. Rejects with an Error where the log holds something else. */
  copied(store: string): Promise<CopyMark | null>;
  /** Begins a copy of a store; its first event has the id `firstId`. */
  beginCopy(store: string, firstId: number): Promise<void>;
  /** Appends in one transaction, and marks how far the copy is. */
  importAppends(appends: readonly ImportedAppend[], mark: CopyMark): Promise<void>;
  /**
   * Puts what the store has beyond its events in the place of what an earlier copy put there, and the agents and hosts that it lists no
   * longer behind all that is copied: each of the copied events lists its agent and its host again.
   */
  endCopy(base: StoreBase, forgotten: Forgotten): Promise<void>;
}

/** The result of a copy. */
export interface Copied {
  readonly events: number;
  readonly decisions: number;
}

/** Copies what the log lacks of the store in a folder. Throws an Error with one sentence when it cannot. */
export async function copyStore(
  folder: string,
  log: ImportLog,
  progress: (events: number, of: number) => void,
): Promise<Copied> {
  const db = openReadOnly(join(folder, EVENTS_FILE));
  try {
    const store = storeName(db);
    const begun = await log.copied(store);
    if (begun === null) await log.beginCopy(store, readerOf(db).bounds().first ?? readerOf(db).bounds().last + 1);
    const copied = await copyFrom(db, begun ?? { event: 0, decision: 0 }, log, progress);
    const { base, forgotten } = restOf(db);
    await log.endCopy(base, forgotten);
    return copied;
  } finally {
    db.close();
  }
}

/** Gives the name of the store: the number in its first decision. */
function storeName(db: Database): string {
  const version = arrays(db, 'PRAGMA user_version')[0]?.[0];
  if (version !== MIGRATIONS.length)
    throw new Error('the store is of another version: start this version of alphaserver on it once');
  const [row] = arrays(db, "SELECT subject FROM decisions WHERE kind = 'store' ORDER BY id LIMIT 1");
  if (!row) throw new Error('the store was never used: there is nothing to copy');
  return String(row[0]);
}

async function copyFrom(
  db: Database,
  begun: CopyMark,
  log: ImportLog,
  progress: (events: number, of: number) => void,
): Promise<Copied> {
  const { last } = readerOf(db).bounds();
  const hosts = hostsOfAgents(db);
  const copied = { events: 0, decisions: 0 };
  let { event, decision } = begun;
  let decisions: Decision[] = [];
  for (;;) {
    const events = eventsAfter(db, event, STEP_EVENTS).filter(({ id }) => id <= last);
    if (decisions.length === 0) decisions = decisionsAfter(db, decision, STEP_DECISIONS);
    if (events.length === 0 && decisions.length === 0) break;
    const appends = merged(events, decisions, hosts);
    event = events.at(-1)?.id ?? event;
    const taken = appends.flatMap((append) => append.decisions as readonly Decision[]);
    decision = taken.at(-1)?.id ?? decision;
    decisions = decisions.slice(taken.length);
    await log.importAppends(appends, { event, decision });
    copied.events += events.length;
    copied.decisions += taken.length;
    progress(event, last);
  }
  return copied;
}

/** Puts events and decisions into appends in the order of their times: events that were stored together stay together. */
function merged(
  events: readonly StoredEvent[],
  decisions: readonly Decision[],
  hosts: ReadonlyMap<string, string>,
): ImportedAppend[] {
  const appends: ImportedAppend[] = [];
  let next = 0;
  const untilMs = events.length < STEP_EVENTS ? Number.POSITIVE_INFINITY : Date.parse(events.at(-1)?.storedAt ?? '');
  const due = (ms: number): void => {
    for (let one = decisions[next]; one !== undefined && one.at < ms; one = decisions[next]) {
      appends.push({ batches: [], decisions: [one], storedMs: one.at });
      next += 1;
    }
  };
  for (const group of groups(events)) {
    const storedMs = Date.parse(group[0]?.storedAt ?? '');
    due(storedMs);
    appends.push({ batches: batchesOf(group, hosts), decisions: [], storedMs });
  }
  due(untilMs);
  return appends;
}

/** Splits events by the moment that they were stored at. */
function groups(events: readonly StoredEvent[]): StoredEvent[][] {
  const all: StoredEvent[][] = [];
  for (const event of events) {
    const last = all.at(-1);
    if (last?.[0]?.storedAt === event.storedAt) last.push(event);
    else all.push([event]);
  }
  return all;
}

/** Puts events into batches by runs of one agent, so that they keep their order. */
function batchesOf(events: readonly StoredEvent[], hosts: ReadonlyMap<string, string>): AgentBatch[] {
  const batches: { agent: string; host: string; events: AgentBatch['events'][number][] }[] = [];
  for (const { id: _, agent, storedAt: __, seq, ...event } of events) {
    let batch = batches.at(-1);
    if (batch?.agent !== agent) {
      batch = { agent, host: hosts.get(agent) ?? event.host, events: [] };
      batches.push(batch);
    }
    batch.events.push({ seq, event });
  }
  return batches;
}

const hostsOfAgents = (db: Database): Map<string, string> =>
  new Map(
    arrays(db, 'SELECT uuid, host FROM agents UNION ALL SELECT uuid, host FROM forgottenAgents') as [string, string][],
  );

/** Gives what the store has beyond events and decisions, as of one moment. */
function restOf(db: Database): { readonly base: StoreBase; readonly forgotten: Forgotten } {
  return readerOf(db).consistent(() => {
    const [agents, hosts] = [
      'SELECT uuid FROM forgottenAgents ORDER BY id',
      'SELECT name FROM forgottenHosts ORDER BY id',
    ];
    const names = (sql: string): string[] => (arrays(db, sql) as [string][]).map(([name]) => name);
    return { base: baseOf(db), forgotten: { agents: names(agents), hosts: names(hosts) } };
  });
}

/** Gives what the store has of agents, and of hosts beyond the events that it still has; those that were forgotten too: they may come back. */
function baseOf(db: Database): StoreBase {
  const kept = countsOfKept(db);
  const hosts = arrays(
    db,
    `SELECT name, a.uuid, firstSeen, accepted, failed, probes
       FROM (SELECT * FROM hosts UNION ALL SELECT * FROM forgottenHosts) h LEFT JOIN ${ALL_AGENTS} a ON a.id = h.agent`,
  ) as HostRow[];
  const agents = db
    .prepare('SELECT *, uuid AS agent FROM (SELECT * FROM agents UNION ALL SELECT * FROM forgottenAgents) ORDER BY id')
    .all() as unknown as (BaseRow & { lastSeq: number; lastEnd: number })[];
  return {
    hosts: hosts.map(([host, agent, firstSeenMs, accepted, failed, probes]) => {
      const [a, f, p] = kept.get(host) ?? [0, 0, 0];
      const counts = { firstSeenMs, accepted: accepted - a, failed: failed - f, probes: probes - p };
      return { host, ...(agent === null ? {} : { agent }), ...counts };
    }),
    agents: agents.map(({ id: _, uuid: __, ...row }) => row) as StoreBase['agents'],
    sessions: rowsOf(db, 'sessions', 'h.name AS host', `JOIN ${ALL_HOSTS} h ON h.id = sessions.host`),
    gaps: rowsOf(db, 'gaps'),
    shapes: rowsOf(db, 'shapes'),
    keyUses: keyUsesOf(db),
    earlierKeyUses: earlierKeyUsesOf(db),
  };
}

type HostRow = [
  ...[host: string, agent: string | null, firstSeenMs: number],
  ...[accepted: number, failed: number, probes: number],
];

/** Counts the events of each host that the store still has: accepted, failed, probes. */
function countsOfKept(db: Database): Map<string, [number, number, number]> {
  const kept = new Map<string, [number, number, number]>();
  for (let id = 0; ; ) {
    const events = eventsAfter(db, id, STEP_EVENTS);
    for (const { host, outcome } of events) {
      const counts = kept.get(host) ?? [0, 0, 0];
      counts[outcome === 'accepted' ? 0 : outcome === 'failed' ? 1 : 2] += 1;
      kept.set(host, counts);
    }
    const last = events.at(-1);
    if (!last) return kept;
    id = last.id;
  }
}

function rowsOf(db: Database, table: 'gaps' | 'shapes' | 'sessions', more = 'NULL', joined = ''): BaseRow[] {
  const sql = `SELECT ${table}.*, uuid AS agent, ${more} FROM ${table} JOIN ${ALL_AGENTS} a ON a.id = ${table}.agent ${joined}`;
  return (db.prepare(sql).all() as unknown as BaseRow[]).map(({ NULL: _, ...row }) => ({ ...row }) as BaseRow);
}

const earlierKeyUsesOf = (db: Database): KeyRow[] =>
  (
    db
      .prepare(`SELECT e.*, name AS host FROM earlierKeyUses e JOIN ${ALL_HOSTS} h ON h.id = e.host`)
      .all() as unknown as KeyRow[]
  ).map((row) => ({ ...row }));
