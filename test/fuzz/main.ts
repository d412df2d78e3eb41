/** `npm run fuzz -- [--target NAME] [--inputs N] [--seed N]`: what npm test does in small, for as long as one likes. A fault's input is kept. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FuzzError, fuzz } from './fuzz.ts';
import { TARGETS } from './targets/all.ts';

const { values } = parseArgs({
  options: { target: { type: 'string' }, inputs: { type: 'string' }, seed: { type: 'string' } },
});
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
    await fuzz(target, count, seed);
    console.log(`${target.name}: no fault in ${((performance.now() - begunMs) / 1_000).toFixed()} s`);
  } catch (error) {
    if (!(error instanceof FuzzError)) throw error;
    const folder = join(import.meta.dirname, 'corpus', target.name);
    mkdirSync(folder, { recursive: true });
    const file = join(folder, createHash('sha256').update(error.input).digest('hex').slice(0, 12));
    writeFileSync(file, error.input);
    console.log(`${error.message}\nkept in ${file}`);
    process.exitCode = 1;
  } finally {
    await target.close?.();
  }
}
