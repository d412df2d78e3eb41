/** Writes nonsense over pages of SQLite files, as a bad disk does. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

const PAGE_BYTES = 4_096;

/** Damages the root page of a table. Nobody else may have the file open. */
export function damageRoot(file: string, table: string): void {
  checkpoint(file);
  const db = new DatabaseSync(file);
  const { rootpage } = db.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').get(table) as {
    rootpage: number;
  };
  db.close();
  damage(file, rootpage - 1);
}

/** Damages the page that holds a text. Nobody else may have the file open. */
export function damageText(file: string, text: string): void {
  checkpoint(file);
  const at = readFileSync(file).indexOf(text);
  assert.ok(at >= 0, `${file} holds ${text.slice(0, 40)}`);
  damage(file, Math.floor(at / PAGE_BYTES));
}

/** Brings what stands in the write-ahead log into the file. */
function checkpoint(file: string): void {
  const db = new DatabaseSync(file);
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  db.close();
}

function damage(file: string, page: number): void {
  const bytes = readFileSync(file);
  bytes.fill(0x5a, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
  writeFileSync(file, bytes);
}
