import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { OutboxError, openDurable } from '../../../alphaclient/outbox/database.ts';
import { Outbox, type ReadResult, WAL_LIMIT_PAGES } from '../../../alphaclient/outbox/outbox.ts';
import { Checkpoint, openStateFolder, replaceDamaged } from '../../../alphaclient/outbox/recovery.ts';
import { type OutboxSummary, summarize } from '../../../alphaclient/outbox/summary.ts';
import type { LoginEvent } from '../../../protocol/event.ts';
import { damageText } from '../../damaged-pages.ts';
import { withCheckResults } from './passing-errors.ts';

const QUIET = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
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
const reading = (users: string[], offset: number, more: Partial<ReadResult> = {}): ReadResult => ({
  log: '/x',
  position: { offset },
  reader: { n: offset },
  events: users.map(event),
  gaps: [],
  atMs: 0,
  ...more,
});
/** Goes on from a checkpoint of the same agent, whose first two events were acknowledged. */
const resumeAfterTwo = (outbox: Outbox): void =>
  outbox.resume(
    {
      agent: outbox.agent,
      seq: 2,
      logs: [{ log: '/x', bookmark: { position: { offset: 2 }, reader: {} } }],
      declared: { lastGap: 0, declaredLost: 0 },
    },
    [],
  );
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

test('commits of as many events as one statement inserts, and of fewer and more, keep each by its number', () => {
  const first = new Outbox(folder);
  const names: string[] = [];
  for (const count of [1, 31, 32, 33, 65]) {
    const added = Array.from({ length: count }, (_, i) => `${count}-${i}`);
    first.commit(reading(added, names.length));
    names.push(...added);
  }
  const all = names.map((name, i) => `${i + 1} ${name}`);
  assert.deepEqual(waiting(first), all, 'from memory');
  first.close();
  const second = new Outbox(folder);
  assert.deepEqual(waiting(second), all, 'from the file');
  second.close();
});

test('what is committed stays in the write-ahead log until it is compacted, or until that is at its limit', () => {
  const outbox = new Outbox(folder);
  const page = 'x'.repeat(3_000);
  const commits = (count: number): void => {
    for (let i = 0; i < count; i += 1) outbox.commit(reading(Array(64).fill(page), i));
  };
  commits(20);
  const before = outbox.walPages;
  assert.ok(before > 1_100, `${before} pages: SQLite itself would have written them to the file at 1,000`);
  outbox.compact();
  assert.equal(outbox.walPages, 0);
  // It asks for nothing while nothing was written, and has not missed that something was.
  outbox.compact();
  commits(20);
  outbox.compact();
  assert.equal(outbox.walPages, 0);
  commits(20 * Math.ceil(WAL_LIMIT_PAGES / before));
  assert.ok(outbox.walPages < WAL_LIMIT_PAGES);
  outbox.close();
});

test('events come in order whether they are in memory or in the file alone', () => {
  const outbox = new Outbox(folder);
  const names = (from: number, count: number): string[] => Array.from({ length: count }, (_, i) => `u${from + i}`);
  const seqs = (after: number, limit: number): string[] =>
    outbox.after(after, limit).map(({ seq, body }) => `${seq} ${(JSON.parse(body) as LoginEvent).user}`);
  const expected = (from: number, count: number): string[] =>
    names(from, count).map((name) => `${name.slice(1)} ${name}`);
  let count = 0;
  for (const size of [1, 5_000, 0, 3_000, 2_000, 1]) {
    outbox.commit(reading(names(count + 1, size), count));
    count += size;
    for (const after of [0, 1, 1_700, count - 8_192, count - 2, count - 1, count])
      if (after >= 0)
        for (const limit of [1, 512])
          assert.deepEqual(seqs(after, limit), expected(after + 1, Math.min(limit, count - after)), `after ${after}`);
  }
  outbox.acknowledge(count - 3);
  outbox.commit(reading(names(count + 1, 1), count));
  assert.deepEqual(seqs(count - 3, 512), expected(count - 2, 4));
  outbox.takeNewId();
  assert.deepEqual(
    seqs(0, 512),
    [count - 2, count - 1, count, count + 1].map((n, i) => `${i + 1} u${n}`),
  );
  outbox.close();
});

test('only acknowledged events are deleted, and numbers go on when all are', () => {
  const outbox = new Outbox(folder);
  outbox.commit(reading(['a', 'b', 'c'], 1));
  const full = outbox.pendingBytes;
  outbox.acknowledge(2);
  outbox.compact();
  assert.deepEqual(waiting(outbox), ['3 c']);
  assert.ok(outbox.pendingBytes < full && outbox.pendingBytes > 0);
  outbox.acknowledge(99);
  outbox.compact();
  assert.equal(outbox.pendingBytes, 0);
  outbox.close();
  const next = new Outbox(folder);
  next.commit(reading(['d'], 2));
  assert.deepEqual(waiting(next), ['4 d']);
  assert.equal(next.acked, 3);
  next.close();
});

test('an acknowledgement that is not written yet when the process dies costs a repeat, never an event', () => {
  const outbox = new Outbox(folder);
  outbox.commit(reading(['a', 'b'], 1));
  outbox.acknowledge(1);
  outbox.close();
  const next = new Outbox(folder);
  assert.deepEqual(waiting(next), ['1 a', '2 b']);
  next.close();
});

test('a second agent on the same folder is refused with an error that says so', () => {
  const outbox = new Outbox(folder);
  assert.throws(
    () => new Outbox(folder),
    (error: unknown) => error instanceof OutboxError && error.code === 'in use',
  );
  outbox.close();
  new Outbox(folder).close();
});

test('with a new id the pending events are numbered from 1', () => {
  const outbox = new Outbox(folder);
  const { agent } = outbox;
  outbox.commit(reading(['a', 'b', 'c'], 1));
  outbox.acknowledge(1);
  outbox.compact();
  outbox.takeNewId();
  assert.notEqual(outbox.agent, agent);
  assert.deepEqual(waiting(outbox), ['1 b', '2 c']);
  outbox.commit(reading(['d'], 2));
  assert.deepEqual(waiting(outbox), ['1 b', '2 c', '3 d']);
  outbox.close();
});

test('gaps are stored, numbered and counted, with at least one line each', () => {
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
  assert.equal(outbox.declared.declaredLost, 8);
  assert.deepEqual(
    outbox.gapsAfter(1, 10).map(({ id, lines }) => [id, lines]),
    [[2, 7]],
  );
  for (let i = 0; i < 120; i += 1) outbox.commit(reading([], 1, { gaps: [{ ...gap, lines: 1 }] }));
  assert.equal(outbox.gapsAfter(0, 1_000).length, 100, 'bounded');
  assert.equal(outbox.declared.declaredLost, 128);
  outbox.close();
});

test('a damaged outbox is renamed and logged as an error, and reading goes on from the last acknowledged checkpoint', () => {
  const outbox = new Outbox(folder);
  const { agent } = outbox;
  outbox.commit(reading(['a', 'b'], 50));
  const checkpoint = new Checkpoint(folder);
  checkpoint.offer(agent, 0, () => outbox.stateOf('/x', { position: { offset: 50 }, reader: { n: 50 } }));
  checkpoint.acknowledged(1, 10_000);
  assert.equal(checkpoint.read(), null, 'not before all of it is acknowledged');
  checkpoint.acknowledged(2, 20_000);
  outbox.close();
  writeFileSync(join(folder, 'outbox.db'), Buffer.alloc(8_192, 0x5a));
  const logged: string[] = [];
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: (message: string) => logged.push(message) };
  const next = openStateFolder(folder, log, 0);
  assert.match(logged.join(), /damaged.*renamed to .*reading again from where event 2 was acknowledged/);
  assert.ok(readdirSync(folder).some((name) => name.startsWith('outbox.db.damaged-')));
  assert.equal(next.agent, agent);
  assert.deepEqual(next.bookmark('/x'), { position: { offset: 50 }, reader: { n: 50 } });
  next.commit(reading(['c'], 60));
  assert.deepEqual(waiting(next), ['3 c']);
  next.close();
});

test('pending events are counted in bytes of UTF-8, also after some were acknowledged and after a restart', () => {
  const outbox = new Outbox(folder);
  const users = ['root', 'ü€😀', 'x'.repeat(1_000), '😀'.repeat(500)];
  outbox.commit(reading(users, 1));
  const sizes = outbox.after(0, 10).map(({ body }) => Buffer.byteLength(body));
  const left = (from: number) => sizes.slice(from).reduce((sum, bytes) => sum + bytes, 0);
  assert.equal(outbox.pendingBytes, left(0));
  outbox.acknowledge(2);
  outbox.compact();
  assert.equal(outbox.pendingBytes, left(2));
  outbox.acknowledge(3);
  outbox.commit(reading([], 2));
  assert.equal(outbox.pendingBytes, left(3));
  outbox.close();
  const next = new Outbox(folder);
  assert.equal(next.pendingBytes, left(3));
  next.close();
});

test('disk space is freed once pending events are acknowledged', () => {
  const outbox = new Outbox(folder);
  const size = () => statSync(join(folder, 'outbox.db')).size;
  for (let i = 0; i < 40; i += 1)
    outbox.commit(
      reading(
        Array.from({ length: 1_000 }, () => 'x'.repeat(1_000)),
        i,
      ),
    );
  const full = size();
  outbox.acknowledge(outbox.lastSeq);
  for (let i = 0; i < 10; i += 1) outbox.compact();
  assert.ok(size() < full, `${size()} of ${full} bytes`);
  outbox.close();
});

test('a commit is on the disk when it returns: WAL with synchronous=FULL', () => {
  // https://www.sqlite.org/pragma.html#pragma_synchronous: with WAL, only FULL (2) syncs the log at each commit.
  const db = openDurable(join(folder, 'one.db'), 'CREATE TABLE t (x)');
  assert.deepEqual({ ...db.prepare('PRAGMA synchronous').get() }, { synchronous: 2 });
  assert.deepEqual({ ...db.prepare('PRAGMA journal_mode').get() }, { journal_mode: 'wal' });
  db.close();
});

test('without a checkpoint a new outbox goes on after the last event of the damaged one, with the events that can be read in it', () => {
  const outbox = new Outbox(folder);
  const { agent } = outbox;
  const gap = { kind: 'suppressed', text: 'gone', bytes: null, lines: 4 } as const;
  for (let i = 0; i < 40; i += 1)
    outbox.commit(reading([`${i}${'x'.repeat(1_000)}`], i, { gaps: i === 0 ? [gap] : [] }));
  outbox.acknowledge(10);
  outbox.compact();
  outbox.close();
  // That of event 30.
  damageText(join(folder, 'outbox.db'), `"30${'x'.repeat(1_000)}`);
  const logged: string[] = [];
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: (message: string) => logged.push(message) };
  const next = openStateFolder(folder, log, 0);
  assert.match(logged.join(), /damaged.*reading continues after its event 40/);
  assert.deepEqual([next.agent, next.lastSeq, next.acked], [agent, 40, 10]);
  assert.deepEqual(next.bookmark('/x'), { position: { offset: 39 }, reader: { n: 39 } });
  assert.deepEqual(next.declared, { lastGap: 1, declaredLost: 4 });
  const kept = next.after(0, 100).map(({ seq }) => seq);
  assert.ok(kept.length >= 10 && kept.length < 30, `${kept.length} of 30 could be read`);
  assert.deepEqual(
    kept,
    Array.from({ length: kept.length }, (_, i) => 11 + i),
  );
  next.commit(reading(['new'], 50));
  assert.equal(next.after(40, 10)[0]?.seq, 41);
  next.close();
});

test('the last three damaged outboxes are kept', () => {
  for (let i = 1; i <= 5; i += 1) {
    new Outbox(folder).close();
    writeFileSync(join(folder, 'outbox.db'), Buffer.alloc(8_192, i));
    openStateFolder(folder, QUIET, i * 1_000).close();
  }
  const renamed = readdirSync(folder).filter((name) => /damaged-.*Z$/.test(name));
  assert.deepEqual(
    renamed.sort().map((name) => readFileSync(join(folder, name))[0]),
    [3, 4, 5],
  );
});

test('events that are read again after damage get their old numbers, and no number is given twice when some cannot be read again', () => {
  const outbox = new Outbox(folder);
  resumeAfterTwo(outbox);
  outbox.setStoredByServer(6);
  outbox.commit(reading(['c', 'd'], 4));
  assert.deepEqual([outbox.lastSeq, outbox.acked, outbox.missingEvents], [4, 4, 2], 'the server has them');
  outbox.close();
  const next = new Outbox(folder);
  assert.equal(next.resumed, true, 'also when the agent dies over it');
  next.setStoredByServer(6);
  next.endResume();
  assert.deepEqual([next.lastSeq, next.acked, next.missingEvents, next.resumed], [6, 6, 0, false]);
  next.commit(reading(['new'], 9));
  assert.deepEqual(waiting(next), ['7 new']);
  next.close();
});

/** Opens a folder whose `what` has a wrong first byte, which SQLite's own check cannot see. */
function withWrongByte(what: 'bookmark' | 'connections' | 'session' | 'kept value' | 'event'): Outbox {
  const outbox = new Outbox(folder);
  outbox.sessionsOf('/x', true);
  const [sessions, connections] = [
    { begun: [1], saved: [[1, ['s']]], removed: [], ends: [] },
    { isWhole: true, saved: [[1, ['c']]], removed: [] },
  ] as const;
  outbox.commit(reading(['a'], 50, { sessions, connections, kept: { release: '10.0' } }));
  if (what === 'event') outbox.commit(reading(['b', 'c'], 50));
  outbox.close();
  const db = new DatabaseSync(join(folder, 'outbox.db'));
  db.exec(
    {
      bookmark: "UPDATE meta SET value = 'z' || substr(value, 2) WHERE key = 'log:/x'",
      connections: "UPDATE connections SET changes = 'z' || substr(changes, 2)",
      session: "UPDATE sessions SET saved = 'z' || substr(saved, 2)",
      'kept value': "UPDATE meta SET value = 'z' || substr(value, 2) WHERE key = 'kept:release'",
      event: "UPDATE events SET body = 'z' || substr(body, 2) WHERE seq = 2",
    }[what],
  );
  db.close();
  return new Outbox(folder);
}

for (const [what, reads] of [
  ['bookmark', [(outbox: Outbox) => outbox.bookmark('/x')]],
  ['connections', [(outbox: Outbox) => outbox.connectionsOf('/x')]],
  [
    'session',
    [
      (outbox: Outbox) => outbox.sessionsOf('/x', true),
      (outbox: Outbox) => outbox.stateOf('/x', { position: null, reader: {} }),
    ],
  ],
  ['kept value', [(outbox: Outbox) => outbox.kept('release')]],
  ['event', [(outbox: Outbox) => outbox.checkPending(2)]],
] as const)
  test(`one wrong byte in the ${what} is found as damage when it is read`, () => {
    const outbox = withWrongByte(what);
    for (const read of reads)
      assert.throws(
        () => read(outbox),
        (error: unknown) => error instanceof OutboxError && error.code === 'damaged' && /JSON/.test(error.message),
      );
    outbox.close();
  });

test('what a damaged outbox kept beside its position is not needed to go on', () => {
  const outbox = withWrongByte('kept value');
  const { agent } = outbox;
  outbox.close();
  const next = replaceDamaged(folder, 'test', QUIET, 0);
  assert.deepEqual([next.agent, next.lastSeq, waiting(next)], [agent, 1, ['1 a']]);
  assert.deepEqual(next.bookmark('/x'), { position: { offset: 50 }, reader: { n: 50 } });
  next.close();
});

test('without a checkpoint only the event that is no JSON is lost', () => {
  const outbox = withWrongByte('event');
  outbox.checkPending(1);
  outbox.close();
  const next = replaceDamaged(folder, 'test', QUIET, 0);
  assert.deepEqual([next.lastSeq, waiting(next)], [3, ['1 a', '3 c']]);
  next.commit(reading(['d'], 60));
  assert.deepEqual(waiting(next), ['1 a', '3 c', '4 d']);
  next.checkPending(10);
  next.close();
});

/** What SQLite says where the system gives EIO for a page. */
const UNREAD = 'Tree 4 page 77: unable to get the page. error code=8458';

test('a page that the disk does not give once is no damage, and one that it does not give twice is none either', () => {
  const outbox = new Outbox(folder);
  outbox.commit(reading(['a', 'b'], 50));
  const { agent } = outbox;
  outbox.close();
  for (const text of [UNREAD, 'Failed to read ptrmap key=8'])
    withCheckResults([text], () => {
      const next = openStateFolder(folder, QUIET, 0);
      assert.deepEqual([next.agent, waiting(next)], [agent, ['1 a', '2 b']]);
      next.close();
    });
  withCheckResults([UNREAD, `Failed to read ptrmap key=8\n${UNREAD}`], () =>
    assert.throws(
      () => openStateFolder(folder, QUIET, 0),
      (error: unknown) =>
        error instanceof OutboxError &&
        error.code === 'failed' &&
        error.message === `disk I/O error (Failed to read ptrmap key=8; ${UNREAD})`,
    ),
  );
  const next = openStateFolder(folder, QUIET, 0);
  assert.deepEqual([next.agent, waiting(next)], [agent, ['1 a', '2 b']], 'at the next start the disk gives it');
  next.close();
  const twice = Array<string>(2).fill('Tree 4 page 77 cell 3: Rowid 12 out of order');
  withCheckResults(twice, () => openStateFolder(folder, QUIET, 0).close());
  assert.ok(readdirSync(folder).some((name) => name.startsWith('outbox.db.damaged-')));
});

for (const isOver of [true, false])
  test(`under a new id ${isOver ? 'after' : 'while'} what the server has was read again, no event is taken for one that it has`, () => {
    const outbox = new Outbox(folder);
    resumeAfterTwo(outbox);
    outbox.setStoredByServer(1_000);
    outbox.setEndsStoredByServer(1_000);
    outbox.commit(reading(['a'], 3));
    if (isOver) outbox.endResume();
    outbox.takeNewId();
    assert.deepEqual([outbox.resumed, outbox.missingEvents, outbox.lastSeq], [false, 0, 0]);
    const one = { at: '2026-11-23T19:46:01.123Z', user: 'b', ip: '192.0.2.1', port: 1, pid: null, host: null } as const;
    const end = { session: 1, end: { ...one, lastedSeconds: 1, how: 'closed' as const } };
    outbox.commit(reading(['b', 'c'], 4, { sessions: { begun: [], saved: [], removed: [], ends: [end] } }));
    outbox.commit(reading(['d'], 5));
    outbox.compact();
    assert.deepEqual([waiting(outbox), outbox.acked, outbox.ackedEnd], [['1 b', '2 c', '3 d'], 0, 0]);
    assert.equal(outbox.endsAfter(0, 10).length, 1);
    outbox.close();
    const next = new Outbox(folder);
    assert.deepEqual([next.resumed, next.acked, next.ackedEnd, waiting(next)], [false, 0, 0, ['1 b', '2 c', '3 d']]);
    next.close();
  });

test('an outbox can be summarized while the agent runs; a folder without one has no summary', () => {
  assert.equal(summarize(folder), null);
  const outbox = new Outbox(folder);
  outbox.commit(reading(['a', 'b'], 1));
  assert.deepEqual(summarize(folder)?.waiting, 2);
  appendFileSync(join(folder, 'unrelated'), '');
  outbox.close();
});

test('an outbox knows which logs were read, and which one was followed last', () => {
  let outbox = new Outbox(folder);
  assert.deepEqual(outbox.readLogs, { all: [], last: null });
  outbox.sessionsOf('journald', false);
  assert.deepEqual(outbox.readLogs, { all: [], last: 'journald' });
  outbox.commit(reading(['a'], 1, { log: 'journald' }));
  outbox.sessionsOf('/x', false);
  outbox.commit(reading(['b'], 1));
  outbox.close();
  outbox = new Outbox(folder);
  const { all, last } = outbox.readLogs;
  assert.deepEqual([all.toSorted(), last], [['/x', 'journald'], '/x']);
  outbox.close();
});

test('a summary is of one moment, also while an agent commits between what it reads', () => {
  const outbox = new Outbox(folder);
  outbox.commit(reading(['a'], 1));
  let isCommitting = false;
  let commits = 0;
  for (const name of ['get', 'all'] as const) {
    const real = StatementSync.prototype[name] as (...values: unknown[]) => never;
    mock.method(StatementSync.prototype, name, function (this: StatementSync, ...values: unknown[]) {
      const rows = real.apply(this, values);
      if (!isCommitting) {
        isCommitting = true;
        commits += 1;
        outbox.commit(reading(['b', 'c'], 10 + commits));
        isCommitting = false;
      }
      return rows;
    });
  }
  let summary: OutboxSummary | null;
  try {
    summary = summarize(folder);
  } finally {
    mock.restoreAll();
  }
  assert.ok(commits > 2);
  // Nothing was ever acknowledged.
  assert.equal(summary?.events, summary?.waiting);
  assert.equal(summarize(folder)?.waiting, 1 + 2 * commits);
  outbox.close();
});
