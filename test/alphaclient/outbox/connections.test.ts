/** Connections before their login in the outbox: rows of their own, committed with the position of their lines. */
import { deepEqual } from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Outbox } from '../../../alphaclient/outbox/outbox.ts';
import { Checkpoint, openStateFolder } from '../../../alphaclient/outbox/recovery.ts';
import type { ConnectionUpdate } from '../../../alphaclient/sshd/connection-changes.ts';
import { damageText } from '../../damaged-pages.ts';

const QUIET = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
let folder: string;
let outbox: Outbox;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'outbox-connections-'));
  outbox = new Outbox(folder);
});
afterEach(() => {
  outbox.close();
  rmSync(folder, { recursive: true, force: true });
});

function commit({ isWhole = false, saved = [], removed = [] }: Partial<ConnectionUpdate>, log = '/x'): void {
  const read = { log, position: { offset: 1 }, reader: { n: 1 }, events: [], gaps: [], atMs: 0 };
  outbox.commit({ ...read, connections: { isWhole, saved, removed } });
}

function reopen(): void {
  outbox.close();
  outbox = openStateFolder(folder, QUIET, 0);
}

test('changes make the connections of one log, in the order of their numbers, after a restart too', () => {
  commit({
    saved: [
      [12, ['b']],
      [3, ['a']],
    ],
  });
  commit({ saved: [[1, ['other']]] }, '/y');
  commit({ saved: [[12, ['changed']]], removed: [3, 99] });
  commit({ saved: [[20, ['c']]] });
  commit({});
  reopen();
  deepEqual(outbox.connectionsOf('/x'), [
    [12, ['changed']],
    [20, ['c']],
  ]);
  deepEqual(outbox.connectionsOf('/y'), [[1, ['other']]]);
});

test('where all are written, what was written before is gone, in its log alone', () => {
  commit({ saved: [[1, ['a']]] });
  commit({ saved: [[1, ['other']]] }, '/y');
  commit({ isWhole: true, saved: [[2, ['b']]] });
  commit({ removed: [1] });
  reopen();
  deepEqual(outbox.connectionsOf('/x'), [[2, ['b']]]);
  commit({ isWhole: true });
  deepEqual(outbox.connectionsOf('/x'), []);
  deepEqual(outbox.connectionsOf('/y'), [[1, ['other']]]);
});

test('a damaged outbox is replaced with the connections of the checkpoint', () => {
  commit({ saved: [[1, ['a']]] });
  const checkpoint = new Checkpoint(folder);
  const state = { position: { offset: 1 }, reader: { n: 1 } };
  checkpoint.offer(outbox.agent, 0, () => outbox.stateOf('/x', state));
  commit({ saved: [[2, ['later']]], removed: [1] });
  checkpoint.acknowledged(0, 10_000);
  outbox.close();
  writeFileSync(join(folder, 'outbox.db'), Buffer.alloc(8_192, 0x5a));
  outbox = openStateFolder(folder, QUIET, 0);
  deepEqual(outbox.connectionsOf('/x'), [[1, ['a']]]);
});

test('without a checkpoint it is replaced with the connections that can be read', () => {
  commit({ saved: [[1, ['a']]] });
  commit({ saved: [[2, ['b']]] });
  for (let i = 0; i < 40; i += 1) {
    const at = '2026-11-29T08:00:00.000Z';
    const event = { at, outcome: 'failed', method: null, user: `${i}${'x'.repeat(1_000)}`, invalidUser: null } as const;
    const read = { log: '/x', position: { offset: 1 }, reader: { n: 1 }, gaps: [], atMs: 0 };
    outbox.commit({ ...read, events: [{ ...event, ip: null, port: null }] });
  }
  outbox.compact();
  outbox.close();
  damageText(join(folder, 'outbox.db'), `"30${'x'.repeat(1_000)}`);
  outbox = openStateFolder(folder, QUIET, 0);
  deepEqual(outbox.connectionsOf('/x'), [
    [1, ['a']],
    [2, ['b']],
  ]);
});
