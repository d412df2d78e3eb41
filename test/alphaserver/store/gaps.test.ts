import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, test } from 'node:test';
import { openStorage, type Storage } from '../../../alphaserver/storage.ts';
import { GAPS_PER_AGENT, MIGRATIONS } from '../../../alphaserver/store/schema.ts';
import type { AgentBatch, Appended } from '../../../alphaserver/store/store.ts';
import type { DeclaredGap } from '../../../protocol/report.ts';

const A = '00000000-0000-4000-8000-000000000001';
let folder: string;
let store: Storage;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-gaps-'));
  store = openStorage(folder);
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const declared = (id: number): DeclaredGap => ({
  id,
  at: '2026-11-23T19:46:01.123Z',
  kind: 'rotated-away',
  text: `gap ${id}`,
  bytes: 100,
  lines: null,
});
const events = (...seqs: number[]): AgentBatch => ({
  agent: A,
  host: 'h',
  events: seqs.map((seq) => ({
    seq,
    event: {
      at: '2026-11-23T19:46:01.123Z',
      outcome: 'failed',
      method: 'password',
      user: 'root',
      invalidUser: false,
      ip: '192.0.2.1',
      port: 1,
    },
  })),
});
const ping = (...ids: number[]): AgentBatch => ({
  agent: A,
  host: 'h',
  events: [],
  ping: { report: null, shapes: [], gaps: ids.map(declared) },
});
const append = async (batch: AgentBatch): Promise<Appended> => (await store.append([batch], 1_000))[0] as Appended;
const listed = async (limit = 100, before: number | null = null) =>
  store.views(() => true, Date.now).gaps(limit, before);

test('a gap that an agent declares is new once, however often it is reported, also over a restart', async () => {
  assert.deepEqual(
    (await append(ping(1, 2))).gaps.map(({ id, text }) => [id, text]),
    [
      [1, 'gap 1'],
      [2, 'gap 2'],
    ],
  );
  assert.deepEqual((await append(ping(1, 2))).gaps, []);
  await store.close();
  store = openStorage(folder);
  assert.deepEqual(
    (await append(ping(1, 2, 3))).gaps.map(({ text }) => text),
    ['gap 3'],
  );
  const { gaps } = await listed();
  assert.deepEqual(
    gaps.map(({ text, host, agent, bytes, events: missing }) => [text, host, agent, bytes, missing]),
    [3, 2, 1].map((n) => [`gap ${n}`, 'h', A, 100, null]),
  );
});

test('a jump in the numbers is a gap that is stored with the events, once, and counted in the ledger', async () => {
  assert.deepEqual((await append(events(1, 2))).gaps, []);
  const { gaps, missing } = await append(events(2, 5, 6, 9));
  assert.equal(missing, 4);
  assert.deepEqual(
    gaps.map(({ kind, events: n, at }) => [kind, n, at]),
    [['missing-events', 4, '1970-01-01T00:00:01.000Z']],
  );
  assert.match(gaps[0]?.text ?? '', /^4 events between the agent's numbers 2 and 9 never came/);
  assert.deepEqual((await append(events(3, 9))).gaps, [], 'what comes late is a repeat, and no new gap');
  assert.deepEqual((await listed()).gaps, gaps);
  const { agents, totals } = await store.views(() => true, Date.now).ledger(10, 0);
  assert.deepEqual([agents[0]?.gaps, totals.gaps, totals.stored, totals.repeats], [4, 4, 5, 3]);
});

test('gaps of an agent are bounded by kind, and come in pages, newest first', async () => {
  for (let id = 1; id <= GAPS_PER_AGENT + 20; id += 10)
    await append(ping(...Array.from({ length: 10 }, (_, i) => id + i)));
  await append(events(1));
  for (let i = 1; i <= GAPS_PER_AGENT + 5; i += 1) await append(events(1 + i * 2));
  const seen: string[] = [];
  let before: number | null = null;
  do {
    const { gaps, next } = await listed(700, before);
    seen.push(...gaps.map(({ kind }) => kind));
    before = next;
  } while (before !== null);
  assert.equal(seen.filter((kind) => kind === 'missing-events').length, GAPS_PER_AGENT);
  assert.equal(seen.filter((kind) => kind === 'rotated-away').length, GAPS_PER_AGENT);
});

test('gaps of an older version of the store are kept', async () => {
  const older = join(folder, 'older');
  await openStorage(older).close();
  rmSync(join(older, 'asgard.db'));
  const db = new DatabaseSync(join(older, 'asgard.db'));
  for (const step of MIGRATIONS.slice(0, 2)) db.exec(step);
  db.exec(`PRAGMA user_version=2; INSERT INTO agents VALUES (1, '${A}', 'h', 1, 1, 0, 0, 0, 0, NULL, NULL);
    INSERT INTO declaredGaps VALUES (1, 7, '2026-11-23T19:46:01.123Z', 'suppressed', 'old', NULL, 5)`);
  db.close();
  await store.close();
  store = openStorage(older);
  const { gaps } = await listed();
  assert.deepEqual(
    gaps.map(({ text, lines }) => [text, lines]),
    [['old', 5]],
  );
  assert.deepEqual((await append(ping(7))).gaps, [], 'and known to be the same when it is reported again');
});

test('gaps and shapes of one host are there, however many others have newer ones or the same', async () => {
  const of = (host: string, ids: readonly number[]): AgentBatch => ({
    agent: randomUUID(),
    host,
    events: [],
    ping: {
      report: null,
      shapes: [{ shape: 'odd <n>', count: 1_000 - ids.length, sample: 'odd 1', firstAt: null, lastAt: null }],
      gaps: ids.map(declared),
    },
  });
  await append(of('quiet', [1]));
  for (let other = 1; other <= 21; other++) await append(of(`other-${other}`, [1, 2, 3, 4, 5]));
  const views = store.views(() => true, Date.now);
  const { gaps, next } = await views.gaps(100, null, 'quiet');
  assert.deepEqual(
    gaps.map(({ host }) => host),
    ['quiet'],
  );
  assert.equal(next, null);
  assert.ok((await views.gaps(100, null)).gaps.every(({ host }) => host !== 'quiet'));
  const shapesOf = async (host: string): Promise<string[]> =>
    (await views.unknown(100, host)).map(({ shape }) => shape);
  for (const host of ['quiet', 'other-1', 'other-21']) assert.deepEqual(await shapesOf(host), ['odd <n>']);
  assert.deepEqual(await shapesOf('nobody'), []);
});
