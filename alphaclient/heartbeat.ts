/** The heartbeat file that a running agent renews in its state folder, for `status` and for health checks. */
import { closeSync, constants, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentState } from '../protocol/report.ts';

const FILE = 'alive.json';
/** The file's length. It is always overwritten in place, which succeeds on a full disk as well. */
const LENGTH_BYTES = 256;
/** An older heartbeat is that of an agent that died or hangs; a running one renews it every RENEWED_EVERY_MS. */
export const HEARTBEAT_LIMIT_MS = 10_000;
/** A heartbeat that says what the one before says is written after so long. */
const RENEWED_EVERY_MS = 2_000;
const TICK_TOLERANCE_MS = 100;

/** The content of the file. */
export interface Heartbeat {
  readonly pid: number;
  readonly atMs: number;
  readonly state: AgentState;
  readonly behindBytes: number;
  readonly connected: boolean;
}

/** Writes the heartbeat. A failure is not reported here: `status` sees that the file is old. */
export function writeHeartbeat(folder: string, heartbeat: Heartbeat): void {
  try {
    const fd = openSync(join(folder, FILE), constants.O_WRONLY | constants.O_CREAT, 0o600);
    try {
      // One write of less than a page: a reader sees the old content or the new one.
      writeSync(fd, JSON.stringify(heartbeat).padEnd(LENGTH_BYTES), 0);
    } finally {
      closeSync(fd);
    }
  } catch {
    // The disk is gone or read-only.
  }
}

/** Writes the heartbeats of one agent: at once where its state is another one, else as rarely as they must be. */
export class HeartbeatWriter {
  readonly #folder: string;
  #last: Heartbeat | null = null;

  constructor(folder: string) {
    this.#folder = folder;
  }

  write(heartbeat: Heartbeat): void {
    const last = this.#last;
    const isSame =
      last !== null &&
      last.state === heartbeat.state &&
      last.behindBytes === heartbeat.behindBytes &&
      last.connected === heartbeat.connected;
    // A tick comes some milliseconds sooner or later than the second.
    if (isSame && Math.abs(heartbeat.atMs - last.atMs) < RENEWED_EVERY_MS - TICK_TOLERANCE_MS) return;
    this.#last = heartbeat;
    writeHeartbeat(this.#folder, heartbeat);
  }
}

/** Deletes the heartbeat: the agent ends in order. */
export function removeHeartbeat(folder: string): void {
  rmSync(join(folder, FILE), { force: true });
}

/** Returns the last heartbeat, however old, or null. */
export function lastHeartbeat(folder: string): Heartbeat | null {
  try {
    return JSON.parse(readFileSync(join(folder, FILE), 'utf8')) as Heartbeat;
  } catch {
    return null;
  }
}

/** Returns the heartbeat of a running agent, or null. */
export function currentHeartbeat(folder: string, nowMs: number): Heartbeat | null {
  const heartbeat = lastHeartbeat(folder);
  return heartbeat && Math.abs(nowMs - heartbeat.atMs) <= HEARTBEAT_LIMIT_MS ? heartbeat : null;
}
