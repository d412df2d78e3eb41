/** A thread for thread.test.ts. */
import { MovedReply, runThread } from '../../service/thread.ts';
import type { Messages } from './thread.test.ts';

runThread<Messages>(7, (data: { start: number }, emit) => {
  let sum = data.start;
  const timer = setInterval(() => {}, 1_000);
  return {
    posted: (message) => {
      if (message === 'die') throw new Error('as it was asked to');
      sum += message;
      emit({ sum });
    },
    answer: async (request) => {
      if (request === 'sum') return sum;
      if (request === 'wait') return new Promise(() => {});
      if (request === 'bytes') {
        const bytes = new Uint8Array([1, 2, 3]);
        return new MovedReply(bytes, [bytes.buffer]);
      }
      throw Object.assign(new Error('it cannot'), request === 'fail with a code' ? { code: 'full' } : {});
    },
    close: async () => {
      clearInterval(timer);
      emit({ sum: -1 });
    },
  };
});
