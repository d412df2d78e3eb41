import { test } from 'node:test';
import { fuzz } from './fuzz.ts';
import { TARGETS } from './targets/all.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

for (const { target, inputs } of TARGETS)
  test(`${target.name} takes any input, mutated from what is well and from what found faults before`, async (t) => {
    t.diagnostic(`FUZZ_SEED=${seed}`);
    try {
      await fuzz(target, inputs, seed);
    } finally {
      await target.close?.();
    }
  });
