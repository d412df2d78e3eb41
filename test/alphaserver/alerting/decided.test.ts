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
