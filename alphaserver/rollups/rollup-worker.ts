/** The thread that rolls up what is stored, so that storing never waits for it. */
import { runThread } from '../../service/thread.ts';
import { RollupLoop } from './rollup-loop.ts';
import type { RollupMessages } from './rollup-thread.ts';

/** Storing goes first. */
const NICE_STEPS = 5;

runThread<RollupMessages>(NICE_STEPS, (data: { readonly folder: string; readonly walLimitPages: number }, emit) => {
  const loop = new RollupLoop(data.folder, data.walLimitPages, emit);
  return {
    posted: (message) => {
      if (message.type === 'forget') loop.forget(message.bounds);
      else if (message.type === 'paused') loop.paused();
      else loop.committed();
    },
    close: () => loop.close(),
  };
});
