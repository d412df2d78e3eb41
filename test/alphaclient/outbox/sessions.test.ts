/** Sessions and their ends in the outbox: rows of their own, beside the events. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Outbox, type ReadResult } from '../../../alphaclient/outbox/outbox.ts';
import { ENDS_LIMIT } from '../../../alphaclient/outbox/sessions.ts';

const AT = '2026-11-29T08:00:00.000Z';
let folder: string;
let outbox: Outbox;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'outbox-sessions-'));
  outbox = new Outbox(folder);
  outbox.sessionsOf('/x', true);
});
afterEach(() => {
  outbox.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Commits a read: the sessions that begin, each with an event, and those that end. */
function commit({ begin = [], end = [] }: { begin?: readonly number[]; end?: readonly number[] }, log = '/x'): void {
  const event = {
    ...({ at: AT, outcome: 'accepted', method: 'password', user: 'u', invalidUser: false, ip: '192.0.2.1' } as const),
    port: 1,
  };
  const gone = {
    at: AT,
    user: 'u',
    ip: '192.0.2.1',
    port: 1,
    pid: null,
    lastedSeconds: 1,
    how: 'closed',
    host: null,
  } as const;
  const result: ReadResult = {
    ...{ log, position: { offset: 1 }, reader: {}, gaps: [], atMs: 0 },
    events: begin.map(() => event),
    sessions: {
      begun: begin,
      saved: begin.filter((id) => !end.includes(id)).map((id) => [id, [id]]),
      removed: end,
      ends: end.map((session) => ({ session, end: gone })),
    },
  };
  outbox.commit(result);
}

const ends = (): string =>
  outbox
    .endsAfter(0, 1_000)
    .map(({ number, session }) => `${number}:${session}`)
    .join(' ');
const open = (): string => [...outbox.openSessions].map(([id, seq]) => `${id}:${seq}`).join(' ');

function reopen(): void {
  outbox.close();
  outbox = new Outbox(folder);
}

test('an end carries the number of the event that its session began with, also where both are in one read', () => {
  commit({ begin: [1, 2] });
  commit({ begin: [3], end: [1, 3] });
  commit({ end: [9] });
  assert.equal(ends(), '1:1 2:3 3:null');
  assert.equal(open(), '2:2');
  reopen();
  assert.deepEqual([ends(), open(), outbox.lastEnd, outbox.ackedEnd], ['1:1 2:3 3:null', '2:2', 3, 0]);
  assert.deepEqual(outbox.sessionsOf('/x', true), [[2]]);
});

test('acknowledged ends are deleted with the next commit, and numbers go on', () => {
  commit({ begin: [1, 2, 3], end: [] });
  commit({ end: [1, 2] });
  outbox.acknowledgeEnds(1);
  commit({ end: [3] });
  assert.equal(ends(), '2:2 3:3');
  outbox.acknowledgeEnds(3);
  commit({ begin: [4] });
  assert.equal(ends(), '');
  reopen();
  commit({ end: [4] });
  assert.equal(ends(), '4:4');
});

test('sessions of another log, or of a reader whose state is lost, are evicted without an end', () => {
  commit({ begin: [1] });
  assert.deepEqual(outbox.sessionsOf('/y', true), []);
  assert.deepEqual([open(), ends()], ['', '']);
  commit({ begin: [1] }, '/y');
  assert.deepEqual(outbox.sessionsOf('/y', false), []);
  assert.equal(open(), '');
});

test('under a new id only what it sends has a number', () => {
  commit({ begin: [1, 2] });
  outbox.acknowledge(1);
  commit({ begin: [3], end: [1] });
  outbox.acknowledgeEnds(0);
  outbox.takeNewId();
  assert.deepEqual([open(), ends(), outbox.lastSeq, outbox.lastEnd], ['2:1 3:2', '1:null', 2, 1]);
  assert.equal(outbox.ackedEnd, 0);
  const before = open();
  reopen();
  assert.deepEqual([open(), outbox.lastEnd, outbox.ackedEnd], [before, 1, 0], 'as it stands in the file');
  commit({ end: [2] });
  assert.equal(ends(), '1:null 2:1');
});

test('of more ends than wait for a server that takes them the oldest are evicted', () => {
  const many = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
  commit({ end: many(1, ENDS_LIMIT) });
  assert.equal(outbox.endsAfter(0, 1)[0]?.number, 1);
  commit({ end: many(ENDS_LIMIT + 1, 3) });
  assert.equal(outbox.endsAfter(0, 1)[0]?.number, 4);
  assert.equal(outbox.ackedEnd, 3);
  reopen();
  assert.deepEqual([outbox.ackedEnd, outbox.lastEnd], [3, ENDS_LIMIT + 3]);
});
