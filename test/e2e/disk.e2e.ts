/** Real disks that become full, or read-only, under both programs: one error, nothing lost, nothing twice. Needs root. */
import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Attempts } from '../attempts.ts';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';
import { has, lacking, output } from './machine.ts';

/** The time in which the room that a write-ahead log has from the start is full, on a busy machine too. */
const ROOM_LIMIT_MS = 120_000;

const needs = { root: process.getuid?.() === 0, mount: has('mount'), 'mkfs.ext4': has('mkfs.ext4') };

describe('a disk', { skip: lacking('a disk that is full', needs) }, () => {
  let pair: Pair;
  let attempts: Attempts;
  let mounted: string[];

  beforeEach(async () => {
    pair = await Pair.make();
    attempts = new Attempts(pair);
    mounted = [];
  });
  afterEach(async () => {
    await pair.end();
    for (const folder of mounted) output('umount', folder);
    await pair.close();
  });

  /** A folder of one of the programs on a disk of its own. */
  function disk(name: string, ...how: string[]): string {
    const folder = join(pair.folder, name);
    mkdirSync(folder, { recursive: true });
    output('mount', ...how, folder);
    mounted.push(folder);
    return folder;
  }

  /** Fills a disk to its last byte. */
  function fill(folder: string): void {
    const fd = openSync(join(folder, 'filler'), 'w');
    for (const size of [65_536, 4_096, 1])
      try {
        for (;;) writeSync(fd, Buffer.alloc(size));
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
      }
    closeSync(fd);
  }

  /** Writes attempts until a program says something: the file it writes may have had some room left, in which each commit of a slow machine takes little. */
  async function attemptsUntil(condition: () => boolean): Promise<void> {
    await until(
      () => {
        attempts.write(20);
        return condition();
      },
      undefined,
      ROOM_LIMIT_MS,
    );
  }

  it('full under the agent: it says so once, waits, and goes on when there is room', async () => {
    const folder = disk('agent', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs');
    await pair.serving();
    let agent = pair.agent();
    attempts.write(3);
    await attempts.exactlyOnce();
    fill(folder);
    await attemptsUntil(() => agent.output.includes('The outbox cannot be written'));
    assert.match(agent.output, /cannot be written, reading waits: database or disk is full/);
    await until(async () => (await pair.command('status')).output.includes('outbox failing'));
    attempts.write(20);
    rmSync(join(folder, 'filler'));
    await attempts.exactlyOnce();
    assert.equal(agent.output.split('cannot be written').length, 2, agent.output);
    // Killed while it is full: nothing of what was read and not kept is taken for kept.
    fill(folder);
    await attemptsUntil(() => agent.output.split('The outbox cannot be written').length === 3);
    await agent.end('SIGKILL');
    rmSync(join(folder, 'filler'));
    agent = pair.agent();
    await attempts.exactlyOnce();
  });

  it('full under the server: it acknowledges nothing, is not ready, says so, and goes on when there is room', async () => {
    const folder = disk('server', '-t', 'tmpfs', '-o', 'size=16m', 'tmpfs');
    let server = await pair.serving();
    pair.agent();
    attempts.write(3);
    await attempts.exactlyOnce();
    fill(folder);
    await attemptsUntil(() => server.output.includes('Nothing is stored'));
    assert.match(server.output, /Nothing is stored: the disk is full: agents keep their events until there is room/);
    const ready = await fetch(`http://127.0.0.1:${pair.httpPort}/readyz`);
    assert.equal(ready.status, 503);
    assert.match(await ready.text(), /the disk is full/);
    await until(async () => /^to send\s+[1-9]/m.test((await pair.command('status')).output));
    rmSync(join(folder, 'filler'));
    await attempts.exactlyOnce();
    await server.says('Storing again');
    fill(folder);
    await attemptsUntil(() => server.output.split('Nothing is stored').length === 3);
    await server.end('SIGKILL');
    rmSync(join(folder, 'filler'));
    server = await pair.serving();
    await attempts.exactlyOnce();
  });

  it('full when the state of the rules is to be saved: the alert thread waits for room, and goes on', async () => {
    const folder = disk('server', '-t', 'tmpfs', '-o', 'size=16m', 'tmpfs');
    const server = await pair.serving();
    pair.agent();
    attempts.write(3);
    await attempts.exactlyOnce();
    fill(folder);
    // It is saved every 30 s.
    await until(() => /Alerts cannot be written, retried|alert thread died/.test(server.output), undefined, 90_000);
    rmSync(join(folder, 'filler'));
    attempts.write(20);
    await attempts.exactlyOnce();
    const alerts = async () => {
      const answer = await fetch(`http://127.0.0.1:${pair.httpPort}/api/alerts`);
      return ((await answer.json()) as { alerts: { rule: string }[] }).alerts.map(({ rule }) => rule);
    };
    await until(async () => (await alerts()).includes('brute-force'), undefined, 90_000);
    assert.doesNotMatch(server.output, /alert thread died/);
  });

  it('read-only under the agent, as an error of the disk makes it: it says so once, and nothing is lost', async () => {
    const image = join(pair.folder, 'image');
    output('truncate', '-s', '32M', image);
    output('mkfs.ext4', '-q', image);
    const folder = disk('agent', '-o', 'loop', image);
    await pair.serving();
    const agent = pair.agent();
    attempts.write(3);
    await attempts.exactlyOnce();
    // What ext4 does on its own after an error: https://docs.kernel.org/admin-guide/ext4.html (errors, abort).
    output('mount', '-o', 'remount,abort', folder);
    await attemptsUntil(() => agent.output.includes('The outbox cannot be written'));
    attempts.write(20);
    assert.equal((await attempts.users()).length, 3);
    await agent.end('SIGKILL');
    assert.equal(agent.output.split('cannot be written').length, 2, agent.output);
    output('umount', folder);
    // 1: errors were corrected.
    output('sh', '-c', `e2fsck -fy ${image} >/dev/null || [ $? -le 1 ]`);
    output('mount', '-o', 'loop', image, folder);
    pair.agent();
    await attempts.exactlyOnce();
  });
});
