/** Runs fuzz targets: inputs mutated from a corpus, by a seed. What is kept in test/fuzz/corpus is tried first from then on. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Chance } from '../sshd/chance.ts';
import { mutated } from './mutation.ts';

/** What came of an input, in words that do not repeat the input's own text: see `trait`. */
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

/** The longest that one input may take: those that take many seconds show something quadratic, whatever else the machine does. */
const INPUT_LIMIT_MS = 20_000;

/** The corpus of a run grows by so many inputs at most, so that mutation stays spread over all of it. */
const GROWTH_LIMIT_INPUTS = 1_000;
/** A trait is no longer than this. */
const TRAIT_LIMIT_CHARACTERS = 160;

/** Makes a trait of a message: numbers and quoted or assigned values, which the input chose, are left out of it. */
export function trait(text: string): string {
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

/**
 * Tries the kept inputs, the seeds, and so many mutated ones. `grew` hears of each input that showed a new trait. Rejects with a
 * FuzzError at the first fault.
 */
export async function fuzz(
  target: Target,
  inputs: number,
  seed: number,
  grew: (input: Buffer) => void = () => {},
): Promise<void> {
  const chance = new Chance(seed);
  const corpus = [...kept(target.name), ...target.seeds.map((one) => Buffer.from(one as string))];
  const seen = new Set<string>();
  const attempt = async (input: Buffer): Promise<boolean> => {
    const begunMs = performance.now();
    const knownBefore = seen.size;
    try {
      for (const one of await target.run(Buffer.from(input))) seen.add(one);
    } catch (error) {
      throw new FuzzError(target.name, input, error);
    }
    const tookMs = performance.now() - begunMs;
    if (tookMs > INPUT_LIMIT_MS) throw new FuzzError(target.name, input, `it took ${tookMs} ms`);
    return seen.size > knownBefore;
  };
  for (const input of corpus) await attempt(input);
  const limit = corpus.length + GROWTH_LIMIT_INPUTS;
  for (let n = 0; n < inputs; n++) {
    const input = mutated(corpus, chance);
    if (!(await attempt(input)) || corpus.length >= limit) continue;
    corpus.push(input);
    grew(input);
  }
}
