/** Lets a test act between two calls of `node:fs`, as another process would. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** The calls that a follower looks at its files with. */
const CALLS = ['statSync', 'fstatSync', 'openSync', 'readSync', 'readdirSync', 'realpathSync'] as const;

/** `node:fs` as it was: what the test itself calls. */
export const plainFs = { ...fs };

let before: (() => void) | null = null;

/** From here on, what the last `preempt` asked for is done before each of the calls. */
export function install(): void {
  const patched = fs as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const name of CALLS) {
    const call = plainFs[name] as (...args: unknown[]) => unknown;
    patched[name] = (...args) => {
      const act = before;
      // What is done in between calls `node:fs` itself.
      before = null;
      act?.();
      before = act;
      return call(...args);
    };
  }
  syncBuiltinESMExports();
}

/** What is done before each call from now on; null for nothing. */
export function preempt(act: (() => void) | null): void {
  before = act;
}
