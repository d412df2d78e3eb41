/**
 * Simulates a log, its writer and its rotation on a real file system, and knows the truth: what was written, which files have it,
 * and what is gone. Each action is a generator of steps, so that a reader can run between any two.
 */
import { execFileSync } from 'node:child_process';
import { basename, join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { plainFs as fs } from './preemption.ts';

/** The content of one generation of the log, whichever files have it. */
interface Stream {
  /** One character per byte. */
  text: string;
  /** Whether a running follower has it open: its names do not matter then. */
  isOpen: boolean;
  /** How many of its bytes a saved position knows of. */
  seen: number;
}

/** The content of a file. */
interface FileState {
  stream: Stream;
  /** How much of the stream it has: a copy does not grow. */
  length: number;
  copy: boolean;
  compressed: boolean;
}

/** The file that the writer has open. */
interface Writer {
  readonly fd: number;
  readonly stream: Stream;
}

/** Counts texts. */
export class LineCounts {
  readonly counts = new Map<string, number>();

  add(text: string, n = 1): void {
    this.counts.set(text, (this.counts.get(text) ?? 0) + n);
  }

  of(text: string): number {
    return this.counts.get(text) ?? 0;
  }
}

export interface SimulationOptions {
  /** Rotation by numbers (`.1`), by dates (`-20261124`), or by a symbolic link that is moved from file to file. */
  readonly naming: 'number' | 'date' | 'link';
}

/** The bytes at the beginning of a line that no other line begins with. */
const START_BYTES = 7;

export class LogSimulation {
  readonly folder: string;
  readonly path: string;
  readonly #options: SimulationOptions;
  readonly #files = new Map<string, FileState>();
  readonly #streams: Stream[] = [];
  #writer: Writer | null = null;
  #lines = 0;
  #partial = '';
  #day = 0;
  #target = 0;
  /** Lines that may be missing, as often as they may be. */
  readonly mayBeMissing = new LineCounts();
  /** Of those, the ones whose loss must be reported. */
  readonly mustBeReported = new LineCounts();
  /** Whether there was a reason to declare a gap. */
  mayGap = false;
  /** Lines that were emitted and committed. */
  readonly committed = new LineCounts();
  /** Numbers of lines that were written in two parts: where they are rotated away in between, newer lines do not wait for their ends. */
  readonly torn = new Set<number>();
  nowMs: number;

  constructor(folder: string, options: SimulationOptions, nowMs: number) {
    this.folder = folder;
    this.path = join(folder, 'sshd.log');
    this.#options = options;
    this.nowMs = nowMs;
  }

  close(): void {
    if (this.#writer !== null) fs.closeSync(this.#writer.fd);
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  /** The file at the log's path. */
  get #log(): string {
    return this.#options.naming === 'link' ? join(this.folder, `sshd-${20260100 + this.#target}.log`) : this.path;
  }

  /** Whether the writer has the file at the log's path open. */
  get attached(): boolean {
    return this.#writer !== null && this.#files.get(this.#log)?.stream === this.#writer.stream;
  }

  get hasPartialLine(): boolean {
    return this.#partial !== '';
  }

  #append(text: string): void {
    const { fd, stream } = this.#writer ?? this.#reopen();
    const bytes = Buffer.from(text, 'latin1');
    fs.writeSync(fd, bytes);
    this.#touch(fd);
    stream.text += text;
    const files = [...this.#files.values()].filter((file) => file.stream === stream && !file.copy);
    for (const file of files) file.length = stream.text.length;
    // It was written to a deleted file that nobody else has open.
    if (files.length === 0 && !stream.isOpen) this.#allowMissing(stream);
  }

  #touch(file: number | string): void {
    if (typeof file === 'number') fs.futimesSync(file, this.nowMs / 1000, this.nowMs / 1000);
    else fs.utimesSync(file, this.nowMs / 1000, this.nowMs / 1000);
  }

  #reopen(): Writer {
    if (this.#writer !== null) fs.closeSync(this.#writer.fd);
    this.#writer = null;
    this.#partial = '';
    const existed = this.#files.has(this.#log);
    const fd = fs.openSync(this.#log, 'a');
    if (!existed) this.#begin(this.#log);
    if (this.#options.naming === 'link') {
      fs.rmSync(this.path, { force: true });
      fs.symlinkSync(this.#log, this.path);
    }
    const stream = (this.#files.get(this.#log) as FileState).stream;
    this.#writer = { fd, stream };
    this.#touch(fd);
    return this.#writer;
  }

  #begin(name: string): Stream {
    const stream: Stream = { text: '', isOpen: false, seen: 0 };
    this.#streams.push(stream);
    this.#files.set(name, { stream, length: 0, copy: false, compressed: false });
    return stream;
  }

  #line(size: number): string {
    this.#lines += 1;
    const filler = size % 50 === 49 ? 'x'.repeat(70_000) : size % 7 === 6 ? 'é€😀'.repeat(size % 5) : '';
    // No line begins as another does: copies of repetitive content cannot be distinguished from new content, and are only reported.
    const start = (Math.imul(this.#lines, 0x9e3779b1) >>> 0).toString(36).padStart(START_BYTES, '0');
    if (size % 11 === 10) return `${start}\n`;
    const text = Buffer.from(`${start} Failed password for u${this.#lines}${filler} from 192.0.2.9 port 22 ssh2`);
    return `${text.toString('latin1')}${size % 3 === 0 ? '\r' : ''}\n`;
  }

  *write(count: number, size: number): Generator<void> {
    let text = this.#partial;
    this.#partial = '';
    for (let i = 0; i < count; i += 1) text += this.#line(size + i);
    if (text !== '') this.#append(text);
    yield;
  }

  *writePartial(cut: number): Generator<void> {
    if (this.#partial !== '') return;
    const line = this.#line(cut);
    this.torn.add(this.#lines);
    const at = Math.min(line.length - 1, START_BYTES + (cut % (line.length - START_BYTES)));
    // `#append` comes first: it may open the log anew, which drops the partial line.
    this.#append(line.slice(0, at));
    this.#partial = line.slice(at);
    yield;
  }

  *finishLine(): Generator<void> {
    if (this.#partial !== '') yield* this.write(0, 0);
  }

  *create(): Generator<void> {
    if (!this.attached) this.#reopen();
    yield;
  }

  /** Returns the name for the next rotated file, a date or `.1`, after renaming the others to make room for it. */
  *#nextName(): Generator<void, string> {
    if (this.#options.naming === 'date') {
      this.#day += 1;
      const day = new Date(Date.UTC(2026, 0, this.#day)).toISOString().slice(0, 10).replaceAll('-', '');
      return join(this.folder, `sshd.log-${day}`);
    }
    const numbered = [...this.#files.keys()]
      .map((name) => /^sshd\.log\.(\d+)(\.\w+)?$/.exec(basename(name)))
      .filter((match) => match !== null)
      .sort((a, b) => Number(b[1]) - Number(a[1]));
    for (const [name, number, compressed = ''] of numbered) {
      this.#move(join(this.folder, name), join(this.folder, `sshd.log.${Number(number) + 1}${compressed}`));
      yield;
    }
    return join(this.folder, 'sshd.log.1');
  }

  #move(from: string, to: string): void {
    fs.renameSync(from, to);
    const file = this.#files.get(from) as FileState;
    this.#files.delete(from);
    this.#files.set(to, file);
  }

  *rename(reopen: boolean): Generator<void> {
    if (!this.#files.has(this.#log)) return;
    if (this.#options.naming === 'link') {
      this.#target += 1;
      if (reopen) yield* this.create();
      return;
    }
    this.#move(this.#log, yield* this.#nextName());
    yield;
    if (reopen) yield* this.create();
  }

  *copyTruncate(between: number): Generator<void> {
    const file = this.#files.get(this.#log);
    if (file === undefined || this.#options.naming === 'link') return;
    if (between > 0) yield* this.finishLine();
    const copy = yield* this.#nextName();
    const bytes = fs.readFileSync(this.#log);
    const fd = fs.openSync(copy, 'w');
    const middle = Math.floor(bytes.length / 2);
    fs.writeSync(fd, bytes.subarray(0, middle));
    yield;
    fs.writeSync(fd, bytes.subarray(middle));
    this.#touch(fd);
    fs.closeSync(fd);
    this.#files.set(copy, { stream: file.stream, length: bytes.length, copy: true, compressed: false });
    yield;
    // These lines are in no copy: the hole that copying and truncating has.
    if (between > 0 && this.attached) yield* this.write(between, 0);
    this.#truncate();
    yield;
  }

  /** Empties the log's file: a truncation, or its inode given to a new file. */
  #truncate(): void {
    const file = this.#files.get(this.#log);
    if (file === undefined) return;
    fs.truncateSync(this.#log);
    this.#touch(this.#log);
    const attached = this.attached;
    const old = file.stream;
    const fresh = this.#begin(this.#log);
    if (attached && this.#writer !== null) this.#writer = { ...this.#writer, stream: fresh };
    // A descriptor does not keep bytes that are truncated.
    old.isOpen = false;
    this.#allowMissing(old);
  }

  *replace(): Generator<void> {
    yield* this.finishLine();
    this.#truncate();
    yield;
  }

  /** Replaces the log by a longer copy of itself. `keepsWriter`: the writer goes on in the replaced file, which has no name any more. */
  *replaceByCopy(count: number, size: number, keepsWriter: boolean): Generator<void> {
    yield* this.finishLine();
    const file = this.#files.get(this.#log);
    if (file === undefined) return;
    const old = this.#log;
    const isLink = this.#options.naming === 'link';
    if (isLink) this.#target += 1;
    const copy = isLink ? this.#log : join(this.folder, '.copy');
    const added = this.#newLines(count, size);
    yield* this.#writeInParts(fs.openSync(copy, 'w'), fs.readFileSync(old), added);
    if (isLink) {
      fs.rmSync(this.path, { force: true });
      fs.symlinkSync(this.#log, this.path);
      this.#files.set(old, { ...file, copy: true });
      // So short a content may be that of two logs.
      if (fragments(file.stream.text).length <= 2) this.mayGap = true;
    } else fs.renameSync(copy, old);
    this.#moveStream(file.stream, added, keepsWriter && !isLink);
    yield;
  }

  /** Writes the log anew in place, longer than before, as an editor does. */
  *rewriteInPlace(count: number, size: number): Generator<void> {
    yield* this.finishLine();
    const file = this.#files.get(this.#log);
    if (file === undefined) return;
    const bytes = fs.readFileSync(this.#log);
    const added = this.#newLines(count, size);
    const fd = fs.openSync(this.#log, 'w');
    yield;
    yield* this.#writeInParts(fd, bytes, added);
    file.stream.text += added;
    file.length = file.stream.text.length;
    yield;
  }

  /** Renames the log to a backup, writes it anew under its own name, longer than before, and deletes the backup, as an editor does. */
  *rewriteRenamed(count: number, size: number, keepsWriter: boolean): Generator<void> {
    yield* this.finishLine();
    const file = this.#files.get(this.#log);
    if (file === undefined || this.#options.naming === 'link') return;
    const bytes = fs.readFileSync(this.#log);
    const added = this.#newLines(count, size);
    fs.renameSync(this.#log, `${this.#log}~`);
    yield;
    const fd = fs.openSync(this.#log, 'w');
    yield;
    yield* this.#writeInParts(fd, bytes, added);
    this.#moveStream(file.stream, added, keepsWriter);
    fs.rmSync(`${this.#log}~`);
    yield;
  }

  #newLines(count: number, size: number): string {
    return Array.from({ length: count }, (_, i) => this.#line(size + i)).join('');
  }

  *#writeInParts(fd: number, bytes: Buffer, added: string): Generator<void> {
    const middle = Math.floor(bytes.length / 2);
    fs.writeSync(fd, bytes.subarray(0, middle));
    yield;
    fs.writeSync(fd, bytes.subarray(middle));
    yield;
    fs.writeSync(fd, Buffer.from(added, 'latin1'));
    this.#touch(fd);
    fs.closeSync(fd);
  }

  /** The log's stream goes on, with more lines, in another file at the log's path. */
  #moveStream(stream: Stream, added: string, keepsWriter: boolean): void {
    // Of a log that no position knows anything of, a copy is not recognised: it was deleted, and another one came.
    if (stream.seen === 0) this.mayGap = true;
    const detached: Stream = { text: '', isOpen: stream.isOpen, seen: 0 };
    stream.text += added;
    this.#files.set(this.#log, { stream, length: stream.text.length, copy: false, compressed: false });
    const wrote = this.#writer?.stream === stream;
    if (wrote && keepsWriter && this.#writer !== null) {
      this.#streams.push(detached);
      this.#writer = { ...this.#writer, stream: detached };
    } else if (wrote) {
      if (this.#writer !== null) fs.closeSync(this.#writer.fd);
      this.#writer = { fd: fs.openSync(this.#log, 'a'), stream };
    }
    // Nobody has the new file open yet.
    stream.isOpen = false;
  }

  *compress(which: number, how: number): Generator<void> {
    const plain = [...this.#files].filter(
      ([name, file]) => name !== this.#log && !file.compressed && (file.copy || file.stream !== this.#writer?.stream),
    );
    if (this.#options.naming === 'link' || plain.length === 0) return;
    const [name, file] = plain[which % plain.length] as [string, FileState];
    const kind = how % 20 === 0 ? 'xz' : how % 2 === 0 ? 'gz' : 'zst';
    const bytes = fs.readFileSync(name);
    const compressed =
      kind === 'gz'
        ? gzipSync(bytes, { level: 1 })
        : kind === 'zst'
          ? zstdCompressSync(bytes)
          : execFileSync('xz', ['-0', '-c'], { input: bytes, stdio: ['pipe', 'pipe', 'ignore'] });
    const { mtimeMs } = fs.statSync(name);
    const to = `${name}.${kind}`;
    const fd = fs.openSync(to, 'w');
    fs.writeSync(fd, compressed.subarray(0, 7));
    yield;
    fs.writeSync(fd, compressed.subarray(7));
    fs.futimesSync(fd, mtimeMs / 1000, mtimeMs / 1000);
    fs.closeSync(fd);
    yield;
    fs.rmSync(name);
    this.#files.delete(name);
    this.#files.set(to, { ...file, compressed: true });
    yield;
  }

  *remove(which: number): Generator<void> {
    const names = [...this.#files.keys()].filter((name) => name !== this.#log);
    if (names.length > 0) yield* this.#delete(names[which % names.length] as string);
  }

  *removeLog(recreate: boolean): Generator<void> {
    if (!this.#files.has(this.#log)) return;
    yield* this.#delete(this.#log);
    if (recreate) yield* this.create();
  }

  *#delete(name: string): Generator<void> {
    fs.rmSync(name);
    const file = this.#files.get(name) as FileState;
    this.#files.delete(name);
    if (!file.stream.isOpen) this.#allowMissing(file.stream);
    // Its content cannot be known any more, even if it was empty.
    if (file.compressed) this.mayGap = true;
    yield;
  }

  /** Allows lines to be missing that no file has any more; where a saved position knows of them, their loss must be reported. */
  #allowMissing(stream: Stream): void {
    const files = [...this.#files.values()].filter((file) => file.stream === stream);
    const left = Math.max(0, ...files.map(({ length }) => length));
    if (files.length > 0 && left === stream.text.length) return;
    this.mayGap = true;
    let at = 0;
    for (const line of fragments(stream.text)) {
      at += line.length;
      if (at <= left || stream.isOpen) continue;
      this.mayBeMissing.add(line);
      if (at <= stream.seen) this.mustBeReported.add(line);
    }
  }

  /** Records that a saved position knows of so many bytes of this file. */
  recordPosition({ path, id, size }: { path: string; id: string; size: number }): void {
    const file = this.#files.get(path);
    if (file === undefined || file.compressed) return;
    const { dev, ino } = fs.statSync(path, { bigint: true });
    if (id === `${dev}:${ino}`) file.stream.seen = Math.max(file.stream.seen, size);
  }

  /** Records that a follower is at the end of the log, and has it open. */
  atEnd(): void {
    const log = this.#files.get(this.#log)?.stream;
    if (log !== undefined) log.isOpen = true;
  }

  /** Records that a follower has closed the files that were rotated away. */
  released(): void {
    const log = this.#files.get(this.#log)?.stream;
    for (const stream of this.#streams) if (stream !== log) this.#markClosed(stream);
  }

  /** Records that no follower runs any more. */
  noneOpen(): void {
    for (const stream of this.#streams) this.#markClosed(stream);
  }

  #markClosed(stream: Stream): void {
    if (!stream.isOpen) return;
    stream.isOpen = false;
    // Files that still have it may have less: a copy does not grow.
    this.#allowMissing(stream);
  }

  /** Returns the lines that should be committed in the end. */
  expected(): LineCounts {
    const all = new LineCounts();
    const log = this.#files.get(this.#log)?.stream;
    for (const stream of this.#streams)
      for (const line of fragments(stream.text)) if (stream !== log || line.endsWith('\n')) all.add(bare(line));
    return all;
  }

  get listing(): string {
    return fs
      .readdirSync(this.folder)
      .map((name) => `${name} (${fs.statSync(join(this.folder, name), { throwIfNoEntry: false })?.size})`)
      .join(', ');
  }
}

/** Splits a text into its lines with their ends, and the partial line behind them. */
export function fragments(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** Returns a line as it is compared: without its end, and cut at the limit. */
export function bare(line: string): string {
  const text = line.replace(/\r?\n?$/, '');
  return text.length > 60_000 ? text.slice(0, 60_000) : text;
}
