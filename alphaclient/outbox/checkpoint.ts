/**
 * A small file beside the outbox for the day the outbox is damaged: the last moment at which everything read was
 * acknowledged. Reading on from there, under the same id and with the next seq, gives the same events the same numbers
 * again, and the server drops those it has.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Declared } from './gaps.ts';
import type { Bookmark } from './reading.ts';

/** A moment at which seq and log position belong together and nothing up to seq is owed. */
export interface Moment {
  readonly agent: string;
  readonly seq: number;
  readonly logs: readonly { readonly log: string; readonly bookmark: Bookmark }[];
  readonly declared: Declared;
}

const FILE = 'checkpoint.json';
const VERSION = 2;
/** The file is written at most this often: it is for rare days, and an older moment only means reading more again. */
const WRITE_EVERY_MS = 1_000;

/** Keeps the file of one state folder. A failed write is no loss: the older moment stays. */
export class Checkpoint {
  readonly #file: string;
  #candidate: Moment | null = null;
  #writtenMs = 0;

  constructor(folder: string) {
    this.#file = join(folder, FILE);
  }

  /** Offers a moment; the oldest one still unacknowledged is kept until it is. */
  offer(moment: Moment): void {
    if (!this.#candidate || this.#candidate.agent !== moment.agent) this.#candidate = moment;
  }

  /** Writes the offered moment once everything up to it is acknowledged. */
  acknowledged(seq: number, nowMs: number): void {
    if (!this.#candidate || seq < this.#candidate.seq || Math.abs(nowMs - this.#writtenMs) < WRITE_EVERY_MS) return;
    try {
      // Written beside, on the disk before its name is, and renamed: a crash or a power cut leaves the older file whole.
      writeWhole(`${this.#file}.new`, JSON.stringify({ version: VERSION, ...this.#candidate }));
      renameSync(`${this.#file}.new`, this.#file);
    } catch {
      // The disk is full or gone; the outbox says so.
    }
    this.#candidate = null;
    this.#writtenMs = nowMs;
  }

  /** The moment in the file, or null when there is none that can be read. */
  read(): Moment | null {
    try {
      const { version, agent, seq, logs, declared } = JSON.parse(readFileSync(this.#file, 'utf8')) as Moment & {
        version: number;
      };
      return version === VERSION && typeof agent === 'string' && Number.isSafeInteger(seq)
        ? { agent, seq, logs, declared }
        : null;
    } catch {
      return null;
    }
  }
}

function writeWhole(file: string, text: string): void {
  const fd = openSync(file, 'w', 0o600);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
