/** The thread that reads: whatever a question costs, nobody who stores waits for it. */
import { parentPort, workerData } from 'node:worker_threads';
import { yieldToOthers } from '../../service/priority.ts';
import { openReader } from '../store/database.ts';
import { Answers } from './answers.ts';
import { type Writable, written } from './query-json.ts';
import type { Answered, Asked } from './query-thread.ts';

/** Who stores goes first, and who counts: the more there is to count, the more a question has to read. */
const NICE_STEPS = 15;

const port = parentPort;
if (port) {
  yieldToOthers(NICE_STEPS);
  const answers = new Answers(openReader((workerData as { folder: string }).folder));
  port.on('message', ({ number, question, values, write }: Asked) => {
    const started = performance.now();
    let answer: Answered['answer'];
    const moved: ArrayBuffer[] = [];
    try {
      const value = (answers[question] as (...given: unknown[]) => unknown)(...values);
      answer = { value: write ? written(question as Writable, values as never, value as never) : value };
      if (write && typeof answer.value !== 'string') moved.push((answer.value as Uint8Array<ArrayBuffer>).buffer);
    } catch (error) {
      answer = { fault: error instanceof Error ? error.message : String(error) };
    }
    port.postMessage({ number, answer, tookMs: performance.now() - started } satisfies Answered, moved);
  });
  port.on('close', () => answers.close());
}
