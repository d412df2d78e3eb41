import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import test from 'node:test';
import { stopYielding } from '../../service/priority.ts';
import { Thread } from '../../service/thread.ts';
import type { Messages } from './thread.test.ts';

const lowered = (): number[] =>
  readdirSync('/proc/self/task')
    .map(Number)
    .filter((thread) => getPriority(thread) > getPriority());

test('a process that ends gives its threads its own priority again, where it may', async (context) => {
  if (process.platform !== 'linux') return context.skip('priorities of threads are Linux alone');
  if (getPriority() > 12) return context.skip('this process has the lowest priority already');
  const thread = new Thread<Messages>({
    ...{ script: new URL('./thread-worker.ts', import.meta.url), data: () => ({ start: 0 }), closeLimitMs: 5_000 },
  });
  try {
    await thread.request('sum');
    const [yielding = 0, ...others] = lowered();
    assert.ok(yielding > 0 && others.length === 0);
    try {
      setPriority(yielding, getPriority(yielding) - 1);
    } catch {
      stopYielding();
      return context.skip('this user may not raise a priority: it stays as it is');
    }
    stopYielding();
    assert.deepEqual(lowered(), []);
  } finally {
    await thread.close();
  }
});
