/** Stops before each step of this process that changes files: a rename, a deletion, SQLite's statements and the closing of its files. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { DatabaseSync } from 'node:sqlite';
import { mock } from 'node:test';

/** Runs `work`; calls `before` with the number of each step, from 1, and its name. What `before` throws is the error of that step. */
export function withSteps(work: () => void, before: (step: number, name: string) => void): void {
  let step = 0;
  let isInside = false;
  const counted = <T extends object>(owner: T, name: keyof T & string): void => {
    const real = owner[name] as (...values: unknown[]) => unknown;
    mock.method(owner as Record<string, () => unknown>, name, function (this: unknown, ...values: unknown[]) {
      // The deletion of a file that is not there is none.
      if (!isInside && (name !== 'rmSync' || fs.existsSync(values[0] as string))) {
        isInside = true;
        step += 1;
        try {
          before(step, name);
        } finally {
          isInside = false;
        }
      }
      return real.apply(this, values);
    });
  };
  counted(fs, 'renameSync');
  counted(fs, 'rmSync');
  counted(DatabaseSync.prototype, 'exec');
  counted(DatabaseSync.prototype, 'close');
  syncBuiltinESMExports();
  try {
    work();
  } finally {
    mock.restoreAll();
    syncBuiltinESMExports();
  }
}
