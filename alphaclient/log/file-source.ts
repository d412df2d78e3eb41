/** Follows a log file, whatever happens to it. */

import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname, extname, resolve } from 'node:path';
import { Follower } from './follower.ts';
import type { FollowLog } from './follower-options.ts';
import { readPosition } from './position.ts';
import { wentAway } from './replaced.ts';
import type { Chunk, LogPosition, LogSource, SourceState } from './source.ts';
import { Wake } from './wake.ts';

/** The slow look beside the wake-up: finds what no wake-up told, such as on network file systems, and waits for a log to come. */
export const LOOK_EVERY_MS = 500;

/** A log not written for so long is told as quiet: even a host that nobody attacks has a login or a scan a day. */
export const QUIET_LOG_MS = 24 * 60 * 60 * 1000;

/** A log that vanishes is back within this time where rotation makes it anew; only then it is told as missing. */
const MISSING_MS = 5_000;

/** How often a look that met with a rotation under way is taken again before it waits. */
const LOOKS_IN_A_ROW = 3;

/** What a file to follow is, and where to begin. */
export interface FollowOptions {
  readonly path: string;
  /** Where to begin in a log never seen before. */
  readonly from: 'start' | 'end';
  /** As saved after the last chunk; null for a log never seen before. One that makes no sense is told as an error, once. */
  readonly position: LogPosition | null;
  readonly log: FollowLog;
  /** The slow look beside the wake-up, milliseconds. */
  readonly lookEveryMs?: number;
}

/** What keeps the log from being read, as told to people. */
interface Obstacle {
  readonly state: 'log missing' | 'log unreadable';
  readonly text: string;
  readonly sinceMs: number;
  told: boolean;
}

/** A log file as a source of lines. One `next` at a time. */
export class FileSource implements LogSource {
  readonly #path: string;
  readonly #log: FollowLog;
  readonly #lookEveryMs: number;
  readonly #follower: Follower;
  #wakes: { readonly file: string; readonly close: () => void } | null = null;
  #folder: FSWatcher | null = null;
  #obstacle: Obstacle | null = null;
  /** Since when the files move on under each look, Unix milliseconds. */
  #movingMs: number | null = null;
  #started = false;
  #busy = false;
  #closed = false;
  #woken = false;
  #resume: (() => void) | null = null;
  #thoroughMs = 0;

  constructor(options: FollowOptions) {
    this.#path = resolve(options.path);
    this.#log = options.log;
    this.#lookEveryMs = options.lookEveryMs ?? LOOK_EVERY_MS;
    const saved = options.position === null ? null : readPosition(options.position);
    const foreign = saved !== null && saved.path !== null && saved.path !== this.#path;
    if (saved !== null && saved.damage !== null) {
      const left = saved.files.length > 0 ? 'going on with the rest of it' : `beginning at the log's ${options.from}`;
      this.#log.error(`The saved position in the log ${this.#path} cannot be used: ${saved.damage}; ${left}`);
    } else if (foreign) {
      this.#log.error(
        `The saved position is of another log, ${saved.path}: if none of its files is found at ${this.#path}, that is begun at its ${options.from}`,
      );
    }
    const files = saved === null || (saved.damage !== null && saved.files.length === 0) ? null : saved.files;
    this.#follower = new Follower({ path: this.#path, from: options.from, files, foreign, log: this.#log });
  }

  async next(): Promise<Chunk | null> {
    if (this.#busy) throw new Error('next() was called while it was waiting');
    this.#busy = true;
    try {
      while (!this.#closed) {
        this.#woken = false;
        const chunk = await this.#step();
        if (this.#closed) break;
        if (chunk !== null) return chunk;
        if (!this.#woken) await this.#wait();
      }
      this.#follower.close();
      return null;
    } finally {
      this.#busy = false;
    }
  }

  status(): { readonly state: SourceState; readonly behindBytes: number } {
    if (!this.#started || this.#closed) return { state: 'starting', behindBytes: 0 };
    const behindBytes = this.#follower.behindBytes;
    if (this.#obstacle !== null) return { state: this.#obstacle.state, behindBytes };
    if (behindBytes > 0) return { state: 'behind', behindBytes };
    const writtenMs = this.#follower.current?.file.mtimeMs ?? 0;
    return { state: Date.now() - writtenMs > QUIET_LOG_MS ? 'log quiet' : 'caught up', behindBytes };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#wakes?.close();
    this.#folder?.close();
    this.#wake();
    if (!this.#busy) this.#follower.close();
  }

  /** Looks and takes, again where the files moved between the two. */
  async #step(): Promise<Chunk | null> {
    const nowMs = Date.now();
    const thorough = Math.abs(nowMs - this.#thoroughMs) >= this.#lookEveryMs;
    if (thorough) this.#thoroughMs = nowMs;
    let problem: unknown = null;
    for (let looks = 0; looks < LOOKS_IN_A_ROW; looks += 1) {
      problem = null;
      try {
        await this.#follower.look(nowMs, thorough);
        this.#watch();
      } catch (error) {
        problem = error;
      }
      try {
        // Also where the log itself cannot be looked at: what is open of it can still be read.
        const chunk = await this.#follower.take(nowMs);
        if (chunk !== null) {
          if (problem === null) this.#tell(null, nowMs);
          return chunk;
        }
      } catch (error) {
        problem = error;
      }
      if (!this.#follower.stale) break;
    }
    this.#tell(problem, nowMs);
    return null;
  }

  /** Whether a problem says no more than that the files moved on while they were looked at. One that lasts does not pass. */
  #passes(problem: unknown, nowMs: number): boolean {
    this.#movingMs ??= nowMs;
    return wentAway(problem) && Math.abs(nowMs - this.#movingMs) < MISSING_MS;
  }

  /** Keeps what is in the way of reading, tells it once, and tells when it is gone. */
  #tell(problem: unknown, nowMs: number): void {
    if (problem === null) this.#movingMs = null;
    const before = this.#obstacle;
    const why = problem instanceof Error ? problem.message : String(problem);
    const found: Pick<Obstacle, 'state' | 'text'> | null =
      problem !== null && !this.#passes(problem, nowMs)
        ? {
            state: 'log unreadable',
            text: `${this.#path} cannot be read: ${why}; make it readable for this user, it is tried again`,
          }
        : this.#follower.current === null
          ? { state: 'log missing', text: `${this.#path} is not there yet: waiting for it` }
          : null;
    if (found === null) {
      if (before?.told === true) this.#log.info(`Reading ${this.#path} now`);
      this.#obstacle = null;
    } else {
      const obstacle = before?.text === found.text ? before : { ...found, sinceMs: nowMs, told: false };
      this.#obstacle = obstacle;
      const due =
        found.state === 'log unreadable' || !this.#started || Math.abs(nowMs - obstacle.sinceMs) >= MISSING_MS;
      if (due && !obstacle.told) {
        obstacle.told = true;
        if (found.state === 'log unreadable') this.#log.error(found.text);
        else this.#log.warn(found.text);
      }
    }
    this.#started = true;
  }

  /** Has the log and its folder watched. Without a watch the slow look is all there is, which is enough. */
  #watch(): void {
    if (this.#closed) return;
    const file = this.#follower.current?.file.id ?? '';
    const wake = (): void => this.#wake();
    if (this.#wakes?.file !== file) {
      this.#wakes?.close();
      this.#wakes = null;
      try {
        if (file !== '') {
          const tail = new Wake(this.#path, wake);
          this.#wakes = { file, close: () => tail.unwatch() };
        }
      } catch {
        // Tried again with the next look.
      }
    }
    if (this.#folder !== null) return;
    try {
      const stem = basename(this.#path, extname(this.#path));
      const folder = watch(dirname(this.#path), (_event, name) => {
        if (name === null || name.startsWith(stem)) this.#wake();
      });
      folder.on('error', () => {
        folder.close();
        if (this.#folder === folder) this.#folder = null;
      });
      this.#folder = folder;
    } catch {
      // Tried again with the next look.
    }
  }

  #wait(): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(() => this.#resume?.(), this.#lookEveryMs);
      this.#resume = () => {
        clearTimeout(timer);
        this.#resume = null;
        done();
      };
    });
  }

  #wake(): void {
    this.#woken = true;
    this.#resume?.();
  }
}
