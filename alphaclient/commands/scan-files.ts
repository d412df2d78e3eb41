/** Reads log files for `scan`: plain, compressed and rotated ones, and standard input, through the follower's log stack. */

import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { decompress, detectCompression } from '../log/decompress.ts';
import { LineSplitter, type Lines } from '../log/lines.ts';
import { baseNameOf, compareAge, type RotationAge, rotationOf } from '../log/rotation.ts';
import { endOfFirstTimedLine, timeSpanOf } from './log-years.ts';

/** The name of standard input on the command line. */
export const STDIN = '-';

/** One read: hundreds of lines, and small enough that their buffers are freed before the heap grows. */
const READ_BYTES = 65_536;

/**
 * Groups files that are one log: rotations of the same log together, oldest first, where the first of them was named; all
 * other files alone, in the order given.
 */
export function groupRotations(paths: readonly string[]): string[][] {
  const groups = new Map<string, string[]>();
  for (const path of paths) {
    const log = path === STDIN ? STDIN : join(dirname(path), baseNameOf(basename(path)));
    const group = groups.get(log);
    if (group === undefined) groups.set(log, [path]);
    else if (!group.includes(path)) group.push(path);
  }
  return Array.from(groups, ([log, group]) => oldestFirst(basename(log), group));
}

function oldestFirst(base: string, paths: readonly string[]): string[] {
  if (paths.length === 1) return [...paths];
  const ages = paths.map((path): RotationAge & { path: string; isLog: boolean } => {
    const name = basename(path);
    const mtimeMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    return { path, rotation: rotationOf(base, name), mtimeMs, isLog: name === base };
  });
  return ages
    .sort((a, b) => (a.isLog !== b.isLog ? Number(a.isLog) - Number(b.isLog) : compareAge(a, b)))
    .map(({ path }) => path);
}

/** Returns how many bytes these files have on the disk, without standard input and what is no file or cannot be found. */
export function sizeOf(paths: readonly string[]): number {
  return paths
    .map((path) => (path === STDIN ? undefined : statSync(path, { throwIfNoEntry: false })))
    .reduce((sum, stat) => sum + (stat?.isFile() === true ? stat.size : 0), 0);
}

/** The consumer of a log's lines. */
export interface LineConsumer {
  /** Consumes whole lines, whose memory is reused once it returns. `writtenMs`: when the file was last written. */
  consume(lines: Buffer, writtenMs: number): void;
  /** Called after each read with its size on the disk, and awaited before the next: backpressure. A rejection ends the reading. */
  afterRead(bytes: number): Promise<void>;
}

/**
 * Reads a file (or `stdin` for `-`) to its end. Throws open's and read's errors, and those of decompressing a damaged file, after
 * the lines before the damage were consumed.
 */
export async function readLog(path: string, stdin: Readable, nowMs: number, consumer: LineConsumer): Promise<void> {
  if (path === STDIN) return readStream(stdin, nowMs, consumer);
  const fd = openSync(path, 'r');
  try {
    const stat = fstatSync(fd);
    // A pipe has no first bytes that could be read twice.
    const compression = stat.isFile() ? detectCompression(fd) : null;
    if (compression === null) return await readPlain(fd, stat.mtimeMs, consumer);
    const writtenMs = compression === 'gz' ? gzipTimeMs(fd, stat.mtimeMs) : stat.mtimeMs;
    let readBytes = 0;
    const content = decompress(fd, compression, (bytes) => {
      readBytes += bytes;
    });
    await readStream(content, writtenMs, consumer, () => {
      const bytes = readBytes;
      readBytes = 0;
      return bytes;
    });
  } finally {
    closeSync(fd);
  }
}

async function readPlain(fd: number, mtimeMs: number, consumer: LineConsumer): Promise<void> {
  const { firstMs, lastMs } = timeSpanOf(fd, mtimeMs);
  const splitter = new LineSplitter();
  let isYearPending = firstMs !== null;
  const consume = ({ bytes: lines }: Lines): void => {
    // The year of the first timed line is given; those of all further lines follow from it.
    const end = isYearPending ? endOfFirstTimedLine(lines) : 0;
    isYearPending &&= end === 0;
    if (end > 0) consumer.consume(lines.subarray(0, end), firstMs ?? lastMs);
    if (end < lines.length) consumer.consume(lines.subarray(end), lastMs);
  };
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (;;) {
    // Synchronous: from the page cache a read takes microseconds, less than the answer of a thread.
    const count = readSync(fd, buffer, 0, buffer.length, null);
    if (count === 0) break;
    consume(splitter.add(buffer.subarray(0, count)));
    await consumer.afterRead(count);
  }
  consume(splitter.flush());
  await consumer.afterRead(0);
}

/** Reads a stream. `diskBytes`: how many bytes were read from the disk since the last call, where that is not the stream's own count. */
async function readStream(
  stream: Readable,
  writtenMs: number,
  consumer: LineConsumer,
  diskBytes?: () => number,
): Promise<void> {
  const splitter = new LineSplitter();
  const consume = ({ bytes }: Lines): void => {
    if (bytes.length > 0) consumer.consume(bytes, writtenMs);
  };
  try {
    for await (const chunk of stream as AsyncIterable<Buffer | string>) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      for (let from = 0; from < bytes.length; from += READ_BYTES) {
        const piece = bytes.subarray(from, from + READ_BYTES);
        consume(splitter.add(piece));
        await consumer.afterRead(diskBytes?.() ?? piece.length);
      }
    }
  } finally {
    // Also where the stream is damaged: the line before the damage counts.
    consume(splitter.flush());
  }
  await consumer.afterRead(diskBytes?.() ?? 0);
}

/** Returns when the content of a gzip file was last written, from its header (RFC 1952, MTIME): a copy of the file is younger. */
function gzipTimeMs(fd: number, mtimeMs: number): number {
  const header = Buffer.alloc(8);
  const writtenMs = readSync(fd, header, 0, 8, 0) === 8 ? header.readUInt32LE(4) * 1_000 : 0;
  return writtenMs > 0 ? Math.min(writtenMs, mtimeMs) : mtimeMs;
}
