/** The state of the rules is saved, lost, or of another version: the incidents are the same. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, test } from 'node:test';
import { mixed } from '../detection/mixed.ts';
import { repeated, stored } from '../detection/stream.ts';
import { Life, type Numbered, rowsIn } from './life.ts';

const EVENTS = 1_500;
const seed = Number(process.env['SEED'] ?? randomInt(1e9));
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-alerts-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const given = (from: number, to: number): Numbered[] =>
  mixed(seed, EVENTS)
    .slice(from, to)
    .map((one, i) => ({ seq: from + i + 1, event: stored(one, from + i + 1) }));
const alerts = (sql: string) => rowsIn(join(folder, 'alerts.db'), sql);
const incidents = () => alerts('SELECT id, rule, body FROM incidents ORDER BY id');
const mark = (name: string): unknown => alerts(`SELECT value FROM marks WHERE name = '${name}'`)[0]?.['value'];

/** Changes alerts.db while no server has it. */
function change(sql: string): void {
  const db = new DatabaseSync(join(folder, 'alerts.db'));
  db.exec(sql);
  db.close();
}

async function life(events: readonly Numbered[]): Promise<Life> {
  const one = new Life(folder);
  try {
    await one.add(events);
  } finally {
    await one.close();
  }
  return one;
}

test('a server that ends in good order has nothing to replay', async () => {
  await life(given(0, EVENTS));
  assert.equal(mark('position'), EVENTS);
  assert.equal(mark('checkpoint'), EVENTS);
  assert.ok(Number(alerts('SELECT count(*) AS n FROM checkpoint')[0]?.['n']) > 0);
});

test('without the state of the rules all is judged again, silently, and no incident comes twice', async () => {
  await life(given(0, EVENTS));
  const before = incidents();
  assert.ok(before.length > 10, `SEED=${seed}`);
  for (const lost of [
    "DELETE FROM checkpoint; UPDATE marks SET value = 0 WHERE name = 'checkpoint'",
    'UPDATE checkpoint SET data = \'{"version":99}\'',
  ]) {
    change(lost);
    const { lines } = await life([]);
    assert.deepEqual(incidents(), before, `SEED=${seed} after ${lost}`);
    assert.ok(!lines.some((line) => line.startsWith('Alert ')), lines.join('\n'));
  }
});

test('two lives find what one finds, whatever was saved in between', async () => {
  const middle = EVENTS >> 1;
  await life(given(0, middle));
  change("DELETE FROM checkpoint; UPDATE marks SET value = 0 WHERE name = 'checkpoint'");
  await life(given(middle, EVENTS));
  const twice = incidents().map(({ id }) => id);
  rmSync(folder, { recursive: true });
  await life(given(0, EVENTS));
  assert.deepEqual(
    twice,
    incidents().map(({ id }) => id),
    `SEED=${seed}`,
  );
});

test('of a log of ten days ago, a scan takes in after a restart what opened before it', async () => {
  const at = -10 * 86_400;
  const brute = repeated(10, 1, { at, host: 'web-0' });
  // Long enough ago that its state does not hold the incident any more.
  const between = repeated(70, 20, { at: at + 2_000, host: 'web-0' });
  const scan = repeated(4, 1, { at: at + 3_500 }).map((one, i) => ({ ...one, host: `web-${i + 1}` }));
  const all = [...brute, ...between, ...scan].map((one, i) => ({ seq: i + 1, event: stored(one, i + 1) }));
  await life(all.slice(0, brute.length + between.length));
  await life(all.slice(brute.length + between.length));
  const found = alerts('SELECT id, rule, partOf FROM incidents ORDER BY openedAt');
  const scanned = found.find(({ rule }) => rule === 'fleet-scan');
  assert.ok(scanned);
  const parts = found.filter(({ rule }) => rule !== 'fleet-scan').map(({ partOf }) => partOf);
  assert.ok(parts.length > 0);
  assert.deepEqual([...new Set(parts)], [scanned['id']]);
});
