/**
 * One plumbing for worker threads with state of their own: started with the first message, started again after they die,
 * sent requests and messages, closed in order. `Thread` is the side of whoever starts one, `runThread` that of the thread itself.
 */
import { isMainThread, parentPort, type TransferListItem, Worker, workerData } from 'node:worker_threads';
import { yieldToOthers } from './priority.ts';

/** Delays after which a dead thread is started again: each is twice the one before, up to the limit. */
const RESTART_MS = 1_000;
const RESTART_LIMIT_MS = 60_000;
/** Requests that may wait for a thread; more are refused. */
const REQUESTS_LIMIT = 2_000;
/**
 * A thread may fill this much memory with new objects before V8 looks which are still needed. Half of V8's own bound: each thread would
 * keep dozens of MiB more that it does not use, and stop for longer.
 */
const YOUNG_GENERATION_MB = 24;

/** Messages between the two sides: `post` and `request` to the thread, `emit` and `reply` from it. */
export interface ThreadMessages {
  readonly post: unknown;
  readonly emit: unknown;
  readonly request: unknown;
  readonly reply: unknown;
}

/**
 * A request has no reply. `busy`: too many wait. `closed`: the thread is closed. `died`: it died, and is started again soon.
 * Any other code is that of the error that the thread answered with, `failed` where it has none.
 */
export class ThreadError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

type ToThread<M extends ThreadMessages> =
  | { readonly type: 'post'; readonly message: M['post'] }
  | { readonly type: 'request'; readonly number: number; readonly request: M['request'] }
  | { readonly type: 'close' };

type FromThread<M extends ThreadMessages> =
  | { readonly type: 'emit'; readonly message: M['emit'] }
  | { readonly type: 'reply'; readonly number: number; readonly reply: M['reply'] }
  | { readonly type: 'fault'; readonly number: number; readonly code: string; readonly message: string };

/** The module of a thread, and who hears of it. None of the functions may throw. */
export interface ThreadOptions<M extends ThreadMessages> {
  /** The module that calls `runThread`. */
  readonly script: URL;
  /** Gives what `runThread` hands on as `data`, at each start. It must be cloneable. */
  readonly data: () => unknown;
  /** Takes what the thread emits. */
  readonly emitted?: (message: M['emit']) => void;
  /** Called after each start but the first: what was posted to the thread that died is gone. */
  readonly restarted?: () => void;
  /** Hears that the thread died, and after how many milliseconds it is started again. */
  readonly died?: (error: Error, restartMs: number) => void;
  /** Limit of the wait of `close` for the thread to end by itself; 0 ends it in the middle of its work. */
  readonly closeLimitMs: number;
}

interface Pending<M extends ThreadMessages> {
  readonly resolve: (reply: M['reply']) => void;
  readonly reject: (error: ThreadError) => void;
}

/** Starts and restarts one thread. It keeps no process alive that has nothing else to do. */
export class Thread<M extends ThreadMessages> {
  readonly #options: ThreadOptions<M>;
  readonly #pending = new Map<number, Pending<M>>();
  #worker: Worker | null = null;
  #requests = 0;
  #restartMs = RESTART_MS;
  #restart: NodeJS.Timeout | null = null;
  #closed = false;
  #ended: Promise<void> | null = null;

  constructor(options: ThreadOptions<M>) {
    this.#options = options;
  }

  /** Starts the thread now; without it, the first message does. */
  start(): void {
    if (!this.#worker && !this.#restart && !this.#closed) this.#worker = this.#begin();
  }

  /** Sends a message. While the thread is down, or closed, it is dropped: see `restarted`. */
  post(message: M['post'], transfer: TransferListItem[] = []): void {
    this.start();
    this.#send({ type: 'post', message }, transfer);
  }

  /** Asks; rejects with a ThreadError. */
  request(request: M['request'], transfer: TransferListItem[] = []): Promise<M['reply']> {
    if (this.#closed) return Promise.reject(new ThreadError('closed', 'the thread is closed'));
    if (this.#pending.size >= REQUESTS_LIMIT)
      return Promise.reject(new ThreadError('busy', 'too many requests wait for the thread'));
    this.start();
    if (!this.#worker) return Promise.reject(new ThreadError('died', 'the thread died and is started again soon'));
    this.#requests += 1;
    const number = this.#requests;
    const { promise, resolve, reject } = Promise.withResolvers<M['reply']>();
    this.#pending.set(number, { resolve, reject });
    this.#send({ type: 'request', number, request }, transfer);
    return promise;
  }

  /** Ends the thread; what is still asked is rejected. Resolves when it has ended. */
  close(): Promise<void> {
    this.#closed = true;
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end(): Promise<void> {
    if (this.#restart) clearTimeout(this.#restart);
    this.#rejectAll(new ThreadError('closed', 'the thread is closed'));
    const worker = this.#worker;
    if (!worker) return;
    const { closeLimitMs } = this.#options;
    if (closeLimitMs > 0) {
      worker.ref();
      const ended = new Promise<void>((done) => worker.once('exit', () => done()));
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, closeLimitMs);
      this.#send({ type: 'close' }, []);
      await Promise.race([ended, late]);
      clearTimeout(timer);
    }
    await worker.terminate();
  }

  #send(message: ToThread<M>, transfer: TransferListItem[]): void {
    this.#worker?.postMessage(message, transfer);
  }

  #begin(): Worker {
    const { script, data } = this.#options;
    const startedMs = performance.now();
    const worker = new Worker(script, {
      workerData: data(),
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    });
    worker.unref();
    worker.on('message', (message: FromThread<M>) => this.#hear(message));
    let why: unknown;
    worker.on('error', (error) => {
      why = error;
    });
    worker.on('exit', () => {
      this.#worker = null;
      const error = why instanceof Error ? why : new Error(why === undefined ? 'it ended' : String(why));
      this.#rejectAll(new ThreadError('died', `the thread died: ${error.message}`, { cause: error }));
      if (!this.#closed) this.#beginLater(error, performance.now() - startedMs);
    });
    return worker;
  }

  #beginLater(error: Error, livedMs: number): void {
    // One that served for a while dies of something new.
    if (livedMs > RESTART_LIMIT_MS) this.#restartMs = RESTART_MS;
    const restartMs = this.#restartMs;
    this.#restartMs = Math.min(RESTART_LIMIT_MS, restartMs * 2);
    this.#restart = setTimeout(() => {
      this.#restart = null;
      this.start();
      this.#options.restarted?.();
    }, restartMs).unref();
    this.#options.died?.(error, restartMs);
  }

  #hear(message: FromThread<M>): void {
    if (message.type === 'emit') {
      this.#options.emitted?.(message.message);
      return;
    }
    const pending = this.#pending.get(message.number);
    this.#pending.delete(message.number);
    if (message.type === 'reply') pending?.resolve(message.reply);
    else pending?.reject(new ThreadError(message.code, message.message));
  }

  #rejectAll(error: ThreadError): void {
    const all = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of all) reject(error);
  }
}

/** A reply whose memory moves to the other side instead of being copied. */
export class MovedReply<T> {
  readonly reply: T;
  readonly transfer: readonly TransferListItem[];
  constructor(reply: T, transfer: readonly TransferListItem[]) {
    this.reply = reply;
    this.transfer = transfer;
  }
}

/** The handlers of a thread. An error thrown by `posted` or `close` ends the thread, one thrown by `answer` is the answer. */
export interface ThreadWork<M extends ThreadMessages> {
  posted?(message: M['post']): void;
  answer?(request: M['request']): M['reply'] | MovedReply<M['reply']> | Promise<M['reply'] | MovedReply<M['reply']>>;
  /** Ends what runs: no timer of the thread may be left. The thread ends when it resolves. */
  close?(): void | Promise<void>;
}

/**
 * Runs in the thread's module: lowers its priority by `niceSteps`, begins the work with the `data` of ThreadOptions and
 * serves it until it is closed. Does nothing where the module is imported by anybody else.
 */
export function runThread<M extends ThreadMessages>(
  niceSteps: number,
  begin: (data: never, emit: (message: M['emit'], transfer?: readonly TransferListItem[]) => void) => ThreadWork<M>,
): void {
  const port = parentPort;
  if (isMainThread || !port) return;
  yieldToOthers(niceSteps);
  const send = (message: FromThread<M>, transfer: readonly TransferListItem[] = []): void =>
    port.postMessage(message, transfer);
  const work = begin(workerData as never, (message, transfer) => send({ type: 'emit', message }, transfer));
  const answer = async (number: number, request: M['request']): Promise<void> => {
    try {
      const given = await work.answer?.(request);
      if (given instanceof MovedReply) send({ type: 'reply', number, reply: given.reply }, given.transfer);
      else send({ type: 'reply', number, reply: given });
    } catch (error) {
      const { code } = error as { code?: unknown };
      const message = error instanceof Error ? error.message : String(error);
      send({ type: 'fault', number, code: typeof code === 'string' ? code : 'failed', message });
    }
  };
  port.on('message', async (message: ToThread<M>) => {
    if (message.type === 'post') work.posted?.(message.message);
    else if (message.type === 'request') await answer(message.number, message.request);
    else {
      await work.close?.();
      port.close();
    }
  });
}
