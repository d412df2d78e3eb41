/**
 * Thousands of random things that happen to a log, against a model of what must come out. Runs for
 * `FOLLOWER_MODEL_SECONDS` (10); `FOLLOWER_MODEL_SEED` repeats a run.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { install } from './model/preemption.ts';
import { type Act, DEEDS, run, type Sequence, shrunk } from './model/run.ts';

const SECONDS = Number(process.env['FOLLOWER_MODEL_SECONDS'] ?? 10);
const SEED = Number(process.env['FOLLOWER_MODEL_SEED'] ?? Math.floor(Math.random() * 1e9));
const ACTS_LIMIT = 40;

/** Numbers below `n` that a seed repeats (mulberry32). */
function dice(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

function sequenceOf(seed: number): Sequence {
  const below = dice(seed);
  const naming = (['number', 'number', 'date', 'link'] as const)[below(4)] ?? 'number';
  const acts: Act[] = [];
  for (let i = 5 + below(ACTS_LIMIT); i > 0; i -= 1)
    acts.push({ does: DEEDS[below(DEEDS.length)] ?? 'write', a: below(1_000), b: below(1_000) });
  return { world: { naming }, acts };
}

test('whatever happens to a log, each line comes out once, and what cannot is told', async (t) => {
  install();
  const place = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'follower-'));
  t.after(() => rmSync(place, { recursive: true, force: true }));
  const endMs = Date.now() + SECONDS * 1_000;
  let seed = SEED;
  for (; Date.now() < endMs; seed += 1) {
    const sequence = sequenceOf(seed);
    const wrong = await run(sequence, place);
    if (wrong === null) continue;
    const least = await shrunk(sequence, place);
    const again = (await run(least, place)) ?? `${wrong}\n(not each time)`;
    assert.fail(
      `FOLLOWER_MODEL_SEED=${seed}: ${again}\n${JSON.stringify(least.world)}\n${least.acts.map((act) => JSON.stringify(act)).join('\n')}`,
    );
  }
  t.diagnostic(`${seed - SEED} sequences from seed ${SEED}`);
});
