/** The sign of life that a running agent leaves in its folder for `status` and for health checks. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentState } from '../protocol/report.ts';

const FILE = 'alive.json';
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

/** Leaves the sign. A disk that does not take it is not this file's to report. */
export function writeAlive(folder: string, alive: Alive): void {
  try {
    writeFileSync(join(folder, `${FILE}.new`), JSON.stringify(alive));
    renameSync(join(folder, `${FILE}.new`), join(folder, FILE));
  } catch {
    // `status` then says that the agent is not running, which is what a person should look at.
  }
}

/** Takes the sign away: the agent ends in good order. */
export function removeAlive(folder: string): void {
  rmSync(join(folder, FILE), { force: true });
}

/** The sign of a running agent, or null. */
export function readAlive(folder: string, nowMs: number): Alive | null {
  try {
    const alive = JSON.parse(readFileSync(join(folder, FILE), 'utf8')) as Alive;
    return Math.abs(nowMs - alive.atMs) <= ALIVE_LIMIT_MS ? alive : null;
  } catch {
    return null;
  }
}
