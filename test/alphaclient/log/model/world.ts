/**
 * A log, its writer and its rotation on a real file system, with the truth: what was written, where it still stands, and
 * what is gone. Each thing that is done to the log is a list of steps, so that a reader can come in between any two.
 */
import { execFileSync } from 'node:child_process';
import { basename, join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { plainFs as fs } from './preemption.ts';

/** What was written into one generation of the log, wherever it stands. */
interface Stream {
  /** One character a byte. */
  text: string;
  /** Whether a follower that is running has it open: what becomes of its names does not matter then. */
  held: boolean;
  /** How much of it is known to be there by a position that was saved. */
  seen: number;
}

/** A file, or a name of one. */
interface Place {
  stream: Stream;
  /** How much of the stream stands here: a copy does not grow. */
  length: number;
  copy: boolean;
  packed: boolean;
}

/** The file that the writer has open. */
interface Writer {
  readonly fd: number;
  readonly stream: Stream;
}

/** How often each text came. */
export class Tally {
  readonly counts = new Map<string, number>();

  add(text: string, n = 1): void {
    this.counts.set(text, (this.counts.get(text) ?? 0) + n);
  }

  of(text: string): number {
    return this.counts.get(text) ?? 0;
  }
}

export interface WorldOptions {
  /** Numbers (`.1`), dates (`-20261124`), or a symbolic link that is moved from file to file. */
  readonly naming: 'number' | 'date' | 'link';
}

/** By so much no two lines are alike. */
const START_BYTES = 7;

export class World {
  readonly folder: string;
  readonly path: string;
  readonly #options: WorldOptions;
  readonly #places = new Map<string, Place>();
  readonly #streams: Stream[] = [];
  #writer: Writer | null = null;
  #lines = 0;
  #half = '';
  #day = 0;
  #target = 0;
  /** Lines that may be missing, as often as they may be. */
  readonly excused = new Tally();
  /** Of those, the ones whose loss must be told. */
  readonly owed = new Tally();
  /** Whether there was reason to tell a gap. */
  mayGap = false;
  /** What has been handed out and kept. */
  readonly committed = new Tally();
  nowMs: number;

  constructor(folder: string, options: WorldOptions, nowMs: number) {
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

  /** Whether the writer writes to what is at the log's path. */
  get attached(): boolean {
    return this.#writer !== null && this.#places.get(this.#log)?.stream === this.#writer.stream;
  }

  get halfWritten(): boolean {
    return this.#half !== '';
  }

  #append(text: string): void {
    const { fd, stream } = this.#writer ?? this.#reopen();
    const bytes = Buffer.from(text, 'latin1');
    fs.writeSync(fd, bytes);
    this.#touch(fd);
    stream.text += text;
    const places = [...this.#places.values()].filter((place) => place.stream === stream && !place.copy);
    for (const place of places) place.length = stream.text.length;
    // Written to a file that has no name any more and that nobody else has open.
    if (places.length === 0 && !stream.held) this.#excuse(stream);
  }

  #touch(file: number | string): void {
    if (typeof file === 'number') fs.futimesSync(file, this.nowMs / 1000, this.nowMs / 1000);
    else fs.utimesSync(file, this.nowMs / 1000, this.nowMs / 1000);
  }

  #reopen(): Writer {
    if (this.#writer !== null) fs.closeSync(this.#writer.fd);
    this.#writer = null;
    this.#half = '';
    const existed = this.#places.has(this.#log);
    const fd = fs.openSync(this.#log, 'a');
    if (!existed) this.#begin(this.#log);
    if (this.#options.naming === 'link') {
      fs.rmSync(this.path, { force: true });
      fs.symlinkSync(this.#log, this.path);
    }
    const stream = (this.#places.get(this.#log) as Place).stream;
    this.#writer = { fd, stream };
    this.#touch(fd);
    return this.#writer;
  }

  #begin(name: string): Stream {
    const stream: Stream = { text: '', held: false, seen: 0 };
    this.#streams.push(stream);
    this.#places.set(name, { stream, length: 0, copy: false, packed: false });
    return stream;
  }

  #line(size: number): string {
    this.#lines += 1;
    const filler = size % 50 === 49 ? 'x'.repeat(70_000) : size % 7 === 6 ? 'é€😀'.repeat(size % 5) : '';
    // No line begins as another does: copies of text that is all alike cannot be told from new text, and are only reported.
    const start = (Math.imul(this.#lines, 0x9e3779b1) >>> 0).toString(36).padStart(START_BYTES, '0');
    if (size % 11 === 10) return `${start}\n`;
    const text = Buffer.from(`${start} Failed password for u${this.#lines}${filler} from 192.0.2.9 port 22 ssh2`);
    return `${text.toString('latin1')}${size % 3 === 0 ? '\r' : ''}\n`;
  }

  *write(count: number, size: number): Generator<void> {
    let text = this.#half;
    this.#half = '';
    for (let i = 0; i < count; i += 1) text += this.#line(size + i);
    if (text !== '') this.#append(text);
    yield;
  }

  *writeHalf(cut: number): Generator<void> {
    if (this.#half !== '') return;
    const line = this.#line(cut);
    const at = Math.min(line.length - 1, START_BYTES + (cut % (line.length - START_BYTES)));
    // The writer is opened first: opening forgets a half line.
    this.#append(line.slice(0, at));
    this.#half = line.slice(at);
    yield;
  }

  *finishLine(): Generator<void> {
    if (this.#half !== '') yield* this.write(0, 0);
  }

  *create(): Generator<void> {
    if (!this.attached) this.#reopen();
    yield;
  }

  /** Makes room for a new `.1`, or gives the next name by date. */
  *#nextName(): Generator<void, string> {
    if (this.#options.naming === 'date') {
      this.#day += 1;
      const day = new Date(Date.UTC(2026, 0, this.#day)).toISOString().slice(0, 10).replaceAll('-', '');
      return join(this.folder, `sshd.log-${day}`);
    }
    const numbered = [...this.#places.keys()]
      .map((name) => /^sshd\.log\.(\d+)(\.\w+)?$/.exec(basename(name)))
      .filter((match) => match !== null)
      .sort((a, b) => Number(b[1]) - Number(a[1]));
    for (const [name, number, packed = ''] of numbered) {
      this.#move(join(this.folder, name), join(this.folder, `sshd.log.${Number(number) + 1}${packed}`));
      yield;
    }
    return join(this.folder, 'sshd.log.1');
  }

  #move(from: string, to: string): void {
    fs.renameSync(from, to);
    const place = this.#places.get(from) as Place;
    this.#places.delete(from);
    this.#places.set(to, place);
  }

  *rename(reopen: boolean): Generator<void> {
    if (!this.#places.has(this.#log)) return;
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
    const place = this.#places.get(this.#log);
    if (place === undefined || this.#options.naming === 'link') return;
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
    this.#places.set(copy, { stream: place.stream, length: bytes.length, copy: true, packed: false });
    yield;
    // What is written now is on no copy: the one hole that copying and truncating has.
    if (between > 0 && this.attached) yield* this.write(between, 0);
    this.#truncate();
    yield;
  }

  /** The log's file with nothing in it: a truncation, or its inode given to a new file. */
  #truncate(): void {
    const place = this.#places.get(this.#log);
    if (place === undefined) return;
    fs.truncateSync(this.#log);
    this.#touch(this.#log);
    const attached = this.attached;
    const old = place.stream;
    const fresh = this.#begin(this.#log);
    if (attached && this.#writer !== null) this.#writer = { ...this.#writer, stream: fresh };
    // Being open helps nothing where the very bytes go.
    old.held = false;
    this.#excuse(old);
  }

  *replace(): Generator<void> {
    yield* this.finishLine();
    this.#truncate();
    yield;
  }

  *pack(which: number, how: number): Generator<void> {
    const plain = [...this.#places].filter(
      ([name, place]) => name !== this.#log && !place.packed && (place.copy || place.stream !== this.#writer?.stream),
    );
    if (this.#options.naming === 'link' || plain.length === 0) return;
    const [name, place] = plain[which % plain.length] as [string, Place];
    const kind = how % 20 === 0 ? 'xz' : how % 2 === 0 ? 'gz' : 'zst';
    const bytes = fs.readFileSync(name);
    const packed =
      kind === 'gz'
        ? gzipSync(bytes, { level: 1 })
        : kind === 'zst'
          ? zstdCompressSync(bytes)
          : execFileSync('xz', ['-0', '-c'], { input: bytes, stdio: ['pipe', 'pipe', 'ignore'] });
    const { mtimeMs } = fs.statSync(name);
    const to = `${name}.${kind}`;
    const fd = fs.openSync(to, 'w');
    fs.writeSync(fd, packed.subarray(0, 7));
    yield;
    fs.writeSync(fd, packed.subarray(7));
    fs.futimesSync(fd, mtimeMs / 1000, mtimeMs / 1000);
    fs.closeSync(fd);
    yield;
    fs.rmSync(name);
    this.#places.delete(name);
    this.#places.set(to, { ...place, packed: true });
    yield;
  }

  *remove(which: number): Generator<void> {
    const names = [...this.#places.keys()].filter((name) => name !== this.#log);
    if (names.length > 0) yield* this.#delete(names[which % names.length] as string);
  }

  *removeLog(recreate: boolean): Generator<void> {
    if (!this.#places.has(this.#log)) return;
    yield* this.#delete(this.#log);
    if (recreate) yield* this.create();
  }

  *#delete(name: string): Generator<void> {
    fs.rmSync(name);
    const place = this.#places.get(name) as Place;
    this.#places.delete(name);
    if (!place.stream.held) this.#excuse(place.stream);
    // What was in it cannot be known any more, be it nothing.
    if (place.packed) this.mayGap = true;
    yield;
  }

  /** What stands nowhere any more may be missing; where a follower knew of it, it must say so. */
  #excuse(stream: Stream): void {
    const places = [...this.#places.values()].filter((place) => place.stream === stream);
    const left = Math.max(0, ...places.map(({ length }) => length));
    if (places.length > 0 && left === stream.text.length) return;
    this.mayGap = true;
    let at = 0;
    for (const line of fragments(stream.text)) {
      at += line.length;
      if (at <= left || stream.held) continue;
      this.excused.add(line);
      if (at <= stream.seen) this.owed.add(line);
    }
  }

  /** A saved position has this file with so many bytes. */
  noted({ path, id, size }: { path: string; id: string; size: number }): void {
    const place = this.#places.get(path);
    if (place === undefined || place.packed) return;
    const { dev, ino } = fs.statSync(path, { bigint: true });
    if (id === `${dev}:${ino}`) place.stream.seen = Math.max(place.stream.seen, size);
  }

  /** A follower has looked, and is at the end of all there is. */
  seen(): void {
    const log = this.#places.get(this.#log)?.stream;
    if (log !== undefined) log.held = true;
  }

  /** A follower has let go of what was rotated away. */
  released(): void {
    const log = this.#places.get(this.#log)?.stream;
    for (const stream of this.#streams) if (stream !== log) this.#letGo(stream);
  }

  /** No follower runs any more. */
  unheld(): void {
    for (const stream of this.#streams) this.#letGo(stream);
  }

  #letGo(stream: Stream): void {
    if (!stream.held) return;
    stream.held = false;
    if (![...this.#places.values()].some((place) => place.stream === stream)) this.#excuse(stream);
  }

  /** All that should have been handed out in the end. */
  expected(): Tally {
    const all = new Tally();
    const log = this.#places.get(this.#log)?.stream;
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

/** The lines of a text with their ends, and what stands behind the last one. */
export function fragments(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** A line as it is compared: without its end, and no longer than what is kept of it. */
export function bare(line: string): string {
  const text = line.replace(/\r?\n?$/, '');
  return text.length > 60_000 ? text.slice(0, 60_000) : text;
}
