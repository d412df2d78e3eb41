/** Unknown messages over the fleet: one row a shape, whatever agents report and whichever of them is forgotten. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import test from 'node:test';
import { shapes } from '../../../alphaserver/queries/fleet.ts';
import { storePing } from '../../../alphaserver/store/agent-reports.ts';
import type { AgentRow } from '../../../alphaserver/store/agents.ts';
import { type Database, migrate } from '../../../alphaserver/store/database.ts';
import { MIGRATIONS, SHAPES_PER_AGENT } from '../../../alphaserver/store/schema.ts';
import type { ShapeCount } from '../../../protocol/report.ts';
import { dice } from '../detection/mixed.ts';

const AGENTS = 6;
const SHAPES = SHAPES_PER_AGENT + 20;

function opened(migrations = MIGRATIONS): Database {
  const db = new DatabaseSync(':memory:') as unknown as Database;
  migrate(db, migrations);
  return db;
}

const time = (second: number): string => new Date(Date.UTC(2026, 10, 24) + second * 1_000).toISOString();
const report = (db: Database, agent: number, counts: readonly ShapeCount[]): void => {
  storePing(db, { id: agent } as AgentRow, { report: null, shapes: counts, gaps: [] });
};
const sums = (db: Database): unknown[] =>
  db.prepare('SELECT shape, sum(count) AS count, count(*) AS agents FROM shapes GROUP BY shape ORDER BY shape').all();
const kept = (db: Database): unknown[] =>
  db.prepare('SELECT shape, count, agents FROM fleetShapes ORDER BY shape').all();

test('after any reports, and any agents that are forgotten, the fleet has the sums of its agents', () => {
  const seed = Number(process.env['SEED'] ?? randomInt(1e9));
  const roll = dice(seed);
  const db = opened();
  let most = 0;
  for (let step = 0; step < 300; step += 1) {
    const agent = 1 + roll(AGENTS);
    if (roll(20) === 0) db.prepare('DELETE FROM shapes WHERE agent = ?').run(agent);
    else {
      const counts = Array.from({ length: 1 + roll(12) }, () => {
        const n = roll(SHAPES);
        return {
          shape: `shape ${n}`,
          count: 1 + roll(50),
          sample: `${step}`,
          firstAt: time(roll(99)),
          lastAt: time(step),
        };
      });
      report(db, agent, counts);
    }
    assert.deepEqual(kept(db), sums(db), `SEED=${seed}, step ${step}`);
    most = Math.max(most, kept(db).length);
  }
  assert.ok(most > 50, `SEED=${seed}: ${most} shapes`);
});

test('a list has the shapes seen most, with the newest sample, the earliest and the latest time, and their hosts', () => {
  const db = opened();
  for (const agent of [1, 2])
    db.prepare(
      'INSERT INTO agents (id, uuid, host, firstSeen, lastSeen, lastSeq, stored, repeats, gaps) VALUES (?, ?, ?, 0, 0, 0, 0, 0, 0)',
    ).run(agent, `uuid-${agent}`, `web-${agent}`);
  const shape = (name: string, count: number, sample: string, first: number, last: number): ShapeCount => ({
    ...{ shape: name, count, sample },
    ...{ firstAt: time(first), lastAt: time(last) },
  });
  report(db, 1, [shape('a', 5, 'old', 10, 20), shape('b', 7, 'b', 0, 1)]);
  report(db, 2, [shape('a', 4, 'new', 5, 30), shape('c', 1, 'c', 0, 1)]);
  assert.deepEqual(
    shapes(db, 2).map((one) => ({ ...one })),
    [
      { shape: 'a', count: 9, agents: 2, firstAt: time(5), lastAt: time(30), sample: 'new', hosts: ['web-1', 'web-2'] },
      { shape: 'b', count: 7, agents: 1, firstAt: time(0), lastAt: time(1), sample: 'b', hosts: ['web-1'] },
    ],
  );
});

test('a store of the version before has its shapes counted by the upgrade', () => {
  const before = MIGRATIONS.findIndex((step) => step.includes('CREATE TABLE fleetShapes'));
  const db = opened(MIGRATIONS.slice(0, before));
  report(db, 1, [{ shape: 'a', count: 5, sample: 'x', firstAt: time(1), lastAt: time(2) }]);
  report(db, 2, [{ shape: 'a', count: 2, sample: 'y', firstAt: time(0), lastAt: time(1) }]);
  migrate(db, MIGRATIONS);
  assert.deepEqual(kept(db), sums(db));
});
