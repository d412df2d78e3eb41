/** Recognises a log file again by its content: its first bytes and those just before a position, with the inode as a hint. */

import { hash } from 'node:crypto';
import { type BigIntStats, readSync } from 'node:fs';

/**
 * How many bytes of a file's beginning, and of those before a position, are fingerprinted: about ten lines of sshd, far more
 * than the banner lines that all generations of a log begin with, and one read of one page.
 */
export const FINGERPRINT_BYTES = 1024;

/** The hash of a few bytes of a file. */
export interface Fingerprint {
  /** The number of bytes that were hashed; 0 identifies nothing. */
  readonly bytes: number;
  /** The first 16 hexadecimal digits of their SHA-256: it distinguishes files, it does not resist an attacker. */
  readonly hash: string;
}

/** Returns the fingerprint of these bytes. */
export function fingerprintOf(bytes: Uint8Array): Fingerprint {
  return { bytes: bytes.length, hash: bytes.length === 0 ? '' : hash('sha256', bytes).slice(0, 16) };
}

/** The fingerprint of no bytes. */
export const NO_FINGERPRINT = fingerprintOf(Buffer.alloc(0));

/** Returns whether a file that begins with `firstBytes` (as many as were fingerprinted, or more) has this head. Null matches all. */
export function matchesHead(head: Fingerprint | null, firstBytes: Buffer): boolean {
  return head === null || matches(head, firstBytes.subarray(0, head.bytes));
}

/** Returns whether the bytes before an offset, `lastBytes`, end as they were fingerprinted. Null matches all. */
export function matchesEnd(before: Fingerprint | null, lastBytes: Buffer): boolean {
  return before === null || matches(before, lastOf(lastBytes, before.bytes));
}

function matches(fingerprint: Fingerprint, bytes: Buffer): boolean {
  return bytes.length === fingerprint.bytes && (bytes.length === 0 || fingerprintOf(bytes).hash === fingerprint.hash);
}

/** Returns whether `content`, all of a file, is a proper prefix of the remembered first bytes (base64), and not empty. */
export function isShorterStart(start: string | null, content: Buffer): boolean {
  if (start === null || content.length === 0) return false;
  const known = Buffer.from(start, 'base64');
  return content.length < known.length && known.subarray(0, content.length).equals(content);
}

/** Returns the last `count` bytes, or all where there are fewer. */
export function lastOf(bytes: Buffer, count: number): Buffer {
  return bytes.subarray(Math.max(0, bytes.length - count));
}

/** Returns the hashes of the first `limit` whole lines. */
export function lineHashes(bytes: Buffer, limit: number): string[] {
  const hashes: string[] = [];
  for (let at = 0, end = bytes.indexOf(10); end >= 0 && hashes.length < limit; end = bytes.indexOf(10, at)) {
    hashes.push(fingerprintOf(bytes.subarray(at, end)).hash);
    at = end + 1;
  }
  return hashes;
}

/** The metadata of a file. */
export interface FileFacts {
  /** Device and inode, `dev:ino`: the same file, until it is deleted and its inode reused. */
  readonly id: string;
  /** The inode's birth time in nanoseconds, or null where the file system has none: it reveals a reused inode. */
  readonly born: string | null;
  /** The birth time as it was given, be it the change time: the true one on a file system that has any. */
  readonly givenBorn?: string;
  /** Bytes in the file. */
  readonly size: number;
  /** The time of its last write, Unix milliseconds. */
  readonly mtimeMs: number;
  /** Its link count; 0 once it is deleted. */
  readonly links: number;
}

/**
 * Returns the facts in a stat. A birth time equal to the change time counts as unknown: where the kernel has none, libuv
 * fills in the change time, which moves with every write.
 */
export function factsOf(stat: BigIntStats): FileFacts {
  const born = stat.birthtimeNs;
  return {
    id: `${stat.dev}:${stat.ino}`,
    born: born <= 0n || born === stat.ctimeNs ? null : born.toString(),
    givenBorn: born.toString(),
    size: Number(stat.size),
    mtimeMs: Number(stat.mtimeNs) / 1e6,
    links: Number(stat.nlink),
  };
}

/** The identity of a file's inode. */
type Inode = Pick<FileFacts, 'id' | 'born' | 'givenBorn'>;

/** Returns whether two stats can be of one file, judged by device, inode and birth time. */
export function sameInode(a: Inode, b: Inode): boolean {
  if (a.id !== b.id || (a.born === null && b.born === null)) return a.id === b.id;
  // Where one birth time is known, the file system has them, and the other is true, too.
  const [x, y] = [a.born ?? a.givenBorn, b.born ?? b.givenBorn];
  return x === undefined || y === undefined || x === y;
}

/** A content is read this many bytes at a time to be compared with another. */
export const COMPARE_BYTES = 256 * 1024;

/** Reads bytes from one offset up to another; fewer where the content is shorter. */
export type ReadBytes = (from: number, to: number) => Buffer;

/** Returns up to where two contents are the same, given that they are up to `from`; at most `to`. Throws read's errors. */
export function commonEnd(from: number, to: number, a: ReadBytes, b: ReadBytes): number {
  for (let at = from; at < to; at += COMPARE_BYTES) {
    const end = Math.min(to, at + COMPARE_BYTES);
    const [x, y] = [a(at, end), b(at, end)];
    if (x.length === end - at && x.equals(y)) continue;
    let same = 0;
    while (same < x.length && same < y.length && x[same] === y[same]) same += 1;
    return at + same;
  }
  return to;
}

/** Returns the end of the last whole line between two offsets; the first one where there is none. Throws read's errors. */
export function endOfLine(from: number, to: number, read: ReadBytes): number {
  for (let end = to; end > from; ) {
    const start = Math.max(from, end - COMPARE_BYTES);
    const newline = read(start, end).lastIndexOf(10);
    if (newline >= 0) return start + newline + 1;
    end = start;
  }
  return from;
}

/** Reads the bytes from `from` up to `to` of an open file; fewer where it is shorter. Throws read's errors. */
export function bytesAt(fd: number, from: number, to: number): Buffer {
  const bytes = Buffer.allocUnsafe(Math.max(0, to - from));
  let got = 0;
  while (got < bytes.length) {
    const n = readSync(fd, bytes, got, bytes.length - got, from + got);
    if (n === 0) break;
    got += n;
  }
  return bytes.subarray(0, got);
}
