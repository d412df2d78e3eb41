import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { lagWords, RULES_LAG_LIMIT_MS } from '../../../alphaserver/queries/rule-progress.ts';
import { until } from '../../until.ts';
import { Served } from '../web/served.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const served = new Served();
const event = () => ({
  at: new Date().toISOString(),
  outcome: 'accepted',
  method: 'publickey',
  user: 'mira',
  ip: '192.0.2.17',
  port: 40_000,
});

before(() => served.open());
after(() => served.close());

interface Summary {
  readonly state: string;
  readonly why: string | null;
  readonly asOf: { readonly stored: string | null; readonly rules: string | null };
}
const summary = async (): Promise<Summary> => (await served.ask<Summary>('/api/summary')).body;

test('rules may be ten seconds behind, and no longer', () => {
  const progress = (waitingSinceMs: number | null) => ({ storedMs: NOW, judgedMs: null, waitingSinceMs });
  assert.equal(lagWords(progress(null), NOW), null);
  assert.equal(lagWords(progress(NOW - RULES_LAG_LIMIT_MS), NOW), null);
  assert.equal(lagWords(progress(NOW - RULES_LAG_LIMIT_MS - 1), NOW), 'The rules are 10 s behind what is stored');
});

test('the state is unknown while the rules lag, with the reason, and known again once they have caught up', async () => {
  await served.store([event()], 'web');
  await until(async () => (await summary()).asOf.rules !== null);
  const before = await summary();
  assert.equal(before.why?.includes('behind') ?? false, false);
  assert.equal(before.asOf.rules, before.asOf.stored);
  // Whoever holds the lock of alerts.db keeps the alert thread from writing what it finds.
  const other = new DatabaseSync(join(served.folder, 'store', 'alerts.db'));
  other.exec('BEGIN IMMEDIATE');
  try {
    await served.store([event()], 'web');
    await until(async () => (await summary()).why?.includes('behind') ?? false, undefined, 30_000);
    const { state, why, asOf } = await summary();
    assert.match(why ?? '', /^The rules are \d\d s behind what is stored$/);
    assert.equal(state, 'unknown');
    assert.ok((asOf.rules ?? '') < (asOf.stored ?? ''));
  } finally {
    other.exec('ROLLBACK');
    other.close();
  }
  await until(async () => !((await summary()).why ?? '').includes('behind'), undefined, 60_000);
});
