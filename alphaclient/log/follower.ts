/** Follows a log through its files: looks what became of them, and hands out their lines in order. Waits for nothing. */
import { statSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { beginning, leftOut } from './beginning.ts';
import { Doubts } from './doubts.ts';
import { factsOf } from './fingerprint.ts';
import { Folders } from './folder-changes.ts';
import type { FollowerOptions } from './follower-options.ts';
import { type Inspection, Inspections } from './candidate-file.ts';
import { inOrder, trace } from './file-matching.ts';
import { joined, type Lines } from './lines.ts';
import { listing, shape } from './listing.ts';
import { cutsOf, damageOf, doubtOf, lossOf } from './gaps.ts';
import { positionOf, remembered } from './position.ts';
import { wentAway } from './replaced.ts';
import { generations, type LogFile } from './rotation.ts';
import type { Chunk, Gap } from './source.ts';
import { TrackedFile, totalsOf } from './tracked-file.ts';

/**
 * How long a file that was rotated away must be quiet before its half line is taken for its last one and it is closed. It is
 * still looked at, and read on should it grow. Programs told to reopen their log do so within a second or two.
 */
export const QUIET_MS = 5_000;

/** Other work is let in after this many reads that ended no line: a line of 1 GB takes a second. */
const READS_IN_A_ROW = 32;

/** The files of one log. `look` and `take` are called in turn, never while the other runs. */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #doubts = new Doubts(QUIET_MS);
  readonly #refused = new Set<string>();
  readonly #inspections = new Inspections();
  readonly #folders: Folders;
  #tracked: TrackedFile[];
  #started: boolean;
  #listing = '';
  readonly #gaps: Gap[] = [];
  readonly #rescued: Lines[] = [];
  #moved = false;
  /** Whether what is known of the files does not fit any more: the next `look` looks at all of them. */
  stale = true;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#folders = new Folders(options.path);
    this.#tracked = (options.files ?? []).map((file) => new TrackedFile(file));
    this.#started = options.files !== null;
  }

  /** The file at the log's path, where it is open. */
  get current(): TrackedFile | null {
    return this.#tracked.find((file) => file.file.state === 'current' && file.reader !== null) ?? null;
  }

  /** Bytes known to be unread, without a half line at the end (packed: as they are on the disk). */
  get behindBytes(): number {
    return this.#tracked.reduce((sum, { behindBytes }) => sum + behindBytes, 0);
  }

  /**
   * Finds out what became of the files. Quick where nothing did; `thorough` looks at all older files too. Throws where the log
   * or its folder may not be read: what is known stays, and the next look tries again.
   */
  async look(nowMs: number, thorough: boolean): Promise<void> {
    const stat = statSync(this.#options.path, { bigint: true, throwIfNoEntry: false });
    if (stat !== undefined && !stat.isFile()) throw new Error(`${this.#options.path} is not a file`);
    const at = this.current?.file.id ?? '';
    if (!this.#folders.changed() && !this.stale && !thorough && at === (stat === undefined ? '' : factsOf(stat).id))
      return;
    const files = this.#generations();
    const waiting = this.#tracked.some(({ file, reader }) => file.state !== 'done' && reader === null);
    if (this.stale || waiting || listing(files, this.#tracked) !== this.#listing) {
      this.stale = true;
      if (!(await this.#reconcile(files, nowMs))) return;
      this.stale = false;
      this.#listing = listing(files, this.#tracked);
    }
    for (const doubt of this.#doubts.due(nowMs)) this.#gaps.push(doubtOf(doubt));
  }

  /** The next chunk, or null where there is none for now. Throws what reading the log itself throws; nothing is lost by it. */
  async take(nowMs: number): Promise<Chunk | null> {
    if (this.#rescued.length > 0) return this.#chunk(joined(this.#rescued.splice(0)), nowMs);
    for (const tracked of this.#tracked) {
      if (tracked.reader?.offset === 0 && !this.#mayBegin(tracked)) continue;
      const result = await this.#read(tracked, nowMs);
      if (result === 'changed') {
        this.stale = true;
        return null;
      }
      const lines = result ?? this.#finish(tracked, nowMs);
      if (lines !== null) return this.#chunk(lines, tracked.file.mtimeMs);
    }
    return this.#moved || this.#gaps.length > 0 ? this.#chunk({ bytes: Buffer.alloc(0), cut: 0 }, nowMs) : null;
  }

  /** Closes all files. */
  close(): void {
    for (const tracked of this.#tracked) tracked.close();
  }

  /**
   * Whether the first lines of a file may be read now. Of the log they may not be its first ones any more: it may have been
   * copied and emptied since the last look, and written anew, and nothing read before can show it. So its text is taken
   * note of first, and then looked for a copy.
   */
  #mayBegin(tracked: TrackedFile): boolean {
    if (tracked.file.state !== 'current') return !this.stale || tracked.reader?.head.bytes !== 0;
    if (tracked.standing() === 'empty' || this.stale) return false;
    this.stale = listing(this.#generations(), this.#tracked) !== this.#listing;
    return !this.stale;
  }

  /** The next lines of a file; null at its end. */
  async #read(tracked: TrackedFile, nowMs: number): Promise<Lines | 'changed' | null> {
    try {
      for (let reads = 1; tracked.reader !== null; reads += 1) {
        const result = await tracked.reader.read();
        if (result.kind === 'changed') return 'changed';
        tracked.refresh();
        if (result.kind === 'end') return null;
        tracked.activeMs = nowMs;
        if (result.lines.taken > 0) return result.lines;
        if (reads % READS_IN_A_ROW === 0) await setImmediate();
      }
      return null;
    } catch (error) {
      if (tracked.file.state === 'current') throw error;
      this.#gaps.push(damageOf(tracked.file, error));
      tracked.retire('done', nowMs);
      tracked.close();
      return null;
    }
  }

  /** At the end of a file that was rotated away: its half line once nobody will end it, and then closes it. */
  #finish(tracked: TrackedFile, nowMs: number): Lines | null {
    const { reader, file } = tracked;
    if (reader === null || file.state === 'current') return null;
    if (!tracked.packed) {
      // Without a new log the writer has not been told yet, even where the old one is deleted.
      if (this.#tracked.at(-1) === tracked || Math.abs(nowMs - tracked.activeMs) < QUIET_MS) return null;
    }
    const lines = reader.end();
    tracked.retire('done', nowMs);
    tracked.close();
    this.#moved = true;
    return lines.taken > 0 ? lines : null;
  }

  #chunk(lines: Pick<Lines, 'bytes' | 'cut'>, writtenMs: number): Chunk {
    this.#moved = false;
    const files = this.#tracked.map(({ file }) => file);
    const position = positionOf(this.#options.path, files);
    return { bytes: lines.bytes, position, writtenMs, gaps: this.#gaps.splice(0), cutLines: lines.cut };
  }

  #generations(): LogFile[] {
    const also = this.#options.foreign ? [] : this.#tracked.map(({ file }) => file.path);
    return generations(this.#options.path, also);
  }

  /** False where it is to be looked again: the files moved on meanwhile, or the log is one that was not open until now. */
  async #reconcile(files: readonly LogFile[], nowMs: number): Promise<boolean> {
    const { current } = this;
    const standing = current?.standing();
    const places = this.#tracked.map(({ file }) => file.offset);
    const inspections = this.#inspections.of(files, places);
    const lineage = await trace(this.#tracked, inspections);
    const totals = await totalsOf(lineage.holders);
    // What seems lost or new may be in a copy, or under a name, that came into being after the files were listed.
    if (listing(this.#generations(), this.#tracked) !== listing(files, this.#tracked)) return false;
    // What was taken for a copy of the log, or for none, was compared with another text.
    if (current?.standing() !== standing) return false;
    if (this.#options.foreign && lineage.holders.size === 0) this.#started = false;
    if (!this.#started) {
      this.#tracked = beginning(inspections, this.#options.from, nowMs);
      this.#started = true;
      this.#moved = true;
      return true;
    }
    const before = shape(this.#tracked);
    const fresh = new Map<TrackedFile, Inspection>();
    // Opened before anything is given up: where the log cannot be opened this throws, and the next look does it all again.
    try {
      for (const inspection of lineage.fresh) {
        const tracked = TrackedFile.unread(inspection);
        fresh.set(tracked, inspection);
        this.#open(tracked, inspection, nowMs);
      }
      for (const [tracked, inspection] of lineage.holders)
        this.#place(tracked, inspection, totals.get(tracked) ?? null, nowMs);
    } catch (error) {
      for (const tracked of fresh.keys()) tracked.close();
      throw error;
    }
    for (const tracked of lineage.lost) this.#giveUp(tracked, lineage.copied);
    for (const inspection of lineage.leftOut) fresh.set(leftOut(inspection), inspection);
    const all = inOrder(this.#tracked, lineage, inspections, fresh);
    // Deleted, and still open.
    for (const tracked of all) {
      const held = lineage.holders.has(tracked) || fresh.has(tracked);
      if (tracked.file.state === 'current' && !held) tracked.retire('old', nowMs);
    }
    this.#tracked = remembered(all, ({ file }) => file);
    if (shape(this.#tracked) !== before) this.#moved = true;
    this.#doubts.replace(lineage.doubtful, nowMs);
    // It may have been emptied after it was compared with what seems to be its copy, and before it was opened.
    return this.current === current || this.current?.file.offset !== 0;
  }

  /** Takes note of where a known file is now, and opens it where it is to be read on. */
  #place(tracked: TrackedFile, inspection: Inspection, total: number | null, nowMs: number): void {
    const { file, reader } = tracked;
    const grown = inspection.file.packing === null && inspection.file.size > file.offset;
    const state = inspection.file.current ? 'current' : file.state === 'done' && !grown ? 'done' : 'old';
    const elsewhere = tracked.isElsewhere(inspection.file);
    this.#gaps.push(...cutsOf(file, total));
    tracked.settle(inspection, state, total, nowMs);
    if (elsewhere || (reader === null && state !== 'done')) this.#open(tracked, inspection, nowMs);
  }

  /** Opens a file to read it on. An older one that is refused waits, told once; the log itself refused throws. */
  #open(tracked: TrackedFile, inspection: Inspection, nowMs: number): void {
    try {
      tracked.open(inspection, nowMs);
    } catch (error) {
      if (inspection.file.current || wentAway(error)) throw error;
      const message = `${inspection.file.path} cannot be opened, and is read once it can: ${error instanceof Error ? error.message : error}`;
      if (!this.#refused.has(message)) this.#options.log.error(message);
      this.#refused.add(message);
    }
  }

  /** Says what is missing of a file whose text stands nowhere any more; saves its half line where it was read already. */
  #giveUp(tracked: TrackedFile, copied: boolean): void {
    const { file, reader } = tracked;
    const half = reader?.end() ?? null;
    if (half !== null && half.taken > 0) this.#rescued.push(half);
    const gap = lossOf(file, half?.taken ?? 0, reader !== null, copied);
    if (gap !== null) this.#gaps.push(gap);
    else if (file.state === 'current')
      this.#options.log.warn(`${file.path} was truncated; all that was seen of it until then has been read`);
    tracked.close();
  }
}
