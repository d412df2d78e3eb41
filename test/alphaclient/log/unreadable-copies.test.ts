/** A rotated file that cannot be opened for a while, as one whose mode is set after it was made, may be the log that was read. */
import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, renameSync, truncateSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { before, type TestContext, test } from 'node:test';
import { Follower } from '../../../alphaclient/log/follower.ts';
import { readPosition } from '../../../alphaclient/log/position.ts';
import { UNREADABLE_LIMIT_MS } from '../../../alphaclient/log/undecided-files.ts';
import { until } from '../../until.ts';
import { compress, Followed, lines } from './followed.ts';
import { install, refuse } from './model/preemption.ts';
import { Steps } from './steps.ts';

before(install);

/** Lets no path be opened but the log's own, until `refuse(null)` or the test's end. */
function refuseAllBut(t: TestContext, ...paths: readonly string[]): void {
  refuse((path) => !paths.includes(path));
  t.after(() => refuse(null));
}

async function looks(log: Steps, count = 3): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    await log.look();
    await log.take();
  }
}

/** Makes the copy of a log of ten lines that were read and three that were not; five lines come after it. */
const ROTATIONS: Record<string, (path: string) => void> = {
  'copied and truncated': (path) => {
    copyFileSync(path, `${path}.1`);
    truncateSync(path);
    appendFileSync(path, lines(13, 18));
  },
  'copied, truncated, and still empty': (path) => {
    copyFileSync(path, `${path}.1`);
    truncateSync(path);
  },
  'compressed and created anew': (path) => {
    renameSync(path, `${path}.1`);
    compress(`${path}.1`, 'gz');
    writeFileSync(path, lines(13, 18));
  },
};

for (const [how, rotate] of Object.entries(ROTATIONS))
  for (const isDown of [false, true])
    test(`a log ${how} (${isDown ? 'down' : 'running'}): an unreadable copy is read once it can be, behind what was read`, async (t) => {
      const log = new Steps(t);
      appendFileSync(log.path, lines(0, 10));
      await log.drain();
      appendFileSync(log.path, lines(10, 13));
      rotate(log.path);
      refuseAllBut(t, log.path);
      if (isDown) log.restart();
      await looks(log);
      // A log that is open is read to its end, wherever it is.
      const isOpen = !isDown && how.startsWith('compressed');
      assert.equal(log.text, lines(0, isOpen ? 13 : 10));
      refuse(null);
      await log.drain();
      if (how.endsWith('empty')) appendFileSync(log.path, lines(13, 18));
      await log.quiet();
      assert.equal(log.text, lines(0, 18));
      assert.deepEqual(log.gaps, []);
    });

test('a copy that was unreadable and empty when it was listed first is not read again', async (t) => {
  const log = new Steps(t);
  appendFileSync(log.path, lines(0, 10));
  await log.drain();
  refuseAllBut(t, log.path);
  writeFileSync(`${log.path}.1`, '');
  await log.drain();
  copyFileSync(log.path, `${log.path}.1`);
  truncateSync(log.path);
  appendFileSync(log.path, lines(10, 15));
  await looks(log);
  refuse(null);
  await log.quiet();
  assert.equal(log.text, lines(0, 15));
  assert.deepEqual(log.gaps, []);
});

test('a generation that was read, compressed and deleted while no line of the new log was read is not read again', async (t) => {
  const log = new Steps(t);
  appendFileSync(log.path, lines(0, 10));
  await log.drain();
  renameSync(log.path, `${log.path}.1`);
  writeFileSync(log.path, '');
  await log.quiet();
  compress(`${log.path}.1`, 'gz');
  refuseAllBut(t, log.path);
  await looks(log);
  log.pass(UNREADABLE_LIMIT_MS);
  appendFileSync(log.path, lines(10, 15));
  await log.drain();
  refuse(null);
  log.restart();
  await log.quiet();
  assert.equal(log.text, lines(0, 15));
  // It was read to its end.
  assert.deepEqual(log.gaps, []);
});

for (const isDown of [false, true])
  test(`a copy that stays unreadable is reported after a minute and not read, and the log is (${isDown ? 'down' : 'running'})`, async (t) => {
    const log = new Steps(t);
    appendFileSync(log.path, lines(0, 10));
    await log.drain();
    appendFileSync(log.path, lines(10, 13));
    copyFileSync(log.path, `${log.path}.1`);
    truncateSync(log.path);
    appendFileSync(log.path, lines(13, 18));
    refuseAllBut(t, log.path);
    if (isDown) log.restart();
    await looks(log);
    log.pass(UNREADABLE_LIMIT_MS - 1);
    await looks(log);
    assert.equal(log.text, lines(0, 10));
    log.pass(1);
    await log.drain();
    assert.equal(log.text, lines(0, 10) + lines(13, 18));
    const reported = log.gaps.filter(({ kind }) => kind === 'unreadable');
    assert.equal(reported.length, 1);
    assert.match(reported[0]?.text ?? '', /sshd\.log\.1 may have what .*sshd\.log had behind byte \d+, .*: EACCES/);
    refuse(null);
    await log.drain();
    log.restart();
    renameSync(`${log.path}.1`, `${log.path}.2`);
    renameSync(log.path, `${log.path}.1`);
    writeFileSync(log.path, lines(18, 20));
    await log.quiet();
    assert.equal(log.text, lines(0, 10) + lines(13, 20));
  });

test('old files that cannot be opened and are no copies keep nothing waiting', async (t) => {
  const log = new Steps(t);
  for (const n of [1, 2, 3, 4, 5, 6]) {
    writeFileSync(`${log.path}.${n}.gz`, 'unreadable');
    utimesSync(`${log.path}.${n}.gz`, 1_700_000_000 - n, 1_700_000_000 - n);
  }
  refuseAllBut(t, log.path, `${log.path}.1`);
  log.restart();
  appendFileSync(log.path, lines(0, 10));
  await log.drain();
  for (const n of [6, 5, 4, 3, 2, 1]) renameSync(`${log.path}.${n}.gz`, `${log.path}.${n + 1}.gz`);
  renameSync(log.path, `${log.path}.1`);
  writeFileSync(log.path, lines(10, 15));
  await log.drain();
  assert.equal(log.text, lines(0, 15));
  unlinkSync(`${log.path}.1`);
  log.restart();
  await log.quiet();
  appendFileSync(log.path, lines(15, 16));
  await log.drain();
  assert.equal(log.text, lines(0, 16));
  assert.deepEqual(log.gaps, []);
});

test('a copy that cannot be read is an obstacle after five seconds, and none any more once it can be', async (t) => {
  const log = new Followed(t, { lookEveryMs: 5 });
  writeFileSync(log.path, lines(0, 10));
  log.start();
  await log.shows(lines(0, 10));
  log.stop();
  copyFileSync(log.path, `${log.path}.1`);
  truncateSync(log.path);
  appendFileSync(log.path, lines(10, 15));
  refuseAllBut(t, log.path);
  log.start();
  let looked = 0;
  refuse((path) => {
    if (path !== log.path) looked += 1;
    return path !== log.path;
  });
  await until(() => looked > 10);
  assert.deepEqual(log.logged, []);
  const { now } = Date;
  t.mock.method(Date, 'now', () => now() + 10_000);
  await until(() => log.source?.status().state === 'log unreadable');
  assert.match(
    log.logged.join('\n'),
    /^error .*sshd\.log waits for .*sshd\.log\.1, which may have unread lines: EACCES: [^;]*; make it readable for this user, it is tried again for a minute and then left out$/,
  );
  refuse(null);
  await log.shows(lines(0, 15));
  await until(() => log.source?.status().state === 'caught up');
  assert.match(log.logged[1] ?? '', /^info Reading .*sshd\.log now/);
});

test('a log that cannot be read itself is reported at once, also beside a copy that cannot be', async (t) => {
  const log = new Followed(t, { lookEveryMs: 5 });
  writeFileSync(log.path, lines(0, 10));
  log.start();
  await log.shows(lines(0, 10));
  log.stop();
  renameSync(log.path, `${log.path}.1`);
  writeFileSync(log.path, lines(10, 15));
  refuseAllBut(t);
  log.start();
  await until(() => log.source?.status().state === 'log unreadable');
  assert.match(
    log.logged.join('\n'),
    /^error .*sshd\.log cannot be read: EACCES: [^;]*; make it readable for this user, it is tried again$/,
  );
  refuse(null);
  await log.shows(lines(0, 15));
});

test('a log that was never followed before waits for nothing once it is read', async (t) => {
  const other = new Steps(t);
  appendFileSync(other.path, lines(0, 10));
  await other.drain();
  const log = new Steps(t);
  appendFileSync(log.path, lines(20, 30));
  writeFileSync(`${log.path}.1`, 'of another kind\n');
  refuseAllBut(t, log.path);
  const files = readPosition(JSON.parse(JSON.stringify(other.position))).files;
  const silent = { info: () => {}, warn: () => {}, error: () => {} };
  const follower = new Follower({ path: log.path, from: 'start', files, foreign: true, log: silent });
  t.after(() => follower.close());
  let text = '';
  for (const nowMs of [0, 1, UNREADABLE_LIMIT_MS, UNREADABLE_LIMIT_MS + 1, UNREADABLE_LIMIT_MS + 2]) {
    await follower.look(nowMs, true);
    text += Buffer.from((await follower.take(nowMs))?.bytes ?? []).toString();
  }
  assert.equal(text, lines(20, 30));
  assert.equal(follower.waitsFor, null);
});
