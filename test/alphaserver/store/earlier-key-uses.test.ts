/** The last uses of keys in logins that are no longer stored are bounded. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { addKeyUsesOfSessions, keyUsesUpTo } from '../../../alphaserver/store/earlier-key-uses.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';

test('of too many keys those used longest ago are evicted, and a use that is older than the one known changes nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-earlier-keys-'));
  const store = new EventStore(folder);
  try {
    const add = (fingerprint: string, since: number): void => {
      store.db
        .prepare(
          'INSERT INTO sessions (id, sortAt, agent, host, fingerprint, since, followed, confirmed) VALUES (1, ?, 1, 1, ?, ?, 0, 0)',
        )
        .run(since, fingerprint, since);
      addKeyUsesOfSessions(store.db, 'id = ?', [1], 3);
      store.db.exec('DELETE FROM sessions');
    };
    const uses = (): string[] => keyUsesUpTo(store.db, 0).map(({ fingerprint, lastMs }) => `${fingerprint}${lastMs}`);
    for (const [fingerprint, since] of [
      ['a', 10],
      ['b', 20],
      ['c', 30],
      ['b', 5],
      ['a', 40],
    ] as const)
      add(fingerprint, since);
    assert.deepEqual(uses(), ['a40', 'c30', 'b20']);
    add('d', 50);
    assert.deepEqual(uses(), ['d50']);
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
