import { deepEqual, equal } from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasReadFile, serversAfter, serversNote } from '../../../alphaclient/commands/join.ts';
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
  equal(hasReadFile(join(folder, 'none')), false);
  equal(hasReadFile(state('new')), false);
  equal(hasReadFile(state('journal', 'journald')), false);
  equal(hasReadFile(state('other', '/srv/log/sshd.log')), false);
  equal(hasReadFile(state('file', 'journald', '/var/log/auth.log')), true);
  writeFileSync(join(state('damaged', '/var/log/auth.log'), OUTBOX_FILE), 'no database');
  equal(hasReadFile(join(folder, 'damaged')), false);
  rmSync(folder, { recursive: true });
});

const at = (scheme: string, host: string, port = 5_000) => ({ scheme, host, port });

test('a host that joins at one of the servers that were set keeps them all, by TLS, in their order', () => {
  const set = [at('tls', 'a'), at('tcp', 'B.example'), at('tcp', '::1', 5_001)];
  for (const typed of [at('tls', 'a'), at('tls', 'b.EXAMPLE'), at('tls', '::1', 5_001)])
    deepEqual(serversAfter(typed, set), [at('tls', 'a'), at('tls', 'B.example'), at('tls', '::1', 5_001)]);
  equal(
    serversNote(at('tls', 'a'), set),
    'It was one of several servers, which are tried in turn: tls://a:5000,tls://B.example:5000,tls://[::1]:5001',
  );
  equal(serversNote(at('tls', 'a'), [at('tcp', 'a')]), null);
});

test('a host that joins at a server that was not set uses that one alone, and says what it replaces', () => {
  const set = [at('tls', 'a'), at('tcp', 'b')];
  deepEqual(serversAfter(at('tls', 'a', 5_001), set), [at('tls', 'a', 5_001)]);
  equal(
    serversNote(at('tls', 'a', 5_001), set),
    'ALPHACLIENT_SERVER is tls://a:5001 now, in place of tls://a:5000,tcp://b:5000',
  );
  equal(serversNote(at('tls', 'a'), [at('tcp', '127.0.0.1')]), null, 'nothing was set');
});
