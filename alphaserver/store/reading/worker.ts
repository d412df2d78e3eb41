/** The thread that reads: whatever a question costs, nobody who stores waits for it. */
import { parentPort, workerData } from 'node:worker_threads';
import { yieldToOthers } from '../../../service/priority.ts';
import { openReader } from '../database.ts';
import { Answers } from './answers.ts';
import type { Answered, Asked } from './thread.ts';

/** Who stores goes first, and who counts: the more there is to count, the more a question has to read. */
const NICE_STEPS = 10;

const port = parentPort;
if (port) {
  yieldToOthers(NICE_STEPS);
  const answers = new Answers(openReader((workerData as { folder: string }).folder));
  port.on('message', ({ number, question, values }: Asked) => {
    const started = performance.now();
    let answer: Answered['answer'];
    try {
      answer = { value: (answers[question] as (...given: unknown[]) => unknown)(...values) };
    } catch (error) {
      answer = { fault: error instanceof Error ? error.message : String(error) };
    }
    port.postMessage({ number, answer, tookMs: performance.now() - started } satisfies Answered);
  });
  port.on('close', () => answers.close());
}
