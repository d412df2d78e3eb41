/** Appends of a shared log that are applied many in one transaction. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { EventStore, type PlacedAppend } from '../../../alphaserver/store/event-store.ts';
import type { LoginEvent } from '../../../protocol/event.ts';

const [A, B] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'] as const;
const AT = '2026-11-23T19:46:01.123Z';
const EVENT = {
  at: AT,
  outcome: 'failed',
  method: 'password',
  user: 'root',
  invalidUser: false,
  ip: '192.0.2.1',
  port: 1,
} as const;

let folder: string;
let store: EventStore;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-append-all-'));
  store = new EventStore(folder);
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const append = (position: number, agent: string, seqs: readonly number[], event: object = EVENT): PlacedAppend => ({
  batches: [
    {
      agent,
      host: `host of ${agent}`,
      events: seqs.map((seq) => ({ seq, event: event as LoginEvent & { at: string } })),
    },
  ],
  storedMs: Date.parse(AT) + position,
  place: { position, firstId: 2 * position - 1, isCopied: false, decisions: [] },
});

test('each append builds on the one before, within one transaction', async () => {
  const results = await store.appendAll([append(1, A, [1, 2]), append(2, A, [2, 3, 4]), append(3, B, [5])]);
  assert.deepEqual(
    results.map(([one]) => [one?.lastSeq, one?.stored, one?.repeats, one?.missing, one?.totals[0]?.attempts]),
    [
      [2, 2, 0, 0, 2],
      [4, 2, 1, 0, 4],
      [5, 1, 0, 4, 1],
    ],
  );
  assert.deepEqual([store.markOf(A).lastSeq, store.markOf(B).lastSeq, store.logPosition, store.lastId], [4, 5, 3, 5]);
});

test('where one fails nothing of any is stored or remembered, and the same appends go in afterwards', async () => {
  await store.appendAll([append(1, A, [1, 2])]);
  const broken = append(3, B, [1], { ...EVENT, user: { no: 'text' } });
  await assert.rejects(store.appendAll([append(2, A, [3, 4]), broken]));
  assert.deepEqual([store.markOf(A).lastSeq, store.markOf(B).lastSeq, store.logPosition, store.lastId], [2, 0, 1, 2]);
  const [second, third] = await store.appendAll([append(2, A, [3, 4]), append(3, B, [1])]);
  assert.deepEqual([second?.[0]?.stored, second?.[0]?.totals[0]?.attempts, third?.[0]?.lastSeq], [2, 4, 1]);
  assert.deepEqual([store.markOf(A).lastSeq, store.markOf(B).lastSeq, store.logPosition, store.lastId], [4, 1, 3, 5]);
});

test('where one fails and agents cannot be read again at once, no number of an event that is not stored is given', async (t) => {
  await store.appendAll([append(1, A, [1, 2])]);
  const prepare = store.db.prepare;
  t.mock.method(store.db, 'prepare', function (this: typeof store.db, sql: string) {
    if (/FROM agents ORDER BY id/.test(sql)) throw new Error('disk I/O error');
    return prepare.call(this, sql);
  });
  const broken = append(3, B, [1], { ...EVENT, user: { no: 'text' } });
  await assert.rejects(store.appendAll([append(2, A, [3, 4]), broken]), /provided value cannot be bound/i);
  assert.throws(() => store.markOf(A).lastSeq, /disk I\/O error/);
  t.mock.restoreAll();
  assert.equal(store.markOf(A).lastSeq, 2);
  await store.appendAll([append(2, A, [3, 4])]);
  assert.equal(store.markOf(A).lastSeq, 4);
});
