/** Shows the progress of a long scan on a terminal: bytes, rate, and the time left. */

import type { Writable } from 'node:stream';

/** A scan that takes no longer shows no progress. */
export const QUIET_MS = 1_000;
/** The time between two updates. */
export const UPDATE_EVERY_MS = 200;

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** One line of progress, rewritten in place. */
export class ScanProgress {
  readonly #stream: Writable & { readonly columns?: number };
  readonly #totalBytes: number;
  readonly #nowMs: () => number;
  readonly #startMs: number;
  readonly #enabled: boolean;
  #bytes = 0;
  #shownMs: number | null = null;

  /** `totalBytes`: the bytes to read; 0 where they are unknown. `nowMs`: a clock that nobody sets. `enabled`: whether to show anything. */
  constructor(stream: Writable, totalBytes: number, nowMs: () => number, enabled: boolean) {
    this.#stream = stream;
    this.#totalBytes = totalBytes;
    this.#nowMs = nowMs;
    this.#startMs = nowMs();
    this.#enabled = enabled;
  }

  /** Adds bytes that were read, and updates the line when it is time. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (!this.#enabled) return;
    const nowMs = this.#nowMs();
    if (nowMs - this.#startMs < QUIET_MS || nowMs - (this.#shownMs ?? 0) < UPDATE_EVERY_MS) return;
    this.#shownMs = nowMs;
    // One column less than there are: a full line would wrap on some terminals.
    const line = this.#line(nowMs).slice(0, Math.max(0, (this.#stream.columns ?? 80) - 1));
    this.#stream.write(`\r${line}\u001b[K`);
  }

  /** Removes the line, so that other text can be written. The next update shows it again. */
  clear(): void {
    if (this.#shownMs === null) return;
    this.#shownMs = null;
    this.#stream.write('\r\u001b[K');
  }

  #line(nowMs: number): string {
    const bytesPerSecond = (this.#bytes * 1_000) / (nowMs - this.#startMs);
    const rate = `${sized(bytesPerSecond)}/s`;
    // A file that grows while it is read may pass the size that it had.
    if (this.#totalBytes < this.#bytes) return `${sized(this.#bytes)}, ${rate}`;
    const percent = Math.floor((this.#bytes * 100) / this.#totalBytes);
    const secondsLeft = Math.ceil((this.#totalBytes - this.#bytes) / bytesPerSecond);
    const left = Number.isFinite(secondsLeft) ? `, ${duration(secondsLeft)} left` : '';
    return `${sized(this.#bytes)} of ${sized(this.#totalBytes)} (${percent} %), ${rate}${left}`;
  }
}

function sized(bytes: number): string {
  const unit = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  const value = bytes / 1_024 ** unit;
  return `${value.toFixed(unit > 0 && value < 100 ? 1 : 0)} ${UNITS[unit]}`;
}

function duration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
}
