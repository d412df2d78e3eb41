/** Decompresses a log file. */

import { spawn } from 'node:child_process';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { bytesAt } from './fingerprint.ts';
import type { Compression } from './rotation.ts';

/** One read of the compressed file. */
const READ_BYTES = 256 * 1024;

/** The programs for the formats that Node cannot decompress; they read standard input and write standard output. */
const PROGRAMS: Partial<Record<Compression, string>> = { xz: 'xz', bz2: 'bzip2' };

/** The first bytes of each format: RFC 1952 (gzip), RFC 8878 (zstd), the xz file format, and bzip2's `BZh`. */
const MAGIC: Readonly<Record<Compression, readonly number[]>> = {
  gz: [0x1f, 0x8b],
  zst: [0x28, 0xb5, 0x2f, 0xfd],
  xz: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00],
  bz2: [0x42, 0x5a, 0x68],
};

/** The number of first bytes that show how a file is compressed. */
export const MAGIC_BYTES = 8;

/** Returns the compression of an open file by its first bytes, whatever its name is; null where it is plain. Throws read's errors. */
export function detectCompression(fd: number): Compression | null {
  return compressionOf(bytesAt(fd, 0, MAGIC_BYTES));
}

/** Returns the compression of content that begins with these bytes; null where it is plain. */
export function compressionOf(head: Buffer): Compression | null {
  const formats = Object.entries(MAGIC) as [Compression, readonly number[]][];
  const found = formats.find(([, magic]) => magic.every((byte, at) => head[at] === byte));
  return found?.[0] ?? null;
}

/**
 * Returns the content of a compressed file as a stream, read through `fd` from its beginning (the descriptor stays open, its
 * own position is not used). Destroy the stream to stop early. A damaged or incomplete file, or a missing program, ends the
 * stream with an error, after the bytes that could be decompressed. `onRead` hears how many compressed bytes each read has.
 */
export function decompress(fd: number, compression: Compression, onRead?: (bytes: number) => void): Readable {
  return decompressStream(Readable.from(fileBytes(fd, onRead), { objectMode: false }), compression);
}

/** Returns the content of a compressed stream, with the errors of `decompress`. */
export function decompressStream(source: Readable, compression: Compression): Readable {
  const out = new PassThrough({ highWaterMark: READ_BYTES });
  const program = PROGRAMS[compression];
  const run = program === undefined ? throughNode(source, compression, out) : throughProgram(source, program, out);
  run.catch((error: unknown) => out.destroy(error instanceof Error ? error : new Error(String(error))));
  return out;
}

/** Yields the file's bytes. A file stream would close `fd` when destroyed, even with `autoClose: false`, and it may be another file's by then. */
function* fileBytes(fd: number, onRead?: (bytes: number) => void): Generator<Buffer> {
  for (let at = 0; ; at += READ_BYTES) {
    const bytes = bytesAt(fd, at, at + READ_BYTES);
    onRead?.(bytes.length);
    if (bytes.length > 0) yield bytes;
    if (bytes.length < READ_BYTES) return;
  }
}

async function throughNode(source: Readable, compression: Compression, out: PassThrough): Promise<void> {
  await pipeline(source, compression === 'gz' ? createGunzip() : createZstdDecompress(), out);
}

async function throughProgram(source: Readable, program: string, out: PassThrough): Promise<void> {
  const child = spawn(program, ['-dc'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (cause) => {
      reject(new Error(`cannot run ${program}, which decompresses it: install ${program}`, { cause }));
    });
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} could not decompress it (exit code ${code})`));
    });
  });
  out.once('close', () => child.kill());
  // The program may stop reading early; its exit code then explains more than our broken pipe.
  const fed = pipeline(source, child.stdin).catch(() => undefined);
  try {
    await Promise.all([ended, fed, pipeline(child.stdout, out, { end: false })]);
  } catch (error) {
    child.kill();
    // Rejects with the program's own error, where there is one, instead of the broken pipe that it caused.
    await ended;
    throw error;
  }
  out.end();
}
