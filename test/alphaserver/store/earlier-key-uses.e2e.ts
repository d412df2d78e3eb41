/** As many last uses of keys as the rules hold, and more. It takes a while to make them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  addKeyUsesOfSessions,
  EARLIER_KEY_USES_LIMIT,
  keyUsesUpTo,
} from '../../../alphaserver/store/earlier-key-uses.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';

test('of more than 200,000 uses of keys those of longest ago are neither given nor kept', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-earlier-keys-'));
  const store = new EventStore(folder);
  t.after(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  // A key on one host more than are kept, each a millisecond after the one before.
  const uses = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= ${EARLIER_KEY_USES_LIMIT})`;
  store.db.exec(`INSERT INTO earlierKeyUses ${uses} SELECT 'a', i, i FROM n`);
  const given = keyUsesUpTo(store.db, 0);
  assert.deepEqual([given.length, given.at(-1)?.lastMs], [EARLIER_KEY_USES_LIMIT, 2]);
  addKeyUsesOfSessions(store.db, 'false', []);
  const { rows, oldest } = store.db
    .prepare('SELECT count(*) AS rows, min(lastAt) AS oldest FROM earlierKeyUses')
    .get() as Record<string, number>;
  // A thousand more go at once, so that not each deletion has to evict.
  assert.deepEqual([rows, oldest], [EARLIER_KEY_USES_LIMIT - 1_000, 1_002]);
});
