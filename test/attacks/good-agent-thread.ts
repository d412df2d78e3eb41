/**
 * The agent that behaves well, on a thread of its own: beside attacks on the same thread it would measure how long the attackers keep
 * each other waiting.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { acknowledged } from './good-agent.ts';

type Arguments = Parameters<typeof acknowledged>;

/** Does as `acknowledged`, on another thread. */
export function acknowledgedApart(...values: Arguments): Promise<number[]> {
  return new Promise((done, failed) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: values });
    worker.once('message', done);
    worker.once('error', failed);
  });
}

if (!isMainThread) parentPort?.postMessage(await acknowledged(...(workerData as Arguments)));
