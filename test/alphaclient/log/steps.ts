/** A follower that is driven look by look, over restarts, with what it emits and reports. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Follower, QUIET_MS } from '../../../alphaclient/log/follower.ts';
import { type FilePosition, readPosition } from '../../../alphaclient/log/position.ts';
import type { Gap } from '../../../alphaclient/log/source.ts';

export class Steps {
  readonly folder: string;
  readonly path: string;
  readonly gaps: Gap[] = [];
  text = '';
  position: FilePosition | null = null;
  #follower: Follower;
  #nowMs = 0;
  readonly #error: (text: string) => void;

  /** Follows an empty log from now on. `error` is given what it logs as an error. */
  constructor(t: TestContext, error: (text: string) => void = assert.fail) {
    this.#error = error;
    this.folder = mkdtempSync(join(tmpdir(), 'steps-'));
    this.path = join(this.folder, 'sshd.log');
    writeFileSync(this.path, '');
    this.#follower = this.#start();
    t.after(() => {
      this.#follower.close();
      rmSync(this.folder, { recursive: true });
    });
  }

  #start(): Follower {
    const files = this.position && readPosition(JSON.parse(JSON.stringify(this.position))).files;
    const log = { info: () => {}, warn: () => {}, error: this.#error };
    return new Follower({ path: this.path, from: 'start', files, foreign: false, log });
  }

  /** Goes on from the position saved last, as after an orderly stop or a crash. */
  restart(): void {
    this.#follower.close();
    this.#follower = this.#start();
  }

  look(): Promise<void> {
    return this.#follower.look(this.#nowMs, true);
  }

  /** Takes a chunk and saves its position. Returns whether there was one. */
  async take(): Promise<boolean> {
    const chunk = await this.#follower.take(this.#nowMs);
    this.text += Buffer.from(chunk?.bytes ?? []).toString();
    this.gaps.push(...(chunk?.gaps ?? []));
    this.position = (chunk?.position as FilePosition | undefined) ?? this.position;
    return chunk !== null;
  }

  /** Takes until nothing is left. */
  async drain(): Promise<void> {
    do await this.look();
    while ((await this.take()) || this.#follower.stale);
  }

  /** Takes until the position was saved once, and nothing of what was written last was emitted. */
  async savePosition(): Promise<void> {
    const { text } = this;
    await this.look();
    await this.take();
    assert.equal(this.text, text);
  }

  /** Lets time pass. */
  pass(ms: number): void {
    this.#nowMs += ms;
  }

  /** Lets so much time pass that files that were rotated away are closed. */
  async quiet(): Promise<void> {
    await this.drain();
    this.#nowMs += QUIET_MS + 1;
    await this.drain();
  }
}
