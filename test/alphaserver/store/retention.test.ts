import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openStorage } from '../../../alphaserver/storage.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';
import type { AgentBatch } from '../../../alphaserver/store/store.ts';
import { damageText } from '../../damaged-pages.ts';
import { until } from '../../until.ts';

const DAY_MS = 86_400_000;
const EVENTS = 2_000;

/** One event with a user of its own, so that a page can be found by it. */
const batch = (seq: number, atMs: number): AgentBatch => ({
  agent: '00000000-0000-4000-8000-000000000001',
  host: 'h',
  events: [
    {
      seq,
      event: {
        ...{ at: new Date(atMs).toISOString(), outcome: 'failed', method: 'password', user: `u${seq}.` },
        ...{ invalidUser: false, ip: '192.0.2.1', port: 1 },
      },
    },
  ],
});

test('a page of old events that cannot be read ends no server: it is reported once, and events go on being stored', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-retention-'));
  try {
    const nowMs = Date.now();
    const earlier = new EventStore(folder);
    for (const [first, ageMs] of [
      [1, 2 * DAY_MS],
      [EVENTS + 1, 0],
    ] as const) {
      const batches = Array.from({ length: EVENTS }, (_, i) => batch(first + i, nowMs - ageMs));
      await earlier.append(batches, nowMs - ageMs);
    }
    await earlier.close();
    // The last page of the older table: whether all of it may go is asked of its last event.
    damageText(join(folder, 'asgard.db'), `u${EVENTS}.`);
    const failures: string[] = [];
    const store = openStorage(folder, {
      retentionMs: 30 * DAY_MS,
      failed: (what, error) => failures.push(`${what}: ${(error as Error).message}`),
    });
    try {
      // The counts meet the same page.
      const ofRetention = (): string[] => failures.filter((one) => one.startsWith('Old events'));
      await until(() => ofRetention().length > 0);
      assert.deepEqual(ofRetention(), ['Old events could not be deleted: database disk image is malformed']);
      const [appended] = await store.append([batch(2 * EVENTS + 1, nowMs)], nowMs);
      assert.equal(appended?.stored, 1);
    } finally {
      await store.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
