/** Finds which needs of the end-to-end tests this machine meets. */
import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** True when a program of this name is in PATH or where daemons are. */
export function has(program: string): boolean {
  return [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'].some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** True when the command can be run and ends with 0. */
export function works(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/**
 * The `skip` option of a part that needs what `needs` names: false when all is there. Otherwise the part is skipped,
 * loudly; where CI is set, it is run all the same and may fail: there, nothing may be missing.
 */
export function lacking(part: string, needs: Readonly<Record<string, boolean>>): string | false {
  const missing = Object.keys(needs).filter((need) => !needs[need]);
  if (missing.length === 0) return false;
  const why = `${part} needs ${missing.join(', ')}`;
  if (process.env['CI']) throw new Error(`${why}: on a CI machine nothing may be missing`);
  process.stderr.write(`\n*** SKIPPED: ${why} ***\n\n`);
  return why;
}

/** Runs a command to its end, whatever that is. */
export function outcome(command: string, args: readonly string[], limitMs = 60_000): SpawnSyncReturns<string> {
  return spawnSync(command, args, { encoding: 'utf8', timeout: limitMs, maxBuffer: 64 << 20 });
}

/** Runs a command that must succeed, and gives what it printed on standard output. */
export function output(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', maxBuffer: 64 << 20, stdio: ['ignore', 'pipe', 'pipe'] });
}
