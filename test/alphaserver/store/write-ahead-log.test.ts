/** The write-ahead log of events is begun again before it is large, under a flood too, and after a long read. */
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openReader } from '../../../alphaserver/queries/snapshot.ts';
import { openStorage, type Storage } from '../../../alphaserver/storage.ts';
import { EVENTS_FILE, WAL_LIMIT_PAGES, WAL_SPARE_SHARE } from '../../../alphaserver/store/folder.ts';
import { until } from '../../until.ts';
import { AGENT, eventAt } from './killed-writer.ts';

const LIMIT_PAGES = 256;
const LIMIT_BYTES = LIMIT_PAGES * 4_096;
const COMMIT_EVENTS = 1_024;
/** The least that a commit writes: events take some 65 bytes each. */
const COMMIT_BYTES = COMMIT_EVENTS * 60;

let folder = '';
let store: Storage;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-log-'));
  store = openStorage(folder, { walLimitPages: LIMIT_PAGES });
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The salts in the log's header, which change each time the log is begun again (SQLite's file format, section 4.1). */
function salts(of = folder): string {
  const header = Buffer.alloc(32);
  const file = openSync(join(of, `${EVENTS_FILE}-wal`), 'r');
  readSync(file, header, 0, header.length, 0);
  closeSync(file);
  return header.toString('hex', 16, 24);
}

async function commit(): Promise<void> {
  const first = store.events.markOf(AGENT).lastSeq + 1;
  const events = Array.from({ length: COMMIT_EVENTS }, (_, i) => eventAt(first + i));
  await store.append([{ agent: AGENT, host: 'h', events }], 0);
  await new Promise((later) => setImmediate(later));
}

/** Stores so many bytes, one commit after the other. */
async function flood(bytes: number): Promise<void> {
  for (let written = 0; written < bytes; written += COMMIT_BYTES) await commit();
}

/** Goes on storing until the log was begun again so many times. How much is stored until then hangs on the threads that read. */
async function floodUntilReset(times: number): Promise<void> {
  let resets = 0;
  let before = salts();
  await until(
    async () => {
      await commit();
      const now = salts();
      if (now !== before) resets += 1;
      before = now;
      return resets >= times;
    },
    () => `${times} resets, there were ${resets}`,
    60_000,
  );
}

test('it has spare room from the first start of a new store on, so that commits do not make it longer', async (t) => {
  const own = mkdtempSync(join(tmpdir(), 'asgard-log-'));
  t.after(() => rmSync(own, { recursive: true, force: true }));
  const fresh = openStorage(own);
  t.after(() => fresh.close());
  const bytes = (): number => statSync(join(own, `${EVENTS_FILE}-wal`)).size;
  assert.equal(bytes(), WAL_LIMIT_PAGES * 4_096 * WAL_SPARE_SHARE);
  await fresh.append([{ agent: AGENT, host: 'h', events: [eventAt(1)] }], 0);
  assert.equal(bytes(), WAL_LIMIT_PAGES * 4_096 * WAL_SPARE_SHARE);
});

test('the write-ahead log is begun again, again and again, while a flood goes on', async () => {
  await commit();
  await floodUntilReset(3);
});

test('it grows while somebody reads, and is begun again once they have read', async () => {
  await commit();
  const reader = openReader(folder);
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM agents').get();
  // What was begun before the read may end with a reset.
  await flood(2 * LIMIT_BYTES);
  const during = salts();
  await flood(4 * LIMIT_BYTES);
  assert.equal(salts(), during, 'nobody was in the way');
  reader.exec('COMMIT');
  reader.close();
  await floodUntilReset(1);
});

test('it is begun again where events come one by one, each in a commit, long before its limit', async (t) => {
  const own = mkdtempSync(join(tmpdir(), 'asgard-log-'));
  t.after(() => rmSync(own, { recursive: true, force: true }));
  const single = openStorage(own);
  t.after(() => single.close());
  const before = new Set<string>();
  let commits = 0;
  await until(
    async () => {
      for (const end = commits + 64; commits < end; ) {
        commits += 1;
        await single.append([{ agent: AGENT, host: 'h', events: [eventAt(commits)] }], 0);
        await new Promise((later) => setImmediate(later));
      }
      return before.add(salts(own)).size > 1;
    },
    () => `a reset after ${commits} commits`,
    60_000,
  );
  // Three pages each.
  assert.ok(commits < WAL_LIMIT_PAGES / 3 - 500, `${commits} commits`);
});
