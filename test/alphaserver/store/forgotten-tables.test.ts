/** Forgotten agents and hosts move as whole rows, so that a migration which adds a column must add it to both tables. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { it } from 'node:test';
import { arrays, migrate } from '../../../alphaserver/store/database.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';
import { EVENTS_FILE } from '../../../alphaserver/store/folder.ts';
import { MIGRATIONS } from '../../../alphaserver/store/schema.ts';
import { eventNear } from './stream.ts';

for (const [listed, forgotten] of [
  ['agents', 'forgottenAgents'],
  ['hosts', 'forgottenHosts'],
] as const)
  it(`${forgotten} has the columns of ${listed}, in their order`, () => {
    const db = new DatabaseSync(':memory:');
    migrate(db, MIGRATIONS);
    const columns = (table: string): unknown[] => arrays(db, `SELECT name FROM pragma_table_info('${table}')`).flat();
    assert.ok(columns(listed).length > 0);
    assert.deepEqual(columns(forgotten), columns(listed));
    db.close();
  });

it('an agent that was forgotten does not come back with a heartbeat, which waits for a second after it has left, but with a hello', async () => {
  const hello = { agent: '00000000-0000-4000-8000-000000000001', host: 'web', events: [] };
  const heartbeat = { ...hello, ping: { report: null, shapes: [], gaps: [] } };
  const folder = mkdtempSync(join(tmpdir(), 'asgard-forgotten-'));
  const store = new EventStore(folder);
  try {
    await store.append([hello, heartbeat], Date.now());
    store.forget({ agents: [hello.agent], hosts: ['web'] });
    await store.append([heartbeat], Date.now());
    assert.deepEqual([...store.bindings(), ...store.hosts()], []);
    await store.append([hello, heartbeat], Date.now());
    assert.deepEqual([...store.hosts()], [{ host: 'web', agent: hello.agent }]);
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

it('an agent that was forgotten before ends of sessions were numbered comes back with its numbers', async () => {
  const nowMs = Date.parse('2026-11-23T19:46:02.000Z');
  const agent = '00000000-0000-4000-8000-000000000001';
  const batch = (...seqs: readonly number[]) => ({
    ...{ agent, host: 'web' },
    events: seqs.map((seq) => ({ seq, event: { ...eventNear(() => 0.5, nowMs, 0), host: null } })),
  });
  const folder = mkdtempSync(join(tmpdir(), 'asgard-forgotten-'));
  let store = new EventStore(folder);
  try {
    await store.append([batch(1, 2)], nowMs);
    store.forget({ agents: [agent], hosts: ['web'] });
    await store.close();
    const db = new DatabaseSync(join(folder, EVENTS_FILE));
    // The rows of those forgotten got the column without a value.
    const filled = MIGRATIONS.findIndex((step) => step.includes('UPDATE forgottenAgents SET lastEnd'));
    db.exec(`UPDATE forgottenAgents SET lastEnd = NULL; PRAGMA user_version = ${filled}`);
    db.close();
    store = new EventStore(folder);
    const [appended] = await store.append([batch(2, 3)], nowMs);
    assert.deepEqual([appended?.stored, appended?.repeats, appended?.lastSeq, appended?.lastEnd], [1, 1, 3, 0]);
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
