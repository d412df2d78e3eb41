/** Log files as they lie on disk: plain, compressed, rotated; and standard input. */

import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { LineChunks } from './line-chunks.ts';
import { firstTimedEnd, spanOf } from './log-years.ts';

/** Standard input's name on the command line. */
export const STDIN = '-';

/** The log that a file is a rotation of, and how old it is among them: higher is older. */
function rotation(path: string): { readonly log: string; readonly age: number } {
  const name = basename(path).replace(/\.gz$/, '');
  const numbered = /^(.+)\.(\d{1,6})$/.exec(name);
  if (numbered !== null) return { log: join(dirname(path), numbered[1] as string), age: Number(numbered[2]) };
  // logrotate's `dateext`: the later the date, the younger; all of them older than the log itself.
  const dated = /^(.+?)[-.](\d{8})(?:-?(\d{1,10}))?$/.exec(name);
  if (dated !== null)
    return {
      log: join(dirname(path), dated[1] as string),
      age: 1e12 - Number(dated[2]) - Number(dated[3] ?? 0) / 1e11,
    };
  return { log: join(dirname(path), name), age: 0 };
}

/**
 * Files that are one log after the other: rotations of the same log together, oldest first, where the first of them
 * was named; all else in the order given.
 */
export function groupRotations(paths: readonly string[]): string[][] {
  const groups = new Map<string, string[]>();
  for (const path of paths) {
    const log = path === STDIN ? STDIN : rotation(path).log;
    const group = groups.get(log);
    if (group === undefined) groups.set(log, [path]);
    else if (!group.includes(path)) group.push(path);
  }
  return Array.from(groups.values(), (group) => group.sort((a, b) => rotation(b).age - rotation(a).age));
}

/** Who is given a log. */
export interface LogTaker {
  /** Takes whole lines, which are gone once it returns; `writtenMs`: when the file was last written, as near as can be known. */
  take(lines: Buffer, writtenMs: number): void;
  /** Is waited for now and then before more lines are read. Where it rejects, no more are. */
  pause(): Promise<void>;
}

/**
 * Reads a file (or `stdin` for `-`) to its end. Throws what the system says when it cannot be read, and what zlib says of a
 * damaged `.gz`, after its good part was handed on.
 */
export async function readLog(path: string, stdin: Readable, nowMs: number, taker: LogTaker): Promise<void> {
  const chunks = new LineChunks();
  if (path === STDIN) {
    await pour(stdin, chunks, nowMs, taker);
    return;
  }
  const file = openSync(path, 'r');
  try {
    const { mtimeMs } = fstatSync(file);
    if (isGzip(file)) {
      const { createGunzip } = await import('node:zlib');
      const { pipeline } = await import('node:stream/promises');
      const unpacked = createGunzip();
      const packed = createReadStream(path);
      const writtenMs = packedMs(file, mtimeMs);
      const poured = pour(unpacked, chunks, writtenMs, taker);
      const [piped, taken] = await Promise.allSettled([pipeline(packed, unpacked), poured]);
      if (taken.status === 'rejected') throw taken.reason;
      if (piped.status === 'rejected') throw piped.reason;
      return;
    }
    const { firstMs, lastMs } = spanOf(file, mtimeMs);
    let isFirst = firstMs !== null;
    const each = (lines: Buffer): void => {
      // The years of all further lines hang on that of the first.
      const end = isFirst ? firstTimedEnd(lines) : 0;
      isFirst &&= end === 0;
      if (end > 0) taker.take(lines.subarray(0, end), firstMs ?? lastMs);
      if (end < lines.length) taker.take(lines.subarray(end), lastMs);
    };
    for (;;) {
      const { room } = chunks;
      // From the page cache a read takes microseconds; a thread's answer would take longer to come.
      const count = readSync(file, room, 0, room.length, null);
      if (count === 0) break;
      chunks.filled(count, each);
      await taker.pause();
    }
    chunks.end(each);
    await taker.pause();
  } finally {
    closeSync(file);
  }
}

async function pour(stream: Readable, chunks: LineChunks, writtenMs: number, taker: LogTaker): Promise<void> {
  const each = (lines: Buffer): void => taker.take(lines, writtenMs);
  for await (const chunk of stream as AsyncIterable<Buffer | string>) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    for (let from = 0; from < bytes.length; ) {
      const count = bytes.copy(chunks.room, 0, from);
      chunks.filled(count, each);
      from += count;
      await taker.pause();
    }
  }
  chunks.end(each);
  await taker.pause();
}

/** By its first bytes (RFC 1952), not by its name. A pipe has none that could be looked at twice. */
function isGzip(file: number): boolean {
  if (!fstatSync(file).isFile()) return false;
  const head = Buffer.alloc(2);
  return readSync(file, head, 0, 2, 0) === 2 && head[0] === 0x1f && head[1] === 0x8b;
}

/** When what was packed was last written to, as gzip notes it (RFC 1952, MTIME); a copy of the packed file is younger. */
function packedMs(file: number, mtimeMs: number): number {
  const head = Buffer.alloc(8);
  const noted = readSync(file, head, 0, 8, 0) === 8 ? head.readUInt32LE(4) * 1_000 : 0;
  return noted > 0 ? Math.min(noted, mtimeMs) : mtimeMs;
}
