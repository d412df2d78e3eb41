/** Rolls up the events of a folder while another thread appends them, in as large transactions as pay; ends once all up to `lastId` are. */
import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { RollupWriter } from '../../alphaserver/rollups/rollup-writer.ts';
import { openRollups } from '../../alphaserver/rollups/schema.ts';
import { readerOf } from '../../alphaserver/store/event-tables.ts';
import { openEvents } from '../../alphaserver/store/folder.ts';

/** Events of one transaction: a row of an hour is then written once or twice, not with each few minutes of it. */
const TRANSACTION_EVENTS = 524_288;
const POLL_MS = 100;

let lastId = Number.POSITIVE_INFINITY;
parentPort?.on('message', (id: number) => {
  lastId = id;
});
const events = openEvents(workerData as string);
const rollups = openRollups(workerData as string);
const writer = new RollupWriter(events, rollups, TRANSACTION_EVENTS);
while (writer.rolledTo < lastId) {
  const waiting = readerOf(events).bounds().last - writer.rolledTo;
  if (waiting >= TRANSACTION_EVENTS || lastId < Number.POSITIVE_INFINITY) {
    writer.roll(true);
    parentPort?.postMessage(writer.rolledTo);
  }
  await pause(waiting >= TRANSACTION_EVENTS ? 0 : POLL_MS);
}
while (writer.merge());
rollups.close();
events.close();
parentPort?.close();
