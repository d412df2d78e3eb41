/** What holds of any number of decisions, and how the page shows them. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import {
  STANDING_KINDS,
  STANDING_LIMIT,
  type Standing,
  standingDecision,
  undoing,
} from '../../../alphaserver/alerting/standing.ts';
import { decidedWith, decisionPage, standing, standingCount } from '../../../alphaserver/queries/decisions.ts';
import { type Database, migrate } from '../../../alphaserver/store/database.ts';
import { appendDecisions, type NewDecision } from '../../../alphaserver/store/decisions.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';
import { MIGRATIONS } from '../../../alphaserver/store/schema.ts';
import { dice } from '../detection/mixed.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const none = { host: null, rule: null, why: 'a test' };
const BLOCK: Standing = { kind: 'blocked', ...none, source: '192.0.2.22', untilMs: NOW + 1 };
const ALLOW: Standing = { kind: 'allowed', ...none, source: '192.0.2.7', untilMs: null };

function opened(migrations = MIGRATIONS): Database {
  const db = new DatabaseSync(':memory:') as unknown as Database;
  migrate(db, migrations);
  return db;
}

test('an allowance without an end holds, and can be undone, however many decisions follow it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-decisions-'));
  const store = new EventStore(folder);
  try {
    const allowed = () => standing(store.db, ['allowed'], NOW).map(({ id, source }) => [id, source]);
    const oldest = () => {
      const { kind, source, holds, undoneBy } = decisionPage(store.db, 1, 2, NOW).decisions[0] ?? {};
      return { kind, source, holds, undoneBy };
    };
    await store.decide([standingDecision(ALLOW, 'mira')], NOW);
    await store.decide(Array(STANDING_LIMIT + 1).fill(standingDecision(BLOCK, 'jon')), NOW);
    assert.deepEqual(allowed(), [[1, '192.0.2.7']]);
    assert.deepEqual(oldest(), { kind: 'allow', source: '192.0.2.7', holds: true, undoneBy: null });
    // What came beyond the limit holds like what came before it: another server may have taken it.
    assert.equal(standing(store.db, ['blocked'], NOW).length, STANDING_LIMIT + 1);
    assert.equal(standingCount(store.db, 'blocked', NOW), STANDING_LIMIT + 1);
    assert.equal(standingCount(store.db, 'blocked', NOW + 1), 0);
    assert.equal(decidedWith(store.db, 1)?.undoneAt, null);
    await store.decide([undoing(1, 'gone', 'eve'), undoing(1, 'again', 'jon')], NOW);
    assert.deepEqual(allowed(), []);
    assert.deepEqual(oldest(), { kind: 'allow', source: '192.0.2.7', holds: false, undoneBy: 'eve' });
    assert.deepEqual([decidedWith(store.db, 1)?.undoneBy, decidedWith(store.db, 10 ** 6)], ['eve', null]);
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Makes decisions at random, and the ids of those that hold at NOW. */
function random(seed: number): { readonly decisions: NewDecision[]; readonly holding: number[] } {
  const roll = dice(seed);
  const decisions: NewDecision[] = [];
  const holding = new Set<number>();
  while (decisions.length < 300) {
    const id = decisions.length + 1;
    const which = roll(5);
    if (which === 0) decisions.push({ kind: 'notified', subject: `${1 + roll(id)}`, by: null, body: { untilMs: 1 } });
    else if (which === 1) {
      const undone = 1 + roll(id + 3);
      decisions.push(undoing(undone, 'enough', 'jon'));
      // One that is not there yet is not undone by this.
      if (undone < id) holding.delete(undone);
    } else {
      const kind = STANDING_KINDS[roll(STANDING_KINDS.length)] ?? 'blocked';
      const untilMs = [null, NOW - 1, NOW, NOW + 1][roll(4)] ?? null;
      decisions.push(standingDecision({ ...BLOCK, kind, untilMs }, 'mira'));
      if (untilMs === null || untilMs > NOW) holding.add(id);
    }
  }
  return { decisions, holding: [...holding] };
}
const held = (db: Database): number[] => standing(db, STANDING_KINDS, NOW).map(({ id }) => id);

test('whatever is decided and undone in whatever order, what holds is what nobody has undone and no time has ended', () => {
  const seed = Number(process.env['SEED'] ?? randomInt(1e9));
  const { decisions, holding } = random(seed);
  const db = opened();
  for (const decision of decisions) appendDecisions(db, [decision], NOW);
  assert.ok(holding.length > 20, `SEED=${seed}`);
  assert.deepEqual(held(db), holding, `SEED=${seed}`);
  const shown = decisionPage(db, 1_000, null, NOW).decisions.filter(({ holds }) => holds);
  assert.deepEqual(shown.map(({ id }) => id).reverse(), holding, `SEED=${seed}`);
  // The same by the filter, a few at a time.
  const pages: number[] = [];
  for (let before: number | null = null, i = 0; i === 0 || before !== null; i += 1) {
    const page = decisionPage(db, 7, before, NOW, true);
    assert.ok(page.decisions.length <= 7 && page.decisions.every(({ holds }) => holds), `SEED=${seed}`);
    pages.push(...page.decisions.map(({ id }) => id));
    before = page.next;
  }
  assert.deepEqual(pages.reverse(), holding, `SEED=${seed}`);
});

test('a store of the version before has what holds in it found by the upgrade', () => {
  const seed = Number(process.env['SEED'] ?? randomInt(1e9));
  const { decisions, holding } = random(seed);
  const db = opened(
    MIGRATIONS.slice(
      0,
      MIGRATIONS.findIndex((step) => step.includes('CREATE TABLE standingDecisions')),
    ),
  );
  appendDecisions(db, decisions, NOW);
  migrate(db, MIGRATIONS);
  assert.deepEqual(held(db), holding, `SEED=${seed}`);
});

test('what holds is read by an index, and not among all that was ever decided', () => {
  const db = opened();
  const plan = (sql: string): string =>
    (db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[]).map(({ detail }) => detail).join('\n');
  const asked: string[] = [];
  const prepare = db.prepare.bind(db);
  const watched = {
    prepare: (sql: string) => {
      asked.push(sql);
      return prepare(sql);
    },
  } as Database;
  standing(watched, ['blocked'], NOW);
  standingCount(watched, 'blocked', NOW);
  decidedWith(watched, 1);
  decisionPage(watched, 1_000, null, NOW, true);
  assert.equal(asked.length, 4);
  // `held` is a page of ids.
  for (const sql of asked) assert.doesNotMatch(plan(sql.replaceAll('?', '1')), /^SCAN (?!held$)/m, sql);
});
