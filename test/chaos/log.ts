/** The log of the chaos run: a writer that keeps the truth, and every way to rotate what it writes. Nothing unread is deleted. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { Random } from '../demo/random.ts';

/** The form of a generation's name: `.1`, `-20260101-1767225600`, or a file of its day that a link at the log's path points to. */
export type Naming = 'number' | 'date' | 'link';

/** `xz` is no part of Node: packed with it is only what a machine that has it would pack. */
const HAS_XZ = spawnSync('xz', ['--version'], { stdio: 'ignore' }).status === 0;

/** Sessions that are open at once, about. */
const OPEN_SESSIONS = 50;

export class Log {
  readonly path: string;
  /** Each attempt's outcome by its user, who makes one attempt. */
  readonly truth = new Map<string, string>();
  /** The sessions that are open: the last line of each, by its user. */
  readonly open = new Map<string, string>();
  readonly #naming: Naming;
  readonly #random: Random;
  #day = Date.UTC(2026, 0, 1);
  #target = '';
  #fd: number;
  #half = '';
  /** As sshd ends a line of its own log, or as anyone else does. */
  readonly #end: string;
  /** Files that hold nothing unread. */
  #read = new Set<string>();

  constructor(path: string, naming: Naming, random: Random) {
    this.path = path;
    this.#naming = naming;
    this.#random = random;
    this.#end = random.pick(['\r\n', '\n']);
    this.#fd = this.#open();
  }

  #open(): number {
    if (this.#naming !== 'link') return openSync(this.path, 'a');
    const stamp = this.#stamp();
    this.#target = join(dirname(this.path), `sshd-${stamp}.log`);
    const fd = openSync(this.#target, 'a');
    symlinkSync(this.#target, `${this.path}.new`);
    renameSync(`${this.path}.new`, this.path);
    return fd;
  }

  #stamp(): string {
    this.#day += 86_400_000;
    return `${new Date(this.#day).toISOString().slice(0, 10).replaceAll('-', '')}-${this.#day / 1_000}`;
  }

  /** The writer lets go of its file, and opens what is at the log's path, or makes it. */
  reopen(): void {
    this.finishLine();
    closeSync(this.#fd);
    this.#fd = this.#open();
  }

  /** Writes some attempts; now and then leaves the last line half, and ends it the next time. */
  write(count: number): void {
    const random = this.#random;
    let text = this.#half;
    this.#half = '';
    for (let i = 0; i < count; i += 1) {
      const user = `u${this.truth.size + 1}`;
      const outcome = random.chance(0.2) ? 'Accepted' : 'Failed';
      this.truth.set(user, outcome.toLowerCase());
      const peer =
        outcome === 'Accepted'
          ? this.#begin(user)
          : `192.0.2.${random.whole(1, 250)} port ${random.whole(1_024, 61_000)}`;
      text += `${outcome} password for ${user} from ${peer} ssh2${this.#end}`;
      text += this.#endOne();
      if (random.chance(0.01)) text += `${random.pick(['ünreadable ☃ 💥', 'x'.repeat(70_000), ''])}${this.#end}`;
    }
    if (text !== '' && random.chance(0.2)) {
      const keep = text.length - random.whole(1, Math.min(40, text.length));
      this.#half = text.slice(keep);
      text = text.slice(0, keep);
    }
    writeSync(this.#fd, text);
  }

  /** Opens a session at a peer that no other has. */
  #begin(user: string): string {
    const number = this.truth.size;
    const peer = `198.51.${100 + (Math.floor(number / 60_000) % 100)}.7 port ${1_024 + (number % 60_000)}`;
    this.open.set(user, `Disconnected from user ${user} ${peer}`);
    return peer;
  }

  /** Ends a session now and then, more often than one begins once many are open. Returns its line, or none. */
  #endOne(): string {
    if (!this.#random.chance(this.open.size > OPEN_SESSIONS ? 0.4 : 0.15)) return '';
    const [user, line] = this.#random.pick([...this.open] as [[string, string], ...[string, string][]]) ?? [];
    if (user === undefined || line === undefined) return '';
    this.open.delete(user);
    return `${line}${this.#end}`;
  }

  finishLine(): void {
    if (this.#half !== '') writeSync(this.#fd, this.#half);
    this.#half = '';
  }

  /** The files of the log but for the one at its path: newest first. */
  #generations(): string[] {
    const folder = dirname(this.path);
    const base = basename(this.path);
    const names = readdirSync(folder).filter((name) =>
      this.#naming === 'link'
        ? name.startsWith('sshd-') && join(folder, name) !== this.#target
        : name.startsWith(base) && name !== base,
    );
    const number = (name: string): number => Number(/\.(\d+)(\.\w+)?$/.exec(name)?.[1]);
    return names
      .sort((a, b) => (this.#naming === 'number' ? number(a) - number(b) : a < b ? 1 : -1))
      .map((name) => join(folder, name));
  }

  /** The name for what is rotated away now; `.1` becomes `.2` for it, and so on. */
  #nextName(): string {
    if (this.#naming === 'date') return `${this.path}-${this.#stamp()}`;
    for (const file of this.#generations().reverse()) {
      const [, stem, number, packed = ''] = /^(.*)\.(\d+)(\.\w+)?$/.exec(file) as RegExpExecArray;
      const to = `${stem}.${Number(number) + 1}${packed}`;
      renameSync(file, to);
      if (this.#read.delete(file)) this.#read.add(to);
    }
    return `${this.path}.1`;
  }

  /** Renamed, or its link moved. The writer goes on in the old file until `reopen`. */
  rename(): void {
    if (this.#naming === 'link') {
      this.finishLine();
      const old = this.#fd;
      this.#fd = this.#open();
      if (this.#random.chance(0.5)) this.#late(old);
      closeSync(old);
      return;
    }
    renameSync(this.path, this.#nextName());
    if (this.#random.chance(0.5)) this.write(2);
  }

  #late(fd: number): void {
    const user = `u${this.truth.size + 1}`;
    this.truth.set(user, 'failed');
    writeSync(fd, `Failed password for ${user} from 192.0.2.1 port 9 ssh2${this.#end}`);
  }

  /** False where that cannot be, as with a link that is moved. */
  copyAndTruncate(): boolean {
    if (this.#naming === 'link') return false;
    this.finishLine();
    copyFileSync(this.path, this.#nextName());
    truncateSync(this.path);
    return true;
  }

  /** Deleted and made anew; only when all of it was read. */
  remove(): void {
    this.finishLine();
    rmSync(this.#naming === 'link' ? this.#target : this.path);
    this.reopen();
  }

  /** Packs one of the older generations; not the newest, which the writer may still have open. False where there is none. */
  pack(): boolean {
    const plain = this.#generations()
      .slice(1)
      .filter((file) => !/\.(gz|zst|xz)$/.test(file));
    if (plain.length === 0) return false;
    const file = plain[this.#random.whole(0, plain.length - 1)] as string;
    const { atimeMs, mtimeMs } = statSync(file);
    const packing = this.#random.pick(['gz', 'gz', 'zst', HAS_XZ ? 'xz' : 'gz']);
    const to = `${file}.${packing}`;
    const bytes = readFileSync(file);
    if (packing === 'xz') execFileSync('sh', ['-c', 'xz -1 -c <"$1" >"$2"', 'sh', file, to]);
    else writeFileSync(to, packing === 'gz' ? gzipSync(bytes) : zstdCompressSync(bytes));
    utimesSync(to, atimeMs / 1_000, mtimeMs / 1_000);
    rmSync(file);
    if (this.#read.delete(file)) this.#read.add(to);
    return true;
  }

  /** Number of older generations there are. */
  get generations(): number {
    return this.#generations().length;
  }

  /** All that was written has been read: the files that are there now may be deleted one day. */
  allRead(): void {
    this.#read = new Set(this.#generations());
  }

  /** Deletes read generations beyond the newest `kept`. */
  prune(kept: number): void {
    for (const file of this.#generations().slice(kept)) if (this.#read.has(file)) rmSync(file);
  }

  close(): void {
    closeSync(this.#fd);
  }
}
