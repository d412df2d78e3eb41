import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Thread, type ThreadError, type ThreadOptions } from '../../service/thread.ts';
import { until } from '../until.ts';

export interface Messages {
  readonly post: number | 'die';
  readonly emit: { readonly sum: number };
  readonly request: 'sum' | 'wait' | 'bytes' | 'fail' | 'fail with a code';
  readonly reply: number | Uint8Array;
}

let thread: Thread<Messages> | null = null;
afterEach(() => thread?.close());

function started(more: Partial<ThreadOptions<Messages>> = {}): Thread<Messages> {
  const script = new URL('./thread-worker.ts', import.meta.url);
  thread = new Thread({ script, data: () => ({ start: 100 }), closeLimitMs: 5_000, ...more });
  return thread;
}
const code = (error: unknown): string => (error as ThreadError).code;

test('a thread takes messages, emits, and answers requests, in order', async () => {
  const sums: number[] = [];
  const one = started({ emitted: ({ sum }) => sums.push(sum) });
  one.post(1);
  one.post(2);
  assert.equal(await one.request('sum'), 103);
  assert.deepEqual(sums, [101, 103]);
  assert.deepEqual(await one.request('bytes'), new Uint8Array([1, 2, 3]));
  await assert.rejects(
    one.request('fail'),
    (error: Error) => error.message === 'it cannot' && code(error) === 'failed',
  );
  await assert.rejects(one.request('fail with a code'), (error) => code(error) === 'full');
  assert.equal(await one.request('sum'), 103);
});

test('a close lets the thread end what it is at, rejects what is asked, and nothing starts it again', async () => {
  const sums: number[] = [];
  const one = started({ emitted: ({ sum }) => sums.push(sum) });
  // It runs: a start may take as long as a close waits.
  await one.request('sum');
  const asked = assert.rejects(one.request('wait'), (error) => code(error) === 'closed');
  await Promise.all([one.close(), asked]);
  assert.deepEqual(sums, [-1]);
  one.post(1);
  await assert.rejects(one.request('sum'), (error) => code(error) === 'closed');
  assert.deepEqual(sums, [-1]);
});

test('a thread that does not end in time is ended', async () => {
  const one = started({ closeLimitMs: 0 });
  await assert.doesNotReject(one.request('sum'));
  await one.close();
  // One that was never started has nothing to end.
  await started().close();
});

test('a thread that dies is started again, later each time, and says so', async () => {
  const deaths: [why: string, restartMs: number][] = [];
  let restarts = 0;
  const one = started({ died: (error, ms) => deaths.push([error.message, ms]), restarted: () => (restarts += 1) });
  const asked = assert.rejects(one.request('wait'), (error) => code(error) === 'died');
  one.post('die');
  await asked;
  assert.deepEqual(deaths, [['as it was asked to', 1_000]]);
  await assert.rejects(one.request('sum'), (error) => code(error) === 'died');
  await until(() => restarts === 1);
  // With nothing of what the dead one knew.
  assert.equal(await one.request('sum'), 100);
  one.post('die');
  await until(() => deaths.length === 2);
  assert.deepEqual(deaths[1], ['as it was asked to', 2_000]);
});

test('more than 2,000 requests at once are refused', async () => {
  const one = started();
  const waiting = Array.from({ length: 2_000 }, () => one.request('wait').catch(code));
  await assert.rejects(one.request('sum'), (error) => code(error) === 'busy');
  await one.close();
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set(['closed']));
});
