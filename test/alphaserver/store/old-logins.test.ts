/** A store of a version that kept no keys or sessions of its logins is opened by this one. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, test } from 'node:test';
import { keyDetail } from '../../../alphaserver/queries/keys.ts';
import type { SessionQuery } from '../../../alphaserver/queries/results.ts';
import { sessionPage } from '../../../alphaserver/queries/sessions.ts';
import { migrate } from '../../../alphaserver/store/database.ts';
import { keyUsesUpTo } from '../../../alphaserver/store/earlier-key-uses.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';
import { fillOldLogins } from '../../../alphaserver/store/old-logins.ts';
import { LOGINS_VERSION, MIGRATIONS } from '../../../alphaserver/store/schema.ts';
import type { AgentBatch, StoredSession } from '../../../alphaserver/store/store.ts';
import { unpackOldStore } from '../../old-store.ts';
import { downgrade } from '../../old-tables.ts';

const AGENT = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';
const START = Date.parse('2026-08-01T00:00:00.000Z');
const DAY_MS = 86_400_000;
const day = (days: number): string => new Date(START + days * DAY_MS).toISOString();
const print = (letter: string): string => `SHA256:${letter.repeat(43)}`;

let folder: string;
let store: EventStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-old-logins-'));
  store = new EventStore(folder);
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const login = (seq: number, days: number, letter: string | null, more: object = {}) =>
  ({
    seq,
    event: {
      ...{ at: day(days), outcome: 'accepted', method: letter ? 'publickey' : 'password', user: 'alice' },
      ...{
        invalidUser: false,
        ip: '192.0.2.10',
        port: 50_000 + seq,
        key: letter && `ED25519 ${print(letter)}`,
        pid: seq,
      },
      ...more,
    },
  }) as AgentBatch['events'][number];
const append = (batch: Partial<AgentBatch>) =>
  store.append([{ agent: AGENT, host: 'web', events: [], ...batch }], START + 10 * DAY_MS);

/** Closes the store, takes from it what the version before did not have, and opens it; it lists `limit` old logins. */
async function upgraded(sql: string, limit?: number): Promise<void> {
  await store.close();
  const db = new DatabaseSync(join(folder, 'asgard.db'));
  downgrade(db);
  db.exec(`DROP TABLE earlierKeyUses; ALTER TABLE sessions DROP COLUMN recorded; ${sql};
    PRAGMA user_version = ${LOGINS_VERSION - 1}`);
  migrate(db, MIGRATIONS, { [LOGINS_VERSION]: () => fillOldLogins(db, limit) });
  db.close();
  store = new EventStore(folder);
}

const ALL = { open: null, host: null, user: null, ip: null, key: null, sinceMs: null, untilMs: null, cursor: null };
const sessions = (query: Partial<SessionQuery> = {}) =>
  sessionPage(store.db, { ...ALL, limit: 1_000, ...query }).sessions as readonly StoredSession[];
const ports = (query: Partial<SessionQuery> = {}): (number | null)[] => sessions(query).map(({ port }) => port);

test('keys are counted and logins listed of all that is stored, and nobody is shown as in', async () => {
  const failed = login(5, 5, 'a', { outcome: 'failed' });
  await append({ events: [login(1, 1, 'a'), login(2, 2, null), login(3, 3, 'a'), login(4, 4, 'b'), failed] });
  await upgraded('DELETE FROM sessions; DELETE FROM keyUses');
  const { logins, firstUsed, lastUsed } = keyDetail(store.db, print('a')) ?? {};
  assert.deepEqual([logins, firstUsed, lastUsed], [2, day(1), day(3)]);
  assert.equal(keyDetail(store.db, print('b'))?.logins, 1);
  assert.deepEqual(ports(), [50_004, 50_003, 50_002, 50_001]);
  assert.deepEqual(ports({ key: print('a') }), [50_003, 50_001]);
  assert.deepEqual(ports({ open: true }), []);
  assert.deepEqual(ports({ open: false }), []);
  const [{ since, until, how, followed, confirmedAt, user } = {} as StoredSession] = sessions();
  assert.deepEqual([since, until, how, followed, confirmedAt, user], [day(4), null, null, false, null, 'alice']);
});

test('logins that are counted are not counted again, nor listed twice', async () => {
  await append({ events: [login(1, 1, 'a'), login(2, 2, 'a'), login(3, 3, 'a'), login(4, 4, 'b')] });
  const before = keyDetail(store.db, print('a'));
  // As if the version before had come between the second and the third login.
  await upgraded(`DELETE FROM sessions WHERE event <= 2;
    UPDATE keyUses SET logins = 1, firstAt = lastAt WHERE fingerprint = '${print('a')}'`);
  assert.deepEqual(keyDetail(store.db, print('a')), before);
  assert.equal(keyDetail(store.db, print('b'))?.logins, 1);
  assert.deepEqual(ports(), [50_004, 50_003, 50_002, 50_001]);
  assert.deepEqual(ports({ open: true }), [50_004, 50_003]);
});

test('an end that its agent tells after all completes the login, and what is open stays counted', async () => {
  await append({ events: [login(1, 1, 'a'), login(2, 2, 'a')] });
  await upgraded('DELETE FROM sessions WHERE event = 1');
  const end = { at: day(3), session: null, user: 'alice', ip: '192.0.2.10', port: 50_001, pid: 1, host: null } as const;
  await append({ ends: [{ number: 1, end: { ...end, lastedSeconds: 172_800, how: 'closed' } }] });
  assert.deepEqual(
    sessions({ open: false }).map(({ port, since, until, how }) => [port, since, until, how]),
    [[50_001, day(1), day(3), 'closed']],
  );
  assert.deepEqual(ports({ open: true }), [50_002]);
});

test('of more logins than are listed the newest are, and they make room for none that is open', async () => {
  await append({ events: [login(1, 1, 'a'), login(2, 2, 'b'), login(3, 3, 'c'), login(4, 4, 'd')] });
  await upgraded('DELETE FROM sessions WHERE event < 4', 2);
  assert.deepEqual(ports(), [50_004, 50_003, 50_002]);
  await store.close();
  store = new EventStore(folder, { openSessionsLimit: 1 });
  await append({ events: [login(5, 5, 'e')] });
  assert.deepEqual(ports(), [50_005, 50_003, 50_002]);
});

test('of logins whose events are deleted the last use of a key is remembered, on each host', async () => {
  await append({ events: [login(1, 1, 'a'), login(2, 2, 'a', { host: 'db' }), login(3, 3, 'a'), login(4, 9, 'b')] });
  const uses = () =>
    keyUsesUpTo(store.db, 0)
      .map(({ fingerprint, host, lastMs }) => `${fingerprint.at(-1)} ${host} ${(lastMs - START) / DAY_MS}`)
      .sort();
  assert.deepEqual(uses(), [], 'the rules read them from the events');
  assert.equal(keyUsesUpTo(store.db, 2).length, 2);
  const ends = [1, 2, 3].map((seq) => ({
    number: seq,
    end: {
      ...{ at: day(seq), session: seq, user: null, ip: null, port: null, pid: null, host: null },
      lastedSeconds: 0,
      how: 'closed',
    },
  })) as AgentBatch['ends'];
  await append({ ends: ends ?? [] });
  store.deleteSessionsBefore(START + 5 * DAY_MS, 100);
  assert.deepEqual(uses(), ['a 1 3', 'a 2 2']);
});

test('of the keys of an upgraded store the rules know when they were last used, though no event is left', async () => {
  await append({ events: [login(1, 1, 'a')] });
  store.deleteUpTo(store.lastId, 100, START + 100 * DAY_MS);
  await upgraded('DELETE FROM sessions');
  await append({ events: [login(2, 101, 'a')] });
  const [use, ...more] = keyUsesUpTo(store.db, 1);
  assert.deepEqual([use, more], [{ fingerprint: print('a'), host: 1, lastMs: START + DAY_MS }, []]);
});

test('a store of version 4 lists its logins, none of them as open', async () => {
  await store.close();
  rmSync(folder, { recursive: true });
  unpackOldStore(folder);
  store = new EventStore(folder);
  const all = store.db
    .prepare('SELECT count(*) AS n, count(until) AS ended, sum(recorded) AS open FROM sessions')
    .get();
  assert.deepEqual({ ...all }, { n: 1_992, ended: 0, open: 0 });
});
