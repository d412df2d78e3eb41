/**
 * `npm run fuzz -- [--target NAME] [--inputs N] [--seed N] [--grow]`: what npm test does in small, for as long as one likes. A
 * fault's input is kept; with `--grow` also the small ones that grew the corpus.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FuzzError, fuzz } from './fuzz.ts';
import { TARGETS } from './targets/all.ts';

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    inputs: { type: 'string' },
    seed: { type: 'string' },
    grow: { type: 'boolean' },
  },
});
/** A run says how far it is at this interval. */
const REPORTED_EVERY_MS = 60_000;
/** Kept inputs are tried by every `npm test`: few of each run, and small. */
const KEPT_LIMIT_INPUTS = 40;
const KEPT_LIMIT_BYTES = 2_048;

function keep(target: string, input: Buffer): string {
  const folder = join(import.meta.dirname, 'corpus', target);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, createHash('sha256').update(input).digest('hex').slice(0, 12));
  writeFileSync(file, input);
  return file;
}

const secondsSince = (begunMs: number): string => ((performance.now() - begunMs) / 1_000).toFixed();

const chosen = TARGETS.filter(({ target }) => values.target === undefined || target.name === values.target);
if (chosen.length === 0) {
  console.error(
    `there is no target ${values.target}; there are ${TARGETS.map(({ target }) => target.name).join(', ')}`,
  );
  process.exit(2);
}
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
for (const { target, inputs } of chosen) {
  const count = Number(values.inputs ?? inputs);
  const begunMs = performance.now();
  console.log(`${target.name}: ${count} inputs, seed ${seed}`);
  try {
    let grown = 0;
    let keptInputs = 0;
    let reportedMs = begunMs;
    await fuzz(target, count, seed, {
      grew: (input) => {
        grown += 1;
        if (!values.grow || input.length > KEPT_LIMIT_BYTES || keptInputs >= KEPT_LIMIT_INPUTS) return;
        keptInputs += 1;
        keep(target.name, input);
      },
      tried: (inputs) => {
        if (performance.now() - reportedMs < REPORTED_EVERY_MS) return;
        reportedMs = performance.now();
        console.log(`${target.name}: ${inputs} inputs without a fault in ${secondsSince(begunMs)} s`);
      },
    });
    console.log(
      `${target.name}: ${count} inputs, no fault in ${secondsSince(begunMs)} s; ${grown} grew the corpus, ${keptInputs} are kept`,
    );
  } catch (error) {
    if (!(error instanceof FuzzError)) throw error;
    console.log(`${error.message}\nkept in ${keep(target.name, error.input)}`);
    process.exitCode = 1;
  } finally {
    await target.close?.();
  }
}
