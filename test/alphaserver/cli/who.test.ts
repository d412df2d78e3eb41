/** `alphaserver who`: the open sessions of a store. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { whoCommand } from '../../../alphaserver/cli/who-command.ts';
import { openStorage } from '../../../alphaserver/storage.ts';
import { Text } from '../../text.ts';

const NOW = Date.parse('2026-11-29T12:00:00.000Z');
const AGENT = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';
const KEY = `ED25519 SHA256:${'a'.repeat(43)}`;
const ago = (minutes: number): string => new Date(NOW - minutes * 60_000).toISOString();

let folder: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-who-'));
  const store = openStorage(folder);
  const login = (seq: number, minutes: number, more: object) => {
    const event = {
      ...({ at: ago(minutes), outcome: 'accepted', method: 'password', user: 'bob', invalidUser: false } as const),
      ...{ ip: '192.0.2.7', port: 40_000 + seq, pid: seq },
      ...more,
    };
    return { seq, event };
  };
  const list = { at: ago(1), sessions: 2, list: [1, 3], unconfirmed: [3], confirmedAt: ago(1), blind: null } as const;
  const open = { ...list, unexplained: [], loginGraceSeconds: 120, upToSeq: 4 };
  await store.append(
    [
      {
        ...{ agent: AGENT, host: 'web' },
        events: [
          login(1, 1_600, { user: 'alice', method: 'publickey', key: KEY }),
          login(2, 90, { user: 'eve\u001b[31m' }),
          login(3, 5, { host: 'db' }),
          login(4, 2, {}),
        ],
        ends: [
          {
            number: 1,
            end: {
              ...{ at: ago(1), session: 4, user: null, ip: null, port: null, pid: null, host: null },
              ...{ lastedSeconds: 60, how: 'closed' },
            },
          },
        ],
        ping: { report: null, shapes: [], gaps: [], open },
      },
    ],
    NOW,
  );
  await store.close();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function who(options: { host?: string; user?: string; json?: boolean } = {}, columns = '200'): Promise<string> {
  const stdout = new Text();
  const io = { stdout, stderr: new Text(), nowMs: NOW, columns };
  assert.equal(await whoCommand({ host: null, user: null, json: false, ...options }, folder, io as never), 0);
  return stdout.text;
}

test('those who are in are listed, longest first, with what the kernel says of their connection', async () => {
  const lines = (await who()).trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => line.split(/ {2,}/)),
    [
      ['user', 'host', 'from', 'since', 'for', 'with', 'connection'],
      ['alice', 'web', '192.0.2.7', '2026-11-28 09:20Z', '1d 2h', KEY.slice(8), 'confirmed'],
      ['eve\\u001b[31m', 'web', '192.0.2.7', '2026-11-29 10:30Z', '1h 30m', 'password', 'not followed'],
      ['bob', 'db', '192.0.2.7', '2026-11-29 11:55Z', '5m', 'password', 'not confirmed'],
    ],
  );
  for (const line of (await who({}, '60')).split('\n')) assert.ok(line.length <= 60, line);
});

test('they are narrowed by host and user, and nobody is an answer, too', async () => {
  assert.equal((await who({ host: 'db' })).trimEnd().split('\n').length, 2);
  assert.equal((await who({ user: 'alice' })).trimEnd().split('\n').length, 2);
  assert.equal(await who({ host: 'elsewhere' }), 'nobody is in\n');
});

test('as JSON they are what the API gives', async () => {
  const { sessions } = JSON.parse(await who({ user: 'alice', json: true })) as { sessions: object[] };
  assert.deepEqual(sessions, [
    {
      ...{
        id: 1,
        agent: AGENT,
        host: 'web',
        user: 'alice',
        method: 'publickey',
        key: KEY,
        ip: '192.0.2.7',
        port: 40_001,
      },
      ...{ pid: 1, trust: null, since: ago(1_600), until: null, lastedSeconds: null, how: null, confirmedAt: ago(1) },
      followed: true,
    },
  ]);
});
