import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test from 'node:test';
import { addSpareRoom } from '../../service/spare-room.ts';

test('a file grows by zeros to a length, and never shrinks; one that is not there stays so', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'spare-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'file');
  addSpareRoom(file, 10);
  assert.ok(!existsSync(file));
  writeFileSync(file, 'text');
  addSpareRoom(file, 200_000);
  assert.equal(statSync(file).size, 200_000);
  assert.equal(readFileSync(file, 'latin1').replace(/\0+$/, ''), 'text');
  addSpareRoom(file, 10);
  assert.equal(statSync(file).size, 200_000);
});

test('it takes an eighth of what is free on the disk at most', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'spare-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'file');
  writeFileSync(file, 'text');
  addSpareRoom(file, 200_000, 8 * 100_000 - 1);
  assert.equal(statSync(file).size, 4 + 99_999);
  addSpareRoom(file, 200_000, 7);
  assert.equal(statSync(file).size, 4 + 99_999);
});

test('the write-ahead log of SQLite keeps what is committed, whether it was empty, in use or left by a crash', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'spare-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'x.db');
  const rows = (db: DatabaseSync): unknown => db.prepare('SELECT group_concat(n) AS rows FROM t').get()?.['rows'];
  const db = new DatabaseSync(file);
  db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL');
  addSpareRoom(`${file}-wal`, 100_000);
  db.exec('CREATE TABLE t (n); INSERT INTO t VALUES (1)');
  addSpareRoom(`${file}-wal`, 200_000);
  db.exec('INSERT INTO t VALUES (2)');
  // As a crash leaves the two files.
  const left = join(folder, 'left.db');
  for (const end of ['', '-wal']) writeFileSync(`${left}${end}`, readFileSync(`${file}${end}`));
  assert.equal(statSync(`${left}-wal`).size, 200_000);
  const again = new DatabaseSync(left);
  assert.equal(rows(again), '1,2');
  again.exec('PRAGMA wal_checkpoint(RESTART); INSERT INTO t VALUES (3)');
  addSpareRoom(`${left}-wal`, 300_000);
  again.exec('INSERT INTO t VALUES (4)');
  assert.equal(rows(again), '1,2,3,4');
  again.close();
  db.close();
});
