/** Queries on the thread of a real store. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openStorage } from '../../../alphaserver/storage.ts';
import { AGENT, eventAt } from '../store/killed-writer.ts';

/** So many take the thread longer than a result may take that is not given again. */
const EVENTS = 8_192;

test('events after an id have all that was stored before they are asked for, however long the question took before', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-query-thread-'));
  const store = openStorage(folder);
  context.after(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  const append = (first: number, count: number) => {
    const events = Array.from({ length: count }, (_, i) => eventAt(first + i));
    return store.append([{ agent: AGENT, host: 'h', events }], 0);
  };
  const stored = async (): Promise<number> => (await store.queries.run('eventsAfter', 0, 2 * EVENTS)).length;
  await append(1, EVENTS);
  assert.equal(await stored(), EVENTS);
  await append(EVENTS + 1, 1);
  assert.equal(await stored(), EVENTS + 1);
});
