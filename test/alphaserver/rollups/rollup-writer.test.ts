/** The thread that counts: behind, dead, or without its file. */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { Queries } from '../../../alphaserver/queries/queries.ts';
import { openReader } from '../../../alphaserver/queries/snapshot.ts';
import { RollupThread, UNROLLED_LIMIT_EVENTS } from '../../../alphaserver/rollups/rollup-thread.ts';
import { RollupWriter } from '../../../alphaserver/rollups/rollup-writer.ts';
import { factIn, openRollups } from '../../../alphaserver/rollups/schema.ts';
import { openStorage, type Storage } from '../../../alphaserver/storage.ts';
import { arrays } from '../../../alphaserver/store/database.ts';
import { eventsAfter } from '../../../alphaserver/store/event-rows.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';
import { openEvents, WAL_LIMIT_PAGES } from '../../../alphaserver/store/folder.ts';
import { until } from '../../until.ts';
import { AGENT, eventAt } from '../store/killed-writer.ts';
import { plainSummary } from '../store/stream.ts';

const ALL = { from: -Infinity, to: Infinity };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-rolling-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function append(store: Storage, events: number): Promise<void> {
  const first = store.events.markOf(AGENT).lastSeq + 1;
  const batch = Array.from({ length: events }, (_, i) => eventAt(first + i));
  await store.append([{ agent: AGENT, host: 'h', events: batch }], 0);
}
const rolledTo = (): number => {
  const reader = openReader(folder);
  const to = factIn(reader, 'rolledTo');
  reader.close();
  return to;
};
const rolled = (to: number): Promise<void> => until(() => rolledTo() >= to);
async function agrees(store: Storage): Promise<void> {
  const events = eventsAfter(store.db, 0, 100_000);
  const views = store.views(() => false, Date.now);
  assert.deepEqual(await views.summary(ALL), plainSummary(events, ALL.from, ALL.to));
}

test('events that wait to be counted are bounded: whoever stores waits, and goes on when some are', async () => {
  const store = openStorage(folder);
  await append(store, 1);
  await store.close();
  const events = openEvents(folder);
  events.exec(`WITH RECURSIVE n(id) AS (SELECT 2 UNION ALL SELECT id + 1 FROM n WHERE id <= ${UNROLLED_LIMIT_EVENTS})
    INSERT INTO events_2 (id, sinceBase, delay, agent, host, decision, user, address, port, seq)
      SELECT id, id, 0, 1, 1, 1, 'u', 1, 1, id FROM n`);
  events.close();
  const thread = new RollupThread({
    ...{ folder, walLimitPages: WAL_LIMIT_PAGES, rolledTo: 0, lastId: 0 },
    forgotten: () => {},
    failed: (what, error) => assert.fail(`${what}: ${error}`),
  });
  thread.committed(UNROLLED_LIMIT_EVENTS - 1);
  await thread.ready();
  thread.committed(UNROLLED_LIMIT_EVENTS);
  let ready = false;
  const waiting = thread.ready().then(() => {
    ready = true;
  });
  await new Promise(setImmediate);
  assert.equal(ready, thread.rolledTo > 0);
  await waiting;
  assert.ok(thread.rolledTo > 0);
  await thread.close();
});

test('a thread that dies is replaced: storing goes on, and every event is counted once', async () => {
  const workers: Worker[] = [];
  const made = (message: unknown): void => void workers.push((message as { worker: Worker }).worker);
  subscribe('worker_threads', made);
  const store = openStorage(folder);
  try {
    await append(store, 9_000);
    await until(() => workers.length > 0);
    await workers[0]?.terminate();
    await append(store, 9_000);
    await rolled(17_000);
    assert.equal(workers.length, 2);
    await agrees(store);
  } finally {
    unsubscribe('worker_threads', made);
    await store.close();
  }
});

test('without its file, all is counted again from the events', async () => {
  let store = openStorage(folder);
  await append(store, 12_000);
  await rolled(11_000);
  await store.close();
  for (const end of ['', '-wal', '-shm']) rmSync(join(folder, `rollups.db${end}`), { force: true });
  store = openStorage(folder);
  await agrees(store);
  await rolled(11_000);
  // Nothing is stored in between, so the answers of before would be given again.
  store.queries.invalidate();
  await agrees(store);
  await store.close();
});

test('the segments of the index are not merged while far more waits than is taken at once, and are afterwards, also by another writer', async () => {
  const store = new EventStore(folder);
  const [events, rollups] = [openEvents(folder), openRollups(folder)];
  const merged = (): unknown => arrays(rollups, "SELECT v FROM index_1_config WHERE k = 'automerge'")[0]?.[0];
  const found = (): unknown => arrays(rollups, "SELECT count(*) FROM index_1 WHERE index_1 MATCH 'h*'")[0]?.[0];
  try {
    const batch = Array.from({ length: 250 }, (_, i) => eventAt(1 + i));
    await store.append([{ agent: AGENT, host: 'h', events: batch }], 0);
    const writer = new RollupWriter(events, rollups, 100);
    const seen: unknown[] = [];
    while (writer.roll(true)) seen.push(merged());
    assert.deepEqual([seen, found()], [[0, 0, 4], 250]);
    await store.append([{ agent: AGENT, host: 'h', events: [eventAt(251), eventAt(252)] }], 0);
    new RollupWriter(events, rollups, 1).roll(true);
    assert.equal(merged(), 0);
    new RollupWriter(events, rollups, 100).roll(true);
    assert.deepEqual([merged(), found()], [4, 252]);
  } finally {
    rollups.close();
    events.close();
    await store.close();
  }
});

test('a part of the index that has the number of a dropped one is not merged either while far more waits', async () => {
  const store = new EventStore(folder);
  const [events, rollups] = [openEvents(folder), openRollups(folder)];
  const merged = (): unknown => arrays(rollups, "SELECT v FROM index_1_config WHERE k = 'automerge'");
  try {
    const batch = Array.from({ length: 250 }, (_, i) => eventAt(1 + i));
    await store.append([{ agent: AGENT, host: 'h', events: batch }], 0);
    const writer = new RollupWriter(events, rollups, 100);
    writer.roll(true);
    assert.deepEqual(merged(), [[0]]);
    writer.dropIndex(100);
    assert.deepEqual(arrays(rollups, 'SELECT number FROM indexParts'), []);
    writer.roll(true);
    assert.deepEqual(merged(), [[0]]);
  } finally {
    rollups.close();
    events.close();
    await store.close();
  }
});

test('a question is refused, and says why, while too many events are still to be counted', async () => {
  const store = openStorage(folder);
  await append(store, 10);
  await store.close();
  const rollups = openRollups(folder);
  rollups.exec("UPDATE facts SET value = 10 - 1048576 WHERE name = 'rolledTo'");
  const answers = new Queries(openReader(folder));
  assert.equal(answers.summary(ALL).failed + answers.summary(ALL).accepted + answers.summary(ALL).probes, 10);
  rollups.exec("UPDATE facts SET value = value - 1 WHERE name = 'rolledTo'");
  assert.throws(() => answers.summary(ALL), /counts are being made from the events, -?\d+ of 10 so far/);
  answers.close();
  rollups.close();
});
