/** Runs fuzz targets: inputs mutated from a corpus, by a seed. What is kept in test/fuzz/corpus is tried first from then on. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Chance } from '../sshd/chance.ts';
import { mutated } from './mutation.ts';

/** What came of an input, in words; numbers and quoted texts in them do not count: see `trait`. */
export type Traits = readonly string[];

/** Code that must take any input. */
export interface Target {
  readonly name: string;
  /** Inputs that are well, which the others are mutated from. */
  readonly seeds: readonly (string | Buffer)[];
  /**
   * Tries one input. Throws, or rejects, where the code does what it must not. Returns the traits of what came of it, such as
   * kinds of messages and faults: an input with a new one is mutated further.
   */
  run(input: Buffer): Traits | Promise<Traits>;
  /** How many inputs are tried at once, where trying one is mostly waiting; else one. */
  readonly atOnce?: number;
  /** Prepares what inputs are tried on, where that takes its time. */
  open?(): Promise<void>;
  close?(): void | Promise<void>;
}

/** A fault that a target found, with its input. */
export class FuzzError extends Error {
  readonly input: Buffer;

  constructor(target: string, input: Buffer, cause: unknown) {
    const what = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    super(`${target}: ${JSON.stringify(input.toString('latin1').slice(0, 400))}\n${what}`, { cause });
    this.input = input;
  }
}

/**
 * The most processor time that one input may take: those that take many seconds show something quadratic. By the clock, a process that
 * was suspended for a while would show one too.
 */
const INPUT_LIMIT_MS = 20_000;

/** The corpus of a run grows by so many inputs at most, so that mutation stays spread over all of it. From then on no trait is looked at. */
const GROWTH_LIMIT_INPUTS = 500;
/** Longer ones do not join it: each that is made of one takes as much longer. */
const GROWN_LIMIT_BYTES = 4_096;
/** A trait is no longer than this. */
const TRAIT_LIMIT_CHARACTERS = 160;

/** Makes a trait of a message: numbers and quoted or assigned values, which the input chose, are left out of it. */
function trait(text: string): string {
  return text
    .slice(0, 2_000)
    .replace(/=.* cannot be used|\{.*\}|'.*?'|".*"|=\S*|\d+/gs, '#')
    .slice(0, TRAIT_LIMIT_CHARACTERS);
}

/** Returns the inputs that are kept: those that found faults before, and those that grew the corpus. */
export function kept(target: string): Buffer[] {
  const folder = join(import.meta.dirname, 'corpus', target);
  return existsSync(folder) ? readdirSync(folder).map((name) => readFileSync(join(folder, name))) : [];
}

/** Frames of an error's stack while inputs are tried: what parsers throw at nearly every input would cost more than all else. */
const STACK_FRAMES = 0;

/** Tries an input that showed a fault again, for an error that says where. */
async function withStack(target: Target, input: Buffer, error: unknown): Promise<unknown> {
  Error.stackTraceLimit = 20;
  try {
    await target.run(Buffer.from(input));
    return error;
  } catch (again) {
    return again;
  }
}

/** Hears of a run: of each input that showed a new trait, and how many inputs were tried. */
export interface FuzzListener {
  grew?(input: Buffer): void;
  tried?(inputs: number): void;
}

/** Tries the kept inputs, the seeds, and so many mutated ones. Rejects with a FuzzError at the first fault. */
export async function fuzz(target: Target, inputs: number, seed: number, listener: FuzzListener = {}): Promise<void> {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = STACK_FRAMES;
  try {
    await fuzzed(target, inputs, seed, listener);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

async function fuzzed(target: Target, inputs: number, seed: number, listener: FuzzListener): Promise<void> {
  const chance = new Chance(seed);
  const corpus = [...kept(target.name), ...target.seeds.map((one) => Buffer.from(one as string))];
  const limit = corpus.length + GROWTH_LIMIT_INPUTS;
  const seen = new Set<string>();
  /** Returns true where an input shows a new trait. */
  const isNew = (traits: Traits): boolean => {
    if (corpus.length >= limit) return false;
    const knownBefore = seen.size;
    for (const one of traits) seen.add(trait(one));
    return seen.size > knownBefore;
  };
  const attempt = async (input: Buffer): Promise<boolean> => {
    const begun = process.cpuUsage();
    let traits: Traits;
    try {
      const came = target.run(Buffer.from(input));
      traits = came instanceof Promise ? await came : came;
    } catch (error) {
      throw new FuzzError(target.name, input, await withStack(target, input, error));
    }
    const { user, system } = process.cpuUsage(begun);
    const tookMs = (user + system) / 1_000;
    if (tookMs > INPUT_LIMIT_MS) throw new FuzzError(target.name, input, `it took ${tookMs} ms of the processor`);
    return isNew(traits);
  };
  const { atOnce = 1 } = target;
  await target.open?.();
  for (const input of corpus.slice()) await attempt(input);
  for (let n = 0; n < inputs; ) {
    const tried = Array.from({ length: Math.min(atOnce, inputs - n) }, () => mutated(corpus, chance));
    const areNew = await Promise.all(tried.map(attempt));
    for (const [i, input] of tried.entries()) {
      if (!areNew[i] || corpus.length >= limit || input.length > GROWN_LIMIT_BYTES) continue;
      corpus.push(input);
      listener.grew?.(input);
    }
    n += tried.length;
    listener.tried?.(n);
  }
}
