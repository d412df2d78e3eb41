/** Space that deleted rows leave is used again first; what is above a spare goes back to the file system. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import {
  type Database,
  giveBack,
  openForWriting,
  readTransaction,
  SPARE_PAGES,
  SPARE_SHARE,
  STEP_PAGES,
} from '../../../alphaserver/store/database.ts';

let folder = '';
let db: Database;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-free-'));
  db = openForWriting(join(folder, 'pages.db'));
  db.exec('PRAGMA synchronous=OFF; CREATE TABLE filling (id INTEGER PRIMARY KEY, page BLOB)');
});
afterEach(() => {
  db.close();
  rmSync(folder, { recursive: true, force: true });
});

const number = (pragma: string): number => Object.values(db.prepare(`PRAGMA ${pragma}`).get() ?? {})[0] as number;

/** A file of so many pages and some more, so many of them free. */
function fill(pages: number, free: number): void {
  db.exec(`WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ${pages})
    INSERT INTO filling SELECT id, zeroblob(4000) FROM n; DELETE FROM filling WHERE id <= ${free}`);
}

/** Gives back until there is nothing to give; how many steps that took. */
function steps(): number {
  let n = 1;
  while (giveBack(db)) n += 1;
  return n;
}

test('of a small file a fixed number of pages is spared', () => {
  fill(2_000, SPARE_PAGES + 3 * STEP_PAGES);
  const before = number('page_count');
  assert.ok(steps() >= 3);
  const left = number('freelist_count');
  assert.ok(left <= SPARE_PAGES && left > SPARE_PAGES - STEP_PAGES, `${left} pages are left`);
  assert.ok(number('page_count') <= before - 3 * STEP_PAGES, 'the file is smaller');
});

test('of a large file a share is spared', () => {
  const pages = 2 * (SPARE_PAGES / SPARE_SHARE);
  fill(pages, pages * SPARE_SHARE + 5 * STEP_PAGES);
  assert.ok(steps() >= 5);
  const [left, all] = [number('freelist_count'), number('page_count')];
  assert.ok(left <= all * SPARE_SHARE && left > all * SPARE_SHARE - STEP_PAGES, `${left} of ${all} are left`);
  assert.ok(left > SPARE_PAGES, 'it is not the fixed number that was met');
});

test('what is free below that stays for what comes', () => {
  fill(2_000, SPARE_PAGES - 10);
  const before = number('freelist_count');
  assert.equal(giveBack(db), false);
  assert.equal(number('freelist_count'), before);
});

test('a read that SQLite has ended itself fails with its own error', () => {
  const read = (): never => {
    db.exec('ROLLBACK');
    throw new Error('of the disk');
  };
  assert.throws(() => readTransaction(db, read), /^Error: of the disk$/);
  assert.equal(
    readTransaction(db, () => db.isTransaction),
    true,
  );
  assert.ok(!db.isTransaction);
});
