/** What is in a compressed log. */

import { spawn } from 'node:child_process';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { bytesAt } from './fingerprint.ts';
import type { Packing } from './rotation.ts';

/** One read of the packed file. */
const READ_BYTES = 256 * 1024;

/** Programs that unpack what Node does not; they read standard input and write standard output. */
const PROGRAMS: Partial<Record<Packing, string>> = { xz: 'xz', bz2: 'bzip2' };

/**
 * The bytes in a compressed file, read through `fd` from its beginning (the descriptor stays open, its own position is not
 * used). Destroy the stream to stop early. A damaged or half-written file, or a missing program, ends the stream with an
 * error; what was unpacked before it has been given by then.
 */
export function unpacked(fd: number, packing: Packing): Readable {
  const source = Readable.from(stretches(fd), { objectMode: false });
  const out = new PassThrough({ highWaterMark: READ_BYTES });
  const program = PROGRAMS[packing];
  const run = program === undefined ? throughNode(source, packing, out) : throughProgram(source, program, out);
  run.catch((error: unknown) => out.destroy(error instanceof Error ? error : new Error(String(error))));
  return out;
}

/** Read here and not by a file stream, which closes the descriptor when it is destroyed, be it told not to: by then another's. */
function* stretches(fd: number): Generator<Buffer> {
  for (let at = 0; ; at += READ_BYTES) {
    const bytes = bytesAt(fd, at, at + READ_BYTES);
    if (bytes.length > 0) yield bytes;
    if (bytes.length < READ_BYTES) return;
  }
}

async function throughNode(source: Readable, packing: Packing, out: PassThrough): Promise<void> {
  await pipeline(source, packing === 'gz' ? createGunzip() : createZstdDecompress(), out);
}

async function throughProgram(source: Readable, program: string, out: PassThrough): Promise<void> {
  const child = spawn(program, ['-dc'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (cause) => {
      reject(new Error(`cannot run ${program}, which unpacks it: install ${program}`, { cause }));
    });
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} could not unpack it (exit code ${code})`));
    });
  });
  out.once('close', () => child.kill());
  // The program may stop reading early, with its own exit code as the better word for it.
  const fed = pipeline(source, child.stdin).catch(() => undefined);
  try {
    await Promise.all([ended, fed, pipeline(child.stdout, out, { end: false })]);
  } catch (error) {
    child.kill();
    // What the program said weighs more than the pipe that broke with it.
    await ended;
    throw error;
  }
  out.end();
}
