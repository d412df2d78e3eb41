import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { FileSource, type FollowOptions } from '../../../alphaclient/log/follow.ts';
import type { Chunk, LogPosition } from '../../../alphaclient/log/source.ts';

const DEADLINE_MS = 10_000;

/** A log in a folder of its own, followed, with what was said and handed out. */
class Followed {
  readonly path: string;
  readonly said: string[] = [];
  text = '';
  position: LogPosition | null = null;
  readonly gaps: Chunk['gaps'][number][] = [];
  cutLines = 0;
  source: FileSource | null = null;
  readonly #options: Partial<FollowOptions>;

  constructor(t: TestContext, options: Partial<FollowOptions> = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'follow-'));
    this.path = join(folder, 'sshd.log');
    this.#options = options;
    t.after(() => {
      this.source?.close();
      rmSync(folder, { recursive: true, force: true });
    });
  }

  start(options: Partial<FollowOptions> = {}): void {
    const say = (level: string) => (message: string) => this.said.push(`${level} ${message}`);
    this.source = new FileSource({
      path: this.path,
      from: 'start',
      position: this.position,
      log: { warn: say('warn'), error: say('error'), info: say('info') },
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

  async shows(text: string): Promise<void> {
    await until(
      () => this.text.length >= text.length,
      () => `had ${JSON.stringify(this.text)}, wanted ${JSON.stringify(text)}`,
    );
    assert.equal(this.text, text);
  }
}

async function until(condition: () => boolean, what: () => string): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!condition()) {
    if (Date.now() > deadline) assert.fail(what());
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test('hands out whole lines as they are written and keeps a half line until its end comes', async (t) => {
  const log = new Followed(t);
  writeFileSync(log.path, 'one\ntwo\nthr');
  log.start();
  await log.shows('one\ntwo\n');
  appendFileSync(log.path, 'ee\r\nfo');
  await log.shows('one\ntwo\nthree\r\n');
  log.stop();
  appendFileSync(log.path, 'ur\n');
  log.start();
  await log.shows('one\ntwo\nthree\r\nfour\n');
});

test('waits for a log that does not exist yet, says so, and begins at its start even where told to begin at the end', async (t) => {
  const log = new Followed(t, { from: 'end' });
  log.start();
  await until(
    () => log.source?.status().state === 'log missing',
    () => 'never missing',
  );
  assert.deepEqual(log.said.length, 1, log.said.join());
  writeFileSync(log.path, 'one\n');
  await log.shows('one\n');
  assert.equal(log.source?.status().state, 'caught up');
});

test('a log renamed and created anew is read to its end first', async (t) => {
  const log = new Followed(t);
  writeFileSync(log.path, 'one\n');
  log.start();
  await log.shows('one\n');
  appendFileSync(log.path, 'two\n');
  renameSync(log.path, `${log.path}.1`);
  writeFileSync(log.path, 'three\n');
  await log.shows('one\ntwo\nthree\n');
  appendFileSync(`${log.path}.1`, 'late\n');
  await log.shows('one\ntwo\nthree\nlate\n');
});

test('a log copied and truncated is read on from its beginning', async (t) => {
  const log = new Followed(t);
  writeFileSync(log.path, 'one\n');
  log.start();
  await log.shows('one\n');
  appendFileSync(log.path, 'two\n');
  copyFileSync(log.path, `${log.path}.1`);
  truncateSync(log.path);
  appendFileSync(log.path, 'three and more than before\n');
  await log.shows('one\ntwo\nthree and more than before\n');
});

test('rotations while nobody followed are read from the siblings, oldest first', async (t) => {
  const log = new Followed(t);
  writeFileSync(log.path, 'one\n');
  log.start();
  await log.shows('one\n');
  log.stop();
  appendFileSync(log.path, 'two\n');
  renameSync(log.path, `${log.path}.2`);
  writeFileSync(`${log.path}.1`, 'three\n');
  writeFileSync(log.path, 'four\n');
  log.start();
  await log.shows('one\ntwo\nthree\nfour\n');
  assert.deepEqual(log.gaps, []);
});
