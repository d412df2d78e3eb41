/** Sessions in the store: made of logins, ends and lists of open ones. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { SessionQuery } from '../../../alphaserver/queries/results.ts';
import { sessionPage } from '../../../alphaserver/queries/sessions.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';
import { PEER_SESSIONS_LIMIT, UNFOLLOWED_LIMIT } from '../../../alphaserver/store/sessions.ts';
import type {
  AgentBatch,
  NumberedEnd,
  OpenList,
  PingContent,
  StoredSession,
} from '../../../alphaserver/store/store.ts';

const AGENT = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';
const OTHER = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ac';
const START = Date.parse('2026-11-29T08:00:00.000Z');
const at = (seconds: number): string => new Date(START + seconds * 1_000).toISOString();
const KEY = `ED25519 SHA256:${'a'.repeat(43)}`;

let folder: string;
let store: EventStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-sessions-'));
  store = new EventStore(folder);
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const login = (seq: number, seconds = seq, more: object = {}) =>
  ({
    seq,
    event: {
      ...{ at: at(seconds), outcome: 'accepted', method: 'publickey', user: 'alice', invalidUser: false },
      ...{ ip: '192.0.2.10', port: 50_000 + seq, key: KEY, trust: 'journal', pid: 4_000 + seq },
      ...more,
    },
  }) as AgentBatch['events'][number];

const end = (number: number, session: number | null, seconds: number, more: object = {}): NumberedEnd => ({
  number,
  end: {
    ...{ at: at(seconds), session, user: 'alice', ip: null, port: null, pid: null, lastedSeconds: 60, how: 'closed' },
    host: null,
    ...more,
  },
});

const open = (list: readonly number[], more: Partial<OpenList> = {}): PingContent => ({
  report: null,
  shapes: [],
  gaps: [],
  open: {
    ...{ at: at(100), sessions: list.length, list, unconfirmed: [], confirmedAt: at(100), blind: null },
    ...{ unexplained: [], loginGraceSeconds: 120, upToSeq: list.at(-1) ?? 0 },
    ...more,
  },
});

async function append(batch: Partial<AgentBatch>): Promise<readonly StoredSession[]> {
  const [appended] = await store.append([{ agent: AGENT, host: 'web', events: [], ...batch }], START);
  return store.sessions(appended?.sessions ?? []);
}

const EVERYTHING: SessionQuery = {
  ...{
    open: null,
    host: null,
    user: null,
    ip: null,
    key: null,
    sinceMs: null,
    untilMs: null,
    limit: 100,
    cursor: null,
  },
};
const sessions = (query: Partial<SessionQuery> = {}): readonly StoredSession[] =>
  sessionPage(store.db, { ...EVERYTHING, ...query }).sessions as readonly StoredSession[];
const brief = (all: readonly StoredSession[]) => all.map(({ port, until, how }) => [port, until, how]);

test('a login begins a session, its end completes it, and whoever watches hears of both', async () => {
  const failed = login(2, 2, { outcome: 'failed' });
  const [begun, ...more] = await append({ events: [login(1), failed] });
  assert.equal(more.length, 0);
  assert.deepEqual(begun, {
    ...{
      id: 1,
      agent: AGENT,
      host: 'web',
      user: 'alice',
      method: 'publickey',
      key: KEY,
      ip: '192.0.2.10',
      port: 50_001,
    },
    ...{ pid: 4_001, trust: 'journal', since: at(1), until: null, lastedSeconds: null, how: null, confirmedAt: null },
    followed: true,
  });
  const [ended] = await append({ ends: [end(1, 1, 61)] });
  assert.deepEqual(ended, { ...begun, until: at(61), lastedSeconds: 60, how: 'closed' });
  assert.deepEqual(sessions(), [ended]);
});

test('an end counts once, however often it comes, and its number is what may be acknowledged', async () => {
  await append({ events: [login(1), login(2)] });
  const first = { agent: AGENT, host: 'web', events: [], ends: [end(1, 1, 61)] };
  assert.equal((await store.append([first], START))[0]?.lastEnd, 1);
  const again = { ...first, ends: [end(1, 2, 70), end(2, 2, 80, { how: 'gone' })] };
  assert.equal((await store.append([again], START))[0]?.lastEnd, 2);
  assert.deepEqual(brief(sessions()), [
    [50_002, at(80), 'gone'],
    [50_001, at(61), 'closed'],
  ]);
  await store.close();
  store = new EventStore(folder);
  assert.equal((await store.append([{ agent: AGENT, host: 'web', events: [] }], START))[0]?.lastEnd, 2);
});

test("an end without its login's number is found by host, address, port and pid", async () => {
  await append({ events: [login(1), login(2, 2, { host: 'db' })] });
  const peer = { ip: '192.0.2.10', port: 50_001, pid: 4_001 };
  await append({ ends: [end(1, null, 50, { ...peer, host: 'db' }), end(2, null, 51, { ...peer, pid: 9 })] });
  assert.deepEqual(
    sessions({ open: true }).map(({ port }) => port),
    [50_002, 50_001],
  );
  // Those two are of logins that nobody read.
  assert.deepEqual(
    sessions({ open: false }).map(({ host, since, until }) => [host, since, until]),
    [
      ['db', at(-10), at(50)],
      ['web', at(-9), at(51)],
    ].reverse(),
  );
  await append({ ends: [end(3, null, 52, peer)] });
  assert.deepEqual(brief(sessions({ open: true })), [[50_002, null, null]]);
});

test("an end without its login's number ends the session of its own agent although the clock was set back, not one of another agent", async () => {
  const peer = { ip: '192.0.2.10', port: 50_001, pid: 4_001 };
  await append({ events: [login(1, 50)] });
  const other = { agent: OTHER, host: 'web', events: [] };
  await store.append([{ ...other, ends: [end(1, null, 40, peer)] }], START);
  assert.equal(sessions({ open: true }).length, 1);
  const [ended] = await append({ ends: [end(1, null, 40, peer)] });
  assert.deepEqual([ended?.port, ended?.since, ended?.until], [50_001, at(50), at(40)]);
  assert.equal(sessions({ open: true }).length, 0);
});

test('an end is compared with the newest open sessions of its peer on its host, and never with all that there are', async () => {
  const peer = { ip: '192.0.2.10', port: 50_000 };
  const pids = Array.from({ length: PEER_SESSIONS_LIMIT + 1 }, (_, i) => i + 1);
  await append({ events: pids.map((pid) => login(pid, pid, { ...peer, pid })) });
  // The same peer on another host, as behind an address translation, is none of them.
  const elsewhere = pids.map((pid) => login(PEER_SESSIONS_LIMIT + 1 + pid, 90, { ...peer, pid, host: 'db' }));
  await append({ events: elsewhere });
  await append({ ends: [end(1, null, 100, { ...peer, pid: 1 }), end(2, null, 100, { ...peer, pid: 2 })] });
  const ended = sessions({ open: false }).map(({ pid, since, key }) => [pid, since, key]);
  assert.deepEqual(ended, [
    [1, at(40), null],
    [2, at(2), KEY],
  ]);
});

test('a list of open sessions confirms those it names, and never ends one that it does not name', async () => {
  await append({ events: [login(1), login(2), login(3), login(4)] });
  await append({ ping: open([1, 2], { unconfirmed: [2], upToSeq: 3 }) });
  const shown = () =>
    sessions()
      .toReversed()
      .map(({ until, followed, confirmedAt }) => [until, followed, confirmedAt]);
  assert.deepEqual(shown(), [
    [null, true, at(100)],
    [null, true, null],
    [null, false, null],
    [null, true, null],
  ]);
  await append({ ping: open([1, 2, 3], { confirmedAt: null, blind: 'off', upToSeq: 3 }) });
  assert.deepEqual(shown(), Array(4).fill([null, true, null]));
  await append({ ping: open([1, 2, 3, 4]) });
  await append({ ends: [end(1, 4, 120)] });
  assert.deepEqual(shown()[3], [at(120), true, at(100)]);
});

test('one list takes no more than so many sessions from those that it does not name; the next one takes the rest', async () => {
  await append({ events: [login(1)] });
  store.db.exec(`WITH RECURSIVE n(seq) AS (SELECT 2 UNION ALL SELECT seq + 1 FROM n WHERE seq <= ${UNFOLLOWED_LIMIT})
    INSERT INTO sessions (sortAt, agent, seq, host, followed, confirmed)
    SELECT 1, s.agent, n.seq, s.host, 1, 0 FROM n, sessions s`);
  const followed = (): unknown => store.db.prepare('SELECT count(*) AS n FROM sessions WHERE followed').get()?.['n'];
  assert.equal(followed(), UNFOLLOWED_LIMIT + 1);
  await append({ ping: open([], { upToSeq: UNFOLLOWED_LIMIT + 1 }) });
  assert.equal(followed(), 1);
  await append({ ping: open([], { upToSeq: UNFOLLOWED_LIMIT + 1 }) });
  assert.equal(followed(), 0);
  await append({ ping: open([3], { upToSeq: UNFOLLOWED_LIMIT + 1, unconfirmed: [3] }) });
  await append({ ping: open([4, 5], { upToSeq: 4 }) });
  const rows = store.db.prepare('SELECT seq, followed, confirmed FROM sessions WHERE followed').all();
  assert.deepEqual(
    rows.map((row) => ({ ...row })),
    [{ seq: 4, followed: 1, confirmed: 1 }],
  );
});

test('sessions are narrowed by host, user, source, network, key and time, and come in pages', async () => {
  await append({
    events: [
      login(1),
      login(2, 2, { user: 'bob', ip: '2001:db8:1:2::7', key: null }),
      login(3, 3, { host: 'db', ip: '2001:db8:1:3::7' }),
      login(4, 4),
    ],
    ends: [end(1, 1, 61)],
  });
  const ports = (query: Partial<SessionQuery>) => sessions(query).map(({ port }) => (port ?? 0) - 50_000);
  assert.deepEqual(ports({}), [4, 3, 2, 1]);
  assert.deepEqual(ports({ open: true }), [4, 3, 2]);
  assert.deepEqual(ports({ host: 'db' }), [3]);
  assert.deepEqual(ports({ user: 'bob' }), [2]);
  assert.deepEqual(ports({ ip: '192.0.2.10' }), [4, 1]);
  assert.deepEqual(ports({ ip: '2001:db8:1:2::/64' }), [2]);
  assert.deepEqual(ports({ ip: '2001:db8:1::/48' }), [3, 2]);
  assert.deepEqual(ports({ ip: '192.0.2.8/29' }), [4, 1]);
  assert.deepEqual(ports({ key: KEY.split(' ')[1] as string }), [4, 3, 1]);
  assert.deepEqual(ports({ key: KEY }), [4, 3, 1]);
  assert.deepEqual(ports({ sinceMs: START + 62_000 }), [4, 3, 2]);
  assert.deepEqual(ports({ untilMs: START + 3_000 }), [2, 1]);
  const first = sessionPage(store.db, { ...EVERYTHING, limit: 3 });
  assert.equal(first.sessions.length, 3);
  const rest = sessionPage(store.db, { ...EVERYTHING, limit: 3, cursor: first.next });
  assert.deepEqual([rest.sessions.length, rest.next], [1, null]);
});

test('of too many open sessions the oldest are evicted, and their end is not shown', async () => {
  await store.close();
  store = new EventStore(folder, { openSessionsLimit: 3 });
  await append({ events: [1, 2, 3, 4, 5].map((seq) => login(seq)) });
  assert.deepEqual(brief(sessions()), [
    [50_005, null, null],
    [50_004, null, null],
    [50_003, null, null],
  ]);
  await append({ agent: OTHER, host: 'other', events: [login(1, 9)] });
  assert.equal(sessions().length, 3);
  // The end of one that was evicted is of a login that is not known.
  await append({ ends: [end(1, 1, 61)] });
  assert.equal(sessions({ open: false }).length, 1);
});

test('the oldest are evicted with some besides, also behind sessions that have ended, and after a restart', async () => {
  await store.close();
  const limit = { openSessionsLimit: 1_000 };
  store = new EventStore(folder, limit);
  const logins = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => login(from + i));
  const lowest = () =>
    store.db.prepare('SELECT min(seq) AS seq, count(*) AS rows FROM sessions WHERE until IS NULL').get();
  // The second session is over when the first ones are evicted.
  await append({ events: logins(1, 1_000), ends: [end(1, 2, 61)] });
  assert.deepEqual({ ...lowest() }, { seq: 1, rows: 999 });
  // One in 500 more than has to go: 1, 3 and 4.
  await append({ events: logins(1_001, 1_002) });
  assert.deepEqual({ ...lowest() }, { seq: 5, rows: 998 });
  await append({ events: logins(1_003, 1_005) });
  assert.deepEqual({ ...lowest() }, { seq: 8, rows: 998 });
  await store.close();
  store = new EventStore(folder, limit);
  await append({ events: logins(1_006, 1_008) });
  assert.deepEqual({ ...lowest() }, { seq: 11, rows: 998 });
  assert.equal(sessions({ open: false }).length, 1);
});

test('sessions that ended before a time are deleted, open ones only where nobody follows them', async () => {
  await append({ events: [login(1), login(2), login(3)], ends: [end(1, 1, 61)] });
  await append({ ping: open([2], { upToSeq: 3 }) });
  assert.equal(store.deleteSessionsBefore(START + 60_000, 10), false);
  assert.deepEqual(
    sessions().map(({ port }) => port),
    [50_002, 50_001],
  );
  assert.equal(store.deleteSessionsBefore(START + 600_000, 1), true);
  assert.equal(store.deleteSessionsBefore(START + 600_000, 1), false);
  assert.deepEqual(
    sessions().map(({ port }) => port),
    [50_002],
  );
});
