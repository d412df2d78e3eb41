/** V8's options and glibc's settings, which stand with each way to start a program. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import MANIFEST from '../../package.json' with { type: 'json' };
import { mallocEnvOf, v8OptionsOf } from '../bench/process-memory.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

interface RuntimeOptions {
  readonly v8: readonly string[];
  readonly glibc: Readonly<Record<string, string>>;
}

/** Finds them in what starts a program. Neither comments, which name them too, nor Docker's options of a health check are meant. */
function optionsIn(text: string): RuntimeOptions {
  const code = text.replaceAll(/^(#|HEALTHCHECK).*$/gm, '');
  return { v8: v8OptionsOf(code).sort(), glibc: mallocEnvOf(code) };
}

/** Finds those that `alphaclient/start.sh` gives to node for a command. */
function startOptions(context: { after(work: () => void): void }, command: string): RuntimeOptions {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-options-'));
  context.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'node'), '#!/bin/sh\necho "$@"\nenv\n');
  chmodSync(join(folder, 'node'), 0o755);
  const env = { PATH: `${folder}:${process.env['PATH']}` };
  const { stdout, status } = spawnSync('sh', ['alphaclient/start.sh', command], { cwd: ROOT, env, encoding: 'utf8' });
  assert.equal(status, 0);
  return optionsIn(stdout);
}

test('an agent has the same options in a checkout and as a service of its package', (context) => {
  const options = startOptions(context, 'run');
  assert.ok(options.v8.length > 0 && Object.keys(options.glibc).length > 0);
  assert.deepEqual(optionsIn(textOf('packaging/asgard-agent/asgard-agent.service')), options);
});

test('a scan has the same options in a checkout and from its package', (context) => {
  const options = startOptions(context, 'scan');
  assert.ok(options.v8.length > 0);
  assert.deepEqual(optionsIn(textOf('packaging/asgard-agent/alphaclient')), options);
});

test('a server has the same options in a checkout, in its container and as a service of its package', () => {
  const options = optionsIn(MANIFEST.scripts.alphaserver);
  assert.ok(options.v8.length > 0 && Object.keys(options.glibc).length > 0);
  for (const file of ['alphaserver/Dockerfile', 'packaging/asgard-server/asgard-server.service'])
    assert.deepEqual(optionsIn(textOf(file)), options, file);
});
