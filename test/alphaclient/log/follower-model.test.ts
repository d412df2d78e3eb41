/**
 * Thousands of random sequences of actions on a log, compared with a model of what must be emitted. Runs the same ones for ten
 * seconds, or new ones for `FOLLOWER_MODEL_SECONDS`; `FOLLOWER_MODEL_SEED` repeats a run.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Random } from '../../demo/random.ts';
import { install } from './model/preemption.ts';
import { ACTIONS, type Action, ORDERED_ACTIONS, run, type Sequence, shrunk } from './model/sequence.ts';

const { FOLLOWER_MODEL_SECONDS, FOLLOWER_MODEL_SEED } = process.env;
const SECONDS = Number(FOLLOWER_MODEL_SECONDS ?? 10);
const SEED = Number(FOLLOWER_MODEL_SEED ?? (FOLLOWER_MODEL_SECONDS ? Math.floor(Math.random() * 1e9) : 1));
const ACTIONS_LIMIT = 40;

function sequenceOf(seed: number): Sequence {
  const random = new Random(seed);
  const naming = random.pick<Sequence['log']['naming']>(['number', 'number', 'date', 'link']);
  const isOrdered = random.chance(0.5);
  const names = isOrdered ? ORDERED_ACTIONS : ACTIONS;
  const actions: Action[] = [];
  for (let i = random.whole(5, ACTIONS_LIMIT); i > 0; i -= 1)
    actions.push({ name: random.pick<Action['name']>(names), a: random.whole(0, 999), b: random.whole(0, 999) });
  return { log: { naming }, actions, isOrdered };
}

/** Shrunk sequences that failed once. */
const FOUND: readonly { readonly name: string; readonly sequence: Sequence }[] = [
  {
    name: 'a log truncated while it is opened: its copy is not read again',
    sequence: {
      log: { naming: 'number' },
      actions: [
        { name: 'write', a: 256, b: 537 },
        { name: 'crash', a: 818, b: 320 },
        { name: 'start', a: 886, b: 569 },
        { name: 'look-interrupted', a: 66, b: 801 },
      ],
    },
  },
  {
    name: 'an unread log truncated and written anew to the same length: its loss is reported',
    sequence: {
      log: { naming: 'number' },
      actions: [
        { name: 'partial', a: 557, b: 379 },
        { name: 'look-interrupted', a: 529, b: 964 },
        { name: 'write', a: 433, b: 60 },
        { name: 'copy', a: 13, b: 496 },
        { name: 'write', a: 68, b: 698 },
        { name: 'take', a: 169, b: 857 },
        { name: 'replace', a: 898, b: 911 },
      ],
    },
  },
  {
    name: 'four empty logs are all that is known, and all are compressed: an older one is not read again',
    sequence: {
      log: { naming: 'date' },
      actions: [
        { name: 'write', a: 815, b: 436 },
        { name: 'copy', a: 794, b: 229 },
        { name: 'look-interrupted', a: 785, b: 559 },
        { name: 'leaky-copy', a: 274, b: 10 },
        { name: 'copy', a: 167, b: 8 },
        { name: 'quiet', a: 656, b: 539 },
        { name: 'look-interrupted', a: 466, b: 37 },
        { name: 'quiet', a: 151, b: 620 },
        { name: 'compress', a: 750, b: 109 },
        { name: 'stop', a: 922, b: 147 },
        { name: 'compress', a: 747, b: 343 },
        { name: 'compress', a: 185, b: 114 },
        { name: 'remove', a: 300, b: 303 },
      ],
    },
  },
  {
    name: 'a copy without the last unread bytes of the log is not read again',
    sequence: {
      log: { naming: 'date' },
      actions: [
        { name: 'write', a: 590, b: 105 },
        { name: 'look', a: 241, b: 185 },
        { name: 'crash', a: 75, b: 270 },
        { name: 'write', a: 444, b: 991 },
        { name: 'start', a: 999, b: 102 },
        { name: 'look-interrupted', a: 426, b: 180 },
      ],
    },
  },
  {
    name: 'a short log read beyond its copy, and truncated while the agent is down: the copy is not read again',
    sequence: {
      log: { naming: 'number' },
      actions: [
        { name: 'write', a: 506, b: 689 },
        { name: 'crash', a: 236, b: 585 },
        { name: 'start', a: 809, b: 615 },
        { name: 'look-interrupted', a: 516, b: 229 },
        { name: 'stop', a: 635, b: 936 },
      ],
    },
  },
  {
    name: 'a partial line that was read, and ended and copied before the log is truncated, is emitted once',
    sequence: {
      log: { naming: 'date' },
      actions: [
        { name: 'partial', a: 900, b: 515 },
        { name: 'look-interrupted', a: 390, b: 732 },
      ],
    },
  },
  {
    name: 'an empty log written, copied, truncated and written anew between a look and the first read: the copy is read',
    sequence: {
      log: { naming: 'date' },
      actions: [
        { name: 'write', a: 413, b: 700 },
        { name: 'copy', a: 734, b: 165 },
        { name: 'copy', a: 92, b: 110 },
        { name: 'write', a: 357, b: 282 },
        { name: 'look-interrupted-often', a: 707, b: 987 },
      ],
    },
  },
  {
    name: 'a log read on after it was copied, and truncated, while an empty older one is compressed: the copy is not read again',
    sequence: {
      log: { naming: 'number' },
      actions: [
        { name: 'create', a: 360, b: 413 },
        { name: 'copy', a: 187, b: 196 },
        { name: 'look', a: 75, b: 547 },
        { name: 'write', a: 410, b: 759 },
        { name: 'look', a: 116, b: 719 },
        { name: 'compress', a: 449, b: 86 },
        { name: 'look-interrupted-often', a: 733, b: 802 },
      ],
    },
  },
  {
    name: 'all known files compressed and empty, or deleted, before the first line of a new log is read: an old log is not read again',
    sequence: {
      log: { naming: 'number' },
      actions: [
        { name: 'partial', a: 401, b: 70 },
        { name: 'look-interrupted', a: 407, b: 252 },
        { name: 'rename', a: 699, b: 90 },
        { name: 'move', a: 159, b: 354 },
        { name: 'write', a: 719, b: 151 },
        { name: 'quiet', a: 109, b: 337 },
        { name: 'look-interrupted', a: 639, b: 843 },
        { name: 'copy', a: 362, b: 36 },
        { name: 'rename', a: 739, b: 724 },
        { name: 'copy', a: 992, b: 282 },
        { name: 'quiet', a: 872, b: 284 },
        { name: 'remove', a: 800, b: 983 },
        { name: 'leaky-copy', a: 347, b: 850 },
        { name: 'compress', a: 939, b: 34 },
        { name: 'compress', a: 507, b: 871 },
        { name: 'remove', a: 476, b: 762 },
      ],
    },
  },
  {
    name: 'a log written anew in place while it is listed: nothing is reported as missing',
    sequence: {
      log: { naming: 'number' },
      actions: [
        { name: 'write', a: 683, b: 46 },
        { name: 'look-replaced', a: 123, b: 962 },
      ],
    },
  },
];

function foldersFor(t: TestContext): readonly string[] {
  install();
  // On two file systems in turn: tmpfs never reuses an inode, one on a disk does so at once.
  const folders = [tmpdir(), existsSync('/dev/shm') ? '/dev/shm' : tmpdir()].map((at) =>
    mkdtempSync(join(at, 'follower-')),
  );
  t.after(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });
  return folders;
}

for (const { name, sequence } of FOUND)
  test(name, async (t) => {
    for (const place of foldersFor(t)) assert.equal(await run(sequence, place), null);
  });

test('each line is emitted once whatever is done to the log, and what cannot be is reported', async (t) => {
  const folders = foldersFor(t);
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
      `FOLLOWER_MODEL_SEED=${seed}: ${again}\n${JSON.stringify(least.log)}\n${least.actions.map((action) => JSON.stringify(action)).join('\n')}`,
    );
  }
  t.diagnostic(`${seed - SEED} sequences from seed ${SEED}`);
});
