/** Follows a log file through every rotation, as a `LogSource`. */

import { type FSWatcher, statSync, watch } from 'node:fs';
import { basename, dirname, extname, resolve } from 'node:path';
import { Tail } from 'tail';
import { LoggedProblems } from '../../service/logged-problems.ts';
import type { Ticker } from '../../service/ticker.ts';
import { type FileFacts, factsOf, sameInode } from './fingerprint.ts';
import { Follower } from './follower.ts';
import { readPosition } from './position.ts';
import { isFileReplaced, NotRegularError } from './rotation.ts';
import type { Chunk, LogPosition, LogSource, SourceLogger, SourceState } from './source.ts';

/** The interval of looks without a watch event: network file systems have none, and a log may be yet to come. */
export const LOOK_EVERY_MS = 500;
/** Where the watches have announced every change so far, looks are so many times as rare. */
const WATCHED_INTERVALS = 2;
/** Of these looks, one in so many intervals is a thorough one even where the log's path shows no change. */
const THOROUGH_INTERVALS = 10;

/** A log that was not written for so long is reported as quiet: even a host that nobody attacks has a login or a scan a day. */
export const QUIET_LOG_MS = 24 * 60 * 60 * 1000;

/** Rotation creates a new log within this time after the old one is gone; only then the log is reported as missing. */
const MISSING_MS = 5_000;

/** How many different obstacles are remembered as logged: more than there are codes of errors that a file system gives. */
const PROBLEMS_LIMIT = 50;

/** The number of looks before the next wait where each meets with a rotation in progress. */
const LOOKS_IN_A_ROW = 3;

/** The log file to follow, and where to begin. */
export interface FileSourceOptions {
  readonly path: string;
  /** The place to begin at in a log never followed before. */
  readonly from: 'start' | 'end';
  /** The position as it was saved after the last chunk; null for a log never followed before. An invalid one is logged as an error, once. */
  readonly position: LogPosition | null;
  readonly log: SourceLogger;
  /** Milliseconds between two looks without a watch event; default LOOK_EVERY_MS. */
  readonly lookEveryMs?: number;
  /** Looks that the watches make rare come with its ticks; else they have a timer of their own. */
  readonly ticker?: Ticker;
}

/** The reason why the log is not being read. */
interface Obstacle {
  readonly state: 'log missing' | 'log unreadable' | 'log detached';
  readonly text: string;
  readonly sinceMs: number;
  logged: boolean;
}

/** Returns the remedy, before a next clause, where the system's message begins with a code of a lacking permission; else nothing. */
const permissionRemedy = (why: string): string =>
  /^(?:EACCES|EPERM):/.test(why) ? 'make it readable for this user, ' : '';

/** A log file as a source of lines. One `next` at a time. */
export class FileSource implements LogSource {
  readonly #path: string;
  readonly #log: SourceLogger;
  readonly #lookEveryMs: number;
  readonly #ticker: Ticker | null;
  readonly #follower: Follower;
  #fileWatch: { readonly file: string; readonly close: () => void } | null = null;
  #folderWatch: { readonly facts: FileFacts; readonly close: () => void } | null = null;
  #obstacle: Obstacle | null = null;
  /** Those that were logged since the log was read last: two that alternate are each new at each look. */
  readonly #problems = new LoggedProblems(PROBLEMS_LIMIT);
  /** True once one of them was logged. */
  #isObstacleLogged = false;
  /** The first look of those that met files moving meanwhile, without one in between that did not; Unix milliseconds. */
  #movingMs: number | null = null;
  #started = false;
  #busy = false;
  #closed = false;
  #woken = false;
  #resume: (() => void) | null = null;
  #thoroughMs = 0;
  /** True while the last look found nothing, and the log can be read. */
  #isAtEnd = false;
  /** True from a change that no watch has announced on, until one does. */
  #isUnannounced = false;

  constructor(options: FileSourceOptions) {
    this.#path = resolve(options.path);
    this.#log = options.log;
    this.#lookEveryMs = options.lookEveryMs ?? LOOK_EVERY_MS;
    this.#ticker = options.ticker ?? null;
    const saved = options.position === null ? null : readPosition(options.position);
    const foreign = saved !== null && saved.path !== null && saved.path !== this.#path;
    if (saved !== null && saved.damage !== null) {
      const next = saved.files.length > 0 ? 'the rest of it is used' : `reading begins at the log's ${options.from}`;
      this.#log.error(`The saved position in the log ${this.#path} cannot be used: ${saved.damage}; ${next}`);
    } else if (foreign) {
      this.#log.error(
        `The saved position is that of another log, ${saved.path}: if none of its files is found at ${this.#path}, reading begins at the ${options.from} of that`,
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
        const isWoken = this.#woken;
        this.#woken = false;
        const chunk = !isWoken && this.#isUnchanged() ? null : await this.#step();
        if (this.#closed) break;
        if (chunk !== null && !isWoken && this.#isAtEnd) this.#isUnannounced = true;
        this.#isAtEnd = chunk === null && this.#obstacle === null;
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
    // While the files move, what is unread is not known.
    if (behindBytes > 0 || this.#follower.stale) return { state: 'behind', behindBytes };
    const writtenMs = this.#follower.current?.file.mtimeMs ?? 0;
    return { state: Date.now() - writtenMs > QUIET_LOG_MS ? 'log quiet' : 'caught up', behindBytes };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#fileWatch?.close();
    this.#folderWatch?.close();
    this.#wake();
    if (!this.#busy) this.#follower.close();
  }

  /** Returns whether a look can be left out, which costs some 25 system calls on a host where nothing happens. */
  #isUnchanged(): boolean {
    if (!this.#isAtEnd || Math.abs(Date.now() - this.#thoroughMs) >= this.#lookEveryMs * THOROUGH_INTERVALS)
      return false;
    try {
      return this.#follower.isUnchanged();
    } catch {
      // The look meets with the same error, and says so.
      return false;
    }
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
        // Also where the log itself cannot be looked at: the files that are open can still be read.
        const chunk = await this.#follower.take(nowMs);
        if (chunk !== null) {
          if (problem === null) this.#updateObstacle(null, nowMs);
          return chunk;
        }
      } catch (error) {
        problem = error;
      }
      if (!this.#follower.stale) break;
    }
    this.#updateObstacle(problem, nowMs);
    return null;
  }

  /** Returns whether a problem only means that the files moved while they were looked at. One that lasts means more. */
  #isTransient(problem: unknown, nowMs: number): boolean {
    this.#movingMs ??= nowMs;
    return isFileReplaced(problem) && Math.abs(nowMs - this.#movingMs) < MISSING_MS;
  }

  /** Updates the obstacle; logs it once, and its end. Obstacles that alternate are each logged once an hour. */
  #updateObstacle(problem: unknown, nowMs: number): void {
    if (problem === null) this.#movingMs = null;
    const found = this.#findObstacle(problem, nowMs);
    if (found === null) {
      if (this.#isObstacleLogged) this.#log.info(`Reading ${this.#path} now`);
      this.#isObstacleLogged = false;
      this.#problems.clear();
      this.#obstacle = null;
    } else {
      const obstacle =
        this.#obstacle?.text === found.text ? this.#obstacle : { ...found, sinceMs: nowMs, logged: false };
      this.#obstacle = obstacle;
      const isDue = found.state !== 'log missing' || !this.#started || Math.abs(nowMs - obstacle.sinceMs) >= MISSING_MS;
      if (isDue && !obstacle.logged && this.#problems.isDue(found.text, nowMs)) {
        obstacle.logged = true;
        this.#isObstacleLogged = true;
        if (found.state === 'log missing') this.#log.warn(found.text);
        else this.#log.error(found.text);
      }
    }
    // While the files move, what is unread is not known.
    if (found !== null || !this.#follower.stale) this.#started = true;
  }

  #findObstacle(problem: unknown, nowMs: number): Pick<Obstacle, 'state' | 'text'> | null {
    if (problem !== null && !this.#isTransient(problem, nowMs)) return this.#unreadable(problem);
    const { waitsFor } = this.#follower;
    if (waitsFor !== null) {
      // A copy whose mode is still to be set is no obstacle yet.
      if (Math.abs(nowMs - waitsFor.sinceMs) < MISSING_MS) return null;
      const text = `${this.#path} waits for ${waitsFor.path}, which may have unread lines: ${waitsFor.why}; ${permissionRemedy(waitsFor.why)}it is tried again for a minute and then left out`;
      return { state: 'log unreadable', text };
    }
    if (this.#follower.isDeletedMount) {
      const text = `${this.#path} is detached: its file was deleted where it is mounted from, and what is logged now goes to another one; mount the folder instead of the file`;
      return { state: 'log detached', text };
    }
    if (this.#follower.current !== null) return null;
    try {
      if (this.#follower.isFolderReplaced)
        return {
          state: 'log detached',
          text: `${this.#path} is detached: its folder was unmounted; waiting for the log`,
        };
    } catch (error) {
      // The folder's file system may fail right after a look that found no log.
      return this.#unreadable(error);
    }
    return { state: 'log missing', text: `${this.#path} does not exist yet: waiting for it` };
  }

  #unreadable(problem: unknown): Pick<Obstacle, 'state' | 'text'> {
    const why = problem instanceof Error ? problem.message : String(problem);
    const remedy =
      problem instanceof NotRegularError ? 'set ALPHACLIENT_LOG to a regular file, ' : permissionRemedy(why);
    const text = `${this.#path} cannot be read: ${why}; ${remedy}it is tried again`;
    return { state: 'log unreadable', text };
  }

  /** Watches the log and its folder. A failed watch is tried again with the next look; until then looks find all changes. */
  #watch(): void {
    if (this.#closed) return;
    const file = this.#follower.current?.file.id ?? '';
    const wake = (): void => this.#wake();
    if (this.#fileWatch?.file !== file) {
      this.#fileWatch?.close();
      this.#fileWatch = null;
      try {
        if (file !== '') {
          const fileWatch = new FileWatch(this.#path, wake);
          this.#fileWatch = { file, close: () => fileWatch.unwatch() };
        }
      } catch {
        // The next look tries again.
      }
    }
    this.#watchFolder();
  }

  /** Watches the folder, anew where another one is in its place: a watch stays with the one that was removed or renamed. */
  #watchFolder(): void {
    const path = dirname(this.#path);
    try {
      // Before the watch: a folder that is replaced in between differs from this one at the next look.
      const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
      const facts = stat === undefined ? null : factsOf(stat);
      const watched = this.#folderWatch;
      if (watched !== null && facts !== null && sameInode(watched.facts, facts)) return;
      watched?.close();
      this.#folderWatch = null;
      if (facts === null) return;
      const stem = basename(this.#path, extname(this.#path));
      const watcher = watch(path, (_event, name) => {
        if (name === null || name.startsWith(stem)) this.#wake();
      });
      const folderWatch = { facts, close: () => watcher.close() };
      watcher.on('error', () => {
        watcher.close();
        if (this.#folderWatch === folderWatch) this.#folderWatch = null;
      });
      this.#folderWatch = folderWatch;
    } catch {
      // The next look tries again.
    }
  }

  #wait(): Promise<void> {
    return new Promise((done) => {
      const cancel = this.#callLater(() => this.#resume?.());
      this.#resume = () => {
        cancel();
        this.#resume = null;
        done();
      };
    });
  }

  /** Calls `resume` when it is time for the next look, unless the returned function is called before. */
  #callLater(resume: () => void): () => void {
    const isWatched = this.#fileWatch !== null && this.#folderWatch !== null && !this.#isUnannounced;
    if (isWatched && this.#ticker !== null) return this.#ticker.add(resume);
    const timer = setTimeout(resume, this.#lookEveryMs * (isWatched ? WATCHED_INTERVALS : 1));
    return () => clearTimeout(timer);
  }

  #wake(): void {
    this.#woken = true;
    this.#isUnannounced = false;
    this.#resume?.();
  }
}

/**
 * The package tail's watch on a file, without its reading, which reopens the file for every write and decodes its bytes: the
 * follower reads.
 */
class FileWatch extends Tail {
  declare readonly watcher?: FSWatcher;
  readonly #wake: () => void;

  /** `wake` is called at each change. Throws where the file does not exist or cannot be watched. */
  constructor(path: string, wake: () => void) {
    // A null separator and a start at the end keep tail from reading before the first change.
    super(path, { separator: null, fromBeginning: false, follow: false });
    this.#wake = wake;
    // tail does not listen to this error, which would end the process.
    this.watcher?.on('error', wake);
  }

  /** Called by tail when the file was written. */
  change(): void {
    this.#wake();
  }

  /** Called by tail when the file was renamed, deleted or linked. */
  rename(): void {
    this.#wake();
  }
}
