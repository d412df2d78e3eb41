import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { supervisor } from '../../service/systemd.ts';
import { until } from '../until.ts';

/** Puts a `systemd-notify` first in PATH that writes its argument into a file; gives that file's lines. */
function recorded(context: { after(work: () => void): void }): () => string[] {
  const folder = mkdtempSync(join(tmpdir(), 'systemd-'));
  const path = process.env['PATH'] ?? '';
  const file = join(folder, 'words');
  writeFileSync(join(folder, 'systemd-notify'), `#!/bin/sh\necho "$1" >> ${file}\n`);
  chmodSync(join(folder, 'systemd-notify'), 0o755);
  process.env['PATH'] = folder + delimiter + path;
  context.after(() => {
    process.env['PATH'] = path;
    rmSync(folder, { recursive: true });
  });
  return () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []);
}

test('systemd hears that the service is ready, that it lives, and that it stops', async (context) => {
  const words = recorded(context);
  const { ready, stopping } = supervisor({ NOTIFY_SOCKET: '/run/systemd/notify', WATCHDOG_USEC: '40000' });
  ready();
  await until(() => words().filter((word) => word === 'WATCHDOG=1').length >= 2);
  stopping();
  await until(() => words().includes('STOPPING=1'));
  assert.ok(words().includes('--ready'));
});

test('without systemd nothing is started', async (context) => {
  const words = recorded(context);
  const { ready, stopping } = supervisor({ WATCHDOG_USEC: '1000' });
  ready();
  stopping();
  // The one that asks for a socket says its word after the other two would have.
  supervisor({ NOTIFY_SOCKET: '/run/systemd/notify' }).ready();
  await until(() => words().length > 0);
  assert.deepEqual(words(), ['--ready']);
});
