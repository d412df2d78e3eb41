/** For Prometheus a counter that falls has begun again from 0, so that all of it counts as new: none falls when agents and hosts are forgotten. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { openAlerts } from '../../../alphaserver/alerting/schema.ts';
import { FAMILIES, type FamilyName } from '../../../alphaserver/metrics/families.ts';
import { type Figures, samplesOf } from '../../../alphaserver/metrics/samples.ts';
import { storedFigures } from '../../../alphaserver/queries/metrics.ts';
import { openReader } from '../../../alphaserver/queries/snapshot.ts';
import { openStorage, type Storage } from '../../../alphaserver/storage.ts';
import type { Database } from '../../../alphaserver/store/database.ts';
import type { AgentBatch } from '../../../alphaserver/store/store.ts';

const NOW_MS = Date.parse('2026-11-20T10:00:00.000Z');
const SERIES_LIMIT = 1_000;
const STAYS = '00000000-0000-4000-8000-000000000001';
const GONE = '00000000-0000-4000-8000-000000000002';
const OUTCOMES = ['accepted', 'failed', 'failed', 'probe'] as const;

/** A report, and events whose numbers leave out the one before `first`. */
const batch = (agent: string, host: string, first: number): AgentBatch => ({
  ...{ agent, host, repeats: 2 },
  events: OUTCOMES.map((outcome, i) => ({
    seq: first + i,
    event: {
      ...{ at: '2026-11-20T09:59:59.000Z', outcome, method: outcome === 'probe' ? null : 'password', user: 'root' },
      ...{ invalidUser: false, ip: '192.0.2.1', port: 40_000 },
    },
  })),
  ping: {
    report: {
      ...{ state: 'behind', behindBytes: 10, sentSeq: first + 13, waiting: 10, linesRead: 100 },
      ...{ linesUnknown: 3, linesForged: 4, declaredLost: 5 },
    },
    ...{ shapes: [], gaps: [] },
  },
});

/** What a server knows beside its store. */
const OTHERS: Omit<Figures, 'stored'> = {
  ...{
    agentsConnected: 0,
    agentsSilent: 0,
    isConnected: () => false,
    connections: 0,
    receivedBytes: 0,
    commitsFailed: 0,
  },
  ...{ waitingEvents: 0, ready: true, sizeBytes: null, freeBytes: null, alertLagMs: 0, channels: [], certificates: [] },
  ...{ viewers: 0, version: '1.2.3' },
};

describe('the metrics of what is stored', () => {
  let folder: string;
  let store: Storage;
  let reader: Database;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'asgard-forgotten-'));
    store = openStorage(folder);
    openAlerts(folder).close();
    reader = openReader(folder);
  });
  afterEach(async () => {
    reader.close();
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The values of all series of one kind that the store knows, by the series' names. */
  function series(type: 'counter' | 'gauge'): Map<string, number> {
    const known = samplesOf({ ...OTHERS, stored: storedFigures(reader, NOW_MS, SERIES_LIMIT) });
    return new Map(
      (Object.keys(FAMILIES) as FamilyName[])
        .filter((name) => FAMILIES[name].type === type)
        .flatMap((name) =>
          (known[name] ?? []).map(({ labels, value }) => [[name, ...Object.values(labels)].join(' '), value] as const),
        ),
    );
  }

  /** Asserts that each series that is there before and after has not fallen, and that all but those of single hosts are. */
  function assertNoneFell(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): void {
    for (const [name, value] of before) {
      const now = after.get(name);
      if (now === undefined) assert.match(name, /^asgard_host_/);
      else assert.ok(now >= value, `${name} was ${value} and is ${now}`);
    }
  }

  it('count on when a host is forgotten and comes back, and its agent holds what it held', async () => {
    await store.append([batch(STAYS, 'db', 2), batch(GONE, 'web', 2)], NOW_MS);
    const [counters, gauges] = [series('counter'), series('gauge')];
    await store.forget({ agents: [GONE], hosts: ['web'] });
    const [without, gaugesWithout] = [series('counter'), series('gauge')];
    assertNoneFell(counters, without);
    const sums = (all: ReadonlyMap<string, number>) => [...all].filter(([name]) => !name.startsWith('asgard_host_'));
    assert.deepEqual(sums(without), sums(counters), 'what is forgotten counts as before');
    for (const name of ['asgard_hosts', 'asgard_ledger_events_waiting', 'asgard_ledger_log_bytes_behind'])
      assert.equal(gauges.get(name), 2 * (gaugesWithout.get(name) ?? 0), name);
    await store.append([batch(GONE, 'web', 7)], NOW_MS);
    const back = series('counter');
    assertNoneFell(without, back);
    assertNoneFell(counters, back);
    assert.equal(back.get('asgard_attempts_total failed'), 6);
    assert.equal(back.get('asgard_ledger_events_stored_total'), 12);
    assert.equal(back.get('asgard_ledger_events_missing_total'), 3);
    assert.equal(back.get('asgard_ledger_log_lines_read_total'), 200);
  });

  it('of a host count on when an agent is forgotten that was replaced there', async () => {
    await store.append([batch(GONE, 'web', 2)], NOW_MS);
    await store.append([batch(STAYS, 'web', 2)], NOW_MS);
    const counters = series('counter');
    assert.equal(counters.get('asgard_host_events_missing_total web'), 2);
    await store.forget({ agents: [GONE], hosts: [] });
    assert.deepEqual(series('counter'), counters);
    assert.equal(series('gauge').get('asgard_host_events_waiting web'), 10, 'it sends them no more');
    await store.append([batch(GONE, 'web', 7)], NOW_MS);
    assertNoneFell(counters, series('counter'));
  });

  it('leave the ledger to the agents that are listed: its sums are those of its accounts', async () => {
    await store.append([batch(STAYS, 'db', 2), batch(GONE, 'web', 2)], NOW_MS);
    await store.forget({ agents: [GONE], hosts: ['web'] });
    const { agents, totals } = await store
      .views(
        () => false,
        () => NOW_MS,
      )
      .ledger(10, 0);
    assert.deepEqual(
      agents.map(({ agent }) => agent),
      [STAYS],
    );
    for (const name of ['sent', 'stored', 'gaps', 'waiting', 'repeats', 'declaredLost', 'linesRead'] as const)
      assert.equal(totals[name], agents[0]?.[name], name);
    assert.equal(totals.sent, totals.stored + totals.gaps + totals.waiting);
    assert.equal(totals.agents, 1);
  });

  it('end at the largest number that JavaScript holds exactly, with what is forgotten too', async () => {
    await store.append([batch(STAYS, 'db', 2), batch(GONE, 'web', 2)], NOW_MS);
    store.db.exec(`UPDATE agents SET repeats = ${Number.MAX_SAFE_INTEGER}`);
    await store.forget({ agents: [GONE], hosts: [] });
    assert.equal(storedFigures(reader, NOW_MS, SERIES_LIMIT).totals.repeats, Number.MAX_SAFE_INTEGER);
  });
});
