/** A process that stores events one batch after the other until it is killed: FOLDER. Says the last seq after each commit. */
import { openStorage } from '../../../alphaserver/storage.ts';
import type { SequencedEvent } from '../../../alphaserver/store/store.ts';
import { below, chance, eventNear } from './stream.ts';

const HOUR_MS = 3_600_000;
export const AGENT = '00000000-0000-4000-8000-00000000000a';
export const HOST = 'killed';
export const RETENTION_MS = 24 * HOUR_MS;
const START_MS = Date.parse('2026-11-01T00:00:00Z');

/** Gives the time of the event of this seq: a day passes with each 6,000 of them. */
export const clockAt = (seq: number): number => START_MS + seq * 4 * HOUR_MS * 1e-3;

/** The event of a seq, the same whoever asks. */
export function eventAt(seq: number): SequencedEvent {
  return { seq, event: eventNear(chance(seq), clockAt(seq), 36 * HOUR_MS) };
}

async function write(folder: string): Promise<void> {
  let seq = 0;
  const store = openStorage(folder, { retentionMs: RETENTION_MS, now: () => clockAt(seq) });
  seq = store.events.markOf(AGENT).lastSeq;
  const random = chance(seq);
  for (;;) {
    const events = Array.from({ length: 1 + below(random, 900) }, (_, i) => eventAt(seq + i + 1));
    await store.append([{ agent: AGENT, host: HOST, events }], clockAt(seq));
    seq += events.length;
    process.stdout.write(`${seq}\n`);
    await new Promise((later) => setTimeout(later, 1));
  }
}

const [folder] = process.argv.slice(2);
if (import.meta.main && folder) await write(folder);
