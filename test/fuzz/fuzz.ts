/** Runs fuzz targets: inputs mutated from a corpus, by a seed. What finds a fault is kept in test/fuzz/corpus, and tried first from then on. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Chance } from '../sshd/chance.ts';
import { mutated } from './mutation.ts';

/** Code that must take any input. */
export interface Target {
  readonly name: string;
  /** Inputs that are well, which the others are mutated from. */
  readonly seeds: readonly (string | Buffer)[];
  /** Tries one input. Throws, or rejects, where the code does what it must not. */
  run(input: Buffer): void | Promise<void>;
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

/** Returns the inputs that found faults before. */
export function kept(target: string): Buffer[] {
  const folder = join(import.meta.dirname, 'corpus', target);
  return existsSync(folder) ? readdirSync(folder).map((name) => readFileSync(join(folder, name))) : [];
}

/** Tries the kept inputs, the seeds, and so many mutated ones. Rejects with a FuzzError at the first fault. */
export async function fuzz(target: Target, inputs: number, seed: number): Promise<void> {
  const chance = new Chance(seed);
  const corpus = [...kept(target.name), ...target.seeds.map((one) => Buffer.from(one as string))];
  const attempt = async (input: Buffer): Promise<void> => {
    const begunMs = performance.now();
    try {
      await target.run(Buffer.from(input));
    } catch (error) {
      throw new FuzzError(target.name, input, error);
    }
    const tookMs = performance.now() - begunMs;
    if (tookMs > INPUT_LIMIT_MS) throw new FuzzError(target.name, input, `it took ${tookMs} ms`);
  };
  for (const input of corpus) await attempt(input);
  for (let n = 0; n < inputs; n++) await attempt(mutated(corpus, chance));
}
