/** A backup that was made while the server ran is put back: nothing counts twice, and what is gone is known. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { it } from 'node:test';
import { openStore } from '../../../alphaserver/store/sqlite.ts';

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

it('a store goes on from a backup made beside it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-backup-'));
  try {
    const live = openStore(join(folder, 'live'));
    await live.append([batch(1, 2, 3)], AT);
    // As docs/operations.md has it; rows are only in the write-ahead log yet.
    const beside = new DatabaseSync(join(folder, 'live', 'asgard.db'), { readOnly: true });
    beside.exec(`VACUUM INTO '${join(folder, 'backup.db')}'`);
    beside.close();
    await live.append([batch(4, 5)], AT);
    await live.close();

    mkdirSync(join(folder, 'restored'));
    copyFileSync(join(folder, 'backup.db'), join(folder, 'restored', 'asgard.db'));
    const restored = openStore(join(folder, 'restored'));
    assert.equal(restored.lastSeq(AGENT), 3);
    // 4 and 5 were acknowledged before: the agent has let go of them. 3 is sent again by one that did not hear of it.
    const [appended] = await restored.append([batch(3, 6)], AT);
    assert.deepEqual(
      [appended?.stored, appended?.repeats, appended?.missing, appended?.totals[0]?.attempts],
      [1, 1, 2, 4],
    );
    assert.equal(appended?.gaps[0]?.events, 2);
    await restored.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
