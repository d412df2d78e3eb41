import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { DEFAULT_SETTINGS } from '../../../alphaserver/alert-config/settings.ts';
import { Life } from './life.ts';

const block = { kind: 'blocked' as const, rule: null, host: null, untilMs: null, why: 'x' };

test('where decisions cannot be read those known hold, which is logged once; once they can, all is taken up', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-decided-'));
  const life = new Life(folder);
  const other = new DatabaseSync(join(folder, 'asgard.db'));
  try {
    const { thread, decisions } = life.alerting;
    await decisions.decide({ ...block, kind: 'allowed', source: '192.0.2.1' }, 'mira');
    const allowed = (): boolean => thread.settings.allow.addresses.some((one) => String(one).includes('192.0.2.1'));
    assert.ok(allowed());
    const settings = { ...DEFAULT_SETTINGS, blocklistRules: [] };
    other.exec('ALTER TABLE decisions RENAME TO elsewhere');
    for (let times = 1; times <= 2; times += 1) life.alerting.reload(() => settings);
    assert.deepEqual(
      life.lines.filter((line) => line.startsWith('Decisions')),
      ['Decisions cannot be read, those known hold: no such table: decisions'],
    );
    assert.equal(life.lines.at(-1), 'Alert rules were read again, and hold once the decisions can be read');
    assert.ok(allowed());
    assert.notDeepEqual(thread.settings.blocklistRules, []);
    other.exec('ALTER TABLE elsewhere RENAME TO decisions');
    life.alerting.reload(() => settings);
    assert.deepEqual(thread.settings.blocklistRules, []);
    assert.ok(allowed());
  } finally {
    other.close();
    await life.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the rules go by what holds at the moment, also where the clock is set back', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-decided-'));
  const start = Date.now();
  let nowMs = start;
  const life = new Life(folder, DEFAULT_SETTINGS, true, () => nowMs);
  try {
    const { thread, decisions } = life.alerting;
    /** The allowances, once the rules were looked at at a time. */
    const allowed = (atMs: number): string[] => {
      nowMs = atMs;
      life.alerting.reload(() => ({ ...DEFAULT_SETTINGS }));
      return [...thread.settings.allow.addresses];
    };
    await decisions.decide({ ...block, kind: 'allowed', source: '192.0.2.1', untilMs: start + 10 }, 'mira');
    const id = await decisions.decide({ ...block, kind: 'allowed', source: '192.0.2.2' }, 'mira');
    assert.deepEqual(allowed(start + 9), ['192.0.2.1', '192.0.2.2']);
    assert.deepEqual(allowed(start + 10), ['192.0.2.2']);
    await decisions.decide({ ...block, source: '192.0.2.3' }, 'mira');
    await decisions.decide({ ...block, kind: 'silenced', source: '192.0.2.4' }, 'mira');
    assert.deepEqual(allowed(start + 11), ['192.0.2.2']);
    assert.deepEqual(allowed(start + 9), ['192.0.2.1', '192.0.2.2']);
    assert.equal(await decisions.undo(Number(id), 'gone', 'jon'), true);
    assert.deepEqual(allowed(start + 9), ['192.0.2.1']);
    assert.equal(await decisions.undo(Number(id), 'gone', 'jon'), false);
  } finally {
    await life.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
