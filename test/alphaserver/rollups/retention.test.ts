/** Fine counts are deleted behind the horizon, and what is counted afterwards is right. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Queries } from '../../../alphaserver/queries/queries.ts';
import { openReader } from '../../../alphaserver/queries/snapshot.ts';
import { RollupRetention } from '../../../alphaserver/rollups/retention.ts';
import { RollupWriter } from '../../../alphaserver/rollups/rollup-writer.ts';
import { factIn, MIGRATIONS, openRollups, ROLLUPS_FILE, SLOTS } from '../../../alphaserver/rollups/schema.ts';
import { arrays, type Database, migrate, openForWriting } from '../../../alphaserver/store/database.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';
import { openEvents } from '../../../alphaserver/store/folder.ts';
import { Retention } from '../../../alphaserver/store/retention.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const RETENTION_MS = 90 * DAY_MS;
const MIDNIGHT = Date.UTC(2026, 10, 30);
const [WEB, PI] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'] as const;

let folder: string;
let store: EventStore;
let events: Database;
let rollups: Database;
let writer: RollupWriter;
let retention: RollupRetention;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-horizon-'));
  store = new EventStore(folder);
  events = openEvents(folder);
  open();
});
afterEach(async () => {
  rollups.close();
  events.close();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

function open(): void {
  rollups = openRollups(folder);
  writer = new RollupWriter(events, rollups);
  retention = new RollupRetention(rollups, writer);
}

/** Stores events of one agent, a millisecond apart, from as many sources and users as `different`, and counts them. */
async function put(agent: string, host: string, n: number, atMs: number, different: number): Promise<void> {
  const first = store.markOf(agent).lastSeq + 1;
  const batch = Array.from({ length: n }, (_, i) => ({
    seq: first + i,
    event: {
      ...({ at: new Date(atMs + i).toISOString(), outcome: 'failed', method: 'password' } as const),
      ...{ user: `${host}-${i % different}`, invalidUser: false, ip: `192.0.2.${i % different}`, port: 1 },
    },
  }));
  await store.append([{ agent, host, events: batch }], MIDNIGHT);
  while (writer.roll(true));
}

function forget(nowMs: number): void {
  while (retention.step({ cutoffMs: nowMs - RETENTION_MS, upTo: 0 }));
}

function asked<T>(ask: (queries: Queries) => T): T {
  const queries = new Queries(openReader(folder));
  try {
    return ask(queries);
  } finally {
    queries.close();
  }
}

test('top values stay right when hours that are being counted are deleted as too old', async () => {
  // The clock of one host stands before the horizon: its hours are the newest buckets, in the file and in memory.
  const longAgo = Date.UTC(2026, 0, 10, 5);
  await put(WEB, 'web', 20, MIDNIGHT - HOUR_MS / 2, 5);
  await put(PI, 'pi', 10, longAgo, 7);
  forget(MIDNIGHT);
  await put(WEB, 'web', 30, MIDNIGHT, 5);
  await put(PI, 'pi', 10, longAgo + 60_000, 7);
  await put(WEB, 'web', 15, MIDNIGHT + 60_000, 5);
  for (const span of [HOUR_MS, DAY_MS].map((ms) => ({ from: MIDNIGHT, to: MIDNIGHT + ms })))
    asked((queries) => {
      const ranked = (kind: 'hosts' | 'sources' | 'users'): unknown =>
        queries.top(kind, span, 10).ranks.map((rank) => [rank.value, rank.attempts]);
      const five = (name: string): unknown => Array.from({ length: 5 }, (_, i) => [`${name}${i}`, 9]);
      assert.deepEqual(ranked('hosts'), [['web', 45]]);
      assert.deepEqual(ranked('sources'), five('192.0.2.'));
      assert.deepEqual(ranked('users'), five('web-'));
      const { hosts, sources, users } = queries.summary(span);
      assert.deepEqual([hosts, sources, users], [1, 5, 5]);
    });
  // No value stands under the number of a bucket that is gone.
  const stray = `SELECT count(*) FROM tops WHERE id / ${SLOTS} NOT IN (SELECT id FROM buckets)`;
  assert.deepEqual(arrays(rollups, stray), [[0]]);
});

test('the number of a bucket that is gone is not given out again, nor one that values still stand under', async () => {
  await put(PI, 'pi', 3, Date.UTC(2026, 0, 10), 1);
  const newest = (): number => arrays(rollups, 'SELECT max(id) FROM buckets')[0]?.[0] as number;
  rollups.exec(`DELETE FROM buckets WHERE id = ${newest()}`);
  const before = factIn(rollups, 'lastBucket');
  await put(WEB, 'web', 3, MIDNIGHT, 1);
  assert.ok(arrays(rollups, `SELECT id FROM buckets WHERE at >= ${MIDNIGHT}`).every(([id]) => (id as number) > before));

  rollups.close();
  for (const end of ['', '-wal', '-shm']) rmSync(join(folder, ROLLUPS_FILE + end), { force: true });
  const old = openForWriting(join(folder, ROLLUPS_FILE));
  migrate(
    old,
    MIGRATIONS.slice(
      0,
      MIGRATIONS.findIndex((step) => step.includes('lastBucket')),
    ),
  );
  old.exec(`INSERT INTO buckets VALUES (7, 0, ${DAY_MS}, 0, 0, x'');
    INSERT INTO tops VALUES (${9 * SLOTS + 1}, 'of a bucket that is gone', 0, 1, 0, 0, 0, 0)`);
  old.close();
  open();
  assert.equal(factIn(rollups, 'lastBucket'), 9);
});

/** The points of a day's timeline in minutes, hours after MIDNIGHT, and the attempts of a host in each hour of these. */
function shown(day: number, host: string): { readonly points: unknown; readonly hours: unknown } {
  const [from, to] = [MIDNIGHT + day * DAY_MS, MIDNIGHT + (day + 1) * DAY_MS];
  return asked((queries) => {
    const timeline = queries.timeline(from, to, 60_000, null, from);
    assert.ok(timeline !== 'tooLong');
    const points = timeline.points.flatMap(({ at, failed }) =>
      failed > 0 ? [[(Date.parse(at) - MIDNIGHT) / HOUR_MS, failed]] : [],
    );
    const hours = Array.from({ length: 24 }, (_, i) => {
      const span = { from: from + i * HOUR_MS, to: from + (i + 1) * HOUR_MS };
      return queries.top('hosts', span, 10).ranks.find(({ value }) => value === host)?.attempts ?? 0;
    });
    return { points, hours: hours.flatMap((n, i) => (n > 0 ? [[day * 24 + i, n]] : [])) };
  });
}
const horizonDay = (): number => (factIn(rollups, 'horizon') - MIDNIGHT) / DAY_MS;

test('after a clock stood ahead, fine counts are kept again from the end of the day of which some are gone', async () => {
  await put(WEB, 'web', 5, MIDNIGHT + 2.5 * HOUR_MS, 1);
  forget(MIDNIGHT + 365 * DAY_MS);
  assert.equal(horizonDay(), 275);
  await put(WEB, 'web', 7, MIDNIGHT + 2.6 * HOUR_MS, 1);
  await put(WEB, 'web', 9, MIDNIGHT + 4.5 * HOUR_MS, 1);
  forget(MIDNIGHT + 5 * HOUR_MS);
  assert.equal(horizonDay(), 1);
  await put(WEB, 'web', 11, MIDNIGHT + 23.5 * HOUR_MS, 1);
  await put(WEB, 'web', 13, MIDNIGHT + 25.5 * HOUR_MS, 1);
  forget(MIDNIGHT + 26 * HOUR_MS);
  // Of the day in question only what is kept for ever is shown: hours of the fleet, and days of hosts.
  assert.deepEqual(shown(0, 'web'), {
    points: [
      [2, 12],
      [4, 9],
      [23, 11],
    ],
    hours: [[0, 32]],
  });
  assert.deepEqual(shown(1, 'web'), { points: [[25.5, 13]], hours: [[25, 13]] });
  forget(MIDNIGHT + 91 * DAY_MS);
  assert.equal(horizonDay(), 1);
  forget(MIDNIGHT + 92 * DAY_MS);
  assert.equal(horizonDay(), 2);
});

test('a day to come of which fine counts are gone, by an event whose clock stood ahead too, is not taken for whole', async () => {
  await put(WEB, 'web', 5, MIDNIGHT + HOUR_MS, 1);
  await put(PI, 'pi', 3, MIDNIGHT + 10 * DAY_MS + 1.5 * HOUR_MS, 1);
  forget(MIDNIGHT + 365 * DAY_MS);
  await put(PI, 'pi', 2, MIDNIGHT + 10 * DAY_MS + 1.5 * HOUR_MS, 1);
  forget(MIDNIGHT + 2 * HOUR_MS);
  assert.equal(horizonDay(), 11);
  assert.deepEqual(shown(10, 'pi'), { points: [[241, 5]], hours: [[240, 5]] });
});

test('after a clock stood ahead, what is still there counts as before', async () => {
  await put(WEB, 'web', 5, MIDNIGHT + 2.5 * HOUR_MS, 1);
  await put(WEB, 'web', 7, MIDNIGHT + DAY_MS + 2.5 * HOUR_MS, 1);
  // One step deletes one hour: the clock is set right before the next.
  retention.step({ cutoffMs: MIDNIGHT + 275 * DAY_MS, upTo: 0 });
  forget(MIDNIGHT + DAY_MS + 3 * HOUR_MS);
  assert.equal(horizonDay(), 1);
  assert.deepEqual(shown(0, 'web'), { points: [[2, 5]], hours: [[0, 5]] });
  assert.deepEqual(shown(1, 'web'), { points: [[26.5, 7]], hours: [[26, 7]] });
});

test('a clock that is set back has the horizon looked at again, a minute later, also where no event is old', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  await put(WEB, 'web', 1, MIDNIGHT, 1);
  const cutoffs: number[] = [];
  let nowMs = MIDNIGHT + 365 * DAY_MS;
  const looks = new Retention({
    store,
    projection: { rolledTo: 1, forget: ({ cutoffMs }) => void cutoffs.push(cutoffMs + RETENTION_MS) },
    retentionMs: RETENTION_MS,
    held: () => 0,
    now: () => nowMs,
    failed: (what, error) => assert.fail(`${what}: ${error}`),
  });
  t.mock.timers.tick(100);
  nowMs = MIDNIGHT;
  t.mock.timers.tick(60_000);
  t.mock.timers.tick(60_000);
  looks.close();
  assert.deepEqual(cutoffs, [MIDNIGHT + 365 * DAY_MS, MIDNIGHT]);
});
