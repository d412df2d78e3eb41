/** Who used which key, as the store counts it and the API's queries give it. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, test } from 'node:test';
import type { KeyQuery } from '../../../alphaserver/queries/key-results.ts';
import { keyDetail, keyPage } from '../../../alphaserver/queries/keys.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';
import { fingerprintOf } from '../../../alphaserver/store/fingerprint.ts';
import { KeyUses, keyUsesOf } from '../../../alphaserver/store/key-uses.ts';
import type { AgentBatch } from '../../../alphaserver/store/store.ts';
import { downgrade } from '../../old-tables.ts';
import { chance } from './stream.ts';

const START = Date.parse('2026-08-01T00:00:00.000Z');
const DAY_MS = 86_400_000;
const print = (letter: string): string => `SHA256:${letter.repeat(43)}`;
const at = (day: number): string => new Date(START + day * DAY_MS).toISOString();

let folder: string;
let store: EventStore;
let seq = 0;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-keys-'));
  store = new EventStore(folder);
  seq = 0;
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const AGENT = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';

function loginEvent(day: number, key: string | null, more: object = {}): AgentBatch['events'][number] {
  seq += 1;
  const event = {
    ...({ at: at(day), outcome: 'accepted', method: key === null ? 'password' : 'publickey', user: 'alice' } as const),
    ...{ invalidUser: false, ip: '192.0.2.10', port: 50_000, key },
    ...more,
  };
  return { seq, event };
}

async function login(day: number, key: string | null, more: object = {}): Promise<void> {
  const events = [loginEvent(day, key, more)];
  await store.append([{ agent: AGENT, host: 'web', events }], START + day * DAY_MS);
}

const ALL: KeyQuery = { user: null, host: null, unusedSinceMs: null, limit: 100, cursor: null };
const letters = (query: Partial<KeyQuery> = {}): string =>
  keyPage(store.db, { ...ALL, ...query })
    .keys.map(({ key }) => key.at(-1))
    .join('');

test('keys are listed with who used them, where, from where, first and last', async () => {
  await login(1, `ED25519 ${print('a')}`);
  await login(2, `ED25519 ${print('a')}`, { user: 'bob', host: 'db', ip: '2001:db8::1' });
  await login(3, `ED25519 ${print('a')}`);
  await login(4, null);
  await login(5, `RSA ${print('b')}`, { outcome: 'failed' });
  const [key, ...more] = keyPage(store.db, ALL).keys;
  assert.equal(more.length, 0);
  assert.deepEqual(key, {
    key: print('a'),
    type: 'ED25519',
    certificate: null,
    users: ['alice', 'bob'],
    hosts: ['web', 'db'],
    sources: ['192.0.2.10', '2001:db8::1'],
    firstUsed: at(1),
    lastUsed: at(3),
    logins: 3,
  });
  assert.deepEqual(keyDetail(store.db, print('a')), {
    ...key,
    uses: [
      { user: 'alice', host: 'web', ip: '192.0.2.10', firstUsed: at(1), lastUsed: at(3), logins: 2 },
      { user: 'bob', host: 'db', ip: '2001:db8::1', firstUsed: at(2), lastUsed: at(2), logins: 1 },
    ],
  });
  assert.equal(keyDetail(store.db, print('c')), null);
});

test('logins of one append count as those of many do, whatever their order', async () => {
  const seed = Number(process.env['SEED'] ?? randomInt(1e9));
  const roll = chance(seed);
  const any = <T>(...values: readonly T[]): T => values[Math.floor(roll() * values.length)] as T;
  const batched = new EventStore(join(folder, 'batched'));
  try {
    for (let append = 0; append < 20; append += 1) {
      const logins = Array.from({ length: 10 }, () => ({
        day: Math.floor(roll() * 100),
        key: `ED25519${any('', '-CERT')} ${print(any('a', 'b'))}`,
        more: { user: any('alice', 'b c', null), ip: any('192.0.2.10', '2001:db8::1', null), host: any('web', 'db') },
      }));
      const before = seq;
      for (const { day, key, more } of logins) await login(day, key, more);
      seq = before;
      const events = logins.map(({ day, key, more }) => loginEvent(day, key, more));
      await batched.append([{ agent: AGENT, host: 'web', events }], START);
    }
    assert.deepEqual(keyPage(batched.db, ALL), keyPage(store.db, ALL), `SEED=${seed}`);
    for (const letter of ['a', 'b']) {
      const [one, other] = [batched, store].map(({ db }) => keyDetail(db, print(letter)));
      assert.deepEqual(one, other, `SEED=${seed}`);
    }
    assert.equal(batched.fact('keyUses'), store.fact('keyUses'), `SEED=${seed}`);
  } finally {
    await batched.close();
  }
});

test('a certificate is known by its id, serial and CA', async () => {
  const ca = `ED25519 ${print('c')}`;
  await login(1, `ED25519-CERT ${print('a')} ID alice (laptop) (serial 18446744073709551615) CA ${ca}`);
  const [key] = keyPage(store.db, ALL).keys;
  assert.deepEqual([key?.key, key?.type], [print('a'), 'ED25519-CERT']);
  assert.deepEqual(key?.certificate, { id: 'alice (laptop)', serial: '18446744073709551615', ca });
});

test('keys are narrowed by user, host and how long they were not used, and come in pages', async () => {
  for (const [i, letter] of ['a', 'b', 'c', 'd'].entries()) await login(10 * i, `ED25519 ${print(letter)}`);
  await login(40, `ED25519 ${print('b')}`, { user: 'bob', host: 'db' });
  assert.equal(letters(), 'bdca');
  assert.equal(letters({ user: 'bob' }), 'b');
  assert.equal(letters({ host: 'db' }), 'b');
  assert.equal(letters({ user: 'alice', host: 'db' }), 'b');
  assert.equal(letters({ unusedSinceMs: START + 25 * DAY_MS }), 'ca');
  const first = keyPage(store.db, { ...ALL, limit: 3 });
  assert.deepEqual(first.next, { atMs: START + 20 * DAY_MS, fingerprint: print('c') });
  assert.equal(letters({ limit: 3, cursor: first.next }), 'a');
});

test('a login counts once, and counts stay when the events are gone', async () => {
  await login(1, `ED25519 ${print('a')}`);
  seq -= 1;
  await login(1, `ED25519 ${print('a')}`);
  assert.equal(keyPage(store.db, ALL).keys[0]?.logins, 1);
  store.deleteUpTo(store.lastId, 100, START + 100 * DAY_MS);
  store.deleteSessionsBefore(START + 100 * DAY_MS, 100);
  assert.equal(keyPage(store.db, ALL).keys[0]?.logins, 1);
});

test('a login that was not stored is not counted, also where the disk cannot be read right after it', async (t) => {
  await login(1, `ED25519 ${print('a')}`);
  const prepare = store.db.prepare;
  // Within one day an append asks for no table: only what reads the memory again does.
  t.mock.method(store.db, 'prepare', function (this: DatabaseSync, sql: string) {
    if (sql.includes('eventTables')) throw new Error('disk I/O error');
    return prepare.call(this, sql);
  });
  store.db.exec("CREATE TEMP TRIGGER fails BEFORE UPDATE ON main.agents BEGIN SELECT RAISE(ABORT, 'refused'); END");
  await assert.rejects(login(1.5, `ED25519 ${print('a')}`), /the store cannot write/);
  store.db.exec('DROP TRIGGER fails');
  seq -= 1;
  await assert.rejects(login(1.5, `ED25519 ${print('a')}`), /disk I\/O error/);
  assert.equal(store.markOf(AGENT).lastSeq, 1);
  t.mock.restoreAll();
  seq -= 1;
  await login(1.5, `ED25519 ${print('a')}`);
  assert.equal(keyPage(store.db, ALL).keys[0]?.logins, 2);
  assert.deepEqual(
    keyUsesOf(store.db).map(({ logins }) => logins),
    [2],
  );
  assert.equal(store.fact('openSessions'), 2);
});

test('of too many uses those of longest ago are evicted', () => {
  const uses = new KeyUses(store.db, 3);
  for (const [i, letter] of ['a', 'b', 'c', 'd'].entries())
    uses.count({ fingerprint: print(letter), key: 'x', host: 1, user: null, ip: null, at: i });
  uses.save();
  assert.equal(letters(), 'd');
});

test('a key that some uses were evicted of keeps its logins and when it was used first', () => {
  const uses = new KeyUses(store.db, 3);
  const use = { fingerprint: print('a'), key: 'x', user: null, ip: null };
  for (const [i, host] of [1, 2, 1, 3, 4].entries()) {
    uses.count({ ...use, host, at: START + i * DAY_MS });
    uses.save();
  }
  const { logins, firstUsed, lastUsed, uses: left } = keyDetail(store.db, print('a')) ?? {};
  assert.deepEqual([logins, firstUsed, lastUsed, left], [5, at(0), at(4), []]);
  const [{ n } = { n: 0 }] = store.db.prepare('SELECT count(*) AS n FROM keyUses').all() as { n: number }[];
  assert.ok(n <= 3);
});

test('the number of uses is stored, so that a start does not count them', async () => {
  await login(1, `ED25519 ${print('a')}`);
  await login(2, `ED25519 ${print('b')}`);
  assert.equal(store.fact('keyUses'), 2);
  assert.equal(store.fact('openSessions'), 2);
  store.deleteSessionsBefore(START + 100 * DAY_MS, 100);
  assert.equal(store.fact('openSessions'), 2);
});

test("a key's row names who used it in its last 1,000 uses", async () => {
  const use = (user: string, days: number, host?: string) =>
    login(days, `ED25519 ${print('a')}`, { user, ...(host && { host }) });
  await use('first', 1);
  const [{ id } = { id: 0 }] = store.db.prepare('SELECT id FROM keys').all() as { id: number }[];
  store.db.exec(`WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 1_000)
    INSERT INTO keyUses (key, host, user, ip, firstAt, lastAt, logins)
      SELECT ${id}, 1, 'many', 'ip' || i, ${START} + i * ${DAY_MS}, ${START} + i * ${DAY_MS}, 1 FROM n`);
  const users = (): readonly string[] | undefined => keyPage(store.db, ALL).keys[0]?.users;
  assert.deepEqual(users(), ['many', 'first']);
  await use('last', 2_000);
  assert.deepEqual(users(), ['last', 'many']);
});

test('keys of the version before are taken over, each with its logins', async () => {
  await login(1, `ED25519 ${print('a')}`);
  await login(2, `ED25519-CERT ${print('a')} ID alice (serial 7) CA ED25519 ${print('c')}`, { user: 'bob' });
  await login(3, `ED25519 ${print('b')}`, { host: 'db' });
  const before = [keyPage(store.db, ALL), keyDetail(store.db, print('a')), keyDetail(store.db, print('b'))];
  await store.close();
  const db = new DatabaseSync(join(folder, 'asgard.db'));
  downgrade(db);
  db.close();
  store = new EventStore(folder);
  assert.deepEqual([keyPage(store.db, ALL), keyDetail(store.db, print('a')), keyDetail(store.db, print('b'))], before);
  await login(4, `ED25519 ${print('a')}`);
  assert.equal(keyDetail(store.db, print('a'))?.logins, 3);
});

test('a store that begins with the uses of another lists the same keys', async () => {
  await login(1, `ED25519 ${print('a')}`);
  await login(2, `ED25519 ${print('a')}`, { user: null, host: 'db', ip: null });
  await login(3, `ED25519 ${print('b')}`);
  const copy = new EventStore(join(folder, 'copy'));
  try {
    const host = { firstSeenMs: START, accepted: 0, failed: 0, probes: 0 };
    const base = {
      hosts: ['db', 'web'].map((name) => ({ host: name, ...host })),
      ...{ agents: [], sessions: [], gaps: [], shapes: [], earlierKeyUses: [] },
      keyUses: keyUsesOf(store.db),
    };
    copy.begin(base, {});
    assert.deepEqual(keyPage(copy.db, ALL), keyPage(store.db, ALL));
    assert.deepEqual(keyDetail(copy.db, print('a')), keyDetail(store.db, print('a')));
    assert.equal(copy.fact('keyUses'), 3);
  } finally {
    await copy.close();
  }
});

test('fingerprints are found in what sshd logs of a key, of SHA256 and of MD5', () => {
  assert.equal(fingerprintOf(`ED25519 ${print('a')}`), print('a'));
  const md5 = Array(16).fill('0f').join(':');
  assert.equal(fingerprintOf(`RSA ${md5}`), md5);
  assert.equal(fingerprintOf(`RSA MD5:${md5}`), `MD5:${md5}`);
  assert.equal(fingerprintOf('ED25519 SHA256:short'), null);
  assert.equal(fingerprintOf(null), null);
});
