/** The sign of life that a running agent leaves in its folder for `status` and for health checks. */
import { closeSync, constants, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentState } from '../../protocol/report.ts';

const FILE = 'alive.json';
/** The file's length: it is always written over in place, which a disk that has become full takes as well. */
const LENGTH_BYTES = 256;
/** A sign older than this is of an agent that has died or hangs; a running one renews it every second. */
export const ALIVE_LIMIT_MS = 10_000;

/** What it says. */
export interface Alive {
  readonly pid: number;
  readonly atMs: number;
  readonly state: AgentState;
  readonly behindBytes: number;
  readonly connected: boolean;
}

/** Leaves the sign. A disk that does not take it is not this file's to report: `status` sees that it is old. */
export function writeAlive(folder: string, alive: Alive): void {
  try {
    const fd = openSync(join(folder, FILE), constants.O_WRONLY | constants.O_CREAT, 0o600);
    try {
      // One write of less than a page: a reader sees the one or the other.
      writeSync(fd, JSON.stringify(alive).padEnd(LENGTH_BYTES), 0);
    } finally {
      closeSync(fd);
    }
  } catch {
    // The disk is gone or read-only.
  }
}

/** Takes the sign away: the agent ends in good order. */
export function removeAlive(folder: string): void {
  rmSync(join(folder, FILE), { force: true });
}

/** The sign that an agent left, however old, or null. */
export function lastAlive(folder: string): Alive | null {
  try {
    return JSON.parse(readFileSync(join(folder, FILE), 'utf8')) as Alive;
  } catch {
    return null;
  }
}

/** The sign of a running agent, or null. */
export function readAlive(folder: string, nowMs: number): Alive | null {
  const alive = lastAlive(folder);
  return alive && Math.abs(nowMs - alive.atMs) <= ALIVE_LIMIT_MS ? alive : null;
}
