/** A log that nothing happens to is asked for by calls of stat alone, and whatever happens to it is found without any watch. */
import assert from 'node:assert/strict';
import fs, {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { QUIET_MS } from '../../../alphaclient/log/follower.ts';
import { PathChanges } from '../../../alphaclient/log/path-changes.ts';
import { Ticker } from '../../../service/ticker.ts';
import { until } from '../../until.ts';
import { Followed } from './followed.ts';

const LOOK_EVERY_MS = 5;
/** The clock that a wait has its limit by stands still. */
const LIMITED = { timeout: 120_000 };
const COUNTED = ['statSync', 'fstatSync', 'readdirSync', 'realpathSync', 'readSync'] as const;

/** Counts calls, holds the clock, and has no watch ever say a word. */
function withoutWatches(t: TestContext): { readonly calls: Map<string, number>; pass(ms: number): void } {
  const calls = new Map<string, number>();
  let nowMs = Date.now();
  const { now } = Date;
  Date.now = () => nowMs;
  // Not by the runner's mocks, which keep each call.
  const real = { ...fs };
  const counted = (name: (typeof COUNTED)[number]): unknown =>
    Object.assign((...args: unknown[]) => {
      calls.set(name, (calls.get(name) ?? 0) + 1);
      return (real[name] as (...args: unknown[]) => unknown)(...args);
    }, real[name]);
  Object.assign(fs, { watch: () => ({ on: () => {}, close: () => {} }) });
  for (const name of COUNTED) Object.assign(fs, { [name]: counted(name) });
  syncBuiltinESMExports();
  t.after(() => {
    Date.now = now;
    for (const name of ['watch', ...COUNTED] as const) Object.assign(fs, { [name]: real[name] });
    syncBuiltinESMExports();
  });
  return {
    calls,
    pass: (ms) => {
      nowMs += ms;
    },
  };
}

/** Follows a log with one line until looks are left out. */
async function followed(t: TestContext, path?: (log: Followed) => void) {
  const { calls, pass } = withoutWatches(t);
  const log = new Followed(t, { lookEveryMs: LOOK_EVERY_MS });
  if (path === undefined) writeFileSync(log.path, 'one\n');
  else path(log);
  log.start();
  await log.shows('one\n');
  /** Resolves once looks are left out: files that were rotated away are closed, and no thorough look is due. */
  const settles = async (): Promise<void> => {
    pass(QUIET_MS);
    await until(async () => {
      pass(LOOK_EVERY_MS);
      const [looks, stats] = [calls.get('readdirSync'), calls.get('statSync') ?? 0];
      await until(() => (calls.get('statSync') ?? 0) >= stats + 20);
      return calls.get('readdirSync') === looks;
    });
  };
  await settles();
  return { log, calls, pass, settles };
}

test('between two thorough looks nothing but the path and its folder are asked for', LIMITED, async (t) => {
  const { calls, pass } = await followed(t);
  const before = new Map(calls);
  await until(() => (calls.get('statSync') ?? 0) >= (before.get('statSync') ?? 0) + 50);
  for (const name of ['fstatSync', 'readdirSync', 'realpathSync', 'readSync'])
    assert.equal(calls.get(name), before.get(name), name);
  // In the end a thorough one comes.
  pass(LOOK_EVERY_MS * 10);
  await until(() => calls.get('readdirSync') !== before.get('readdirSync'));
});

test('what is written, rotated, copied, truncated, deleted or replaced is found by that', LIMITED, async (t) => {
  const { log, settles } = await followed(t);
  let text = 'one\n';
  let lines = 1;
  const adds = async (work: (line: string) => void): Promise<void> => {
    lines += 1;
    const line = `line ${lines} of more than one\n`;
    work(line);
    text += line;
    await log.shows(text);
    await settles();
  };
  await adds((line) => appendFileSync(log.path, line));
  await adds((line) => {
    renameSync(log.path, `${log.path}.1`);
    writeFileSync(log.path, line);
  });
  await adds((line) => {
    copyFileSync(log.path, `${log.path}.2`);
    truncateSync(log.path);
    appendFileSync(log.path, line);
  });
  await adds((line) => {
    rmSync(log.path);
    writeFileSync(log.path, line);
  });
  await adds((line) => {
    const copy = `${log.path}~`;
    copyFileSync(log.path, copy);
    appendFileSync(copy, line);
    renameSync(copy, log.path);
  });
  assert.deepEqual(log.gaps, []);
});

test('another content of the same size and time is found by that', LIMITED, async (t) => {
  const write = (path: string, text: string): void => {
    writeFileSync(path, text);
    utimesSync(path, 1_000, 1_000);
  };
  const { log } = await followed(t, ({ path }) => write(path, 'one\n'));
  write(log.path, 'two\n');
  await log.shows('one\ntwo\n');
});

test('a link that is moved to another file is found by that', LIMITED, async (t) => {
  const target = (log: Followed, day: number): string => `${log.path}-2026112${day}`;
  const { log } = await followed(t, (one) => {
    writeFileSync(target(one, 1), 'one\n');
    symlinkSync(target(one, 1), one.path);
  });
  writeFileSync(target(log, 2), 'two\n');
  symlinkSync(target(log, 2), `${log.path}~`);
  renameSync(`${log.path}~`, log.path);
  await log.shows('one\ntwo\n');
});

test('a line that comes late into a file that was rotated away is found by a thorough look', LIMITED, async (t) => {
  const { log, pass, settles } = await followed(t);
  renameSync(log.path, `${log.path}.1`);
  writeFileSync(log.path, 'two\n');
  await log.shows('one\ntwo\n');
  await settles();
  appendFileSync(`${log.path}.1`, 'late\n');
  pass(LOOK_EVERY_MS * 10);
  await log.shows('one\ntwo\nlate\n');
});

test('looks that the watches make rare come with the ticks that it is given', LIMITED, async (t) => {
  withoutWatches(t);
  const log = new Followed(t, { lookEveryMs: 3_600_000, ticker: new Ticker(LOOK_EVERY_MS) });
  writeFileSync(log.path, 'one\n');
  log.start();
  await log.shows('one\n');
  appendFileSync(log.path, 'two\n');
  await log.shows('one\ntwo\n');
});

test('a change within one tick of the clock after another one is not taken for none', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'paths-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'sshd.log');
  writeFileSync(path, 'one\n');
  let nowMs = 5_000;
  const changes = new PathChanges(path, () => nowMs);
  changes.note();
  assert.equal(changes.isUnchanged(), false);
  nowMs += 10;
  changes.note();
  assert.equal(changes.isUnchanged(), false);
  nowMs += 20;
  changes.note();
  assert.equal(changes.isUnchanged(), true);
  appendFileSync(path, 'two\n');
  assert.equal(changes.isUnchanged(), false);
  changes.note();
  nowMs += 1_000;
  assert.equal(changes.isUnchanged(), false);
  changes.note();
  assert.equal(changes.isUnchanged(), true);
  writeFileSync(`${path}.1`, '');
  assert.equal(changes.isUnchanged(), false);
});
