import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openStorage } from '../../../alphaserver/storage.ts';
import { checkWhole } from '../../../alphaserver/store/integrity.ts';
import { damageRoot, damageText } from '../../damaged-pages.ts';
import { Pair } from '../../programs.ts';
import { until } from '../../until.ts';

const A = '00000000-0000-4000-8000-000000000001';
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-check-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A store with events in it, of which nobody has closed anything. */
async function killed(events: number): Promise<string> {
  const store = openStorage(join(folder, 'open'));
  const at = '2026-11-23T19:46:01.123Z';
  for (let from = 1; from <= events; from += 1_000)
    await store.append(
      [
        {
          agent: A,
          host: 'h',
          events: Array.from({ length: 1_000 }, (_, i) => ({
            seq: from + i,
            event: {
              at,
              outcome: 'failed',
              method: 'password',
              user: `u${from + i}`,
              invalidUser: false,
              ip: '192.0.2.1',
              port: 1,
            },
          })),
        },
      ],
      1_000,
    );
  const copy = join(folder, 'killed');
  cpSync(join(folder, 'open'), copy, { recursive: true });
  await store.close();
  rmSync(join(copy, 'lock.db'), { force: true });
  return copy;
}

/** Damages a page of a table: its root, or the one with a text. */
function damage(copy: string, table: string, text?: string): void {
  const file = join(copy, 'asgard.db');
  if (text === undefined) damageRoot(file, table);
  else damageText(file, text);
}

test('a store is marked while it is open, and a close in good order takes the mark away', async () => {
  const store = openStorage(folder);
  assert.equal(store.unclean, false);
  // What is acknowledged is on the disk: https://www.sqlite.org/pragma.html#pragma_synchronous, FULL is 2.
  assert.deepEqual({ ...store.db.prepare('PRAGMA synchronous').get() }, { synchronous: 2 });
  assert.ok(existsSync(join(folder, 'running')));
  await store.close();
  assert.ok(!existsSync(join(folder, 'running')));
  const copy = await killed(1_000);
  const again = openStorage(copy);
  assert.equal(again.unclean, true);
  assert.equal(again.events.markOf(A).lastSeq, 1_000);
  assert.equal(await checkWhole([join(copy, 'asgard.db'), join(copy, 'rollups.db')]), null);
  await again.close();
});

test('after a kill, damage of what was written last, or of a table that is read whole, stops the start and says what to do', async () => {
  const copy = await killed(3_000);
  for (const [table, text] of [
    ['agents', undefined],
    ['events_2', 'u2999'],
  ] as const) {
    const one = join(folder, table);
    cpSync(copy, one, { recursive: true });
    damage(one, table, text);
    assert.throws(
      () => openStorage(one),
      /^Error: The store in .* is damaged \(.*\): agents keep what is not stored; stop alphaserver/,
    );
  }
  writeFileSync(join(copy, 'asgard.db'), 'no database at all, but long enough to be taken for one'.repeat(100));
  rmSync(join(copy, 'asgard.db-wal'), { force: true });
  assert.throws(() => openStorage(copy), /is damaged \(file is not a database\)/);
});

test('after a kill, damage of what is old is found while the server runs: it stores nothing more, and says what to do', async () => {
  const pair = await Pair.make();
  try {
    const copy = await killed(30_000);
    damage(copy, 'events_2', 'u9000');
    const server = await pair.serving({ ALPHASERVER_DATA: copy });
    await server.says('is damaged (');
    assert.match(server.output, /Nothing is stored: the store in .* is damaged \(.*\): agents keep what is not stored/);
    const ready = await fetch(`http://127.0.0.1:${pair.httpPort}/readyz`);
    assert.equal(ready.status, 503);
    assert.match(await ready.text(), /is damaged/);
    const agent = pair.agent();
    await agent.says('busy: the store in');
    assert.equal(await server.end('SIGTERM'), 0);
  } finally {
    await pair.close();
  }
});

/** The processes that a thread of this one has started, as the kernel lists them; none where the thread has ended meanwhile. */
function childrenOf(thread: string): string {
  try {
    return readFileSync(`/proc/self/task/${thread}/children`, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}

test('a check is ended at once, also in the middle of a read that takes for ever', async () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const ending = new AbortController();
  const children = (): string =>
    readdirSync('/proc/self/task')
      .map((thread) => childrenOf(thread))
      .join('');
  const before = children();
  const checked = assert.rejects(checkWhole([pipe], ending.signal), { name: 'AbortError' });
  const [child = ''] = children()
    .split(' ')
    .filter((pid) => !before.includes(pid));
  try {
    // Nobody writes to the pipe: to open it is to wait. Where the kernel does not say so, the check is ended wherever it is.
    await until(() => /partner|fifo|^0$/.test(readFileSync(`/proc/${child}/wchan`, 'utf8')));
  } finally {
    ending.abort();
  }
  await checked;
  await until(() => children() === before);
});

test('a page that turns out to be damaged at a write ends all writing, and says what to do', async () => {
  const pair = await Pair.make();
  try {
    const copy = await killed(3_000);
    // With all its tables made: a page of one that is made may be taken from a damaged one.
    const before = await pair.serving({ ALPHASERVER_DATA: copy });
    await before.end('SIGTERM');
    damage(copy, 'gaps');
    const server = await pair.serving({ ALPHASERVER_DATA: copy });
    const socket = connect(pair.port, '127.0.0.1').on('error', () => {});
    const gap = { id: 1, at: '2026-11-23T19:46:01.123Z', kind: 'suppressed', text: 'x', bytes: null, lines: 1 };
    socket.write(`${JSON.stringify({ type: 'hello', version: 1, agent: A, host: 'h' })}\n`);
    socket.write(`${JSON.stringify({ type: 'ping', gaps: [gap] })}\n`);
    await server.says('Nothing is stored: the store is damaged (');
    socket.destroy();
    assert.equal(await server.end('SIGTERM'), 0);
  } finally {
    await pair.close();
  }
});
