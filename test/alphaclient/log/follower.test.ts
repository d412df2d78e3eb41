/** Changes between two looks of a follower, step by step. */
import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Follower } from '../../../alphaclient/log/follower.ts';

class Steps {
  readonly path: string;
  readonly gaps: unknown[] = [];
  text = '';
  readonly #follower: Follower;

  constructor(t: TestContext) {
    const folder = mkdtempSync(join(tmpdir(), 'steps-'));
    this.path = join(folder, 'sshd.log');
    writeFileSync(this.path, '');
    const log = { info: () => {}, warn: () => {}, error: assert.fail };
    this.#follower = new Follower({ path: this.path, from: 'start', files: null, foreign: false, log });
    t.after(() => {
      this.#follower.close();
      rmSync(folder, { recursive: true });
    });
  }

  look(): Promise<void> {
    return this.#follower.look(0, true);
  }

  async take(): Promise<boolean> {
    const chunk = await this.#follower.take(0);
    this.text += Buffer.from(chunk?.bytes ?? []).toString();
    this.gaps.push(...(chunk?.gaps ?? []));
    return chunk !== null;
  }

  async drain(): Promise<void> {
    do await this.look();
    while ((await this.take()) || this.#follower.stale);
  }
}

test('an empty log that is written, copied, truncated and written anew before it is read is read from its copy first', async (t) => {
  const steps = new Steps(t);
  await steps.drain();
  await steps.look();
  writeFileSync(steps.path, 'one\ntwo\n');
  copyFileSync(steps.path, `${steps.path}.1`);
  truncateSync(steps.path);
  appendFileSync(steps.path, 'three\n');
  assert.equal(await steps.take(), false);
  await steps.drain();
  assert.deepEqual({ text: steps.text, gaps: steps.gaps }, { text: 'one\ntwo\nthree\n', gaps: [] });
});

for (const truncated of [false, true])
  test(`a copy that was just begun is no generation of its own${truncated ? ', also when the log is truncated before the next look' : ''}`, async (t) => {
    const steps = new Steps(t);
    await steps.drain();
    writeFileSync(steps.path, 'one\ntwo\n');
    writeFileSync(`${steps.path}.1`, '');
    await steps.look();
    writeFileSync(`${steps.path}.1`, readFileSync(steps.path));
    if (!truncated) {
      await steps.drain();
      assert.equal(steps.text, 'one\ntwo\n');
    }
    truncateSync(steps.path);
    appendFileSync(steps.path, 'three\n');
    await steps.drain();
    assert.deepEqual({ text: steps.text, gaps: steps.gaps }, { text: 'one\ntwo\nthree\n', gaps: [] });
  });

test('an empty generation that is written late is read', async (t) => {
  const steps = new Steps(t);
  await steps.drain();
  writeFileSync(steps.path, 'three\n');
  writeFileSync(`${steps.path}.1`, '');
  await steps.look();
  appendFileSync(`${steps.path}.1`, 'two\n');
  await steps.drain();
  assert.deepEqual({ text: steps.text.split('\n').sort(), gaps: steps.gaps }, { text: ['', 'three', 'two'], gaps: [] });
});
