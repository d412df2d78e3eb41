/** The loop of the rollup thread where the disk fails. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { RollupLoop } from '../../../alphaserver/rollups/rollup-loop.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';
import { until } from '../../until.ts';
import { AGENT, eventAt } from '../store/killed-writer.ts';

test('storing goes on where the checkpoint that it was paused for fails', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-loop-'));
  const store = new EventStore(folder);
  await store.append([{ agent: AGENT, host: 'h', events: [eventAt(1)] }], 0);
  const seen: string[] = [];
  const prepare = DatabaseSync.prototype.prepare;
  const loop = new RollupLoop(folder, 1, ({ type }) => {
    seen.push(type);
    if (type === 'failed') t.mock.restoreAll();
    if (type !== 'pause' || seen.includes('failed')) return;
    t.mock.method(DatabaseSync.prototype, 'prepare', function (this: DatabaseSync, sql: string) {
      if (sql.includes('wal_checkpoint')) throw new Error('disk I/O error');
      return prepare.call(this, sql);
    });
  });
  try {
    loop.committed();
    await until(() => seen.includes('failed'));
    assert.deepEqual(seen, ['pause', 'resume', 'failed']);
    await until(() => seen.at(-1) === 'idle');
    assert.deepEqual(seen.slice(3), ['pause', 'resume', 'idle']);
  } finally {
    await loop.close();
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
