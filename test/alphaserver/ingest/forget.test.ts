/** Forgetting by a running server: who hears of it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { answerForget } from '../../../alphaserver/ingest/forget.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';

const AGENT = '00000000-0000-4000-8000-000000000001';

test('what is forgotten is so for the admission of agents too, and an agent that came meanwhile has to say hello again', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-forget-'));
  const store = new EventStore(folder);
  context.after(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  await store.append([{ agent: AGENT, host: 'web', events: [] }], Date.now());
  const heard: unknown[] = [];
  const parts = {
    store,
    admission: { forget: (...what: unknown[]) => heard.push(['admission', ...what]) },
    listener: { forget: (...what: unknown[]) => heard.push(['listener', ...what]) },
    isConnected: () => false,
    log: { info() {} },
  };
  const request = { command: 'forget', kind: 'host', name: 'web' };
  assert.deepEqual(await answerForget(request, parts), { value: { agents: [AGENT], hosts: ['web'] } });
  // The hello comes after the admission has forgotten what it knew of the agent.
  assert.deepEqual(heard, [
    ['admission', [AGENT], ['web']],
    ['listener', [AGENT]],
  ]);
  assert.deepEqual(await answerForget(request, parts), { fault: 'there is no host web' });
  assert.equal(heard.length, 2);
});
