/** `npm run demo` as a person runs it: something to see soon, and nothing left behind by Ctrl-C. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { until } from '../until.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** Processes that run in this folder. */
function processesIn(folder: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
    } catch {
      return false;
    }
  });
}

it('npm run demo has a week to show, goes on, and leaves nothing behind when it is interrupted', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-demo-test-'));
  const demo = spawn('npm', ['run', 'demo', '--', '--port', '0'], {
    cwd: ROOT,
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, as a terminal gives it: Ctrl-C goes to all of it.
    detached: true,
  });
  const ended = once(demo, 'exit');
  let output = '';
  for (const stream of [demo.stdout, demo.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  try {
    const startedMs = performance.now();
    await until(
      () => output.includes('The week is stored') || demo.exitCode !== null,
      () => output,
      120_000,
    );
    t.diagnostic(`from npm run demo to a stored week: ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`);
    const page = /^Page: (\S+)$/m.exec(output)?.[1];
    const ask = async (path: string) => (await (await fetch(`${page}${path}`)).json()) as { attempts: number };
    const before = await ask('/api/summary');
    assert.ok(before.attempts > 30_000, `${before.attempts} attempts`);
    await until(async () => (await ask('/api/summary')).attempts > before.attempts);
    assert.ok(processesIn(folder).length >= 5);

    process.kill(-(demo.pid as number), 'SIGINT');
    await ended;
    assert.deepEqual(processesIn(folder), []);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('asgard')),
      [],
    );
  } finally {
    if (demo.exitCode === null && demo.signalCode === null) process.kill(-(demo.pid as number), 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
});
