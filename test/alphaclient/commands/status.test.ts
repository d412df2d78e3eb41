/** What `alphaclient status` prints of the state folder of an agent that does not run. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { status } from '../../../alphaclient/commands/status.ts';
import { Outbox } from '../../../alphaclient/outbox/outbox.ts';
import { Reader, type ReaderState } from '../../../alphaclient/sshd/reader.ts';
import { FORGERIES_LIMIT } from '../../../alphaclient/sshd/unknown-messages.ts';

/** Returns the lines that `status` prints where the reader of a log was saved in this state. */
function printed(t: TestContext, reader: ReaderState, json = false): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'status-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const outbox = new Outbox(folder);
  outbox.commit({ log: 'journald', position: {}, reader: { reader }, events: [], gaps: [], atMs: 0 });
  outbox.close();
  let text = '';
  const print = (more: string): void => {
    text += more;
  };
  assert.equal(status(folder, json, Date.now(), { out: print, error: print }), 0, text);
  return text.split('\n');
}

/** A reader that has read journal entries of another program under sshd's name. */
function forged(...messages: readonly string[]): ReaderState {
  const reader = new Reader();
  const entry = { SYSLOG_IDENTIFIER: 'sshd', _EXE: '/usr/bin/logger', __REALTIME_TIMESTAMP: '1795465884113547' };
  const text = messages.map((MESSAGE) => `${JSON.stringify({ ...entry, MESSAGE })}\n`).join('');
  reader.read(Buffer.from(text), { writtenMs: 0, nowMs: 0 });
  return reader.save();
}

test('lists forged lines with their time, number and message, in which nothing is left that a terminal obeys', (t) => {
  const lines = printed(t, forged('Accepted password for root from 192.0.2.9 port 22 ssh2', 'Failed \u001b[2J'));
  const at = lines.findIndex((line) => line.startsWith('log '));
  assert.deepEqual(lines.slice(at, at + 3), [
    'log           journald: 2 lines read, 0 not understood, 2 forged',
    '  2026-11-23T20:31:24.113Z  forged, line 1: Accepted password for root from 192.0.2.9 port 22 ssh2',
    '  2026-11-23T20:31:24.113Z  forged, line 2: Failed \\u001b[2J',
  ]);
});

test('lists as many forged lines as are kept, and gives them as JSON, too', (t) => {
  const reader = forged(...Array.from({ length: FORGERIES_LIMIT + 5 }, (_, i) => `Failed password for u${i}`));
  assert.equal(printed(t, reader).filter((line) => line.includes('forged, line')).length, FORGERIES_LIMIT);
  const { logs } = JSON.parse(printed(t, reader, true).join('')) as { logs: { forgeries: object[] }[] };
  assert.equal(logs[0]?.forgeries.length, FORGERIES_LIMIT);
  assert.deepEqual(logs[0]?.forgeries[0], {
    message: 'Failed password for u0',
    at: '2026-11-23T20:31:24.113Z',
    line: 1,
  });
});

test('leaves out what is damaged among the forged lines that were saved', (t) => {
  const saved = forged('Failed password for u0');
  const kept = (saved['forgeries'] as { samples: object[] }).samples;
  const damaged = { ...saved, forgeries: { count: 4, samples: [null, 7, { message: 1, line: 2 }, ...kept] } };
  assert.deepEqual(
    printed(t, damaged).filter((line) => line.includes('forged')),
    [
      'log           journald: 1 lines read, 0 not understood, 4 forged',
      '  2026-11-23T20:31:24.113Z  forged, line 1: Failed password for u0',
    ],
  );
});
