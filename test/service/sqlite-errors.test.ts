import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { errcode, isDamage, namesReadError } from '../../service/sqlite-errors.ts';

/** What is thrown. */
function thrown(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
}

test('damage is known by its code, also where SQLite says more precisely what is damaged', () => {
  const db = new DatabaseSync(':memory:', { defensive: false });
  db.exec('CREATE TABLE t (a, b); CREATE INDEX byA ON t (a); INSERT INTO t VALUES (1, 2)');
  // The index has a's values, and is read as one of b's from here on.
  db.exec("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX byA ON t (b)' WHERE name = 'byA'");
  db.exec('PRAGMA writable_schema=RESET');
  const error = thrown(() => db.exec('DELETE FROM t WHERE rowid = 1'));
  // SQLITE_CORRUPT_INDEX: https://www.sqlite.org/rescode.html#corrupt_index
  assert.equal(errcode(error), 779);
  assert.ok(isDamage(error));
  assert.ok(!isDamage(thrown(() => db.exec('no SQL'))));
  assert.ok(!isDamage(new Error('of something else')));
  db.close();
});

test('a check that could not read a page names the code of the reason, which is no damage unless it says so', () => {
  // SQLITE_IOERR_CORRUPTFS, SQLITE_IOERR_READ, SQLITE_NOMEM; SQLITE_CORRUPT: https://www.sqlite.org/rescode.html
  for (const code of [8_458, 266, 7])
    assert.ok(namesReadError(`Failed to read ptrmap key=8; Tree 8 page 8: unable to get the page. error code=${code}`));
  assert.ok(!namesReadError('Tree 8 page 8: btreeInitPage() returns error code 11'));
  assert.ok(!namesReadError('Tree 8 page 8: unable to get the page. error code=11'));
  assert.ok(!namesReadError('Tree 4 page 77 cell 3: Rowid 12 out of order'));
});
