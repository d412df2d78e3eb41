/** What agents report is summed from columns: they say what the reports say, however a row came to be. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { coverageBy, LATE_FROM_BYTES } from '../../../alphaserver/queries/agent-state.ts';
import { coverageCounts, hostsAfter, ledgerTotals, shapes } from '../../../alphaserver/queries/fleet.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';
import { MIGRATIONS, REPORT_COLUMNS } from '../../../alphaserver/store/schema.ts';
import { AGENT_STATES } from '../../../protocol/report.ts';
import { NO_STANDING } from '../../old-tables.ts';
import { CAUGHT_UP } from '../../wire-messages.ts';
import { eventNear } from './stream.ts';

const NOW_MS = Date.parse('2026-08-01T00:00:00.000Z');
const agent = (n: number): string => `00000000-0000-4000-8000-00000000000${n}`;

test("the ledger's sums are those of the reports: as they come, after an upgrade, and of agents that come back", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-reports-'));
  let store = new EventStore(folder);
  const report = (n: number, state: 'caught up' | 'behind') =>
    store.append(
      [
        // A heartbeat makes no agent known.
        { agent: agent(n), host: `web-${n}`, events: [] },
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
    db.exec(NO_STANDING);
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

test('hosts are counted by how well they are watched as each of them is shown, in every state of an agent', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-coverage-'));
  const store = new EventStore(folder);
  try {
    const reports = [
      ...AGENT_STATES.map((state) => ({ ...CAUGHT_UP, state })),
      ...[0, LATE_FROM_BYTES - 1, LATE_FROM_BYTES].map((behindBytes) => ({
        ...{ ...CAUGHT_UP, behindBytes },
        state: 'behind' as const,
      })),
      null,
    ];
    await store.append(
      reports.map((report, n) => ({
        ...{ agent: `00000000-0000-4000-8000-0000000001${10 + n}`, host: `web-${n}` },
        events: [{ seq: 1, event: { ...eventNear(() => 0.5, NOW_MS, 0), host: null } }],
        ...(report && { ping: { report, shapes: [], gaps: [] } }),
      })),
      NOW_MS,
    );
    const expected = { live: 0, late: 0, blind: 0 };
    for (const report of reports) expected[coverageBy(report, true, NOW_MS, NOW_MS)] += 1;
    const counted = coverageCounts(store.db, { silentMs: NOW_MS - 1, away: [] });
    assert.deepEqual(counted, { ...expected });
    assert.equal(counted.live + counted.late + counted.blind, reports.length);
    for (const coverage of ['live', 'late', 'blind'] as const) {
      const named = hostsAfter(store.db, '', 100, { coverage, silentMs: NOW_MS - 1, away: [] });
      const hosts = reports.flatMap((report, n) =>
        coverageBy(report, true, NOW_MS, NOW_MS) === coverage ? `web-${n}` : [],
      );
      assert.deepEqual(named.map(({ host }) => host).sort(), hosts.sort(), coverage);
    }
    // Nobody watches a host whose agent is away, or was not heard of.
    const away = ['00000000-0000-4000-8000-000000000110'];
    assert.ok(
      hostsAfter(store.db, '', 100, { coverage: 'blind', silentMs: NOW_MS - 1, away }).some(
        ({ host }) => host === 'web-0',
      ),
    );
    assert.equal(
      hostsAfter(store.db, '', 100, { coverage: 'blind', silentMs: NOW_MS, away: [] }).length,
      reports.length,
    );
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

test('sums that no number of JavaScript holds exactly stay at the largest that one does, and the rest is told', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-sums-'));
  const store = new EventStore(folder);
  try {
    const report = {
      ...{ behindBytes: 1, sentSeq: 1, waiting: 1, linesRead: 1, linesUnknown: 1, linesForged: 1, declaredLost: 1 },
    };
    const shape = { shape: 'a shape', sample: 'a line', count: 1 };
    const times = { firstAt: '2026-07-31T23:59:59.000Z', lastAt: '2026-07-31T23:59:59.000Z' };
    await store.append(
      [1, 2, 3, 4].map((n) => ({
        ...{ agent: agent(n), host: `web-${n}`, events: [] },
        ping: {
          report: { ...report, state: n < 4 ? 'behind' : 'caught up' },
          shapes: [{ ...shape, ...times }],
          gaps: [],
        },
      })),
      NOW_MS,
    );
    // Four agents at 2^52 stand for the 8,193 at COUNT_LIMIT that it takes over the wire.
    store.db.exec(`UPDATE agents SET lastSeq = 1 << 52, repeats = 1 << 52, gaps = 1 << 52, linesRead = 1 << 52;
      UPDATE shapes SET count = 1 << 52`);
    const { states, ...sums } = ledgerTotals(store.db, NOW_MS);
    assert.deepEqual([states['behind'], states['caught up']], [3, 1]);
    const largest = Number.MAX_SAFE_INTEGER;
    assert.deepEqual(
      { ...sums },
      {
        ...{ agents: 4, sent: largest, waiting: 0, stored: 0, repeats: largest, gaps: largest, declaredLost: 4 },
        ...{ linesRead: largest, linesUnknown: 4, linesForged: 4, behindBytes: 4 },
      },
    );
    assert.deepEqual(
      shapes(store.db, 1).map(({ shape: text, count, agents }) => [text, count, agents]),
      [[shape.shape, largest, 4]],
    );
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
