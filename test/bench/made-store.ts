/** Stores of generated events, as a server would have made them over the weeks. */
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { prepareAlerts } from '../../alphaserver/alerting/prepare.ts';
import { Marks, openAlerts } from '../../alphaserver/alerting/schema.ts';
import { openReader } from '../../alphaserver/queries/snapshot.ts';
import { factIn } from '../../alphaserver/rollups/schema.ts';
import { openStorage } from '../../alphaserver/storage.ts';
import type { Database } from '../../alphaserver/store/database.ts';
import { EventStore } from '../../alphaserver/store/event-store.ts';
import type { AgentBatch } from '../../alphaserver/store/store.ts';
import { until } from '../until.ts';
import { FLEET, LoginStream, type StreamOptions } from './login-stream.ts';

const DAY_MS = 86_400_000;
/** Events of one commit: what a busy server takes at once. */
const COMMIT_EVENTS = 2_048;

export interface Made {
  readonly eventsPerSecond: number;
  /** Duration of each commit, milliseconds. */
  readonly commitsMs: readonly number[];
  readonly bytesPerEvent: number;
}

/** Makes it in a folder; the events end at `endMs`, and each was stored when it happened. */
export async function makeStore(folder: string, events: number, endMs: number): Promise<Made> {
  const store = openStorage(folder);
  const stream = new LoginStream({ ...FLEET, events, endMs });
  const commitsMs: number[] = [];
  let inMs = 0;
  while (stream.given < events) {
    const batches = stream.next(Math.min(COMMIT_EVENTS, events - stream.given));
    const storedMs = Date.parse(batches[0]?.events[0]?.event.at ?? '');
    const begun = performance.now();
    await store.append(batches, storedMs);
    commitsMs.push(performance.now() - begun);
    inMs += performance.now() - begun;
    if (stream.given % (COMMIT_EVENTS * 500) === 0) process.stderr.write(`${stream.given} of ${events} events made\r`);
    await new Promise((later) => setImmediate(later));
  }
  const reader = openReader(folder);
  await until(() => events - factIn(reader, 'rolledTo') < 1_024, undefined, 600_000);
  reader.close();
  skipRules(folder, store.db, store.events.lastId);
  await store.close();
  return { eventsPerSecond: (events / inMs) * 1_000, commitsMs, bytesPerEvent: bytesIn(folder) / events };
}

/** Lets the rules begin with what comes from now on. */
export function skipRules(folder: string, db: Database, lastId: number): void {
  prepareAlerts({ folder, db, lastId, nowMs: Date.now() });
  const alerts = openAlerts(folder);
  for (const mark of ['position', 'checkpoint']) new Marks(alerts).set(mark, lastId);
  alerts.close();
}

/** Events of one commit of `makeLargeStore`: the row of an agent or host is then written once for several. */
const BULK_EVENTS = 262_144;
/** Events that may wait for the rollups: a gigabyte of memory at most. */
const MADE_UNROLLED_LIMIT_EVENTS = 4 * BULK_EVENTS;

/**
 * Makes a store of many events with as little work as the store's own code can do it: large commits, and rollups in large
 * transactions on a thread of their own. `first` comes before the events. Ends early once `stopped` says so.
 */
export async function makeLargeStore(
  folder: string,
  options: StreamOptions,
  first: readonly AgentBatch[],
  stopped: () => boolean,
): Promise<void> {
  const store = new EventStore(folder);
  const stream = new LoginStream(options);
  const rollups = new Worker(new URL('./made-store-worker.ts', import.meta.url), { workerData: folder });
  let rolledTo = 0;
  rollups.on('message', (id: number) => {
    rolledTo = id;
  });
  const beginMs = options.endMs - options.days * DAY_MS;
  for (let from = 0; from < first.length; from += 2_048) await store.append(first.slice(from, from + 2_048), beginMs);
  while (stream.given < options.events && !stopped()) {
    const batches = stream.next(Math.min(BULK_EVENTS, options.events - stream.given));
    await store.append(batches, Date.parse(batches[0]?.events[0]?.event.at ?? ''));
    process.stderr.write(`${stream.given} of ${options.events} events made, ${rolledTo} rolled up\n`);
    // The thread's messages, and signals, come in between.
    await new Promise((later) => setImmediate(later));
    while (store.lastId - rolledTo > MADE_UNROLLED_LIMIT_EVENTS) await once(rollups, 'message');
  }
  rollups.postMessage(store.lastId);
  await once(rollups, 'exit');
  skipRules(folder, store.db, store.lastId);
  await store.close();
}

/** Adds up the sizes of a folder's files. */
export const bytesIn = (folder: string): number =>
  readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
