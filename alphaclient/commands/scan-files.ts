/** Reads log files for `scan`: plain, compressed and rotated ones, and standard input, through the follower's log stack. */

import { closeSync, createReadStream, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { compressionOf, decompress, decompressStream, detectCompression, MAGIC_BYTES } from '../log/decompress.ts';
import { bytesAt } from '../log/fingerprint.ts';
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

/** Ends the reading of a log because standard output was closed: thrown by `afterRead`. */
export class OutputClosed extends Error {
  readonly code = 'output_closed';
}

/** The consumer of a log's lines. */
export interface LineConsumer {
  /** Consumes whole lines, whose memory is reused once it returns. `writtenMs`: when the file was last written. */
  consume(lines: Buffer, writtenMs: number): void;
  /** Counts lines that were longer than LOG_LINE_LIMIT_BYTES, and are consumed up to there. */
  cut(lines: number): void;
  /** Called after each read with its size on the disk, and awaited before the next: backpressure. A rejection ends the reading. */
  afterRead(bytes: number): Promise<void>;
}

/** Formats that hold logs or hide them, and are not read: their first bytes in Latin-1, and what to do instead. */
const OTHER_FORMATS: readonly (readonly [magic: string, fault: string])[] = [
  ['LPKSHHRH', 'it is a file of the journal; read it with `journalctl -o json --file FILE | alphaclient scan -`'],
  ['PK\x03\x04', 'it is a zip archive; unpack it first'],
  ['7z\xbc\xaf\x27\x1c', 'it is a 7z archive; unpack it first'],
  ['\x04\x22\x4d\x18', 'it is compressed by lz4; read it with `lz4 -dc FILE | alphaclient scan -`'],
  ['\x1f\x9d', 'it is compressed by compress; read it with `zcat FILE | alphaclient scan -`'],
  ['\x5d\x00\x00', 'it is compressed by lzma; read it with `xz -dc FILE | alphaclient scan -`'],
];

/** Throws an error for content in a format that is not read. */
function refuseOtherFormats(head: Buffer): void {
  const text = head.toString('latin1');
  const found = OTHER_FORMATS.find(([magic]) => text.startsWith(magic));
  if (found !== undefined) throw new Error(found[1]);
}

/**
 * Reads a file (or `stdin` for `-`) to its end. Throws open's and read's errors, those of decompressing a damaged file, after
 * the lines before the damage were consumed, and one for a format that is not read.
 */
export async function readLog(path: string, stdin: Readable, nowMs: number, consumer: LineConsumer): Promise<void> {
  if (path === STDIN) return readUnknownStream(stdin, nowMs, consumer);
  const fd = openSync(path, 'r');
  try {
    const stat = fstatSync(fd);
    // A pipe has no first bytes that could be read twice.
    if (stat.isFIFO() || stat.isCharacterDevice() || stat.isSocket())
      return await readUnknownStream(createReadStream('', { fd, autoClose: false }), nowMs, consumer);
    const compression = stat.isFile() ? detectCompression(fd) : null;
    if (stat.isFile()) refuseOtherFormats(bytesAt(fd, 0, MAGIC_BYTES));
    if (compression === null) return await readPlain(fd, stat.mtimeMs, consumer);
    const writtenMs = compression === 'gz' ? gzipTimeMs(fd, stat.mtimeMs) : stat.mtimeMs;
    const disk = new ByteCount();
    await readStream(decompress(fd, compression, disk.add), writtenMs, consumer, disk.take);
  } finally {
    closeSync(fd);
  }
}

/** Counts bytes until somebody takes the count. */
class ByteCount {
  #bytes = 0;
  readonly add = (bytes: number): void => {
    this.#bytes += bytes;
  };
  readonly take = (): number => {
    const bytes = this.#bytes;
    this.#bytes = 0;
    return bytes;
  };
}

/** Reads a stream that may be compressed, which its first bytes show. */
async function readUnknownStream(stream: Readable, writtenMs: number, consumer: LineConsumer): Promise<void> {
  const chunks = (stream as AsyncIterable<Buffer | string>)[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < MAGIC_BYTES) {
    const { value, done } = await chunks.next();
    if (done) break;
    head = Buffer.concat([head, Buffer.from(value)]);
  }
  refuseOtherFormats(head);
  async function* whole(): AsyncGenerator<Buffer | string> {
    yield head;
    yield* { [Symbol.asyncIterator]: () => chunks };
  }
  const compression = compressionOf(head);
  if (compression === null) return readStream(whole(), writtenMs, consumer);
  const disk = new ByteCount();
  async function* counted(): AsyncGenerator<Buffer | string> {
    for await (const chunk of whole()) {
      disk.add(chunk.length);
      yield chunk;
    }
  }
  const source = Readable.from(counted(), { objectMode: false });
  await readStream(decompressStream(source, compression), writtenMs, consumer, disk.take);
}

async function readPlain(fd: number, mtimeMs: number, consumer: LineConsumer): Promise<void> {
  const { firstMs, lastMs } = timeSpanOf(fd, mtimeMs);
  const splitter = new LineSplitter();
  let isYearPending = firstMs !== null;
  const consume = ({ bytes: lines, cutLines }: Lines): void => {
    if (cutLines > 0) consumer.cut(cutLines);
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
  stream: AsyncIterable<Buffer | string>,
  writtenMs: number,
  consumer: LineConsumer,
  diskBytes?: () => number,
): Promise<void> {
  const splitter = new LineSplitter();
  const consume = ({ bytes, cutLines }: Lines): void => {
    if (cutLines > 0) consumer.cut(cutLines);
    if (bytes.length > 0) consumer.consume(bytes, writtenMs);
  };
  try {
    for await (const chunk of stream) {
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
