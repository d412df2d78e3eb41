/** A store made of copies of a day is the store that the program writes when the same events come each day. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Queries } from '../../alphaserver/queries/queries.ts';
import { openReader } from '../../alphaserver/queries/snapshot.ts';
import { RollupWriter } from '../../alphaserver/rollups/rollup-writer.ts';
import { openRollups } from '../../alphaserver/rollups/schema.ts';
import { arrays, type Database } from '../../alphaserver/store/database.ts';
import { EventStore } from '../../alphaserver/store/event-store.ts';
import { eventTables, tableName } from '../../alphaserver/store/event-tables.ts';
import { openEvents } from '../../alphaserver/store/folder.ts';
import type { AgentBatch } from '../../alphaserver/store/store.ts';
import { cloneDays } from './cloned-days.ts';
import { LoginStream } from './login-stream.ts';

const DAY_MS = 86_400_000;
const BEGIN_MS = Date.parse('2026-08-01T00:00:00.000Z');
const DAYS = 3;
const EVENTS = 2_000;
const COMMITS = 4;
const RARE: AgentBatch = {
  agent: '00000000-0000-4000-8000-999999999999',
  host: 'rare.example',
  events: [
    {
      seq: 1,
      event: {
        ...{ at: new Date(BEGIN_MS - DAY_MS).toISOString(), outcome: 'accepted', method: 'publickey', user: 'rare' },
        ...{ invalidUser: false, ip: '203.0.113.77', port: 1, key: `ED25519 SHA256:${'r'.repeat(43)}`, reason: null },
      },
    },
  ],
};

/** The events of one day, and when each commit of them is stored. */
function oneDay(): { batches: AgentBatch[]; storedMs: number }[] {
  const options = {
    ...{ events: EVENTS, days: 1, hosts: 40, sources: 60, users: 30, agents: 20 },
    endMs: BEGIN_MS + DAY_MS,
  };
  const stream = new LoginStream(options);
  return Array.from({ length: COMMITS }, () => {
    const batches = stream.next(EVENTS / COMMITS);
    return { batches, storedMs: Date.parse(batches[0]?.events[0]?.event.at ?? '') };
  });
}

/** The same day again, later. Agents go on with their numbers. */
const moved = (batches: readonly AgentBatch[], days: number, sent: ReadonlyMap<string, number>): AgentBatch[] =>
  batches.map((batch) => ({
    ...batch,
    events: batch.events.map(({ seq, event }) => ({
      seq: (seq ?? 0) + days * (sent.get(batch.agent) ?? 0),
      event: { ...event, at: new Date(Date.parse(event.at) + days * DAY_MS).toISOString() },
    })),
  }));

/** Writes a store with so many days as the program does, each day counted at once. */
async function write(folder: string, days: number): Promise<void> {
  const store = new EventStore(folder);
  const [events, rollups] = [openEvents(folder), openRollups(folder)];
  // Sketches are of hashes, which each store makes with a secret of its own.
  rollups.exec("UPDATE facts SET value = 7 WHERE name = 'hashSeed'");
  const writer = new RollupWriter(events, rollups);
  const day = oneDay();
  const sent = new Map<string, number>();
  for (const { agent, events: list } of day.flatMap(({ batches }) => batches))
    sent.set(agent, (sent.get(agent) ?? 0) + list.length);
  await store.append([RARE], BEGIN_MS);
  writer.roll(true);
  for (let n = 0; n < days; n += 1) {
    for (const { batches, storedMs } of day) await store.append(moved(batches, n, sent), storedMs + n * DAY_MS);
    writer.roll(true);
  }
  while (writer.merge());
  rollups.close();
  events.close();
  await store.close();
}

/** Rows of a query, without what differs between two stores that say the same. */
const rows = (db: Database, sql: string): unknown[][] => arrays(db, sql).map((row) => [...row]);

/** All that both files hold. Buckets are compared by what they are of: their numbers, and the places of values in them, are free. */
function contents(folder: string): Record<string, unknown[][]> {
  const db = openReader(folder);
  const tables = ['agents', 'hosts', 'sessions', 'keys', 'keyUses', 'earlierKeyUses', 'eventTables', 'storeFacts'];
  const buckets = 'rollups.buckets b JOIN rollups.tops t ON t.id / 65536 = b.id';
  const all = {
    ...Object.fromEntries(tables.map((name) => [name, rows(db, `SELECT * FROM main.${name} ORDER BY 1`)])),
    ...Object.fromEntries(
      eventTables(db).map(({ number }) => [
        tableName(number),
        rows(db, `SELECT * FROM ${tableName(number)} ORDER BY id`),
      ]),
    ),
    counts: rows(db, 'SELECT * FROM rollups.counts'),
    hostCounts: rows(db, 'SELECT * FROM rollups.hostCounts'),
    buckets: rows(db, 'SELECT kind, step, at, floor, sketch FROM rollups.buckets ORDER BY 1, 2, 3'),
    tops: rows(
      db,
      `SELECT kind, step, at, value, accepted, failed, probes, firstAt, lastAt, error, hosts, users
       FROM ${buckets} LEFT JOIN rollups.met m ON m.id = t.id ORDER BY 1, 2, 3, 4`,
    ),
    facts: rows(db, 'SELECT * FROM rollups.facts'),
    blocks: rows(db, 'SELECT * FROM rollups.indexBlocks'),
    parts: rows(db, 'SELECT * FROM rollups.indexParts'),
  };
  db.close();
  return all;
}

/** What the index finds of each outcome, host and source, by their ids. */
function found(folder: string): number[][] {
  const db = openReader(folder);
  const queries = new Queries(db);
  const one = { host: null, ip: null, user: null, outcome: null, method: null };
  const span = { sinceMs: null, untilMs: null, limit: 1_000, cursor: null };
  const asked = [
    ...[{}, { outcome: 'accepted' as const }, { ip: '203.0.113.77' }, { ip: '1.0.0.0' }, { user: 'root' }],
    ...[{ host: 'web-00007.example' }, { method: 'publickey' }, { host: 'web-00001.example', user: 'root' }],
  ];
  const ids = asked.map((query) => queries.events({ ...one, ...span, ...query }).events.map(({ id }) => id));
  queries.close();
  return ids;
}

test('copies of a day are what the program writes of the same events', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-cloned-'));
  const [written, cloned] = [join(folder, 'written'), join(folder, 'cloned')];
  try {
    await write(written, DAYS);
    await write(cloned, 1);
    const day = { firstId: 2, beginMs: BEGIN_MS };
    const stopped: number[] = [];
    const stop = (done: number): boolean => stopped.push(done) === 0;
    while (stopped.at(-1) !== DAYS) await cloneDays(cloned, day, DAYS, stop);
    assert.deepEqual(stopped, [2, 3], 'it goes on where it was stopped');
    const [is, was] = [contents(cloned), contents(written)];
    for (const name of Object.keys(was)) assert.deepEqual(is[name], was[name], name);
    assert.deepEqual(found(cloned), found(written));
    assert.ok((found(cloned)[0]?.length ?? 0) > 0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
