/** Everything that comes to an sshd, at several real ones at once: no connection is reported as one that no login explains. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { has, lacking, outcome } from './machine.ts';

const SECONDS = 100;
/** Beyond that: for those who are still there in the end, and a machine that is slow. */
const LIMIT_MS = 10 * 60_000;

test('strangers, clients and logins of every kind raise no alert, and what is open in the end is what the kernel has', {
  skip: lacking('a real sshd', { 'openssh-server': has('sshd'), 'openssh-client': has('ssh') }),
}, (t) => {
  const main = join(import.meta.dirname, '../visitors/main.ts');
  const { status, stdout, stderr } = outcome(process.execPath, [main, '--seconds', String(SECONDS)], LIMIT_MS);
  for (const line of stdout.trim().split('\n').slice(0, 60)) t.diagnostic(line);
  assert.equal(status, 0, stdout + stderr);
});
