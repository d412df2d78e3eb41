/** A store of generated events, as a server would have made it over the weeks. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { prepareAlerts } from '../../alphaserver/alerting/prepare.ts';
import { Marks, openAlerts } from '../../alphaserver/alerting/schema.ts';
import { openReader } from '../../alphaserver/queries/snapshot.ts';
import { factIn } from '../../alphaserver/rollups/schema.ts';
import { openStorage } from '../../alphaserver/storage.ts';
import { until } from '../until.ts';
import { FLEET, LoginStream } from './login-stream.ts';

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
  // The rules begin with what comes from now on.
  prepareAlerts({ folder, db: store.db, lastId: events, nowMs: Date.now() });
  const alerts = openAlerts(folder);
  for (const mark of ['position', 'checkpoint']) new Marks(alerts).set(mark, events);
  alerts.close();
  await store.close();
  const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  return { eventsPerSecond: (events / inMs) * 1_000, commitsMs, bytesPerEvent: bytes / events };
}
