/** Cases in which other log shippers are known to lose lines or to read them twice. */
import assert from 'node:assert/strict';
import fs, {
  appendFileSync,
  copyFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { has, lacking } from '../../e2e/machine.ts';
import { until } from '../../until.ts';
import { compress, Followed, lines } from './followed.ts';

for (const running of [true, false]) {
  const when = running ? 'while it is followed' : 'while the agent is down';

  test(`a new log with the inode of a deleted one is read from its beginning (${when})`, async (t) => {
    const log = new Followed(t);
    writeFileSync(log.path, lines(0, 100));
    log.start();
    await log.shows(lines(0, 100));
    if (!running) log.stop();
    // The oldest generation is deleted, and the new log is given its inode.
    copyFileSync(log.path, `${log.path}.2`);
    const { ino } = statSync(`${log.path}.2`);
    renameSync(log.path, `${log.path}.1`);
    truncateSync(`${log.path}.2`);
    appendFileSync(`${log.path}.2`, lines(100, 102));
    renameSync(`${log.path}.2`, log.path);
    assert.equal(statSync(log.path).ino, ino);
    if (!running) log.start();
    await log.shows(lines(0, 102));
    assert.deepEqual(log.gaps, []);
  });

  for (const after of [1, 200])
    test(`an old position never hides the beginning of a file of ${after} lines that took its inode (${when})`, async (t) => {
      const log = new Followed(t);
      writeFileSync(log.path, lines(0, 100));
      log.start();
      await log.shows(lines(0, 100));
      if (!running) log.stop();
      appendFileSync(log.path, lines(100, 103));
      if (running) await log.shows(lines(0, 103));
      const seen = running ? lines(0, 103) : lines(0, 100);
      // In one write, as a file that is deleted and made anew comes with another text at once.
      writeFileSync(log.path, lines(500, 500 + after));
      if (!running) log.start();
      await log.shows(seen + lines(500, 500 + after));
      if (!running) {
        assert.equal(log.gaps.length, 1, 'the unread lines are reported');
        assert.equal(log.gaps[0]?.kind, 'rotated-away');
      }
    });

  test(`a log copied, truncated, and grown past the old position at once is read whole (${when})`, async (t) => {
    const log = new Followed(t);
    writeFileSync(log.path, lines(0, 10));
    log.start();
    await log.shows(lines(0, 10));
    if (!running) log.stop();
    appendFileSync(log.path, lines(10, 12));
    copyFileSync(log.path, `${log.path}.1`);
    writeFileSync(log.path, lines(12, 60));
    if (!running) log.start();
    await log.shows(lines(0, 60));
    assert.deepEqual(log.gaps, []);
  });

  test(`lines written to a renamed file are read, as are those of the new one (${when})`, async (t) => {
    const log = new Followed(t);
    writeFileSync(log.path, 'c\n');
    log.start();
    await log.shows('c\n');
    if (!running) log.stop();
    renameSync(log.path, `${log.path}.1`);
    writeFileSync(log.path, 'c2\n');
    if (running) await log.shows('c\nc2\n');
    appendFileSync(`${log.path}.1`, 'c3\n');
    if (running) await log.shows('c\nc2\nc3\n');
    appendFileSync(log.path, 'c4\n');
    if (!running) log.start();
    await log.shows(running ? 'c\nc2\nc3\nc4\n' : 'c\nc3\nc2\nc4\n');
  });

  test(`a partial line whose log is renamed is ended there, and emitted once (${when})`, async (t) => {
    const log = new Followed(t);
    writeFileSync(log.path, 'one\ntw');
    log.start();
    await log.shows('one\n');
    if (!running) log.stop();
    renameSync(log.path, `${log.path}.1`);
    writeFileSync(log.path, 'three\n');
    appendFileSync(`${log.path}.1`, 'o\n');
    if (!running) log.start();
    await until(() => log.text.length >= 'one\ntwo\nthree\n'.length);
    assert.deepEqual(log.text.split('\n').sort(), ['', 'one', 'three', 'two']);
  });

  test(`thousands of lines right before a rename are all read, in order (${when})`, async (t) => {
    const log = new Followed(t);
    writeFileSync(log.path, lines(0, 10));
    log.start();
    await log.shows(lines(0, 10));
    if (!running) log.stop();
    for (let at = 10; at < 20_010; at += 5_000) {
      appendFileSync(log.path, lines(at, at + 5_000));
      renameSync(log.path, `${log.path}-${20260101 + at}`);
      writeFileSync(log.path, '');
    }
    if (!running) log.start();
    await log.shows(lines(0, 20_010));
    assert.deepEqual(log.gaps, []);
  });

  test(`a link moved to the next day's file, twice, is followed through every one (${when})`, async (t) => {
    const log = new Followed(t);
    const day = (n: number): string => join(dirname(log.path), `all-2026-11-0${n}.txt`);
    const move = (n: number): void => {
      symlinkSync(day(n), `${log.path}.new`);
      renameSync(`${log.path}.new`, log.path);
    };
    writeFileSync(day(1), 'one\n');
    move(1);
    log.start();
    await log.shows('one\n');
    if (!running) log.stop();
    appendFileSync(day(1), 'two\n');
    writeFileSync(day(2), 'three\n');
    move(2);
    writeFileSync(day(3), 'four\n');
    move(3);
    if (!running) log.start();
    await log.shows('one\ntwo\nthree\nfour\n');
    assert.deepEqual(log.gaps, []);
  });
}

test('a restart at any line reads nothing twice', async (t) => {
  const log = new Followed(t);
  for (let i = 0; i < 30; i += 1) {
    appendFileSync(log.path, lines(i, i + 1));
    log.restart();
    await log.shows(lines(0, i + 1));
  }
});

test('logs of a few bytes, and empty ones, are distinguished', async (t) => {
  const log = new Followed(t);
  writeFileSync(log.path, '');
  log.start();
  await until(() => log.position !== null);
  renameSync(log.path, `${log.path}.1`);
  writeFileSync(log.path, 'a\n');
  await log.shows('a\n');
  log.stop();
  renameSync(`${log.path}.1`, `${log.path}.2`);
  renameSync(log.path, `${log.path}.1`);
  writeFileSync(log.path, 'b\n');
  log.start();
  await log.shows('a\nb\n');
  renameSync(log.path, `${log.path}.0`);
  writeFileSync(log.path, 'a\n');
  await log.shows('a\nb\na\n');
  assert.deepEqual(log.gaps, []);
});

test('a stop in the middle of a line never loses its first half', async (t) => {
  const log = new Followed(t);
  const text = 'Failed password for root from 192.0.2.1 port 22 ssh2\n';
  writeFileSync(log.path, 'first\n');
  log.start();
  await log.shows('first\n');
  for (const byte of text) {
    appendFileSync(log.path, byte);
    log.restart();
  }
  await log.shows(`first\n${text}`);
});

for (const compression of ['gz', 'zst', 'xz'] as const)
  test(`rotations while the agent is down are read from .${compression} files, oldest first`, {
    skip: compression === 'xz' && lacking('rotations compressed by xz', { xz: has('xz') }),
  }, async (t) => {
    const log = new Followed(t);
    writeFileSync(log.path, lines(0, 5));
    log.start();
    await log.shows(lines(0, 5));
    log.stop();
    for (let i = 1; i <= 3; i += 1) {
      appendFileSync(log.path, lines(i * 5, i * 5 + 5));
      renameSync(log.path, `${log.path}-2026110${i}`);
      if (i < 3) compress(`${log.path}-2026110${i}`, compression);
    }
    writeFileSync(log.path, lines(20, 25));
    log.start();
    await log.shows(lines(0, 25));
    assert.deepEqual(log.gaps, []);
  });

test('a log that is missing for a while after its rename is read once it exists', async (t) => {
  const log = new Followed(t);
  writeFileSync(log.path, 'one\n');
  log.start();
  await log.shows('one\n');
  renameSync(log.path, `${log.path}.1`);
  appendFileSync(`${log.path}.1`, 'two\nthr');
  await until(() => log.source?.status().state === 'log missing');
  await log.shows('one\ntwo\n');
  appendFileSync(`${log.path}.1`, 'ee\n');
  await log.shows('one\ntwo\nthree\n');
  writeFileSync(log.path, 'four\n');
  await log.shows('one\ntwo\nthree\nfour\n');
});

test('a log that was deleted before it was read is reported with its size', async (t) => {
  const log = new Followed(t);
  writeFileSync(log.path, 'one\n');
  log.start();
  await log.shows('one\n');
  log.stop();
  // As a position saved while the agent was behind, before it kept `seen` beside the size: 40 bytes were known to be there.
  const position = JSON.parse(JSON.stringify(log.position));
  position.files[0].size = 44;
  delete position.files[0].seen;
  log.position = position;
  rmSync(log.path);
  writeFileSync(log.path, 'another\n');
  log.start();
  await log.shows('one\nanother\n');
  assert.deepEqual(
    log.gaps.map(({ kind, bytes }) => ({ kind, bytes })),
    [{ kind: 'rotated-away', bytes: 40 }],
  );
  assert.match(log.gaps[0]?.text ?? '', /read up to byte 4 of 44, last written \d{4}-.*deleted or truncated before/);
});

test('a write is read when it happens, long before the next look', async (t) => {
  const log = new Followed(t, { lookEveryMs: 3_600_000 });
  writeFileSync(log.path, 'one\n');
  log.start();
  await log.shows('one\n');
  appendFileSync(log.path, 'two\n');
  await log.shows('one\ntwo\n');
  renameSync(log.path, `${log.path}.1`);
  writeFileSync(log.path, 'three\n');
  await log.shows('one\ntwo\nthree\n');
});

test('without watches, as when the system has none left, the slow look finds everything', async (t) => {
  const { watch } = fs;
  fs.watch = () => {
    throw Object.assign(new Error('ENOSPC: System limit for number of file watchers reached'), { code: 'ENOSPC' });
  };
  syncBuiltinESMExports();
  t.after(() => {
    fs.watch = watch;
    syncBuiltinESMExports();
  });
  const log = new Followed(t, { lookEveryMs: 20 });
  writeFileSync(log.path, 'one\n');
  log.start();
  await log.shows('one\n');
  appendFileSync(log.path, 'two\n');
  await log.shows('one\ntwo\n');
  renameSync(log.path, `${log.path}.1`);
  writeFileSync(log.path, 'three\n');
  await log.shows('one\ntwo\nthree\n');
});
