/** Changes between two looks of a follower, step by step. */
import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Steps } from './steps.ts';

test('an empty log that is written, copied, truncated and written anew before it is read is read from its copy first', async (t) => {
  const steps = new Steps(t);
  await steps.drain();
  await steps.look();
  writeFileSync(steps.path, 'one\ntwo\n');
  copyFileSync(steps.path, `${steps.path}.1`);
  truncateSync(steps.path);
  appendFileSync(steps.path, 'three\n');
  assert.equal(await steps.take(), false);
  await steps.drain();
  assert.deepEqual({ text: steps.text, gaps: steps.gaps }, { text: 'one\ntwo\nthree\n', gaps: [] });
});

for (const truncated of [false, true])
  test(`a copy that was just begun is no generation of its own${truncated ? ', also when the log is truncated before the next look' : ''}`, async (t) => {
    const steps = new Steps(t);
    await steps.drain();
    writeFileSync(steps.path, 'one\ntwo\n');
    writeFileSync(`${steps.path}.1`, '');
    await steps.look();
    writeFileSync(`${steps.path}.1`, readFileSync(steps.path));
    if (!truncated) {
      await steps.drain();
      assert.equal(steps.text, 'one\ntwo\n');
    }
    truncateSync(steps.path);
    appendFileSync(steps.path, 'three\n');
    await steps.drain();
    assert.deepEqual({ text: steps.text, gaps: steps.gaps }, { text: 'one\ntwo\nthree\n', gaps: [] });
  });

test('an empty generation that is written late is read', async (t) => {
  const steps = new Steps(t);
  await steps.drain();
  writeFileSync(steps.path, 'three\n');
  writeFileSync(`${steps.path}.1`, '');
  await steps.look();
  appendFileSync(`${steps.path}.1`, 'two\n');
  await steps.drain();
  assert.deepEqual({ text: steps.text.split('\n').sort(), gaps: steps.gaps }, { text: ['', 'three', 'two'], gaps: [] });
});

test('messages with octet counts and no line ends are read as they come, and once over a restart', async (t) => {
  const frame = (text: string): string => `${text.length} ${text}`;
  const [one, two, three] = ['<38>1 - - sshd 1 - - one', '<38>1 - - sshd 2 - - two', '<38>1 - - sshd 3 - - three'].map(
    frame,
  );
  const steps = new Steps(t);
  appendFileSync(steps.path, `${one}${two?.slice(0, 9)}`);
  await steps.drain();
  assert.equal(steps.text, `${one}\n`);
  steps.restart();
  appendFileSync(steps.path, `${two?.slice(9)}${three}`);
  await steps.drain();
  assert.deepEqual([steps.text, steps.gaps], [`${one}\n${two}${three}\n`, []]);
});
