import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { lacking, outcome } from './machine.ts';

const SECONDS = 60;
/** Beyond the faults themselves: for what is on its way in the end, and a machine that is slow. */
const LIMIT_MS = 5 * 60_000;

function chaos(t: TestContext, ...more: string[]): void {
  const main = join(import.meta.dirname, '../chaos/main.ts');
  const { status, stdout, stderr } = outcome(process.execPath, [main, '--seconds', String(SECONDS), ...more], LIMIT_MS);
  for (const line of stdout.trim().split('\n')) t.diagnostic(line);
  assert.equal(status, 0, stdout + stderr);
}

// Without root the run leaves full disks out and says so; the rest is worth its minute all the same.
lacking('the full disks of the chaos runs', { root: process.getuid?.() === 0 });

test('every attempt is counted exactly once through a minute of faults, the same ones each time', (t) => {
  chaos(t, '--seed', '1');
});

test('every attempt is counted exactly once through a minute of faults that were never tried before', (t) => {
  chaos(t);
});
