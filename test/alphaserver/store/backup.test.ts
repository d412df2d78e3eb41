/** A backup that was made while the server ran is put back: nothing counts twice, and what is gone is known. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { it } from 'node:test';
import { makeBackup, restoreBackup } from '../../../alphaserver/backup.ts';
import { openStorage, type Storage } from '../../../alphaserver/storage.ts';
import { until } from '../../until.ts';

const AGENT = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';
const AT = Date.parse('2026-11-24T12:00:00Z');
const batch = (...seqs: number[]) => ({
  agent: AGENT,
  host: 'web',
  events: seqs.map((seq) => ({
    seq,
    event: {
      at: new Date(AT + seq).toISOString(),
      outcome: 'failed',
      method: 'password',
      user: `user${seq}`,
      invalidUser: false,
      ip: '192.0.2.1',
      port: 1,
    } as const,
  })),
});

/** As docs/operations.md has it. */
function vacuumInto(from: string, to: string): void {
  const beside = new DatabaseSync(from, { readOnly: true });
  beside.exec(`VACUUM INTO '${to}'`);
  beside.close();
}
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

it('a store goes on from a backup made beside it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-backup-'));
  try {
    const live = openStorage(join(folder, 'live'));
    const always = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };
    // An answer that took long is given again for a while.
    const counts = (store: Storage, failed: number) =>
      until(async () => (await store.views(() => false, Date.now).summary(always)).failed === failed);
    await live.append([batch(...range(1, 20_000))], AT);
    mkdirSync(join(folder, 'restored'));
    vacuumInto(join(folder, 'live', 'rollups.db'), join(folder, 'restored', 'rollups.db'));
    // Between the two, with rows that are only in the write-ahead log yet.
    await live.append([batch(...range(20_001, 20_010))], AT);
    vacuumInto(join(folder, 'live', 'asgard.db'), join(folder, 'restored', 'asgard.db'));
    await live.append([batch(20_011, 20_012)], AT);
    await live.close();

    const restored = openStorage(join(folder, 'restored'));
    assert.equal(restored.events.markOf(AGENT).lastSeq, 20_010);
    await counts(restored, 20_010);
    // The agent has let go of what was acknowledged since; one event comes again.
    const [appended] = await restored.append([batch(20_010, 20_013)], AT);
    assert.deepEqual(
      [appended?.stored, appended?.repeats, appended?.missing, appended?.totals[0]?.attempts],
      [1, 1, 2, 20_011],
    );
    assert.equal(appended?.gaps[0]?.events, 2);
    await counts(restored, 20_011);
    await restored.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

it('a backup lists the same files where folders are named with a slash at their end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-backup-'));
  try {
    const live = openStorage(join(folder, 'live'));
    await live.append([batch(...range(1, 3))], AT);
    await live.close();
    mkdirSync(join(folder, 'live', 'codes'));
    writeFileSync(join(folder, 'live', 'codes', 'one.json'), '{}');
    const listed = ['', '/'].map((end) => {
      const copy = join(folder, `copy${end && '-slash'}`);
      makeBackup(join(folder, 'live') + end, copy + end, 'test', AT);
      return (JSON.parse(readFileSync(join(copy, 'backup.json'), 'utf8')) as { files: { path: string }[] }).files.map(
        ({ path }) => path,
      );
    });
    assert.ok(listed[0]?.includes('codes/one.json'));
    assert.deepEqual(listed[1], listed[0]);
    restoreBackup(`${join(folder, 'copy-slash')}/`, `${join(folder, 'restored')}/`);
    const restored = openStorage(`${join(folder, 'restored')}/`);
    assert.equal(restored.events.markOf(AGENT).lastSeq, 3);
    await restored.close();
    assert.equal(readFileSync(join(folder, 'restored', 'codes', 'one.json'), 'utf8'), '{}');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
