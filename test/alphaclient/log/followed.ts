/** A log in a folder of its own, and what a source that follows it emits and logs. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { FileSource, type FileSourceOptions } from '../../../alphaclient/log/file-source.ts';
import type { Chunk, LogPosition } from '../../../alphaclient/log/source.ts';
import { until } from '../../until.ts';

/** Gives lines of a log, each of a user of its own: from number `from` up to, and without, `to`. */
export const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `Failed password for u${from + i} from 192.0.2.1 port 22 ssh2\n`).join(
    '',
  );

/** Collects everything that was emitted since the beginning, over restarts. */
export class Followed {
  readonly path: string;
  readonly logged: string[] = [];
  text = '';
  position: LogPosition | null = null;
  readonly gaps: Chunk['gaps'][number][] = [];
  cutLines = 0;
  source: FileSource | null = null;
  readonly #options: Partial<FileSourceOptions>;

  constructor(t: TestContext, options: Partial<FileSourceOptions> = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'follow-'));
    this.path = join(folder, 'sshd.log');
    this.#options = options;
    t.after(() => {
      this.source?.close();
      rmSync(folder, { recursive: true, force: true });
    });
  }

  start(options: Partial<FileSourceOptions> = {}): void {
    const record = (level: string) => (message: string) => this.logged.push(`${level} ${message}`);
    this.source = new FileSource({
      path: this.path,
      from: 'start',
      position: this.position,
      log: { warn: record('warn'), error: record('error'), info: record('info') },
      ...this.#options,
      ...options,
    });
    void this.#pull(this.source);
  }

  stop(): void {
    this.source?.close();
    this.source = null;
  }

  async #pull(source: FileSource): Promise<void> {
    for (;;) {
      const chunk = await source.next();
      if (chunk === null || source !== this.source) return;
      this.text += Buffer.from(chunk.bytes).toString();
      this.position = JSON.parse(JSON.stringify(chunk.position));
      this.gaps.push(...chunk.gaps);
      this.cutLines += chunk.cutLines;
    }
  }

  /** Stops the source and starts it again from the saved position. */
  restart(): void {
    this.stop();
    this.start();
  }

  /** Waits until as much text as this was emitted, and fails where it differs. */
  async shows(text: string): Promise<void> {
    await until(
      () => this.text.length >= text.length,
      () => `had ${JSON.stringify(this.text)}, wanted ${JSON.stringify(text)}`,
    );
    assert.equal(this.text, text);
  }
}

/** Compresses a file as rotation does: into a new file, and then deletes it. */
export function compress(file: string, compression: 'gz' | 'zst' | 'xz'): void {
  if (compression === 'xz') execFileSync('xz', ['-f', file]);
  else
    writeFileSync(`${file}.${compression}`, (compression === 'gz' ? gzipSync : zstdCompressSync)(readFileSync(file)));
  rmSync(file, { force: true });
}
