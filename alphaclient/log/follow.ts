/** A log file, followed whatever happens to it. */
import { statSync } from 'node:fs';
import { Tail } from 'tail';
import { type FileMark, LogFile } from './log-file.ts';
import { siblings } from './rotation.ts';
import type { Chunk, Gap, LogPosition, LogSource, SourceState } from './source.ts';

/** The slow look beside the wake-up: what a lost wake-up costs, at most. */
const LOOK_EVERY_MS = 250;
/** A renamed log that nobody has written to for this long gets no more lines; a half one at its end is then given as a whole one. */
const RENAMED_QUIET_MS = 2_000;
/** A log nobody has written to for this long is called quiet. */
const QUIET_AFTER_MS = 24 * 3_600_000;
const POSITION_VERSION = 1;

export interface FollowOptions {
  readonly path: string;
  /** Where to begin in a log never seen before. */
  readonly from: 'start' | 'end';
  /** As an earlier source of this log gave it, or null. */
  readonly position: LogPosition | null;
  readonly log: { info(message: string): void; warn(message: string): void; error(message: string): void };
}

/** Follows one path. Pull-based: `next` reads only when asked, so the log itself is the buffer. */
export class FileSource implements LogSource {
  readonly #options: FollowOptions;
  /** Files still being read, oldest first; the last is the one at the path, once it is there. */
  #files: LogFile[] = [];
  #gaps: Gap[] = [];
  #state: SourceState = 'starting';
  #complained = '';
  #tail: Tail | null = null;
  #closed = false;
  #wake: (() => void) | null = null;
  #timer: NodeJS.Timeout | null = null;
  #moved = false;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#resume(options.position);
  }

  async next(): Promise<Chunk | null> {
    while (!this.#closed) {
      const chunk = this.look();
      if (chunk) return chunk;
      await this.#wait();
    }
    return null;
  }

  status(): { readonly state: SourceState; readonly behindBytes: number } {
    let behindBytes = 0;
    let writtenMs = 0;
    for (const file of this.#files) {
      const stat = file.stat();
      behindBytes += Math.max(0, stat.bytes - file.offset);
      writtenMs = Math.max(writtenMs, stat.writtenMs);
    }
    const quiet = this.#state === 'caught up' && Date.now() - writtenMs > QUIET_AFTER_MS;
    return { state: quiet ? 'log quiet' : this.#state, behindBytes };
  }

  close(): void {
    this.#closed = true;
    this.#tail?.unwatch();
    this.#tail = null;
    if (this.#timer) clearTimeout(this.#timer);
    for (const file of this.#files.splice(0)) file.close();
    this.#wake?.();
  }

  /** One look at the log: the next stretch, or null when there is nothing new. */
  look(): Chunk | null {
    const atPath = this.#openPath();
    for (const [i, file] of this.#files.entries()) {
      const newest = i === this.#files.length - 1;
      if (file.replaced()) {
        // A renamed log that was written over is another log now, and none of ours.
        if (newest) this.#truncated(file);
        else {
          this.#drop(i);
          break;
        }
      }
      const { writtenMs } = file.stat();
      const over = !newest && Date.now() - writtenMs > RENAMED_QUIET_MS;
      const lines = file.read(over);
      if (lines) {
        this.#state = 'behind';
        return this.#chunk(lines.bytes, lines.cutLines, writtenMs);
      }
      if (over) {
        this.#drop(i);
        break;
      }
    }
    if (atPath) this.#state = 'caught up';
    return this.#moved || this.#gaps.length > 0 ? this.#chunk(new Uint8Array(0), 0, 0) : null;
  }

  #drop(index: number): void {
    this.#files.splice(index, 1)[0]?.close();
    this.#moved = true;
  }

  #chunk(bytes: Uint8Array, cutLines: number, writtenMs: number): Chunk {
    this.#moved = false;
    const position = { version: POSITION_VERSION, files: this.#files.map((file) => file.mark()) };
    return { bytes, cutLines, writtenMs, position, gaps: this.#gaps.splice(0) };
  }

  /** Opens the file at the path when it is another than the one being read. False when there is none that can be read. */
  #openPath(): boolean {
    const { path, from, log, position } = this.#options;
    try {
      const stat = statSync(path);
      const newest = this.#files.at(-1);
      if (newest && newest.dev === stat.dev && newest.ino === stat.ino) return true;
      const file = new LogFile(path);
      if (this.#files.length === 0 && !position && from === 'end' && this.#state === 'starting') file.seek(stat.size);
      this.#files.push(file);
      this.#moved = true;
      this.#watch();
      if (this.#complained) log.info(`Reading ${path} now`);
      this.#complained = '';
      return true;
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      this.#state = missing ? 'log missing' : 'log unreadable';
      const complaint = missing
        ? `${path} is not there yet: waiting for it`
        : `${path} cannot be read: ${(error as Error).message}; trying again`;
      if (complaint !== this.#complained) log[missing ? 'warn' : 'error'](complaint);
      this.#complained = complaint;
      return false;
    }
  }

  /** copytruncate: what was not read yet stands in the copy; the file itself begins anew. */
  #truncated(file: LogFile): void {
    const mark = file.mark();
    file.seek(0);
    this.#moved = true;
    for (const { path, packing } of siblings(this.#options.path).reverse()) {
      if (packing !== 'none') continue;
      const copy = new LogFile(path);
      if (copy.is(mark)) {
        copy.seek(mark.offset, mark.skipping);
        this.#files.splice(this.#files.indexOf(file), 0, copy);
        return;
      }
      copy.close();
    }
  }

  #resume(position: LogPosition | null): void {
    const marks = position?.['version'] === POSITION_VERSION ? (position['files'] as FileMark[]) : [];
    const paths = [...siblings(this.#options.path).map(({ path }) => path), this.#options.path];
    for (const mark of marks) {
      for (const path of paths) {
        const file = tryOpen(path);
        if (file?.is(mark) && (mark.offset > 0 || file.ino === mark.ino)) {
          file.seek(mark.offset, mark.skipping);
          this.#files.push(file);
          break;
        }
        file?.close();
      }
    }
    if (marks.length > 0 && this.#files.length === 0)
      this.#gaps.push({
        kind: 'rotated-away',
        text: `${this.#options.path}: what was being read is gone`,
        bytes: null,
        lines: null,
      });
  }

  /** `tail` tells when to look; what it reads itself is not used. A new file at the path gets a new one. */
  #watch(): void {
    this.#tail?.unwatch();
    try {
      this.#tail = new Tail(this.#options.path, { follow: true, fromBeginning: false });
      this.#tail.on('line', () => this.#wake?.());
      this.#tail.on('error', () => {});
    } catch {
      // The slow look goes on without it.
      this.#tail = null;
    }
  }

  #wait(): Promise<void> {
    return new Promise((done) => {
      this.#wake = () => {
        if (this.#timer) clearTimeout(this.#timer);
        this.#wake = null;
        done();
      };
      this.#timer = setTimeout(this.#wake, LOOK_EVERY_MS);
    });
  }
}

function tryOpen(path: string): LogFile | null {
  try {
    return new LogFile(path);
  } catch {
    return null;
  }
}
