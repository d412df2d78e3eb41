import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { EventStore } from '../../../alphaserver/store/event-store.ts';

const AGENT = '00000000-0000-4000-8000-000000000001';
const HOUR_MS = 3_600_000;
const START_MS = Date.parse('2026-11-30T12:00:00Z');

test('an agent that was heard while the clock stood ahead is heard at the right time again, and then silent in time', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-clock-'));
  const store = new EventStore(folder);
  try {
    const heard = (atMs: number) => store.append([{ agent: AGENT, host: 'h', events: [] }], atMs);
    await heard(START_MS + 24 * HOUR_MS);
    await heard(START_MS);
    assert.equal(store.signOf(AGENT)?.heardMs, START_MS);
    assert.equal(
      store.silentAgents(START_MS + HOUR_MS, () => false),
      1,
    );
    // A heartbeat that waited longer than a newer one takes nothing back.
    await store.append([{ agent: AGENT, host: 'h', events: [], seenMs: START_MS - HOUR_MS }], START_MS + 1_000);
    assert.equal(store.signOf(AGENT)?.heardMs, START_MS);
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
