/** What agents report is summed from columns: they say what the reports say, however a row came to be. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { ledgerTotals } from '../../../alphaserver/queries/fleet.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';
import { MIGRATIONS, REPORT_COLUMNS } from '../../../alphaserver/store/schema.ts';

const NOW_MS = Date.parse('2026-08-01T00:00:00.000Z');
const agent = (n: number): string => `00000000-0000-4000-8000-00000000000${n}`;

test("the ledger's sums are those of the reports: as they come, after an upgrade, and of agents that come back", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-reports-'));
  let store = new EventStore(folder);
  const report = (n: number, state: 'caught up' | 'behind') =>
    store.append(
      [
        {
          ...{ agent: agent(n), host: `web-${n}`, events: [] },
          ping: {
            report: {
              ...{ state, behindBytes: 10 * n, sentSeq: n, waiting: n, linesRead: 1_000 * n },
              ...{ linesUnknown: 2 * n, linesForged: 3 * n, declaredLost: 4 * n },
            },
            ...{ shapes: [], gaps: [] },
          },
        },
      ],
      NOW_MS,
    );
  const sums = () => ledgerTotals(store.db, NOW_MS);
  try {
    await report(1, 'behind');
    await report(2, 'caught up');
    await report(1, 'caught up');
    await report(3, 'behind');
    await store.append([{ agent: agent(4), host: 'web-4', events: [] }], NOW_MS);
    const before = sums();
    const { states, ...counts } = before;
    assert.deepEqual(
      { ...counts },
      {
        ...{ agents: 4, sent: 6, waiting: 6, stored: 0, repeats: 0, gaps: 0, declaredLost: 24 },
        ...{ linesRead: 6_000, linesUnknown: 12, linesForged: 18, behindBytes: 60 },
      },
    );
    assert.deepEqual([states['caught up'], states['behind'], states['unknown']], [2, 1, 1]);
    await store.close();
    const db = new DatabaseSync(join(folder, 'asgard.db'));
    for (const table of ['agents', 'forgottenAgents'])
      for (const name of REPORT_COLUMNS) db.exec(`ALTER TABLE ${table} DROP COLUMN ${name}`);
    db.exec(`PRAGMA user_version = ${MIGRATIONS.findIndex((step) => step.includes('ADD COLUMN sentSeq'))}`);
    db.close();
    store = new EventStore(folder);
    assert.deepEqual(sums(), before);
    store.forget({ agents: [agent(3)], hosts: [] });
    assert.equal(sums().linesRead, 3_000);
    await store.append([{ agent: agent(3), host: 'web-3', events: [] }], NOW_MS);
    assert.deepEqual(sums(), before, 'it has the report of before');
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
