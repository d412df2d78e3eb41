/**
 * A checkpoint of the version before is taken over. `fixtures/stores/checkpoint-1.json.br` is what commit 9959248 saved after the
 * first 300 events of `mixed(20, 400)`: it has no states of SSH keys.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { brotliDecompressSync } from 'node:zlib';
import type { CheckpointBlock } from '../../../alphaserver/detection/checkpoint.ts';
import { keyOf, mixed } from './mixed.ts';
import { engineWith, type Given, Ledger, Rows, START_MS, stored } from './stream.ts';

const FILE = join(import.meta.dirname, '..', '..', 'fixtures', 'stores', 'checkpoint-1.json.br');
const SAVED = 300;

test('a checkpoint of the version before goes on as if this one had saved it, and its keys come from the store', () => {
  const events = mixed(20, 400);
  const rows = new Rows();
  const all = events.map((one, i) => rows.of(stored(one, i + 1)));
  const ledger = new Ledger();
  const engine = engineWith(rows);
  for (const row of all.slice(0, SAVED)) engine.take(row);
  ledger.drain(engine, (events[SAVED - 1] as Given).at);
  const restored = new Ledger();
  for (const [id, incident] of ledger.incidents) restored.incidents.set(id, incident);
  assert.ok(restored.all().some(({ closedAt }) => closedAt === null));

  const upgraded = engineWith(rows);
  upgraded.restore(JSON.parse(brotliDecompressSync(readFileSync(FILE)).toString()) as CheckpointBlock[]);
  assert.equal(upgraded.takenTo, SAVED);
  assert.equal(upgraded.knowsKeys, false);
  const [, fingerprint = ''] = keyOf('aylin').split(' ');
  const host = all.at(-1)?.[5] as number;
  upgraded.rememberKeys([{ fingerprint, host, lastMs: START_MS - 100 * 86_400_000 }]);
  for (const row of all.slice(SAVED)) {
    engine.take(row);
    upgraded.take(row);
  }
  ledger.drain(engine, 1e8);
  restored.drain(upgraded, 1e8);
  assert.deepEqual(restored.all(), ledger.all());

  const back = { ...(events.at(-1) as Given), outcome: 'accepted', method: 'publickey', key: keyOf('aylin') } as const;
  upgraded.take(rows.of(stored(back, events.length + 1)));
  restored.drain(upgraded, 1e8);
  const [dormant, ...more] = restored.all().filter(({ rule }) => rule === 'dormant-key');
  assert.deepEqual([dormant?.key, more.length], [`${fingerprint} ${back.host}`, 0]);
  assert.match(dormant?.summary ?? '', / by a key that was not used there for 10\d days: SHA256:aylin/);
});
