import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { until } from '../until.ts';

const MODULE = new URL('../../service/systemd.ts', import.meta.url).href;

/**
 * Runs `code`, which has `supervisor`, in a process of its own, so that no keep-alive of one test reaches another. Its
 * `systemd-notify` writes its argument into a file; the answer reads that file's lines.
 */
function recorded(context: { after(work: () => Promise<void>): void }, code: string): () => string[] {
  const folder = mkdtempSync(join(tmpdir(), 'systemd-'));
  const file = join(folder, 'words');
  writeFileSync(join(folder, 'systemd-notify'), `#!/bin/sh\necho "$1" >> ${file}\n`);
  chmodSync(join(folder, 'systemd-notify'), 0o755);
  const path = folder + delimiter + (process.env['PATH'] ?? '');
  const program = `import { supervisor } from ${JSON.stringify(MODULE)}; process.stdin.resume();\n${code}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    env: { PATH: path },
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  context.after(async () => {
    const ended = once(child, 'close');
    child.kill();
    await ended;
    // The last keep-alive may still be writing.
    rmSync(folder, { recursive: true, maxRetries: 5 });
  });
  // The shell makes the file before it writes the line: only what ends in a newline has been written whole.
  return () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []);
}

test('systemd hears that the service is ready, that it lives, and that it stops', async (context) => {
  const words = recorded(
    context,
    `const { ready, stopping } = supervisor({ NOTIFY_SOCKET: '/run/systemd/notify', WATCHDOG_USEC: '40000' });
     ready();
     setTimeout(stopping, 200);`,
  );
  await until(() => words().filter((word) => word === 'WATCHDOG=1').length >= 2);
  await until(() => words().includes('STOPPING=1'));
  // Each word is a process of its own: the first may write last.
  await until(() => words().includes('--ready'));
});

test('without systemd nothing is started', async (context) => {
  const words = recorded(
    context,
    `const { ready, stopping } = supervisor({ WATCHDOG_USEC: '1000' });
     ready();
     stopping();
     // The one that asks for a socket says its word after the other would have.
     setTimeout(supervisor({ NOTIFY_SOCKET: '/run/systemd/notify' }).ready, 50);`,
  );
  await until(() => words().length > 0);
  assert.deepEqual(words(), ['--ready']);
});
