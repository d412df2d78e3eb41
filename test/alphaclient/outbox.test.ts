import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Checkpoint } from '../../alphaclient/checkpoint.ts';
import { OutboxError } from '../../alphaclient/database.ts';
import { Outbox, summarize } from '../../alphaclient/outbox.ts';
import type { Reading } from '../../alphaclient/reading.ts';
import { openStateFolder } from '../../alphaclient/state-folder.ts';
import type { LoginEvent } from '../../protocol/event.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'outbox-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const event = (user: string): LoginEvent => ({
  at: '2026-11-23T19:46:01.123Z',
  outcome: 'failed',
  method: 'password',
  user,
  invalidUser: false,
  ip: '192.0.2.1',
  port: 1,
});
const reading = (users: string[], offset: number, more: Partial<Reading> = {}): Reading => ({
  log: '/x',
  position: { offset },
  reader: { n: offset },
  events: users.map(event),
  gaps: [],
  atMs: 0,
  ...more,
});
const waiting = (outbox: Outbox): string[] =>
  outbox.after(0, 1_000).map(({ seq, body }) => `${seq} ${(JSON.parse(body) as LoginEvent).user}`);

test('events, position and reader state come back together after a restart', () => {
  const first = new Outbox(folder);
  const { agent } = first;
  first.commit(reading(['a', 'b'], 10));
  first.commit(reading([], 20));
  first.close();
  const second = new Outbox(folder);
  assert.equal(second.agent, agent);
  assert.deepEqual(waiting(second), ['1 a', '2 b']);
  assert.deepEqual(second.bookmark('/x'), { position: { offset: 20 }, reader: { n: 20 } });
  assert.equal(second.bookmark('/y'), null, 'positions of different logs do not mix');
  second.close();
});

test('only what is acknowledged is forgotten, and numbers go on when all is', () => {
  const outbox = new Outbox(folder);
  outbox.commit(reading(['a', 'b', 'c'], 1));
  const full = outbox.waitingBytes;
  outbox.acknowledge(2);
  outbox.settle();
  assert.deepEqual(waiting(outbox), ['3 c']);
  assert.ok(outbox.waitingBytes < full && outbox.waitingBytes > 0);
  outbox.acknowledge(99);
  outbox.settle();
  assert.equal(outbox.waitingBytes, 0);
  outbox.close();
  const next = new Outbox(folder);
  next.commit(reading(['d'], 2));
  assert.deepEqual(waiting(next), ['4 d']);
  assert.equal(next.acked, 3);
  next.close();
});

test('an acknowledgement not yet settled when the process dies costs a repeat, never an event', () => {
  const outbox = new Outbox(folder);
  outbox.commit(reading(['a', 'b'], 1));
  outbox.acknowledge(1);
  outbox.close();
  const next = new Outbox(folder);
  assert.deepEqual(waiting(next), ['1 a', '2 b']);
  next.close();
});

test('a second agent on the same folder is refused with words that say so', () => {
  const outbox = new Outbox(folder);
  assert.throws(
    () => new Outbox(folder),
    (error: unknown) => error instanceof OutboxError && error.code === 'in use',
  );
  outbox.close();
  new Outbox(folder).close();
});

test('a new id numbers what waits from 1', () => {
  const outbox = new Outbox(folder);
  const { agent } = outbox;
  outbox.commit(reading(['a', 'b', 'c'], 1));
  outbox.acknowledge(1);
  outbox.settle();
  outbox.renew();
  assert.notEqual(outbox.agent, agent);
  assert.deepEqual(waiting(outbox), ['1 b', '2 c']);
  outbox.commit(reading(['d'], 2));
  assert.deepEqual(waiting(outbox), ['1 b', '2 c', '3 d']);
  outbox.close();
});

test('gaps are kept, numbered and counted; at least one line for each', () => {
  const outbox = new Outbox(folder);
  const gap = { kind: 'rotated-away', text: 'gone', bytes: 100 } as const;
  outbox.commit(
    reading([], 1, {
      gaps: [
        { ...gap, lines: null },
        { ...gap, lines: 7 },
      ],
    }),
  );
  assert.equal(outbox.declaredLost, 8);
  assert.deepEqual(
    outbox.gapsAfter(1, 10).map(({ id, lines }) => [id, lines]),
    [[2, 7]],
  );
  for (let i = 0; i < 120; i += 1) outbox.commit(reading([], 1, { gaps: [{ ...gap, lines: 1 }] }));
  assert.equal(outbox.gapsAfter(0, 1_000).length, 100, 'bounded');
  assert.equal(outbox.declaredLost, 128);
  outbox.close();
});

test('a damaged outbox is set aside, said loudly, and reading goes on from the last moment that was acknowledged', () => {
  const outbox = new Outbox(folder);
  const { agent } = outbox;
  outbox.commit(reading(['a', 'b'], 50));
  const checkpoint = new Checkpoint(folder);
  checkpoint.offer({ agent, seq: 2, log: '/x', bookmark: { position: { offset: 50 }, reader: { n: 50 } } });
  checkpoint.acknowledged(1, 10_000);
  assert.equal(checkpoint.read(), null, 'not before all of it is acknowledged');
  checkpoint.acknowledged(2, 20_000);
  outbox.close();
  writeFileSync(join(folder, 'outbox.db'), Buffer.alloc(8_192, 0x5a));
  const said: string[] = [];
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: (message: string) => said.push(message) };
  const next = openStateFolder(folder, log, 0);
  assert.match(said.join(), /damaged.*set aside as .*event 2 was acknowledged/);
  assert.ok(readdirSync(folder).some((name) => name.startsWith('outbox.db.damaged-')));
  assert.equal(next.agent, agent);
  assert.deepEqual(next.bookmark('/x'), { position: { offset: 50 }, reader: { n: 50 } });
  next.commit(reading(['c'], 60));
  assert.deepEqual(waiting(next), ['3 c']);
  next.close();
});

test('a summary is there while the agent runs, and none where there was never an agent', () => {
  assert.equal(summarize(folder), null);
  const outbox = new Outbox(folder);
  outbox.commit(reading(['a', 'b'], 1));
  assert.deepEqual(summarize(folder)?.waiting, 2);
  appendFileSync(join(folder, 'unrelated'), '');
  outbox.close();
});
