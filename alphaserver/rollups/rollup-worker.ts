/** The thread that counts what is stored, so that whoever stores never waits for it. */
import { parentPort, workerData } from 'node:worker_threads';
import { yieldToOthers } from '../../service/priority.ts';
import { Works } from './rollup-loop.ts';
import type { Asked } from './rollup-thread.ts';

/** Who stores goes first. */
const NICE_STEPS = 5;

const port = parentPort;
if (port) {
  yieldToOthers(NICE_STEPS);
  const { folder, logLimitPages } = workerData as { folder: string; logLimitPages: number };
  const works = new Works(folder, logLimitPages, (told) => port.postMessage(told));
  port.on('message', (asked: Asked) => {
    switch (asked.type) {
      case 'committed':
        works.committed();
        break;
      case 'forget':
        works.forget(asked.bounds);
        break;
      case 'held':
        works.held();
        break;
      case 'close':
        works.close();
        port.unref();
        break;
    }
  });
}
