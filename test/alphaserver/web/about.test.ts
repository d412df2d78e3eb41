/** `GET /api/hosts/NAME`, `/api/sources/IP` and `/api/users/NAME`, asked of a real server. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ABOUT_LIMIT_EVENTS, ABOUT_LIMIT_LOGINS } from '../../../alphaserver/queries/about.ts';
import { until } from '../../until.ts';
import { type SentEvent, Served } from './served.ts';

const NOW = Date.now();
const at = (agoMs: number): string => new Date(NOW - agoMs).toISOString();
const failed: SentEvent = {
  ...{ outcome: 'failed', method: 'password', user: 'root', invalidUser: false, ip: '203.0.113.7', port: 40_000 },
  trust: 'syslog',
};
const HOSTILE = 'a/b+c ?#%\u202e<b>';
const login = (user: string, agoMs: number, more: object = {}): SentEvent => ({
  ...{
    ...failed,
    outcome: 'accepted',
    method: 'publickey',
    user,
    ip: '192.0.2.17',
    key: 'ED25519 SHA256:x',
    at: at(agoMs),
  },
  ...more,
});

interface About {
  readonly accepted: number;
  readonly failed: number;
  readonly more: boolean;
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly trust: string | null;
  readonly hosts: readonly { value: string; failed: number }[];
  readonly sources: readonly { value: string }[];
  readonly users: readonly { value: string }[];
  readonly logins: readonly { user: string; logins: number; firstUsed: string; lastUsed: string; key: string }[];
  readonly hours: readonly number[];
  readonly incidents: readonly { rule: string; source: string }[];
  readonly watched?: { host: string; coverage: string };
}

const served = new Served();
before(async () => {
  await served.open();
  await served.store([
    login('mira', 3_600_000),
    login('mira', 1_800_000),
    login(HOSTILE, 60_000),
    ...Array.from({ length: 12 }, (_, i) => ({ ...failed, at: at(12_000 - i * 1_000) })),
  ]);
  await until(async () => (await served.ask<{ alerts: unknown[] }>('/api/alerts')).body.alerts.length > 0);
});
after(() => served.close());

const about = async (path: string): Promise<About> => {
  const { status, body } = await served.ask<About>(path);
  assert.equal(status, 200, `${path}: ${JSON.stringify(body)}`);
  return body;
};

test('a host tells who logs in there, how it is attacked, and whether it is watched', async () => {
  const host = await about('/api/hosts/web');
  assert.deepEqual([host.accepted, host.failed, host.more, host.trust], [3, 12, false, 'syslog']);
  assert.deepEqual([host.firstSeen, host.lastSeen], [at(3_600_000), at(1_000)]);
  assert.deepEqual(
    host.logins.map(({ user, logins }) => [user, logins]),
    [
      [HOSTILE, 1],
      ['mira', 2],
    ],
  );
  assert.deepEqual(host.logins[1] && [host.logins[1].firstUsed, host.logins[1].lastUsed], [
    at(3_600_000),
    at(1_800_000),
  ]);
  assert.equal(host.sources[0]?.value, '203.0.113.7');
  assert.equal(host.watched?.host, 'web');
  assert.ok(host.incidents.some(({ rule }) => rule === 'brute-force'));
});

test('a source tells what it tried where, and a user by whom it was tried', async () => {
  const source = await about('/api/sources/203.0.113.7');
  assert.deepEqual([source.accepted, source.failed, source.logins], [0, 12, []]);
  assert.deepEqual(
    source.hosts.map(({ value, failed: n }) => [value, n]),
    [['web', 12]],
  );
  assert.ok(source.incidents.every((alert) => alert.source === '203.0.113.7'));
  assert.deepEqual(await about('/api/sources/::ffff:203.0.113.7'), source);
  const user = await about('/api/users/mira');
  assert.equal(
    user.hours.reduce((sum, logins) => sum + logins, 0),
    2,
  );
  assert.equal(user.hours.length, 24);
  assert.deepEqual(user.incidents, []);
});

test('names that attackers choose are found percent-encoded, up to the longest there is', async () => {
  assert.equal((await about(`/api/users/${encodeURIComponent(HOSTILE)}`)).accepted, 1);
  const long = 'é'.repeat(1_000);
  await served.store([login(long, 0)]);
  assert.equal((await about(`/api/users/${encodeURIComponent(long)}`)).accepted, 1);
});

test('names that a path cannot hold are asked for by a parameter', async () => {
  for (const name of ['.', '..']) {
    await served.store([login(name, 0)]);
    assert.equal((await about(`/api/users/-?name=${name}`)).accepted, 1);
    // `fetch` takes them out of the path, as browsers do.
    assert.notEqual((await served.ask(`/api/users/${name}`)).status, 200);
    assert.notEqual((await served.ask(`/api/users/${name.replaceAll('.', '%2E')}`)).status, 200);
  }
  assert.equal((await about('/api/hosts/-?name=web')).watched?.host, 'web');
  assert.equal((await served.ask('/api/users/-?name=nobody')).status, 404);
});

test('of what nothing is known there is no page, and an address must be one', async () => {
  for (const path of ['/api/hosts/nope', '/api/users/nobody', '/api/sources/198.51.100.200'])
    assert.equal((await served.ask(path)).status, 404, path);
  const { status, body } = await served.ask<{ message: string }>('/api/sources/foo');
  assert.equal(status, 400);
  assert.match(body.message, /^ip must be an address/);
});

test('a flood of failures hides no login, and of more logins than are read besides it the newest are summed up', async () => {
  await served.store([
    ...Array.from({ length: ABOUT_LIMIT_LOGINS }, (_, i) => login('rare', (i + 1) * 1_000)),
    login('rare', 0, { ip: '198.51.100.1' }),
  ]);
  const flood = Array.from({ length: ABOUT_LIMIT_EVENTS + 1 }, () => ({ ...failed, user: 'rare', at: at(0) }));
  await served.store(flood);
  const user = await about('/api/users/rare');
  assert.deepEqual([user.more, user.failed], [true, ABOUT_LIMIT_EVENTS]);
  assert.deepEqual(
    user.logins.map(({ user: name, logins, firstUsed, lastUsed }) => [name, logins, firstUsed, lastUsed]),
    [
      ['rare', 1, at(0), at(0)],
      ['rare', ABOUT_LIMIT_LOGINS - 1, at((ABOUT_LIMIT_LOGINS - 1) * 1_000), at(1_000)],
    ],
  );
});
