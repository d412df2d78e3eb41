/** What many ask is answered once where it is dear, and nobody gets an answer that is older than need be. */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { type Answered, type Asked, ReadingThread } from '../../../alphaserver/queries/query-thread.ts';
import { openStore } from '../../../alphaserver/store/event-store.ts';
import { until } from '../../until.ts';

let folder = '';
let thread: ReadingThread;
let version = 0;
/** What goes to the thread and comes from it; answers wait here until a test lets them go. */
let asked: Asked[] = [];
let worker: Worker;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-shared-'));
  await openStore(folder).close();
  asked = [];
  version = 0;
  thread = new ReadingThread(folder, () => version);
  const made = (message: unknown): void => {
    ({ worker } = message as { worker: Worker });
    // The thread itself never hears of it: how long an answer takes is the test's to say.
    worker.postMessage = (message: Asked) => void asked.push(message);
  };
  subscribe('worker_threads', made);
  unheard(thread.ask('hosts', 1, 'the first question starts it'));
  unsubscribe('worker_threads', made);
  await until(() => asked.length === 1);
});
afterEach(async () => {
  await thread.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Rejected when the thread ends. */
const unheard = (answer: Promise<unknown>): void => void answer.catch(() => {});
const question = () => thread.ask('hosts', 2, '');
const answers = (number: number, tookMs: number): boolean =>
  worker.emit('message', { number, answer: { value: [] }, tookMs } satisfies Answered);
const last = (): number => asked.at(-1)?.number ?? 0;

test('while nothing is stored, an answer is good for all', async () => {
  const first = question();
  answers(last(), 1);
  const second = question();
  assert.equal(asked.length, 2);
  assert.equal(await second, await first);
});

test('a cheap answer is not given again once more is stored', async () => {
  const first = question();
  answers(last(), 1);
  await first;
  version += 1;
  unheard(question());
  assert.equal(asked.length, 3);
});

test('a dear answer is not given again once somebody has changed something, nor one on its way then', async () => {
  const first = question();
  const { number = 0 } = asked.at(-1) ?? {};
  answers(number, 100);
  await first;
  const onItsWay = thread.ask('hosts', 3, '');
  version += 1;
  thread.forget();
  unheard(question());
  unheard(thread.ask('hosts', 3, ''));
  unheard(onItsWay);
  assert.equal(asked.length, 5);
});

test('a dear answer is given again for a while though more is stored, also while others are asked on its way', async () => {
  const first = question();
  const { number = 0 } = asked.at(-1) ?? {};
  version += 1;
  unheard(thread.ask('hosts', 3, 'another question'));
  answers(number, 100);
  await first;
  const second = question();
  assert.equal(asked.length, 3);
  assert.equal(await second, await first);
});
