/** Forgotten agents and hosts move as whole rows, so that a migration which adds a column must add it to both tables. */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { it } from 'node:test';
import { arrays, migrate } from '../../../alphaserver/store/database.ts';
import { MIGRATIONS } from '../../../alphaserver/store/schema.ts';

for (const [listed, forgotten] of [
  ['agents', 'forgottenAgents'],
  ['hosts', 'forgottenHosts'],
] as const)
  it(`${forgotten} has the columns of ${listed}, in their order`, () => {
    const db = new DatabaseSync(':memory:');
    migrate(db, MIGRATIONS);
    const columns = (table: string): unknown[] => arrays(db, `SELECT name FROM pragma_table_info('${table}')`).flat();
    assert.ok(columns(listed).length > 0);
    assert.deepEqual(columns(forgotten), columns(listed));
    db.close();
  });
