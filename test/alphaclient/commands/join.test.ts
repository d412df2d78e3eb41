import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasReadFile } from '../../../alphaclient/commands/join.ts';
import { OUTBOX_FILE, Outbox } from '../../../alphaclient/outbox/outbox.ts';

test('a host whose agent has read a default file stays with it when it joins', () => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-join-'));
  const state = (name: string, ...logs: string[]): string => {
    const outbox = new Outbox(join(folder, name));
    for (const log of logs)
      outbox.commit({ log, position: { offset: 1 }, reader: {}, events: [], gaps: [], atMs: Date.now() });
    outbox.close();
    return join(folder, name);
  };
  assert.equal(hasReadFile(join(folder, 'none')), false);
  assert.equal(hasReadFile(state('new')), false);
  assert.equal(hasReadFile(state('journal', 'journald')), false);
  assert.equal(hasReadFile(state('other', '/srv/log/sshd.log')), false);
  assert.equal(hasReadFile(state('file', 'journald', '/var/log/auth.log')), true);
  writeFileSync(join(state('damaged', '/var/log/auth.log'), OUTBOX_FILE), 'no database');
  assert.equal(hasReadFile(join(folder, 'damaged')), false);
  rmSync(folder, { recursive: true });
});
