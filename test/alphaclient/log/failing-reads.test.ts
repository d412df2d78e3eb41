/** A rotated file that is open or found, and whose reading fails for a while, as on a network file system that comes back. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs, { appendFileSync, renameSync, statSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { after, before, test } from 'node:test';
import { UNREADABLE_LIMIT_MS } from '../../../alphaclient/log/undecided-files.ts';
import { compress, lines } from './followed.ts';
import { Steps } from './steps.ts';

const { fstatSync, readSync } = fs;
/** The inode whose reads fail; null for none. */
let failing: number | null = null;
/** The offset from which on they fail. */
let failingFrom = 0;
/** The inode whose metadata cannot be read right after a read of it; null for none. */
let failingAfter: number | null = null;
let wasRead = false;
before(() => {
  fs.fstatSync = ((fd: number, options?: fs.StatSyncOptions) => {
    const stat = fstatSync(fd, options) as fs.BigIntStats;
    if (wasRead && Number(stat.ino) === failingAfter)
      throw Object.assign(new Error('ESTALE: stale file handle, fstat'), { code: 'ESTALE' });
    return stat;
  }) as typeof fstatSync;
  fs.readSync = ((fd: number, ...args: [Buffer, number, number, number]) => {
    const { ino } = fstatSync(fd);
    const [, , length, from] = args;
    if (ino === failing && from + length > failingFrom)
      throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
    wasRead = ino === failingAfter;
    return readSync(fd, ...args);
  }) as typeof readSync;
  syncBuiltinESMExports();
});
after(() => {
  Object.assign(fs, { fstatSync, readSync });
  syncBuiltinESMExports();
});

/** Looks and takes as a source does: what the one throws does not keep it from the other. Returns the errors. */
async function steps(log: Steps, count = 5): Promise<string[]> {
  const errors: string[] = [];
  const note = (error: Error): void => void errors.push(error.message);
  for (let i = 0; i < count; i += 1) {
    await log.look().catch(note);
    await log.take().catch(note);
  }
  return errors;
}

const ROTATIONS: Record<string, (log: Steps) => Promise<number>> = {
  /** Of the log that is open, the unread end stands in the file with its new name. */
  'that is open': async (log) => {
    renameSync(log.path, `${log.path}.1`);
    writeFileSync(log.path, lines(13, 18));
    // The files are matched, and the first lines of the old one are still to be read.
    await log.look();
    return statSync(`${log.path}.1`).ino;
  },
  /** The agent was down: it is opened anew, and decompressed up to where it was read. */
  'that was compressed': async (log) => {
    renameSync(log.path, `${log.path}.1`);
    compress(`${log.path}.1`, 'gz');
    writeFileSync(log.path, lines(13, 18));
    log.restart();
    await log.look();
    return statSync(`${log.path}.1.gz`).ino;
  },
};

for (const [what, rotate] of Object.entries(ROTATIONS)) {
  test(`a rotated file ${what} is read on where reading fails for less than a minute, and the new log after it`, async (t) => {
    const log = new Steps(t);
    appendFileSync(log.path, lines(0, 10));
    await log.drain();
    appendFileSync(log.path, lines(10, 13));
    failing = await rotate(log);
    t.after(() => {
      failing = null;
    });
    const errors = await steps(log);
    assert.ok(errors.length > 0 && errors.every((text) => text.includes('EIO')), errors.join('\n'));
    log.pass(UNREADABLE_LIMIT_MS - 1);
    await steps(log);
    assert.deepEqual([log.text, log.gaps], [lines(0, 10), []]);
    failing = null;
    await steps(log);
    await log.quiet();
    assert.equal(log.text, lines(0, 18));
    assert.deepEqual(log.gaps, []);
  });

  test(`a rotated file ${what} is given up after a minute in which reading failed, with a gap, and the new log is read`, async (t) => {
    const log = new Steps(t, () => {});
    appendFileSync(log.path, lines(0, 10));
    await log.drain();
    appendFileSync(log.path, lines(10, 13));
    failing = await rotate(log);
    t.after(() => {
      failing = null;
    });
    await steps(log);
    log.pass(UNREADABLE_LIMIT_MS);
    await steps(log);
    assert.equal(log.text, lines(0, 10) + lines(13, 18));
    assert.deepEqual(
      log.gaps.map(({ kind }) => kind),
      ['unreadable'],
    );
  });
}

for (const compression of ['gz', null] as const)
  test(`a ${compression === null ? 'plain' : 'compressed'} rotated file whose end cannot be read is given up once, with a gap, and the new log is read`, async (t) => {
    const log = new Steps(t, () => {});
    appendFileSync(log.path, lines(0, 20));
    await log.drain();
    // Each line is of its own, so that the file is large when it is compressed, too.
    const more = Array.from({ length: 6_000 }, (_, i) => `${i} ${randomBytes(500).toString('hex')}\n`).join('');
    appendFileSync(log.path, more);
    renameSync(log.path, `${log.path}.1`);
    if (compression !== null) compress(`${log.path}.1`, compression);
    writeFileSync(log.path, lines(20, 22));
    log.restart();
    await log.look();
    const path = compression === null ? `${log.path}.1` : `${log.path}.1.${compression}`;
    failing = statSync(path).ino;
    failingFrom = statSync(path).size / 2;
    t.after(() => {
      [failing, failingFrom] = [null, 0];
    });
    // Each time it is opened again, its beginning is read.
    for (let minute = 0; minute < 4; minute += 1) {
      await steps(log, 80);
      log.pass(UNREADABLE_LIMIT_MS);
    }
    assert.ok(log.text.endsWith(lines(20, 22)));
    assert.ok(log.text.length > lines(0, 22).length && log.text.length < more.length);
    assert.deepEqual(
      log.gaps.map(({ kind }) => kind),
      ['unreadable'],
    );
    appendFileSync(path, 'it grows\n');
    failing = null;
    if (compression === null) {
      await log.drain();
      assert.ok(log.text.endsWith('it grows\n'));
    }
  });

test('the gap of a rotated file that is given up is declared once over restarts, and its end is read where it can be again', async (t) => {
  const log = new Steps(t, () => {});
  const read = lines(-200, 10);
  // More than a fingerprint is of.
  appendFileSync(log.path, read);
  await log.drain();
  appendFileSync(log.path, lines(10, 13));
  failing = (await ROTATIONS['that is open']?.(log)) ?? null;
  // What was read is found again after a restart.
  failingFrom = read.length;
  t.after(() => {
    [failing, failingFrom] = [null, 0];
  });
  const giveUp = async (): Promise<void> => {
    await steps(log);
    log.pass(UNREADABLE_LIMIT_MS);
    await steps(log);
  };
  await giveUp();
  for (let starts = 0; starts < 3; starts += 1) {
    log.restart();
    await giveUp();
    assert.deepEqual([log.text, log.gaps.length], [read + lines(13, 18), 1]);
  }
  // What comes after the gap, and cannot be read either, is another one.
  appendFileSync(`${log.path}.1`, 'late\n');
  await giveUp();
  assert.equal(log.gaps.length, 2);
  // A position saved by a version that did not keep what it had given up.
  assert.ok(log.position !== null);
  const files = log.position.files.map((file) => ({ ...file, givenUpBytes: undefined }));
  log.position = { ...log.position, files: files as unknown as typeof log.position.files };
  log.restart();
  await giveUp();
  assert.equal(log.gaps.length, 3);
  log.restart();
  failing = null;
  await log.quiet();
  assert.equal(log.text, `${read}${lines(13, 18)}${lines(10, 13)}late\n`);
  assert.equal(log.gaps.length, 3);
});

test('a rotated file that was given up, and is lost after a restart, is no second gap', async (t) => {
  const log = new Steps(t, () => {});
  const read = lines(-200, 10);
  // More than a fingerprint is of.
  appendFileSync(log.path, read);
  await log.drain();
  appendFileSync(log.path, lines(10, 13));
  failing = (await ROTATIONS['that is open']?.(log)) ?? null;
  // What was read is found again after a restart.
  failingFrom = read.length;
  t.after(() => {
    [failing, failingFrom] = [null, 0];
  });
  await steps(log);
  log.pass(UNREADABLE_LIMIT_MS);
  await steps(log);
  log.restart();
  // It is open again, and fails.
  await steps(log);
  truncateSync(`${log.path}.1`);
  unlinkSync(`${log.path}.1`);
  failing = null;
  await log.quiet();
  assert.equal(log.text, read + lines(13, 18));
  assert.deepEqual(
    log.gaps.map(({ kind }) => kind),
    ['unreadable'],
  );
});

test('lines that were read are emitted, where the file system fails right after they were', async (t) => {
  const log = new Steps(t);
  appendFileSync(log.path, lines(0, 10));
  await log.drain();
  appendFileSync(log.path, lines(10, 13));
  await log.look();
  wasRead = false;
  failingAfter = statSync(log.path).ino;
  t.after(() => {
    failingAfter = null;
  });
  await log.take().catch(() => {});
  failingAfter = null;
  appendFileSync(log.path, lines(13, 15));
  await log.drain();
  assert.equal(log.text, lines(0, 15));
});
