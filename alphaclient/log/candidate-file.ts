/** Looking into a file of the log, to tell which of the known ones it is. */

import { closeSync, fstatSync, openSync } from 'node:fs';
import { bytesAt, FINGERPRINT_BYTES, type Fingerprint, factsOf, fingerprintOf, lastOf } from './fingerprint.ts';
import { beginsAs, endsAs, isShorterStart } from './likeness.ts';
import type { KnownFile } from './position.ts';
import { replaced } from './replaced.ts';
import type { LogFile } from './rotation.ts';
import { unpacked } from './decompress.ts';

/** Two files are compared this many bytes at a time. */
const COMPARE_BYTES = 256 * 1024;

/** What an unpacked stream showed in one pass. */
interface Unpacked {
  /** Bytes unpacked. */
  readonly total: number;
  /** Whether that is all: false where the file is damaged behind them. */
  readonly whole: boolean;
  readonly head: Buffer;
  /** For each place asked for: the bytes before it. */
  readonly before: ReadonlyMap<number, Buffer>;
}

/**
 * One file of the log and what stands in it; looks only when asked, and only once. A file that cannot be opened, read or
 * unpacked holds nothing, with `problem` saying why.
 */
export class Inspection {
  readonly file: LogFile;
  readonly #places: readonly number[];
  #unpacked: Promise<Unpacked | null> | null = null;
  /** Why it could not be read, for a person; null while it could. */
  problem: string | null = null;

  /** `places`: the offsets that `holds` may be asked about, so that a packed file is unpacked once for all of them. */
  constructor(file: LogFile, places: readonly number[]) {
    this.file = file;
    this.#places = places;
  }

  /** How many bytes of log are in it (packed: once unpacked); null where that cannot be said. */
  async total(): Promise<number | null> {
    if (this.file.packing === null) return this.file.size;
    const all = await this.#unpack();
    return all?.whole === true ? all.total : null;
  }

  /** Whether it begins as `known` does and has, before the offset of `known`, what was handed out last. */
  async holds(known: KnownFile): Promise<boolean> {
    if (known.head === null || known.before === null) return false;
    if (this.file.packing !== null) {
      const all = await this.#unpack();
      const place = all?.before.get(known.offset);
      return all !== null && place !== undefined && beginsAs(known, all.head) && endsAs(known, place);
    }
    return this.#read((fd) => standsIn(fd, known)) ?? false;
  }

  /**
   * Whether it has all that was handed out of `known` and ends before the rest that was seen: a copy made before that was
   * written. Only where it is shorter than a fingerprint: else it holds what is known of the beginning.
   */
  async isEarlier(known: KnownFile): Promise<boolean> {
    const mine = await this.head();
    return mine.length >= known.offset && isShorterStart(known, mine);
  }

  /** Whether its first bytes, as many as both have, are those of `known`: it may be a copy made before `known` grew on. */
  async beginsLike(known: KnownFile): Promise<boolean> {
    if (known.head === null) return false;
    const mine = await this.head();
    return mine.length < known.head.bytes ? isShorterStart(known, mine) : beginsAs(known, mine);
  }

  /** Its first bytes, at most `FINGERPRINT_BYTES`. */
  async head(): Promise<Buffer> {
    if (this.file.packing !== null) return (await this.#unpack())?.head ?? Buffer.alloc(0);
    return this.#read((fd) => bytesAt(fd, 0, FINGERPRINT_BYTES)) ?? Buffer.alloc(0);
  }

  /** The fingerprints of a file that is not to be read, so that it is known again; null where it is packed. */
  prints(offset: number): { head: Fingerprint; before: Fingerprint } | null {
    if (this.file.packing !== null) return null;
    return this.#read((fd) => ({
      head: fingerprintOf(bytesAt(fd, 0, Math.min(FINGERPRINT_BYTES, offset))),
      before: fingerprintOf(bytesAt(fd, Math.max(0, offset - FINGERPRINT_BYTES), offset)),
    }));
  }

  /** Whether all that is in it stands, byte for byte, at the beginning of `other`. False where `other` is packed. */
  async isBeginningOf(other: Inspection): Promise<boolean> {
    if (other.file.packing !== null) return false;
    // Each by itself: that the other has gone must not be held against this one.
    const mine = this.#opened();
    const theirs = other.#opened();
    try {
      if (mine === null || theirs === null) return false;
      let at = 0;
      for await (const bytes of this.#contents(mine)) {
        if (!bytesAt(theirs, at, at + bytes.length).equals(bytes)) return false;
        at += bytes.length;
      }
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    } finally {
      if (mine !== null) closeSync(mine);
      if (theirs !== null) closeSync(theirs);
    }
  }

  /**
   * Whether its text is such that another file may well begin with all of it by chance: no more than two different lines
   * where it begins and where it ends, as a log without times has when one attacker repeats himself.
   */
  async saysLittle(): Promise<boolean> {
    if (this.file.packing !== null) return distinctLines([await this.head()]) <= 2;
    const ends = this.#read((fd) => [
      bytesAt(fd, 0, Math.min(this.file.size, 4 * FINGERPRINT_BYTES)),
      bytesAt(fd, Math.max(0, this.file.size - 4 * FINGERPRINT_BYTES), this.file.size),
    ]);
    return ends === null || distinctLines(ends) <= 2;
  }

  /** Opens the file for reading; throws where that cannot be done, and where the path has another file by now. */
  open(): number {
    const fd = openSync(this.file.path, 'r');
    if (factsOf(fstatSync(fd, { bigint: true })).id === this.file.id) return fd;
    closeSync(fd);
    throw replaced(this.file.path);
  }

  *#stretches(fd: number): Generator<Buffer> {
    for (let at = 0; at < this.file.size; at += COMPARE_BYTES) {
      yield bytesAt(fd, at, Math.min(this.file.size, at + COMPARE_BYTES));
    }
  }

  #contents(fd: number): Iterable<Buffer> | AsyncIterable<Buffer> {
    return this.file.packing === null ? this.#stretches(fd) : unpacked(fd, this.file.packing);
  }

  #opened(): number | null {
    try {
      return this.open();
    } catch (error) {
      this.#failed(error);
      return null;
    }
  }

  #failed(error: unknown): void {
    this.problem = error instanceof Error ? error.message : String(error);
  }

  #read<T>(look: (fd: number) => T): T | null {
    const fd = this.#opened();
    if (fd === null) return null;
    try {
      return look(fd);
    } catch (error) {
      this.#failed(error);
      return null;
    } finally {
      closeSync(fd);
    }
  }

  #unpack(): Promise<Unpacked | null> {
    this.#unpacked ??= this.#unpackOnce();
    return this.#unpacked;
  }

  async #unpackOnce(): Promise<Unpacked | null> {
    const packing = this.file.packing;
    if (packing === null) return null;
    let fd: number | null = null;
    let whole = true;
    let total = 0;
    let head: Buffer = Buffer.alloc(0);
    let recent: Buffer = Buffer.alloc(0);
    const before = new Map<number, Buffer>([[0, recent]]);
    try {
      fd = this.open();
      for await (const bytes of unpacked(fd, packing) as AsyncIterable<Buffer>) {
        if (head.length < FINGERPRINT_BYTES) head = Buffer.concat([head, bytes]).subarray(0, FINGERPRINT_BYTES);
        const window = Buffer.concat([recent, bytes]);
        for (const place of this.#places) {
          if (place < total || place > total + bytes.length) continue;
          before.set(place, Buffer.from(lastOf(window.subarray(0, recent.length + place - total), FINGERPRINT_BYTES)));
        }
        total += bytes.length;
        recent = Buffer.from(lastOf(window, FINGERPRINT_BYTES));
      }
    } catch (error) {
      this.#failed(error);
      whole = false;
    } finally {
      if (fd !== null) closeSync(fd);
    }
    return total > 0 || whole ? { total, whole, head, before } : null;
  }
}

/** Whether what is remembered of `known` stands in an open file, which is not packed. */
function standsIn(fd: number, known: KnownFile): boolean {
  const { head, before, offset } = known;
  if (fstatSync(fd).size < offset) return false;
  return (
    beginsAs(known, bytesAt(fd, 0, head?.bytes ?? 0)) &&
    endsAs(known, bytesAt(fd, offset - (before?.bytes ?? 0), offset))
  );
}

/** How many different whole lines there are in these stretches. */
function distinctLines(stretches: readonly Buffer[]): number {
  const lines = new Set<string>();
  for (const bytes of stretches) for (const line of bytes.toString('latin1').split('\n').slice(0, -1)) lines.add(line);
  return lines.size;
}

/** The inspections of the files there are; a packed file that is as it was is not unpacked again. */
export class Inspections {
  #packed = new Map<string, Inspection>();

  /** An inspection for each file, in their order. `places`: as for an `Inspection`. */
  of(files: readonly LogFile[], places: readonly number[]): Inspection[] {
    const before = this.#packed;
    this.#packed = new Map();
    return files.map((file) => {
      const key = `${file.path} ${file.id} ${file.size} ${file.mtimeMs} ${[...new Set(places)].join()}`;
      const inspection = before.get(key) ?? new Inspection(file, places);
      if (file.packing !== null) this.#packed.set(key, inspection);
      return inspection;
    });
  }
}
