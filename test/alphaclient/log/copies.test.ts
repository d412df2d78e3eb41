/** Copies that take the place of the log: mirrors, editors, a tmpfs laid over the folder. A longer copy is the log going on. */
import assert from 'node:assert/strict';
import fs, {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { until } from '../../until.ts';
import { Followed, lines } from './followed.ts';

/** Replaces the log as `cp log .t; ... >> .t; mv .t log` does. */
function replaceByCopy(log: Followed, added: string, copied = readFileSync(log.path)): void {
  const copy = join(dirname(log.path), '.t');
  writeFileSync(copy, copied);
  appendFileSync(copy, added);
  renameSync(copy, log.path);
}

/** Counts the looks of all followers in this process: each begins with a stat of the log. */
let stats = 0;
const { statSync } = fs;
(fs as { statSync: unknown }).statSync = ((...args: Parameters<typeof statSync>) => {
  stats += 1;
  return statSync(...args);
}) as typeof statSync;
syncBuiltinESMExports();

/** Waits until the follower has looked several times: a line that must not be emitted would have been. */
function looked(): Promise<void> {
  const until40 = stats + 40;
  return until(() => stats >= until40);
}

for (const running of [true, false]) {
  const when = running ? 'while it is followed' : 'while the agent is down';

  /** A log with so many lines, all of them read. */
  const followedLog = async (t: TestContext, count: number): Promise<Followed> => {
    const log = new Followed(t, { lookEveryMs: 20 });
    writeFileSync(log.path, lines(0, count));
    log.start();
    await log.shows(lines(0, count));
    if (!running) log.stop();
    return log;
  };

  for (const count of [1, 3, 200, 20_000])
    test(`a copy of ${count} lines with a line appended goes on in the log (${when})`, async (t) => {
      const log = await followedLog(t, count);
      replaceByCopy(log, lines(count, count + 1));
      if (!running) log.start();
      await log.shows(lines(0, count + 1));
      appendFileSync(log.path, lines(count + 1, count + 3));
      await log.shows(lines(0, count + 3));
      assert.deepEqual(log.gaps, []);
    });

  test(`a mirror that replaces the log again and again, as rsync does, adds each line once (${when})`, async (t) => {
    const log = await followedLog(t, 50);
    for (let i = 50; i < 60; i += 1) {
      // Every third time nothing is new.
      const added = i % 3 === 0 ? 0 : 2;
      replaceByCopy(log, lines(1_000 + i * 2, 1_000 + i * 2 + added));
      if (!running) log.start();
      await until(() => log.text.split('\n').length > readFileSync(log.path, 'utf8').split('\n').length - 1);
      if (!running) log.stop();
    }
    assert.equal(log.text, readFileSync(log.path, 'utf8'));
    assert.deepEqual(log.gaps, []);
  });

  test(`lines that were not read when the copy was made are emitted once (${when})`, async (t) => {
    const log = await followedLog(t, 100);
    if (running) {
      // Both in one turn of the event loop: the follower cannot read in between.
      appendFileSync(log.path, lines(100, 110));
      replaceByCopy(log, lines(110, 112));
    } else {
      appendFileSync(log.path, lines(100, 110));
      replaceByCopy(log, lines(110, 112));
      log.start();
    }
    await log.shows(lines(0, 112));
    assert.deepEqual(log.gaps, []);
  });

  test(`a log rewritten in place by an editor goes on in the log (${when})`, async (t) => {
    const log = await followedLog(t, 300);
    const text = Buffer.from(lines(0, 303));
    const fd = openSync(log.path, 'w');
    for (let at = 0; at < text.length; at += 4_000) {
      writeSync(fd, text, at, Math.min(4_000, text.length - at), at);
      if (running) await new Promise((later) => setTimeout(later, 5));
    }
    closeSync(fd);
    if (!running) log.start();
    await log.shows(lines(0, 303));
    appendFileSync(log.path, lines(303, 304));
    await log.shows(lines(0, 304));
    assert.deepEqual(log.gaps, []);
  });

  test(`a log renamed to a backup and written anew by an editor goes on in the log (${when})`, async (t) => {
    const log = await followedLog(t, 300);
    const text = Buffer.from(lines(0, 303));
    renameSync(log.path, `${log.path}~`);
    const fd = openSync(log.path, 'w');
    if (running) await new Promise((later) => setTimeout(later, 50));
    for (let at = 0; at < text.length; at += 4_000) {
      writeSync(fd, text, at, Math.min(4_000, text.length - at), at);
      if (running) await new Promise((later) => setTimeout(later, 5));
    }
    closeSync(fd);
    rmSync(`${log.path}~`);
    if (!running) log.start();
    await log.shows(lines(0, 303));
    assert.deepEqual(log.gaps, []);
  });

  test(`a link moved to a longer copy goes on in the log (${when})`, async (t) => {
    const log = new Followed(t, { lookEveryMs: 20 });
    const [old, copy] = ['one.txt', 'two.txt'].map((name) => join(dirname(log.path), name)) as [string, string];
    writeFileSync(old, lines(0, 10));
    symlinkSync(old, log.path);
    log.start();
    await log.shows(lines(0, 10));
    if (!running) log.stop();
    copyFileSync(old, copy);
    appendFileSync(copy, lines(10, 12));
    symlinkSync(copy, `${log.path}.new`);
    renameSync(`${log.path}.new`, log.path);
    if (!running) log.start();
    await log.shows(lines(0, 12));
    appendFileSync(copy, lines(12, 13));
    await log.shows(lines(0, 13));
    // The writer of the old file goes on for a while.
    if (running) {
      appendFileSync(old, lines(500, 501));
      await log.shows(lines(0, 13) + lines(500, 501));
    }
    assert.deepEqual(log.gaps, []);
  });

  test(`a shorter copy emits nothing until it passes what was read (${when})`, async (t) => {
    const log = await followedLog(t, 100);
    const shorter = Buffer.from(lines(0, 40));
    replaceByCopy(log, '', shorter.subarray(0, -20));
    if (!running) log.start();
    await looked();
    assert.equal(log.text, lines(0, 100));
    if (!running) log.restart();
    appendFileSync(log.path, shorter.subarray(-20));
    appendFileSync(log.path, lines(40, 90));
    await looked();
    assert.equal(log.text, lines(0, 100));
    appendFileSync(log.path, lines(90, 100));
    await looked();
    assert.equal(log.text, lines(0, 100));
    appendFileSync(log.path, lines(100, 102));
    await log.shows(lines(0, 102));
    assert.deepEqual(log.gaps, []);
  });

  test(`a shorter copy that differs once it passes what was read is a new log (${when})`, async (t) => {
    const log = await followedLog(t, 100);
    replaceByCopy(log, '', Buffer.from(lines(0, 40)));
    if (!running) log.start();
    await looked();
    appendFileSync(log.path, lines(1_000, 1_100));
    await log.shows(lines(0, 100) + lines(0, 40) + lines(1_000, 1_100));
  });

  test(`a new log that begins like the old one loses nothing (${when})`, async (t) => {
    const listening = 'Server listening on 0.0.0.0 port 22.\nServer listening on :: port 22.\n';
    const log = new Followed(t, { lookEveryMs: 20 });
    writeFileSync(log.path, listening + lines(0, 5));
    log.start();
    await log.shows(listening + lines(0, 5));
    if (!running) log.stop();
    renameSync(log.path, `${log.path}.1`);
    writeFileSync(log.path, listening);
    if (!running) log.start();
    appendFileSync(log.path, lines(5, 7));
    await log.shows(listening + lines(0, 5) + listening + lines(5, 7));
    assert.deepEqual(log.gaps, []);
  });

  test(`the same line over and over in a log and in the next one is read as often as it was written (${when})`, async (t) => {
    const line = 'Failed password for root from 192.0.2.1 port 22 ssh2\n';
    const log = new Followed(t, { lookEveryMs: 20 });
    writeFileSync(log.path, line.repeat(5));
    log.start();
    await log.shows(line.repeat(5));
    if (!running) log.stop();
    renameSync(log.path, `${log.path}.1`);
    writeFileSync(log.path, line.repeat(2));
    if (!running) log.start();
    await log.shows(line.repeat(7));
    appendFileSync(log.path, line.repeat(6));
    await log.shows(line.repeat(13));
    assert.deepEqual(log.gaps, []);
  });

  test(`a shorter copy that is rotated away emits nothing (${when})`, async (t) => {
    const log = await followedLog(t, 100);
    replaceByCopy(log, '', Buffer.from(lines(0, 40)));
    if (running) await looked();
    renameSync(log.path, `${log.path}-20260101`);
    writeFileSync(log.path, lines(100, 110));
    if (!running) log.start();
    await log.shows(lines(0, 110));
    assert.deepEqual(log.gaps, []);
  });

  test(`a copy that is replaced by a longer one before it is read goes on in the log (${when})`, async (t) => {
    const log = await followedLog(t, 10);
    replaceByCopy(log, lines(10, 12));
    replaceByCopy(log, lines(12, 13));
    renameSync(log.path, `${log.path}-20260101`);
    copyFileSync(`${log.path}-20260101`, log.path);
    appendFileSync(log.path, lines(13, 14));
    if (!running) log.start();
    await log.shows(lines(0, 14));
    assert.deepEqual(log.gaps, []);
  });
}

test('lines that a writer adds to the replaced file are read beside those of the copy', async (t) => {
  const log = new Followed(t, { lookEveryMs: 20 });
  writeFileSync(log.path, lines(0, 10));
  const writer = openSync(log.path, 'a');
  t.after(() => closeSync(writer));
  log.start();
  await log.shows(lines(0, 10));
  replaceByCopy(log, lines(20, 22));
  writeSync(writer, lines(10, 12));
  await until(() => log.text.split('\n').length === 15);
  assert.deepEqual(log.text.split('\n').sort(), (lines(0, 12) + lines(20, 22)).split('\n').sort());
  log.restart();
  appendFileSync(log.path, lines(22, 23));
  await until(() => log.text.split('\n').length === 16);
  assert.ok(log.text.endsWith(lines(22, 23)));
});

test('a log truncated in place is read anew, and its unread end is reported', async (t) => {
  const log = new Followed(t, { lookEveryMs: 20 });
  writeFileSync(log.path, lines(0, 10));
  log.start();
  await log.shows(lines(0, 10));
  truncateSync(log.path);
  await until(() => JSON.parse(JSON.stringify(log.position)).files.at(-1).offset === 0);
  appendFileSync(log.path, lines(10, 12));
  await log.shows(lines(0, 12));
  assert.deepEqual(log.gaps, []);
  assert.ok(log.logged.some((text) => text.includes('was truncated')));
});

test('verifying a copy of a large log reads little of it', async (t) => {
  const log = new Followed(t, { lookEveryMs: 20 });
  const text = lines(0, 400_000);
  writeFileSync(log.path, text);
  log.start();
  await until(() => log.text.length === text.length);
  const { readSync } = fs;
  let readBytes = 0;
  fs.readSync = ((...args: Parameters<typeof readSync>) => {
    const count = readSync(...args);
    readBytes += count;
    return count;
  }) as typeof readSync;
  syncBuiltinESMExports();
  t.after(() => {
    fs.readSync = readSync;
    syncBuiltinESMExports();
  });
  const copy = join(dirname(log.path), '.t');
  copyFileSync(log.path, copy);
  appendFileSync(copy, 'one more line\n');
  renameSync(copy, log.path);
  await until(() => log.text.length === text.length + 14);
  assert.ok(readBytes < 500_000, `${readBytes} of ${text.length} bytes were read`);
});

test('a copy that differs in its middle is a new log', async (t) => {
  const log = new Followed(t, { lookEveryMs: 20 });
  writeFileSync(log.path, lines(0, 2_000));
  log.start();
  await log.shows(lines(0, 2_000));
  // The same first and last bytes, and the same length.
  const changed = Buffer.from(
    lines(0, 2_000).replace(
      lines(500, 1_500),
      lines(500, 1_500).replaceAll('root', 'toor').replaceAll('Failed', 'failed'),
    ),
  );
  replaceByCopy(log, lines(2_000, 2_001), changed);
  await log.shows(lines(0, 2_000) + changed.toString() + lines(2_000, 2_001));
});

test('a position saved before there were block hashes is read on', async (t) => {
  const log = new Followed(t);
  writeFileSync(log.path, lines(0, 100));
  log.start();
  await log.shows(lines(0, 100));
  log.stop();
  const position = JSON.parse(JSON.stringify(log.position));
  assert.ok(position.files[0].blocks.hashes.length > 0);
  delete position.files[0].blocks;
  log.position = position;
  replaceByCopy(log, lines(100, 101));
  log.start();
  await log.shows(lines(0, 101));
  assert.deepEqual(log.gaps, []);
  assert.ok(existsSync(log.path));
});
