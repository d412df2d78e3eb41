/** The first event since a time, by blocks of the index where there are any, and without them in what an earlier version indexed. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Queries } from '../../../alphaserver/queries/queries.ts';
import { openReader } from '../../../alphaserver/queries/snapshot.ts';
import { RollupWriter } from '../../../alphaserver/rollups/rollup-writer.ts';
import { openRollups } from '../../../alphaserver/rollups/schema.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';
import { openEvents } from '../../../alphaserver/store/folder.ts';
import { dice } from '../detection/mixed.ts';

const START = Date.parse('2026-08-01T00:00:00.000Z');
const DAY_MS = 86_400_000;
const AGENT = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';
const EVENTS = 12_000;

test('the first event since a time is found whatever the order of times, the newest not indexed, the oldest in no block', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-since-'));
  const store = new EventStore(folder);
  const [events, rollups] = [openEvents(folder), openRollups(folder)];
  const writer = new RollupWriter(events, rollups, 5_000);
  const roll = dice(20_261_129);
  const times: number[] = [];
  /** Mostly in order, some of any time of ten days. */
  const at = (day: number): number =>
    START + (roll(50) === 0 ? roll(10 * DAY_MS) : day * DAY_MS + times.length * 1_000);
  const append = async (count: number, day: number): Promise<void> => {
    const list = Array.from({ length: count }, () => {
      times.push(at(day));
      return {
        seq: times.length,
        event: {
          ...({ at: new Date(times.at(-1) ?? 0).toISOString(), outcome: 'failed', method: 'password' } as const),
          ...{ user: 'root', invalidUser: false, ip: '192.0.2.1', port: 1, key: null, reason: null },
        },
      };
    });
    await store.append([{ agent: AGENT, host: 'web', events: list }], START + day * DAY_MS);
  };
  try {
    await append(EVENTS / 2, 1);
    while (writer.roll(true));
    rollups.exec('DELETE FROM indexBlocks WHERE last <= 5000');
    await append(EVENTS / 2, 2);
    while (writer.roll(true));
    await append(100, 3);
    assert.ok(((rollups.prepare('SELECT count(*) AS n FROM indexBlocks').get() as { n: number }).n ?? 0) > 2);
    const queries = new Queries(openReader(folder));
    const asked = Array.from({ length: 60 }, () => START + roll(11 * DAY_MS));
    for (const sinceMs of [...asked, ...times.slice(0, 5), 0, START + 100 * DAY_MS]) {
      const index = times.findIndex((one) => one >= sinceMs);
      assert.equal(queries.firstSince(sinceMs), index < 0 ? null : index + 1, new Date(sinceMs).toISOString());
    }
    store.deleteUpTo(EVENTS / 2, EVENTS, START + 3 * DAY_MS);
    writer.dropIndex(EVENTS / 2);
    assert.equal(queries.firstSince(0), EVENTS / 2 + 1);
    queries.close();
  } finally {
    rollups.close();
    events.close();
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
