/** Makes the next quick checks of SQLite find what they find where the disk does not give a page. */
import { DatabaseSync } from 'node:sqlite';
import { mock } from 'node:test';

/** Runs `work`; its first quick checks find these texts, and those behind them what is there. */
export function withCheckResults(texts: readonly string[], work: () => void): void {
  const left = [...texts];
  const { prepare } = DatabaseSync.prototype;
  mock.method(DatabaseSync.prototype, 'prepare', function (this: DatabaseSync, sql: string) {
    const text = sql.startsWith('PRAGMA quick_check') ? left.shift() : undefined;
    return prepare.call(this, text === undefined ? sql : `SELECT '*** in database main ***\n${text}' AS quick_check`);
  });
  try {
    work();
  } finally {
    mock.restoreAll();
  }
}
