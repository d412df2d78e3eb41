import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { standingDecision } from '../../../alphaserver/alerting/standing.ts';
import { decisionPage, STANDING_LIMIT } from '../../../alphaserver/queries/decisions.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const BLOCK = {
  kind: 'blocked',
  source: '192.0.2.22',
  host: null,
  rule: null,
  untilMs: NOW + 1,
  why: 'a test',
} as const;

test('a block beyond the newest decisions that are looked among is still a block, which no longer holds', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-decisions-'));
  const store = new EventStore(folder);
  try {
    const oldest = () => {
      const { kind, source, incident, holds } = decisionPage(store.db, 1, 2, NOW).decisions[0] ?? {};
      return { kind, source, incident, holds };
    };
    const block = { kind: 'block', source: '192.0.2.22', incident: null };
    await store.decide(Array(STANDING_LIMIT).fill(standingDecision(BLOCK, 'mira')), NOW);
    assert.deepEqual(oldest(), { ...block, holds: true });
    await store.decide([standingDecision(BLOCK, 'mira')], NOW);
    assert.deepEqual(oldest(), { ...block, holds: false });
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
