/** A query reads events one by one only where few of them are in no counts, or in no index. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Queries } from '../../../alphaserver/queries/queries.ts';
import { ANY_EVENT } from '../../../alphaserver/queries/results.ts';
import { openReader, READ_UNROLLED_LIMIT_EVENTS } from '../../../alphaserver/queries/snapshot.ts';
import { openRollups } from '../../../alphaserver/rollups/schema.ts';
import type { Database } from '../../../alphaserver/store/database.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';
import { eventTables, tableName } from '../../../alphaserver/store/event-tables.ts';
import { eventNear } from '../store/stream.ts';

const NOW_MS = Date.parse('2026-08-01T12:00:00.000Z');
const HOUR_MS = 3_600_000;
const SPAN = { from: NOW_MS - HOUR_MS, to: NOW_MS + HOUR_MS };

let folder: string;
let store: EventStore;
let rollups: Database;
let queries: Queries;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-snapshot-'));
  store = new EventStore(folder);
  rollups = openRollups(folder);
  const events = [1, 2].map((seq) => ({ seq, event: { ...eventNear(() => 0.5, NOW_MS, 0), host: null } }));
  await store.append([{ agent: '00000000-0000-4000-8000-000000000001', host: 'web', events }], NOW_MS);
  queries = new Queries(openReader(folder));
});
afterEach(async () => {
  queries.close();
  rollups.close();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Gives the last event another id: the limits are compared with ids, and a store of a million events takes a while. */
const putLastAt = (id: number): void => {
  const table = tableName(eventTables(store.db)[0]?.number ?? 0);
  store.db.exec(`UPDATE ${table} SET id = ${id} WHERE id = (SELECT max(id) FROM ${table})`);
};

test('events that are in no counts are read one by one up to the limit; above it the counts are waited for', () => {
  putLastAt(READ_UNROLLED_LIMIT_EVENTS);
  const { attempts, probes } = queries.summary(SPAN);
  assert.equal(attempts + probes, 2);
  putLastAt(READ_UNROLLED_LIMIT_EVENTS + 1);
  assert.throws(() => queries.summary(SPAN), /^Error: counts are being made from the events, 0 of 1048577 so far$/);
});

test('events that are in no index are read one by one up to the limit; above it the index is waited for', () => {
  const page = () => queries.events({ ...ANY_EVENT, limit: 10 }).events.map(({ id }) => id);
  const putAt = (last: number): void => {
    putLastAt(last);
    rollups.exec(`UPDATE facts SET value = ${last} WHERE name = 'rolledTo'`);
  };
  putAt(READ_UNROLLED_LIMIT_EVENTS);
  assert.deepEqual(page(), [READ_UNROLLED_LIMIT_EVENTS, 1]);
  putAt(READ_UNROLLED_LIMIT_EVENTS + 1);
  assert.throws(page, /^Error: the index of events is being made, 1048577 of 1048577 are left$/);
});
