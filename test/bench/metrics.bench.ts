/** Measures a scrape of /metrics at 1,000 hosts, each with series of its own, and at 50,000: processor time of the storing thread, which it gives in pieces, and time of the reading one. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareAlerts } from '../../alphaserver/alerting/prepare.ts';
import { figuresOf } from '../../alphaserver/metrics/collect.ts';
import { HOST_SERIES_LIMIT } from '../../alphaserver/metrics/families.ts';
import { openStorage } from '../../alphaserver/storage.ts';
import { Metrics } from '../../alphaserver/web/metrics.ts';

const FLEETS = [1_000, 50_000];
const SCRAPES = 20;
const AT = Date.parse('2026-11-24T12:00:00Z');

const REPORT = {
  state: 'caught up',
  behindBytes: 0,
  sentSeq: 1,
  waiting: 0,
  linesRead: 1,
  linesUnknown: 0,
  linesForged: 0,
  declaredLost: 0,
} as const;
const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
const ms = (value: number): string => `${value.toFixed(1)} ms`;

/** Builds a fleet of agents with a host each, and scrapes it. */
async function scrapes(agents: number, folder: string): Promise<{ read: number; held: number; bytes: number }> {
  const store = openStorage(folder);
  prepareAlerts({ folder, db: store.db, lastId: 0, nowMs: AT });
  const event = {
    at: new Date(AT).toISOString(),
    outcome: 'failed',
    method: 'password',
    user: 'root',
    invalidUser: false,
    ip: '192.0.2.1',
    port: 1,
  } as const;
  const batch = (i: number, seq: number) => ({
    agent: `2f1c9a3e-7b1d-4c56-9f0e-${String(i).padStart(12, '0')}`,
    host: `host-${i}.example.org`,
    events: [{ seq, event }],
    ping: { report: REPORT, shapes: [], gaps: [] },
  });
  for (let i = 0; i < agents; i += 1_000)
    await store.append(
      Array.from({ length: 1_000 }, (_, k) => batch(i + k, 1)),
      AT,
    );
  const metrics = new Metrics();
  const parts = {
    store,
    dataFolder: folder,
    ingest: { waitingEvents: 0 },
    listener: { agents, connections: agents, receivedBytes: 0, isConnected: () => true },
    live: { viewers: 0 },
    alerts: { progress: { position: 0, checkpoint: 0, lagMs: 0, states: 0 } },
    channels: () => [],
    ready: () => null,
    commitsFailed: () => 0,
    certificates: () => [],
    now: Date.now,
  };
  const [read, held]: [number[], number[]] = [[], []];
  let bytes = 0;
  for (let i = 0; i < SCRAPES; i += 1) {
    // A commit, so that no answer is given again.
    await store.append([batch(0, i + 2)], AT);
    const begun = performance.now();
    await store.figures(Date.now(), HOST_SERIES_LIMIT);
    read.push(performance.now() - begun);
    const busy = process.threadCpuUsage();
    bytes = (await metrics.text(() => figuresOf(parts))).length;
    const { user, system } = process.threadCpuUsage(busy);
    held.push((user + system) / 1_000);
  }
  await store.close();
  return { read: median(read), held: median(held), bytes };
}

export async function run(): Promise<{ name: string; value: string; note: string }[]> {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-bench-'));
  try {
    const [few, many] = [
      await scrapes(FLEETS[0] ?? 0, join(folder, 'few')),
      await scrapes(FLEETS[1] ?? 0, join(folder, 'many')),
    ];
    return [
      {
        name: 'scrape, processor of the storing thread, 50,000',
        value: ms(many.held),
        note: `${ms(few.held)} at 1,000 hosts with series of their own (${(few.bytes / 1_024).toFixed(0)} KiB, else ${(many.bytes / 1_024).toFixed(0)} KiB)`,
      },
      {
        name: 'scrape, reading thread, 50,000 hosts',
        value: ms(many.read),
        note: `${(many.read / few.read).toFixed(1)} times as long as with 1,000`,
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
