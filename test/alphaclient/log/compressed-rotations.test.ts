/** Compressed rotations that are deleted: only lines that were never read are reported as missing. */
import assert from 'node:assert/strict';
import { appendFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { until } from '../../until.ts';
import { compress, Followed } from './followed.ts';

test('lines read before their file was compressed are not reported as missing when it is deleted', async (t) => {
  const log = new Followed(t);
  writeFileSync(log.path, 'one\ntwo\n');
  log.start();
  await log.shows('one\ntwo\n');
  renameSync(log.path, `${log.path}.1`);
  writeFileSync(log.path, 'three\n');
  await log.shows('one\ntwo\nthree\n');
  compress(`${log.path}.1`, 'gz');
  await until(() => JSON.stringify(log.position).includes('sshd.log.1.gz'));
  log.stop();
  rmSync(`${log.path}.1.gz`);
  log.start();
  appendFileSync(log.path, 'four\n');
  await log.shows('one\ntwo\nthree\nfour\n');
  assert.deepEqual(log.gaps, []);
});

test('the unread rest of a compressed file that was deleted while it was read is reported in bytes of log', async (t) => {
  const log = new Followed(t);
  writeFileSync(log.path, 'one\ntwo\n');
  log.start();
  await log.shows('one\ntwo\n');
  log.stop();
  appendFileSync(log.path, 'and more\n');
  renameSync(log.path, `${log.path}.1`);
  compress(`${log.path}.1`, 'gz');
  writeFileSync(log.path, 'three\n');
  const before = log.position;
  log.start();
  await log.shows('one\ntwo\nand more\nthree\n');
  log.stop();
  // The position that a kill leaves between finding the compressed file and reading it: its content was counted, and nothing emitted.
  const position = JSON.parse(JSON.stringify(log.position));
  const compressed = position.files.find(({ path }: { path: string }) => path.endsWith('.1.gz'));
  const { offset, head, before: last } = JSON.parse(JSON.stringify(before)).files[0];
  Object.assign(compressed, { state: 'old', offset, head, before: last });
  log.position = position;
  rmSync(`${log.path}.1.gz`);
  log.start();
  await until(() => log.gaps.length > 0);
  assert.deepEqual(
    log.gaps.map(({ kind, bytes }) => ({ kind, bytes })),
    [{ kind: 'rotated-away', bytes: 9 }],
  );
});
