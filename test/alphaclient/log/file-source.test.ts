import assert from 'node:assert/strict';
import fs, {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  renameSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { FileSource } from '../../../alphaclient/log/file-source.ts';
import type { Ticker } from '../../../service/ticker.ts';
import { until } from '../../until.ts';
import { Followed } from './followed.ts';

test('emits whole lines as they are written, and keeps a partial line until its end comes', async (t) => {
  const log = new Followed(t);
  writeFileSync(log.path, 'one\ntwo\nthr');
  log.start();
  await log.shows('one\ntwo\n');
  appendFileSync(log.path, 'ee\r\nfo');
  await log.shows('one\ntwo\nthree\r\n');
  log.stop();
  appendFileSync(log.path, 'ur\n');
  log.start();
  await log.shows('one\ntwo\nthree\r\nfour\n');
});

test('waits for a log that does not exist yet, logs that, and begins at its start even where `from` is the end', async (t) => {
  const log = new Followed(t, { from: 'end' });
  log.start();
  await until(
    () => log.source?.status().state === 'log missing',
    () => 'never missing',
  );
  assert.deepEqual(log.logged.length, 1, log.logged.join());
  writeFileSync(log.path, 'one\n');
  await log.shows('one\n');
  assert.equal(log.source?.status().state, 'caught up');
});

test('a log whose links lead in a circle is reported without the remedy for a closed one, and read once it is there', async (t) => {
  const log = new Followed(t);
  symlinkSync(log.path, log.path);
  log.start();
  await until(() => log.source?.status().state === 'log unreadable');
  assert.match(log.logged.join('\n'), /^error .*sshd\.log cannot be read: ELOOP: [^;]*; it is tried again$/);
  unlinkSync(log.path);
  writeFileSync(log.path, 'one\n');
  await log.shows('one\n');
});

test('a log renamed and created anew is read to its end first', async (t) => {
  const log = new Followed(t);
  writeFileSync(log.path, 'one\n');
  log.start();
  await log.shows('one\n');
  appendFileSync(log.path, 'two\n');
  renameSync(log.path, `${log.path}.1`);
  writeFileSync(log.path, 'three\n');
  await log.shows('one\ntwo\nthree\n');
  appendFileSync(`${log.path}.1`, 'late\n');
  await log.shows('one\ntwo\nthree\nlate\n');
});

test('after copying and truncating the log is read from its beginning', async (t) => {
  const log = new Followed(t);
  writeFileSync(log.path, 'one\n');
  log.start();
  await log.shows('one\n');
  appendFileSync(log.path, 'two\n');
  copyFileSync(log.path, `${log.path}.1`);
  truncateSync(log.path);
  appendFileSync(log.path, 'three and more than before\n');
  await log.shows('one\ntwo\nthree and more than before\n');
});

test('rotations while the agent is down are read from the rotated files, oldest first', async (t) => {
  const log = new Followed(t);
  writeFileSync(log.path, 'one\n');
  log.start();
  await log.shows('one\n');
  log.stop();
  appendFileSync(log.path, 'two\n');
  renameSync(log.path, `${log.path}.2`);
  writeFileSync(`${log.path}.1`, 'three\n');
  writeFileSync(log.path, 'four\n');
  log.start();
  await log.shows('one\ntwo\nthree\nfour\n');
  assert.deepEqual(log.gaps, []);
});

test('a log that is gone each time it is opened is reported as unreadable after a while', async (t) => {
  const log = new Followed(t, { lookEveryMs: 5 });
  writeFileSync(log.path, 'one\n');
  t.mock.method(fs, 'openSync', () => {
    throw Object.assign(new Error('ENOENT: no such file or directory'), { code: 'ENOENT' });
  });
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  log.start();
  await until(() => log.source?.status().state === 'log missing');
  const { now } = Date;
  t.mock.method(Date, 'now', () => now() + 10_000);
  await until(() => log.source?.status().state === 'log unreadable');
  assert.match(log.logged.join('\n'), /error .*cannot be read: ENOENT/);
});

test('a folder at the path of the log is reported with what to set', async (t) => {
  const log = new Followed(t, { lookEveryMs: 5 });
  mkdirSync(log.path);
  log.start();
  await until(() => log.source?.status().state === 'log unreadable');
  assert.match(
    log.logged.join('\n'),
    /error .*not a regular file; set ALPHACLIENT_LOG to a regular file, it is tried again/,
  );
});

test('a log that was copied and truncated while nobody asked for it is not taken for read before it was looked at', async (t) => {
  const log = new Followed(t);
  writeFileSync(log.path, 'one, which is longer than what comes after it\n');
  const options = { path: log.path, from: 'start', position: null, log: { info() {}, warn() {}, error() {} } } as const;
  const source = new FileSource(options);
  t.after(() => source.close());
  await source.next();
  copyFileSync(log.path, `${log.path}.1`);
  truncateSync(log.path);
  appendFileSync(log.path, 'two\n');
  const next = source.next();
  assert.equal(source.status().state, 'behind');
  let text = String((await next)?.bytes);
  while (text === '') text = String((await source.next())?.bytes);
  assert.equal(text, 'two\n');
});

test('a folder that takes the place of the log’s folder is watched', async (t) => {
  const log = new Followed(t);
  const path = join(dirname(log.path), 'logs', 'sshd.log');
  mkdirSync(dirname(path));
  writeFileSync(path, 'one\n');
  const works = new Set<() => void>();
  const ticker = {
    add: (work: () => void): (() => void) => {
      works.add(work);
      return () => works.delete(work);
    },
  } as Ticker;
  // Without ticks, only a watch makes it look again.
  log.start({ path, ticker, lookEveryMs: 600_000 });
  await log.shows('one\n');
  renameSync(dirname(path), `${dirname(path)}.old`);
  mkdirSync(dirname(path));
  await until(() => {
    for (const work of works) work();
    return log.source?.status().state === 'log missing';
  });
  writeFileSync(path, 'two\n');
  await log.shows('one\ntwo\n');
});

/** Lets the stats of one path give each of these errors in turn, once in so many calls. Returns how many have failed. */
function failStats(t: TestContext, failing: string, codes: readonly string[], every: number): () => number {
  const { statSync } = fs;
  let calls = 0;
  t.mock.method(fs, 'statSync', (path: string, options: fs.StatSyncOptions) => {
    if (path === failing) calls += 1;
    if (path !== failing || calls % every > 0) return statSync(path, options);
    const code = codes[(calls / every) % codes.length];
    throw Object.assign(new Error(`${code}: stat failed`), { code });
  });
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  return () => Math.floor(calls / every);
}

test('whichever stat of the folder fails while the log is missing, it is reported as unreadable, and the log is read once it is there', async (t) => {
  const log = new Followed(t, { lookEveryMs: 2 });
  // A look has fewer stats of it than that, so that each of them fails some time.
  const failed = failStats(t, dirname(log.path), ['EIO'], 11);
  log.start();
  await until(() => failed() >= 40);
  assert.match(log.logged.join('\n'), /^error .*sshd\.log cannot be read: EIO: [^;]*; it is tried again$/m);
  writeFileSync(log.path, 'one\n');
  await log.shows('one\n');
});

test('errors that alternate are logged once each, and again after the log could be read', async (t) => {
  const log = new Followed(t, { lookEveryMs: 2 });
  writeFileSync(log.path, 'one\n');
  const failed = failStats(t, log.path, ['EIO', 'EACCES'], 1);
  log.start();
  await until(() => failed() >= 20);
  assert.deepEqual(log.logged.map((text) => /E[A-Z]+/.exec(text)?.[0]).sort(), ['EACCES', 'EIO']);
  t.mock.restoreAll();
  syncBuiltinESMExports();
  await log.shows('one\n');
  assert.match(log.logged.at(-1) ?? '', /^info Reading /);
  const failedAgain = failStats(t, log.path, ['EIO', 'EACCES'], 1);
  await until(() => failedAgain() >= 20);
  assert.equal(log.logged.length, 5, log.logged.join('\n'));
});
