/** What the rules remember has a file of its own: it goes, comes back, or is of another store, and the incidents are the same. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, test } from 'node:test';
import { DEFAULT_SETTINGS } from '../../../alphaserver/alert-config/settings.ts';
import { Alerts } from '../../../alphaserver/alerting/alert-thread.ts';
import { Memory } from '../../../alphaserver/alerting/checkpoint.ts';
import { STORIES_AT_ONCE } from '../../../alphaserver/alerting/rule-runner.ts';
import { openStorage, type Storage } from '../../../alphaserver/storage.ts';
import { until } from '../../until.ts';
import { mixed } from '../detection/mixed.ts';
import { repeated, stored } from '../detection/stream.ts';

const EVENTS = 1_500;
const seed = Number(process.env['SEED'] ?? randomInt(1e9));
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-memory-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** One life of a server's rules: takes these events, is through with them, and has kept all when it ends. */
async function life(events: ReturnType<typeof given>, upTo: number): Promise<void> {
  const store = openStorage(folder);
  const alerts = new Alerts({ folder, store, settings: DEFAULT_SETTINGS, log, now: Date.now });
  try {
    await add(store, events);
    alerts.stored();
    await until(() => alerts.progress.at >= upTo && alerts.progress.unkept === 0 && keptIn('memory.db') >= upTo);
  } finally {
    await alerts.close();
    await store.close();
  }
}

const given = (from: number, to: number) =>
  mixed(seed, EVENTS)
    .slice(from, to)
    .map((one, i) => ({ seq: from + i + 1, event: stored(one, from + i + 1) }));

async function add(store: Storage, events: ReturnType<typeof given>): Promise<void> {
  await store.append([{ agent: '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab', host: 'web', events }], Date.now());
}

function rows(file: string, sql: string): Record<string, unknown>[] {
  const db = new DatabaseSync(join(folder, file), { readOnly: true });
  try {
    return db.prepare(sql).all() as Record<string, unknown>[];
  } finally {
    db.close();
  }
}
const keptIn = (file: string): number =>
  Number(rows(file, "SELECT value FROM alertMarks WHERE name = 'kept'")[0]?.['value'] ?? 0);
const incidents = () => rows('asgard.db', 'SELECT id, count(*) AS n FROM incidents GROUP BY id ORDER BY id');
const stories = (file: string) =>
  rows(file, "SELECT kind, key, touched FROM alertStories WHERE kind <> 'agent' ORDER BY kind, key");
const lose = (): void => {
  for (const end of ['', '-wal', '-shm']) rmSync(join(folder, `memory.db${end}`), { force: true });
};

test('without its file all is remembered again from the events, and no incident comes twice', async () => {
  await life(given(0, EVENTS), EVENTS);
  const [told, remembered] = [incidents(), stories('memory.db')];
  assert.ok(told.length > 10 && remembered.length > 10, `SEED=${seed}`);
  lose();
  await life([], EVENTS);
  assert.deepEqual(incidents(), told, `SEED=${seed}`);
  assert.deepEqual(stories('memory.db'), remembered, `SEED=${seed}`);
});

test('what an older version remembered in the store itself moves, once', async () => {
  await life(given(0, EVENTS), EVENTS);
  const [told, remembered] = [incidents(), stories('memory.db')];
  const db = new DatabaseSync(join(folder, 'asgard.db'));
  db.exec(`ATTACH '${join(folder, 'memory.db')}' AS memory;
    INSERT INTO alertStories SELECT * FROM memory.alertStories;
    INSERT INTO alertMarks SELECT * FROM memory.alertMarks WHERE name = 'kept'`);
  db.close();
  lose();
  await life([], EVENTS);
  assert.deepEqual(stories('memory.db'), remembered, `SEED=${seed}`);
  assert.deepEqual(stories('asgard.db'), []);
  assert.equal(keptIn('asgard.db'), 0);
  assert.deepEqual(incidents(), told, `SEED=${seed}`);
});

test('a memory that knows more than the store, or another store, is let go of', () => {
  const story = { kind: 'source', key: '192.0.2.1', touched: 7, touchedMs: 1, packed: {} } as never;
  const opened = (store: number, told: number): [kept: number, stories: number] => {
    const memory = new Memory(folder, store, told);
    const found: [number, number] = [memory.kept, [...memory.stories()].length];
    memory.keep({ stories: [story], kept: 7 });
    memory.close();
    return found;
  };
  assert.deepEqual(opened(1, 7), [0, 0]);
  assert.deepEqual(opened(1, 7), [7, 1]);
  assert.deepEqual(opened(1, 6), [0, 0], 'a store that was put back from a backup');
  assert.deepEqual(opened(2, 7), [0, 0], 'another store');
});

test('more stories than are kept at once are all kept', async () => {
  const many = 3 * STORIES_AT_ONCE;
  const events = Array.from({ length: many }, (_, i) => ({
    seq: i + 1,
    event: stored({ at: i, ip: `10.0.${i >> 8}.${i & 255}`, user: `user${i}` }, i + 1),
  }));
  await life(events, many);
  assert.equal(stories('memory.db').filter(({ kind }) => kind === 'source').length, many);
});

test('of a log of ten days ago, a scan takes in after a restart what opened before it', async () => {
  const at = -10 * 86_400;
  const brute = repeated(10, 1, { at, host: 'web-0' });
  // Long enough ago that its story does not hold the incident any more.
  const between = repeated(70, 20, { at: at + 2_000, host: 'web-0' });
  const scan = repeated(4, 1, { at: at + 3_500 }).map((one, i) => ({ ...one, host: `web-${i + 1}` }));
  const all = [...brute, ...between, ...scan].map((one, i) => ({ seq: i + 1, event: stored(one, i + 1) }));
  await life(all.slice(0, brute.length + between.length), brute.length + between.length);
  await life(all.slice(brute.length + between.length), all.length);
  const found = rows('asgard.db', 'SELECT id, rule, partOf FROM incidents ORDER BY openedAt');
  const scanned = found.find(({ rule }) => rule === 'fleet-scan');
  assert.ok(scanned);
  const parts = found.filter(({ rule }) => rule !== 'fleet-scan').map(({ partOf }) => partOf);
  assert.ok(parts.length > 0);
  assert.deepEqual([...new Set(parts)], [scanned['id']]);
});
