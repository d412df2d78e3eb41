/** The write-ahead log of events is reset before it is large, under a flood too, and after a long read. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openReader } from '../../../alphaserver/queries/snapshot.ts';
import { openStorage, type Storage } from '../../../alphaserver/storage.ts';
import { EVENTS_FILE } from '../../../alphaserver/store/folder.ts';
import { AGENT, eventAt } from './killed-writer.ts';

const LIMIT_PAGES = 256;
const LIMIT_BYTES = LIMIT_PAGES * 4_096;
const COMMIT_EVENTS = 1_024;
/**
 * A flood of so many limits; half of it in the log is still far from all. How much there is hangs on who reads meanwhile: the
 * rollup thread does, and the log is not reset meanwhile.
 */
const FLOOD_LIMITS = 24;
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

const logBytes = (): number => statSync(join(folder, `${EVENTS_FILE}-wal`)).size;

/** Stores so many bytes, one commit after the other; gives the largest size that the log had. */
async function flood(bytes: number): Promise<number> {
  let largest = 0;
  for (let written = 0; written < bytes; written += COMMIT_BYTES) {
    const first = store.lastSeq(AGENT) + 1;
    const events = Array.from({ length: COMMIT_EVENTS }, (_, i) => eventAt(first + i));
    await store.append([{ agent: AGENT, host: 'h', events }], 0);
    largest = Math.max(largest, logBytes());
    await new Promise((later) => setImmediate(later));
  }
  return largest;
}

test('the write-ahead log stays near its limit while a flood goes on', async () => {
  const largest = await flood(FLOOD_LIMITS * LIMIT_BYTES);
  assert.ok(largest > LIMIT_BYTES / 2, `${largest} bytes cross nothing`);
  assert.ok(largest < (FLOOD_LIMITS / 2) * LIMIT_BYTES, `${largest} bytes`);
});

test('it grows while somebody reads, and not any more once they have read', async () => {
  await flood(COMMIT_BYTES);
  const reader = openReader(folder);
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM agents').get();
  const largest = await flood(4 * LIMIT_BYTES);
  assert.ok(largest > 3 * LIMIT_BYTES, `${largest} bytes: nobody was in the way`);
  reader.exec('COMMIT');
  reader.close();
  // Once it is in the file whole, it is written from its beginning again, as long as it is.
  await flood(2 * LIMIT_BYTES);
  const size = logBytes();
  const later = await flood(FLOOD_LIMITS * LIMIT_BYTES);
  assert.ok(later <= size + (FLOOD_LIMITS / 2) * LIMIT_BYTES, `${later} bytes after ${size}`);
});
