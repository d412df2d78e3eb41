/**
 * Loaded into both programs before they start: their clock is the machine's, moved by as many milliseconds as the file
 * named by `CHAOS_CLOCK` says. Timers run on, as they do when a real clock is set.
 */
import { readFileSync } from 'node:fs';

/** The file is read this often. */
const READ_EVERY_MS = 20;

const file = process.env['CHAOS_CLOCK'] ?? '';
const RealDate = Date;
let stepMs = 0;
const read = (): void => {
  try {
    stepMs = Number(readFileSync(file, 'utf8'));
  } catch {
    // Being written.
  }
};
read();
setInterval(read, READ_EVERY_MS).unref();

globalThis.Date = class extends RealDate {
  constructor(...given: [] | [number]) {
    if (given.length === 0) super(RealDate.now() + stepMs);
    else super(...given);
  }

  static override now(): number {
    return RealDate.now() + stepMs;
  }
} as DateConstructor;
