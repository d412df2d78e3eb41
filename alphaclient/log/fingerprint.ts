/** How a log file is known again: by what stands at its beginning and just before a position, with the inode as a hint. */

import { hash } from 'node:crypto';
import { type BigIntStats, readSync } from 'node:fs';

/**
 * How many bytes of a file's beginning, and of what stands before a position, are remembered: about ten lines of sshd,
 * far more than the banner lines that all generations of a log begin with, and one read of one page.
 */
export const FINGERPRINT_BYTES = 1024;

/** A short stretch of a file, remembered. */
export interface Fingerprint {
  /** How long the stretch is, in bytes; 0 says nothing about the file. */
  readonly bytes: number;
  /** SHA-256 of the stretch, the first 16 hexadecimal digits: told apart are files, not attackers. */
  readonly hash: string;
}

/** The fingerprint of these bytes. */
export function fingerprintOf(bytes: Uint8Array): Fingerprint {
  return { bytes: bytes.length, hash: bytes.length === 0 ? '' : hash('sha256', bytes).slice(0, 16) };
}

/** Whether these bytes, exactly as many as were remembered, are the remembered ones. */
export function isRemembered(print: Fingerprint, bytes: Uint8Array): boolean {
  return bytes.length === print.bytes && (print.bytes === 0 || fingerprintOf(bytes).hash === print.hash);
}

/** The last `count` bytes, or all where there are fewer. */
export function lastOf(bytes: Buffer, count: number): Buffer {
  return bytes.subarray(Math.max(0, bytes.length - count));
}

/** What a file system says about a file. */
export interface FileFacts {
  /** Device and inode, `dev:ino`: the same file, as long as it is not deleted and its inode given to another. */
  readonly id: string;
  /** When the inode was made, in nanoseconds, or null where the file system does not say: tells a reused inode. */
  readonly born: string | null;
  /** Bytes in the file. */
  readonly size: number;
  /** When it was last written, Unix milliseconds. */
  readonly mtimeMs: number;
  /** Names that it has; 0 once it is deleted. */
  readonly links: number;
}

/**
 * The facts out of a stat. A time of birth that equals the time of change is taken as unknown: where the kernel keeps
 * none, libuv gives the time of change instead, and that would change with every write.
 */
export function factsOf(stat: BigIntStats): FileFacts {
  const born = stat.birthtimeNs;
  return {
    id: `${stat.dev}:${stat.ino}`,
    born: born <= 0n || born === stat.ctimeNs ? null : born.toString(),
    size: Number(stat.size),
    mtimeMs: Number(stat.mtimeNs) / 1e6,
    links: Number(stat.nlink),
  };
}

/** Whether two sightings can be of one file, going by device, inode and birth. */
export function sameInode(a: Pick<FileFacts, 'id' | 'born'>, b: Pick<FileFacts, 'id' | 'born'>): boolean {
  return a.id === b.id && (a.born === null || b.born === null || a.born === b.born);
}

/** The bytes from `from` up to `to` of an open file; fewer where the file is shorter. Throws what reading throws. */
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
