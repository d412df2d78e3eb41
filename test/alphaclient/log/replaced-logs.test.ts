/** Logs whose copies take their place while lines of them are still unread, and what the saved position must know of both. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { LINES_AFTER_MOVE_LIMIT } from '../../../alphaclient/log/position.ts';
import { compress, lines } from './followed.ts';
import { Steps } from './steps.ts';

/** Makes the log a symbolic link to `target`. */
function link(steps: Steps, target: string): void {
  rmSync(steps.path, { force: true });
  symlinkSync(target, steps.path);
}

/** A log that is a link to a file with two lines, none of which is read yet. */
async function linkedLog(t: TestContext): Promise<{ steps: Steps; file: (day: number) => string }> {
  const steps = new Steps(t);
  await steps.drain();
  const file = (day: number): string => join(steps.folder, `sshd-2026010${day}.log`);
  writeFileSync(file(1), '');
  link(steps, file(1));
  await steps.drain();
  appendFileSync(file(1), lines(0, 2));
  return { steps, file };
}

/** Writes a copy of a file with more lines, and makes the log a link to it. */
function linkCopy(steps: Steps, from: string, to: string, added: string): void {
  writeFileSync(to, readFileSync(from, 'utf8') + added);
  link(steps, to);
}

test('lines that are unread in a log and in its copy are emitted once where a second copy follows a crash', async (t) => {
  const { steps, file } = await linkedLog(t);
  linkCopy(steps, file(1), file(2), lines(2, 3));
  await steps.savePosition();
  writeFileSync(join(steps.folder, 'copy'), readFileSync(file(2), 'utf8') + lines(3, 4));
  renameSync(join(steps.folder, 'copy'), file(2));
  steps.restart();
  await steps.drain();
  assert.deepEqual([steps.text, steps.gaps], [lines(0, 4), []]);
});

for (const crashed of [false, true])
  test(`unread lines are read in the replaced log where its copy is truncated before them${crashed ? ', also after a crash' : ''}`, async (t) => {
    const { steps, file } = await linkedLog(t);
    linkCopy(steps, file(1), file(2), lines(2, 4));
    await steps.savePosition();
    truncateSync(file(2));
    appendFileSync(file(2), lines(10, 11));
    if (crashed) steps.restart();
    await steps.drain();
    assert.equal(steps.text, lines(0, 2) + lines(10, 11));
    assert.deepEqual(
      steps.gaps.map(({ bytes }) => bytes),
      [lines(2, 4).length],
    );
  });

/** Replaces the log by a copy, whose writer goes on in the file that was replaced; returns a function that writes there. */
function replaceKeepingWriter(t: TestContext, steps: Steps): (text: string) => void {
  const fd = openSync(steps.path, 'a');
  t.after(() => closeSync(fd));
  copyFileSync(steps.path, `${steps.path}~`);
  renameSync(`${steps.path}~`, steps.path);
  return (text) => writeSync(fd, text);
}

for (const count of [1, 30])
  test(`a copy made before the last lines of ${count} and more goes on in the log after a crash`, async (t) => {
    const steps = new Steps(t);
    appendFileSync(steps.path, lines(0, count));
    await steps.drain();
    const write = replaceKeepingWriter(t, steps);
    write(lines(count, count + 3));
    await steps.drain();
    assert.equal(steps.text, lines(0, count + 3));
    steps.restart();
    appendFileSync(steps.path, lines(count + 10, count + 12));
    await steps.drain();
    assert.deepEqual([steps.text, steps.gaps], [lines(0, count + 3) + lines(count + 10, count + 12), []]);
  });

test('lines read in a replaced log before a look shows that it was replaced need not be in the copy after a crash', async (t) => {
  const steps = new Steps(t);
  appendFileSync(steps.path, lines(0, 2));
  await steps.drain();
  const write = replaceKeepingWriter(t, steps);
  write(lines(2, 4));
  await steps.take();
  assert.equal(steps.text, lines(0, 4));
  steps.restart();
  appendFileSync(steps.path, lines(10, 13));
  await steps.drain();
  assert.deepEqual([steps.text, steps.gaps], [lines(0, 4) + lines(10, 13), []]);
});

test('a copy of a log that was rotated just before is distinguished from a new log after the rotated file was read', async (t) => {
  const steps = new Steps(t);
  await steps.drain();
  // All between two looks: lines, copied away and compressed; other lines, and a copy in their place, which their writer does not notice.
  appendFileSync(steps.path, lines(0, 2));
  copyFileSync(steps.path, `${steps.path}.1`);
  truncateSync(steps.path);
  appendFileSync(steps.path, lines(5, 6));
  const write = replaceKeepingWriter(t, steps);
  write(lines(6, 9));
  compress(`${steps.path}.1`, 'gz');
  // The first look opens the files, and asks for another one before a compressed file is read.
  await steps.look();
  await steps.drain();
  assert.equal(steps.text, lines(0, 2) + lines(5, 9));
  appendFileSync(steps.path, lines(20, 21));
  await steps.drain();
  assert.deepEqual([steps.text, steps.gaps], [lines(0, 2) + lines(5, 9) + lines(20, 21), []]);
});

test('a log that was truncated, written anew and replaced by a copy of that is a new log', async (t) => {
  const steps = new Steps(t);
  appendFileSync(steps.path, lines(0, 3));
  await steps.drain();
  truncateSync(steps.path);
  appendFileSync(steps.path, lines(10, 12));
  writeFileSync(`${steps.path}~`, lines(10, 14));
  renameSync(`${steps.path}~`, steps.path);
  await steps.drain();
  assert.equal(steps.text, lines(0, 3) + lines(10, 14));
});

test('a copy that has some of the lines emitted after it was made goes on behind them', async (t) => {
  const steps = new Steps(t);
  appendFileSync(steps.path, lines(0, 20));
  await steps.drain();
  const write = replaceKeepingWriter(t, steps);
  write(lines(20, 24));
  await steps.drain();
  steps.restart();
  appendFileSync(steps.path, lines(20, 22) + lines(30, 31));
  await steps.drain();
  assert.deepEqual([steps.text, steps.gaps], [lines(0, 24) + lines(30, 31), []]);
});

test(`of more than ${LINES_AFTER_MOVE_LIMIT} lines after a copy was made none is kept: a shorter copy waits, whatever it has`, async (t) => {
  const steps = new Steps(t);
  appendFileSync(steps.path, lines(0, 20));
  await steps.drain();
  const write = replaceKeepingWriter(t, steps);
  write(lines(20, 20 + LINES_AFTER_MOVE_LIMIT));
  await steps.drain();
  assert.equal(
    steps.position?.files.find(({ state }) => state === 'old')?.afterMove?.lines.length,
    LINES_AFTER_MOVE_LIMIT,
  );
  write(lines(500, 501));
  await steps.drain();
  assert.equal(steps.position?.files.find(({ state }) => state === 'old')?.afterMove, null);
  steps.restart();
  const { text } = steps;
  appendFileSync(steps.path, lines(600, 601));
  await steps.drain();
  assert.equal(steps.text, text);
});

for (const crashed of [false, true])
  test(`the compressed copy of a deleted log that its writer goes on in is not read again${crashed ? ' after a crash' : ''}`, async (t) => {
    const steps = new Steps(t);
    appendFileSync(steps.path, lines(0, 3));
    await steps.drain();
    const fd = openSync(steps.path, 'a');
    t.after(() => closeSync(fd));
    copyFileSync(steps.path, `${steps.path}.1`);
    rmSync(steps.path);
    compress(`${steps.path}.1`, 'zst');
    writeFileSync(steps.path, '');
    await steps.drain();
    writeSync(fd, lines(3, 40));
    await steps.drain();
    if (crashed) steps.restart();
    renameSync(`${steps.path}.1.zst`, `${steps.path}.2.zst`);
    appendFileSync(steps.path, lines(50, 51));
    await steps.drain();
    assert.deepEqual([steps.text, steps.gaps], [lines(0, 40) + lines(50, 51), []]);
  });

test('lines that were seen in a deleted log and are not in its compressed copy are reported after a crash', async (t) => {
  const steps = new Steps(t);
  appendFileSync(steps.path, lines(0, 40));
  await steps.drain();
  const fd = openSync(steps.path, 'a');
  t.after(() => closeSync(fd));
  copyFileSync(steps.path, `${steps.path}.1`);
  rmSync(steps.path);
  compress(`${steps.path}.1`, 'zst');
  writeFileSync(steps.path, '');
  await steps.drain();
  writeSync(fd, `${lines(40, 41)}partial`);
  await steps.drain();
  steps.restart();
  await steps.drain();
  assert.equal(steps.text, lines(0, 41));
  assert.deepEqual(
    steps.gaps.map(({ bytes }) => bytes),
    ['partial'.length],
  );
});

test('a log that was empty is not taken for an older compressed copy that was skipped', async (t) => {
  const steps = new Steps(t);
  appendFileSync(steps.path, lines(0, 2));
  await steps.drain();
  // A copy that was made before the second line was written, and compressed, beside a new log.
  writeFileSync(`${steps.path}.1`, lines(0, 1));
  compress(`${steps.path}.1`, 'zst');
  rmSync(steps.path);
  writeFileSync(steps.path, '');
  await steps.drain();
  steps.restart();
  rmSync(steps.path);
  writeFileSync(steps.path, lines(5, 7));
  await steps.drain();
  assert.equal(steps.text, lines(0, 2) + lines(5, 7));
});

test('a deleted log that is open is read on, although a copy of it that was skipped is still there', async (t) => {
  const { steps, file } = await linkedLog(t);
  linkCopy(steps, file(1), file(2), '');
  await steps.drain();
  const fd = openSync(file(2), 'a');
  t.after(() => closeSync(fd));
  rmSync(file(2));
  await steps.drain();
  writeSync(fd, lines(2, 3));
  await steps.drain();
  assert.deepEqual([steps.text, steps.gaps], [lines(0, 3), []]);
});

test('a log that was missing for a while is read on once it is back', async (t) => {
  const steps = new Steps(t);
  appendFileSync(steps.path, lines(0, 3));
  await steps.drain();
  const hidden = join(steps.folder, 'hidden');
  mkdirSync(hidden);
  renameSync(steps.path, join(hidden, 'sshd.log'));
  steps.restart();
  await steps.quiet();
  steps.restart();
  await steps.drain();
  renameSync(join(hidden, 'sshd.log'), steps.path);
  appendFileSync(steps.path, lines(3, 4));
  await steps.drain();
  assert.equal(steps.text, lines(0, 4));
});

test('a log that another one hid for a while is read on once it is back', async (t) => {
  const steps = new Steps(t);
  appendFileSync(steps.path, lines(0, 3));
  await steps.drain();
  const hidden = join(steps.folder, 'hidden');
  mkdirSync(hidden);
  renameSync(steps.path, join(hidden, 'sshd.log'));
  writeFileSync(steps.path, lines(0, 3) + lines(10, 12));
  await steps.quiet();
  renameSync(join(hidden, 'sshd.log'), steps.path);
  appendFileSync(steps.path, lines(20, 21));
  await steps.quiet();
  assert.deepEqual([steps.text, steps.gaps], [lines(0, 3) + lines(10, 12) + lines(20, 21), []]);
});

test('an old log is not read again once newer ones are deleted, or empty and compressed', async (t) => {
  const steps = new Steps(t);
  const rotate = async (text: string): Promise<void> => {
    appendFileSync(steps.path, text);
    await steps.drain();
    for (let i = 5; i > 0; i -= 1)
      if (existsSync(`${steps.path}.${i}`)) renameSync(`${steps.path}.${i}`, `${steps.path}.${i + 1}`);
    renameSync(steps.path, `${steps.path}.1`);
    writeFileSync(steps.path, '');
    await steps.quiet();
  };
  for (const text of [lines(0, 2), '', '', lines(2, 4), '']) await rotate(text);
  for (const i of [1, 3, 4]) compress(`${steps.path}.${i}`, 'zst');
  rmSync(`${steps.path}.2`);
  rmSync(steps.path);
  writeFileSync(steps.path, lines(4, 5));
  await steps.drain();
  assert.equal(steps.text, lines(0, 5));
});
