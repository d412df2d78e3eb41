/** Questions to the reading thread, and short-lived answers that many viewers share. */
import { Worker } from 'node:worker_threads';
import { YOUNG_MEMORY } from '../store/young-memory.ts';
import type { Answers, Question } from './answers.ts';
import type { Writable } from './query-json.ts';
import type { Written } from './results.ts';

/** One question on its way. */
export interface Asked {
  readonly number: number;
  readonly question: Question;
  readonly values: readonly unknown[];
  /** True where the answer is wanted in writing. */
  readonly write: boolean;
}

/** Its answer, and how long it took. */
export interface Answered {
  readonly number: number;
  readonly answer: { readonly value: unknown } | { readonly fault: string };
  readonly tookMs: number;
}

/** An answer is given again for this many times as long as it took, so that no question takes more than a tenth of the thread. */
const SHARED_TIMES = 10;
/** Below this cost an answer is not given again once more is stored: it is as fresh as can be. */
const CHEAP_MS = 10;
/** The longest an answer is given again while more is stored. */
const SHARED_LIMIT_MS = 2_000;
/** Different answers kept at once. */
const KEPT_LIMIT = 200;
/** Questions on their way at once; more are refused. */
const WAITING_LIMIT = 2_000;

/** The store cannot be read, or not at the moment: HTTP's 503. */
export class UnreadableError extends Error {
  readonly statusCode = 503;
}

interface Kept {
  /** Null once it is too old. */
  answer: Promise<unknown> | null;
  readonly version: number;
  /** It may turn out to be dear, and is given again then. */
  onItsWay: boolean;
  /** Until when it is given again though more is stored; infinite while it is on its way. */
  untilMs: number;
}

interface Waiting {
  readonly done: (value: unknown) => void;
  readonly failed: (error: Error) => void;
  readonly kept: Kept;
}

/** The reading thread of a folder. Started with the first question, and again after it died. */
export class ReadingThread {
  readonly #folder: string;
  /** Grows with each commit: an answer is good for ever while nothing was stored since. */
  readonly #version: () => number;
  readonly #kept = new Map<string, Kept>();
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #number = 0;
  #closed = false;

  constructor(folder: string, version: () => number) {
    this.#folder = folder;
    this.#version = version;
  }

  /** Asks; the same question asked by many at once is answered once. Rejects when the store cannot be read. */
  ask<Q extends Question>(question: Q, ...values: Parameters<Answers[Q]>): Promise<ReturnType<Answers[Q]>> {
    return this.#asked(question, values, false) as Promise<ReturnType<Answers[Q]>>;
  }

  /** Asks for the answer as the API gives it; where it is a word and no answer, that word. */
  write<Q extends Writable>(
    question: Q,
    ...values: Parameters<Answers[Q]>
  ): Promise<Written | Extract<ReturnType<Answers[Q]>, string>> {
    return this.#asked(question, values, true) as Promise<Written | Extract<ReturnType<Answers[Q]>, string>>;
  }

  /** What was answered so far is given to nobody who asks from now on: somebody has changed something, and wants to see it. */
  forget(): void {
    this.#kept.clear();
  }

  #asked(question: Question, values: readonly unknown[], write: boolean): Promise<unknown> {
    const key = JSON.stringify([question, write, ...values.map(spelt)]);
    const known = this.#kept.get(key);
    if (known?.answer && this.#isGood(known)) return known.answer;
    return this.#send({ question, values, write }, key);
  }

  #isGood({ version, untilMs }: Kept): boolean {
    return version === this.#version() || performance.now() < untilMs;
  }

  #send(asked: Omit<Asked, 'number'>, key: string): Promise<unknown> {
    if (this.#closed) return Promise.reject(new UnreadableError('the store is closed'));
    if (this.#waiting.size >= WAITING_LIMIT)
      return Promise.reject(new UnreadableError('too many questions wait for the store'));
    this.#number += 1;
    const number = this.#number;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    // While it is on its way, only who asks before the next commit shares it, for the answer may be older than that
    // commit; unless it was dear the last time.
    const dear = (this.#kept.get(key)?.untilMs ?? 0) > 0;
    const kept: Kept = {
      ...{ answer: promise, version: this.#version(), onItsWay: true },
      untilMs: dear ? Number.POSITIVE_INFINITY : 0,
    };
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    if (this.#kept.size > KEPT_LIMIT) this.#kept.delete(this.#kept.keys().next().value as string);
    // What is given to nobody any more is let go of: some answers take a megabyte.
    for (const one of this.#kept.values()) if (!one.onItsWay && !this.#isGood(one)) one.answer = null;
    const failed = (error: Error): void => {
      if (this.#kept.get(key) === kept) this.#kept.delete(key);
      reject(error);
    };
    this.#waiting.set(number, { done: resolve, failed, kept });
    this.#worker ??= this.#start();
    this.#worker.postMessage({ number, ...asked } satisfies Asked);
    return promise;
  }

  #start(): Worker {
    const worker = new Worker(new URL('./query-worker.ts', import.meta.url), {
      workerData: { folder: this.#folder },
      resourceLimits: YOUNG_MEMORY,
    });
    // A process that has nothing else to do may end.
    worker.unref();
    worker.on('message', (answered: Answered) => this.#answered(answered));
    const died = (error: unknown): void => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      const all = [...this.#waiting.values()];
      this.#waiting.clear();
      for (const { failed } of all)
        failed(
          new UnreadableError('the store could not be read', { cause: error instanceof Error ? error : undefined }),
        );
    };
    worker.on('error', died);
    worker.on('exit', died);
    return worker;
  }

  #answered({ number, answer, tookMs }: Answered): void {
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    if (!waiting) return;
    waiting.kept.onItsWay = false;
    if ('fault' in answer) {
      waiting.failed(new UnreadableError(`the store could not be read: ${answer.fault}`));
      return;
    }
    const sharedMs = tookMs < CHEAP_MS ? 0 : Math.min(SHARED_LIMIT_MS, tookMs * SHARED_TIMES);
    waiting.kept.untilMs = sharedMs && performance.now() + sharedMs;
    waiting.done(answer.value);
  }

  /** Ends the thread; what is still asked is rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
  }
}

/** JSON has no infinity. */
function spelt(value: unknown): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).map(([name, one]) => [name, typeof one === 'number' ? String(one) : one])
    : value;
}
