/** `GET /api/sessions` and `/api/keys` over HTTP: as JSON, as CSV, by percent-encoded fingerprints, and on the stream. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../../until.ts';
import { Served } from './served.ts';

const PRINT = `SHA256:${'a+/'.repeat(14)}b`;
const AT = '2026-11-29T08:00:00.000Z';
const login = {
  ...{ at: AT, outcome: 'accepted', method: 'publickey', user: 'alice', invalidUser: false, ip: '192.0.2.10' },
  ...{ port: 50_022, key: `ED25519 ${PRINT}`, pid: 4_711, trust: 'journal' },
};
const served = new Served();

before(async () => {
  await served.open();
  await served.store([
    login,
    { ...login, user: '=cmd|x', key: null, method: 'password', at: '2026-11-29T08:00:01.000Z', port: 50_023 },
  ]);
});
after(() => served.close());

const rowsOf = async (path: string): Promise<string[]> =>
  (await (await fetch(served.page + path)).text()).trimEnd().split('\r\n');

test('sessions are given as JSON and as CSV that is safe in a spreadsheet', async () => {
  const { body } = await served.ask<{ sessions: Record<string, unknown>[]; next: unknown }>('/api/sessions?open=true');
  assert.deepEqual([body.sessions.length, body.next], [2, null]);
  assert.partialDeepStrictEqual(body.sessions[1], { user: 'alice', since: AT, until: null, how: null, followed: true });
  const [head, first] = await rowsOf('/api/sessions?format=csv');
  assert.match(head ?? '', /^id,agent,host,user,/);
  assert.match(first ?? '', /,"'=cmd\|x",/);
  const page = await served.ask<{ sessions: unknown[]; next: string }>('/api/sessions?limit=1');
  const rest = await served.ask<{ sessions: { user: string }[] }>(`/api/sessions?limit=1&cursor=${page.body.next}`);
  assert.equal(rest.body.sessions[0]?.user, 'alice');
});

test('a key is found by its fingerprint, percent-encoded in a path and as a parameter', async () => {
  const { body } = await served.ask<{ keys: { key: string }[] }>('/api/keys');
  assert.deepEqual(
    body.keys.map(({ key }) => key),
    [PRINT],
  );
  const one = await served.ask(`/api/keys/${encodeURIComponent(PRINT)}`);
  assert.partialDeepStrictEqual(one, {
    status: 200,
    body: { key: PRINT, type: 'ED25519', logins: 1, uses: [{ user: 'alice', host: 'web', ip: '192.0.2.10' }] },
  });
  const unknown = `SHA256:${'c'.repeat(43)}`;
  assert.equal((await served.ask(`/api/keys/${encodeURIComponent(unknown)}`)).status, 404);
  const { body: narrowed } = await served.ask<{ sessions: { user: string }[] }>(
    `/api/sessions?key=${encodeURIComponent(PRINT)}`,
  );
  assert.deepEqual(
    narrowed.sessions.map(({ user }) => user),
    ['alice'],
  );
  const [head, row] = await rowsOf('/api/keys?format=csv');
  assert.equal(
    head,
    'key,type,users,hosts,firstUsed,lastUsed,logins,sources,certificateId,certificateSerial,certificateCa',
  );
  assert.equal(row, `${PRINT},ED25519,alice,web,${AT},${AT},1,192.0.2.10,,,`);
  assert.equal((await served.ask<{ keys: unknown[] }>('/api/keys?unused=2026-11-29T08:00:00Z')).body.keys.length, 0);
  assert.equal((await served.ask<{ keys: unknown[] }>('/api/keys?unused=2026-11-29T08:00:01Z')).body.keys.length, 1);
});

test('whoever watches the stream hears of a session that begins', async () => {
  const stop = new AbortController();
  const { body } = await fetch(`${served.page}/api/stream?user=carol`, { signal: stop.signal });
  let text = '';
  const decoder = new TextDecoder();
  void (async () => {
    for await (const chunk of body ?? []) text += decoder.decode(chunk as Uint8Array);
  })().catch(() => {});
  await served.store([{ ...login, user: 'carol', port: 50_024 }]);
  await until(
    () => /^event: session\ndata: \{.*"user":"carol".*"until":null/m.test(text),
    () => text,
  );
  stop.abort();
});
