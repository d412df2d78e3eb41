/**
 * Thousands of random things that happen to a log, against a model of what must come out. Runs the same ones for ten seconds,
 * or new ones for `FOLLOWER_MODEL_SECONDS`; `FOLLOWER_MODEL_SEED` repeats a run.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Random } from '../../demo/random.ts';
import { install } from './model/preemption.ts';
import { type Act, DEEDS, run, type Sequence, shrunk } from './model/run.ts';

const { FOLLOWER_MODEL_SECONDS, FOLLOWER_MODEL_SEED } = process.env;
const SECONDS = Number(FOLLOWER_MODEL_SECONDS ?? 10);
const SEED = Number(FOLLOWER_MODEL_SEED ?? (FOLLOWER_MODEL_SECONDS ? Math.floor(Math.random() * 1e9) : 1));
const ACTS_LIMIT = 40;

function sequenceOf(seed: number): Sequence {
  const random = new Random(seed);
  const naming = random.pick<Sequence['world']['naming']>(['number', 'number', 'date', 'link']);
  const acts: Act[] = [];
  for (let i = random.whole(5, ACTS_LIMIT); i > 0; i -= 1)
    acts.push({ does: random.pick(DEEDS), a: random.whole(0, 999), b: random.whole(0, 999) });
  return { world: { naming }, acts };
}

test('whatever happens to a log, each line comes out once, and what cannot is told', async (t) => {
  install();
  // In turn on both kinds of file system: one in memory never gives an inode twice, one on a disk does so at once.
  const places = [tmpdir(), existsSync('/dev/shm') ? '/dev/shm' : tmpdir()].map((at) =>
    mkdtempSync(join(at, 'follower-')),
  );
  t.after(() => {
    for (const place of places) rmSync(place, { recursive: true, force: true });
  });
  const endMs = Date.now() + SECONDS * 1_000;
  let seed = SEED;
  for (; Date.now() < endMs; seed += 1) {
    const sequence = sequenceOf(seed);
    const place = places[seed % places.length] as string;
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
