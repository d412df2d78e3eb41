/**
 * Thousands of random things that happen to a log, against a model of what must come out. Runs the same ones for ten seconds,
 * or new ones for `FOLLOWER_MODEL_SECONDS`; `FOLLOWER_MODEL_SEED` repeats a run.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
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

/** What once went wrong, as short as it was found. */
const FOUND: readonly { readonly wrong: string; readonly sequence: Sequence }[] = [
  {
    wrong: 'the log was emptied while it was opened: its copy was not known any more, and read again',
    sequence: {
      world: { naming: 'number' },
      acts: [
        { does: 'write', a: 256, b: 537 },
        { does: 'crash', a: 818, b: 320 },
        { does: 'start', a: 886, b: 569 },
        { does: 'torn-look', a: 66, b: 801 },
      ],
    },
  },
  {
    wrong: 'what was seen of a log and not read was emptied and written anew, as long as before: its loss was not told',
    sequence: {
      world: { naming: 'number' },
      acts: [
        { does: 'half', a: 557, b: 379 },
        { does: 'torn-look', a: 529, b: 964 },
        { does: 'write', a: 433, b: 60 },
        { does: 'copy', a: 13, b: 496 },
        { does: 'write', a: 68, b: 698 },
        { does: 'take', a: 169, b: 857 },
        { does: 'replace', a: 898, b: 911 },
      ],
    },
  },
  {
    wrong: 'four empty logs were all that was remembered, and all were packed: an older one was read again',
    sequence: {
      world: { naming: 'date' },
      acts: [
        { does: 'write', a: 815, b: 436 },
        { does: 'copy', a: 794, b: 229 },
        { does: 'torn-look', a: 785, b: 559 },
        { does: 'leaky-copy', a: 274, b: 10 },
        { does: 'copy', a: 167, b: 8 },
        { does: 'quiet', a: 656, b: 539 },
        { does: 'torn-look', a: 466, b: 37 },
        { does: 'quiet', a: 151, b: 620 },
        { does: 'pack', a: 750, b: 109 },
        { does: 'stop', a: 922, b: 147 },
        { does: 'pack', a: 747, b: 343 },
        { does: 'pack', a: 185, b: 114 },
        { does: 'remove', a: 300, b: 303 },
      ],
    },
  },
  {
    wrong: 'the log was copied before what was seen of it and not read was written: its copy was read again',
    sequence: {
      world: { naming: 'date' },
      acts: [
        { does: 'write', a: 590, b: 105 },
        { does: 'look', a: 241, b: 185 },
        { does: 'crash', a: 75, b: 270 },
        { does: 'write', a: 444, b: 991 },
        { does: 'start', a: 999, b: 102 },
        { does: 'torn-look', a: 426, b: 180 },
      ],
    },
  },
  {
    wrong: 'a short log was read beyond its copy, and emptied while nobody looked: the copy was read again',
    sequence: {
      world: { naming: 'number' },
      acts: [
        { does: 'write', a: 506, b: 689 },
        { does: 'crash', a: 236, b: 585 },
        { does: 'start', a: 809, b: 615 },
        { does: 'torn-look', a: 516, b: 229 },
        { does: 'stop', a: 635, b: 936 },
      ],
    },
  },
  {
    wrong: 'half a line was read, ended and copied before the log was emptied: it came out by itself and in its copy',
    sequence: {
      world: { naming: 'date' },
      acts: [
        { does: 'half', a: 900, b: 515 },
        { does: 'torn-look', a: 390, b: 732 },
      ],
    },
  },
  {
    wrong:
      'an empty log was written, copied, emptied and written anew between a look and the first read: the copy was never read',
    sequence: {
      world: { naming: 'date' },
      acts: [
        { does: 'write', a: 413, b: 700 },
        { does: 'copy', a: 734, b: 165 },
        { does: 'copy', a: 92, b: 110 },
        { does: 'write', a: 357, b: 282 },
        { does: 'torn-hour', a: 707, b: 987 },
      ],
    },
  },
  {
    wrong:
      'a log was read on after it had been copied, and emptied, while an empty older one was packed: the copy was read again',
    sequence: {
      world: { naming: 'number' },
      acts: [
        { does: 'create', a: 360, b: 413 },
        { does: 'copy', a: 187, b: 196 },
        { does: 'look', a: 75, b: 547 },
        { does: 'write', a: 410, b: 759 },
        { does: 'look', a: 116, b: 719 },
        { does: 'pack', a: 449, b: 86 },
        { does: 'torn-hour', a: 733, b: 802 },
      ],
    },
  },
  {
    wrong:
      'all that was remembered was packed, and empty, or deleted, before the first line of a new log was read: an old log was read again',
    sequence: {
      world: { naming: 'number' },
      acts: [
        { does: 'half', a: 401, b: 70 },
        { does: 'torn-look', a: 407, b: 252 },
        { does: 'rename', a: 699, b: 90 },
        { does: 'move', a: 159, b: 354 },
        { does: 'write', a: 719, b: 151 },
        { does: 'quiet', a: 109, b: 337 },
        { does: 'torn-look', a: 639, b: 843 },
        { does: 'copy', a: 362, b: 36 },
        { does: 'rename', a: 739, b: 724 },
        { does: 'copy', a: 992, b: 282 },
        { does: 'quiet', a: 872, b: 284 },
        { does: 'remove', a: 800, b: 983 },
        { does: 'leaky-copy', a: 347, b: 850 },
        { does: 'pack', a: 939, b: 34 },
        { does: 'pack', a: 507, b: 871 },
        { does: 'remove', a: 476, b: 762 },
      ],
    },
  },
];

function places(t: TestContext): readonly string[] {
  install();
  // In turn on both kinds of file system: one in memory never gives an inode twice, one on a disk does so at once.
  const folders = [tmpdir(), existsSync('/dev/shm') ? '/dev/shm' : tmpdir()].map((at) =>
    mkdtempSync(join(at, 'follower-')),
  );
  t.after(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });
  return folders;
}

for (const { wrong, sequence } of FOUND)
  test(`not again: ${wrong}`, async (t) => {
    for (const place of places(t)) assert.equal(await run(sequence, place), null);
  });

test('whatever happens to a log, each line comes out once, and what cannot is told', async (t) => {
  const folders = places(t);
  const endMs = Date.now() + SECONDS * 1_000;
  let seed = SEED;
  for (; Date.now() < endMs; seed += 1) {
    const sequence = sequenceOf(seed);
    const place = folders[seed % folders.length] as string;
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
