/** Runs a test's code between two calls of `node:fs`, as another process could, and refuses files to be opened. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** The calls that a follower uses. */
const CALLS = ['statSync', 'fstatSync', 'openSync', 'readSync', 'readdirSync', 'realpathSync'] as const;

/** The unpatched `node:fs`, for the test itself. */
export const plainFs = { ...fs };

let before: (() => void) | null = null;
let isRefused: ((path: string) => boolean) | null = null;

/** Patches the calls: before each, the function of the last `preempt` runs. */
export function install(): void {
  const patched = fs as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const name of CALLS) {
    const call = plainFs[name] as (...args: unknown[]) => unknown;
    patched[name] = (...args) => {
      const action = before;
      // The function may call `node:fs` itself.
      before = null;
      action?.();
      before = action;
      if (name === 'openSync' && isRefused?.(String(args[0])) === true)
        throw Object.assign(new Error(`EACCES: permission denied, open '${args[0]}'`), { code: 'EACCES' });
      return call(...args);
    };
  }
  syncBuiltinESMExports();
}

/** Sets the function that runs before each call; null for none. */
export function preempt(action: (() => void) | null): void {
  before = action;
}

/** Sets which paths cannot be opened for now; null for none. */
export function refuse(refused: ((path: string) => boolean) | null): void {
  isRefused = refused;
}
