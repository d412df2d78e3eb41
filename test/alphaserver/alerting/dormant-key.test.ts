/** `dormant-key` over a store whose events are deleted before a key is dormant: after an upgrade, and when alerts are worked out again. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, test } from 'node:test';
import { EventStore } from '../../../alphaserver/store/event-store.ts';
import { LOGINS_VERSION } from '../../../alphaserver/store/schema.ts';
import { downgrade } from '../../old-tables.ts';
import { Life, type Numbered, rowsIn } from './life.ts';

const DAY_MS = 86_400_000;
const AGENT = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';
const PRINT = `SHA256:${'k'.repeat(43)}`;
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-dormant-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const login = (seq: number, atMs: number): Numbered => ({
  seq,
  event: {
    ...{ at: new Date(atMs).toISOString(), outcome: 'accepted', method: 'publickey', user: 'mira' },
    ...{ invalidUser: false, ip: '192.0.2.7', port: 50_000, key: `ED25519 ${PRINT}`, trust: 'journal' },
  },
});
const dormant = () =>
  rowsIn(
    join(folder, 'alerts.db'),
    "SELECT id, body ->> 'summary' AS summary FROM incidents WHERE rule = 'dormant-key'",
  );

/** Stores a login, and lets retention delete its event and its session. */
async function forgotten(loginMs: number): Promise<void> {
  const store = new EventStore(folder);
  await store.append([{ agent: AGENT, host: 'web', events: [login(1, loginMs)] }], loginMs);
  store.db.exec('UPDATE sessions SET followed = 0');
  store.deleteUpTo(store.lastId, 100, Date.now());
  store.deleteSessionsBefore(Date.now(), 100);
  await store.close();
}

/** Runs a server until it has judged these events too. */
async function life(events: readonly Numbered[]): Promise<void> {
  const one = new Life(folder);
  try {
    await one.add(events);
  } finally {
    await one.close();
  }
}

const WORDS = `mira logged in on web from 192.0.2.7 by a key that was not used there for 100 days: ${PRINT}`;

test('a key last used 100 days ago, by a store of the version before, comes back', async () => {
  const nowMs = Date.now();
  await forgotten(nowMs - 100 * DAY_MS);
  const db = new DatabaseSync(join(folder, 'asgard.db'));
  downgrade(db);
  db.exec(
    `DROP TABLE earlierKeyUses; ALTER TABLE sessions DROP COLUMN recorded; PRAGMA user_version = ${LOGINS_VERSION - 1}`,
  );
  db.close();
  await life([login(2, nowMs)]);
  const [incident] = dormant();
  assert.equal(incident?.['summary'], WORDS);
  for (const end of ['', '-wal', '-shm']) rmSync(join(folder, `alerts.db${end}`), { force: true });
  await life([login(3, nowMs)]);
  assert.deepEqual(dormant(), [incident], 'it is found again where the alerts are lost');
});

test('a key whose login is deleted by this version is not forgotten with it', async () => {
  const nowMs = Date.now();
  await forgotten(nowMs - 100 * DAY_MS);
  await life([login(2, nowMs), login(3, nowMs + 1_000)]);
  assert.deepEqual(
    dormant().map(({ summary }) => summary),
    [WORDS],
  );
});

test('a key that was used 80 days ago does not', async () => {
  const nowMs = Date.now();
  await forgotten(nowMs - 80 * DAY_MS);
  await life([login(2, nowMs)]);
  assert.deepEqual(dormant(), []);
});
