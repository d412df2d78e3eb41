/** V8's options and glibc's settings, which stand with each way to start a program. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

/** Writes a program that prints what it was started with. */
function writeNode(folder: string): void {
  writeProgram(join(folder, 'node'), 'echo "$@"; env');
}

function writeProgram(file: string, shell: string): void {
  writeFileSync(file, `#!/bin/sh\n${shell}\n`);
  chmodSync(file, 0o755);
}

function scratch(context: { after(work: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-options-'));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Finds those that `alphaclient/start.sh` gives to node for a command. */
function startOptions(context: { after(work: () => void): void }, command: string): RuntimeOptions {
  const folder = scratch(context);
  writeNode(folder);
  const env = { PATH: `${folder}:${process.env['PATH']}` };
  const { stdout, status } = spawnSync('sh', ['alphaclient/start.sh', command], { cwd: ROOT, env, encoding: 'utf8' });
  assert.equal(status, 0);
  return optionsIn(stdout);
}

/** Finds those that `alphaclient/startup.sh` gives to node. The container's folders lie in one of the test's, and what only root can do is left out. */
function containerOptions(context: { after(work: () => void): void }): RuntimeOptions {
  const folder = scratch(context);
  for (const each of ['bin', 'alphaclient', 'run', 'usr/sbin', 'var/log', 'var/lib/alphaclient'])
    mkdirSync(join(folder, each), { recursive: true });
  const script = textOf('alphaclient/startup.sh').replaceAll(/\/(?=(var|run|usr)\/)/g, `${folder}/`);
  writeFileSync(join(folder, 'alphaclient/startup.sh'), script);
  writeFileSync(join(folder, 'alphaclient/start.sh'), textOf('alphaclient/start.sh'));
  writeNode(join(folder, 'bin'));
  writeProgram(join(folder, 'bin/setpriv'), 'while [ "$1" != --no-new-privs ]; do shift; done; shift; exec "$@"');
  writeProgram(join(folder, 'bin/chown'), ':');
  writeProgram(join(folder, 'bin/ssh-keygen'), 'for file; do :; done; touch "$file" "$file.pub"');
  writeProgram(join(folder, 'usr/sbin/sshd'), 'exec sleep 600');
  const env = { PATH: `${join(folder, 'bin')}:${process.env['PATH']}` };
  const { stdout, stderr } = spawnSync('bash', [join(folder, 'alphaclient/startup.sh')], { env, encoding: 'utf8' });
  assert.match(stderr, /startup: the agent ended with exit code 0;/);
  assert.match(stdout, /alphaclient\/main\.ts/);
  return optionsIn(stdout);
}

test('an agent has the same options in a checkout, in its container and as a service of its package', (context) => {
  const options = startOptions(context, 'run');
  assert.ok(options.v8.length > 0 && Object.keys(options.glibc).length > 0);
  assert.deepEqual(optionsIn(textOf('packaging/asgard-agent/asgard-agent.service')), options);
  assert.deepEqual(containerOptions(context), options);
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
