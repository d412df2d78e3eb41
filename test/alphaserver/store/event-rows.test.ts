import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { openStorage } from '../../../alphaserver/storage.ts';
import { eventsAfter, eventsForRules, RowNames } from '../../../alphaserver/store/event-rows.ts';

const AGENT = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';
const AT = Date.parse('2026-11-24T12:00:00.123Z');
const event = {
  at: new Date(AT).toISOString(),
  outcome: 'accepted',
  method: 'publickey',
  user: 'alice',
  invalidUser: false,
  ip: '192.0.2.1',
  port: 22_001,
  key: 'ED25519 SHA256:abc',
} as const;

it('an event comes out of the store with the trust, the pid and the number that it went in with', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-rows-'));
  const store = openStorage(folder);
  try {
    const events = [
      { seq: 3, event: { ...event, trust: 'journal', pid: 4_711 } as const },
      { seq: 5, event: { ...event, host: 'relayed', reason: 'why' } },
    ];
    await store.append([{ agent: AGENT, host: 'web', events }], AT + 7);
    const [first, second] = eventsAfter(store.db, 0, 10);
    assert.deepEqual([first?.seq, first?.trust, first?.pid], [3, 'journal', 4_711]);
    assert.deepEqual([second?.seq, second?.trust, second?.pid], [5, null, null]);

    const rows = eventsForRules(store.db, 0, 10);
    const same = [AT, AT + 7, 1] as const;
    const columns = ['publickey', 'alice', '192.0.2.1', 'ED25519 SHA256:abc'] as const;
    assert.deepEqual(rows, [
      [1, 3, ...same, 1, 0, ...columns, 0, null],
      [2, 5, ...same, 2, 0, ...columns, null, 'why'],
    ]);
    assert.deepEqual(eventsForRules(store.db, 0, 1), rows.slice(0, 1));
    assert.deepEqual(eventsForRules(store.db, 1, 10), rows.slice(1));
    const names = new RowNames(store.db);
    assert.deepEqual([names.agent(1), names.host(1), names.host(2)], [AGENT, 'web', 'relayed']);
    assert.throws(() => names.host(3), /no row has the number 3/);
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
