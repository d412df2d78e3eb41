/** What one decision about a group names, and who is meant by what somebody types to find them among those who are in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMeant } from '../../../../alphaserver/web/page/in-now.js';
import { silencedTogether, silenceOf } from '../../../../alphaserver/web/page/incident-groups.js';

const addresses = (count: number, of: (i: number) => string): string[] =>
  Array.from({ length: count }, (_, i) => of(i));

test('a group of few sources is silenced by their names, each once, and one of many by the networks around them', () => {
  const few = addresses(40, (i) => `203.0.113.${i}`);
  assert.deepEqual(silencedTogether([...few, '203.0.113.0']), few);
  assert.deepEqual(silencedTogether([...few, '203.0.113.40']), ['203.0.113.0/24']);
  assert.deepEqual(silencedTogether(addresses(41, (i) => `203.0.${i}.7`)), ['203.0.0.0/16']);
  assert.deepEqual(silencedTogether(addresses(41, (i) => `2001:db8:1:${i.toString(16)}::/64`)), ['2001:db8:1::/48']);
  // What is far apart is no group that one decision could be about.
  assert.deepEqual(silencedTogether(addresses(41, (i) => `${i + 20}.${i}.1.1`)), []);
});

test('a group is silenced by its sources, else by its rule on its hosts, and on all where an incident has several', () => {
  const member = (alert: object) =>
    ({ alert: { rule: 'distributed', source: null, host: 'web', ...alert } }) as Parameters<
      typeof silenceOf
    >[0][number];
  const source = (ip: string) => member({ rule: 'brute-force', source: ip });
  assert.deepEqual(silenceOf([source('192.0.2.1'), source('192.0.2.2')]), {
    ...{ source: '192.0.2.1,192.0.2.2', host: null, rule: 'brute-force' },
  });
  assert.deepEqual(silenceOf([member({}), member({ host: 'db' }), member({})]), {
    ...{ source: null, host: 'web db', rule: 'distributed' },
  });
  assert.deepEqual(silenceOf([member({}), member({ host: null })]), { source: null, host: null, rule: 'distributed' });
  const everywhere = addresses(41, (i) => `web-${i}`).map((host) => member({ host }));
  assert.deepEqual(silenceOf(everywhere), { source: null, host: null, rule: 'distributed' });
  assert.deepEqual(silenceOf([member({}), member({ rule: 'log-gone' })]), { source: null, host: 'web', rule: null });
  // Every rule on every host would be no silence of this group.
  assert.equal(silenceOf([member({}), member({ host: null, rule: 'log-gone' })]), null);
});

test('who is in is found by any part of user, host, source, key and method, all words together, or by a network', () => {
  const session = {
    user: 'Mira',
    host: 'web-1.example.net',
    ip: '192.0.2.17',
    key: 'ED25519 SHA256:8Yb1',
    method: 'publickey',
  };
  for (const typed of ['', 'mir', 'web-1', '192.0.2.1', 'sha256:8yb1', 'mira web', '192.0.2.0/24', 'publickey'])
    assert.equal(isMeant(session, typed), true, typed);
  for (const typed of ['jon', 'mira web-2', '192.0.3.0/24', '/']) assert.equal(isMeant(session, typed), false, typed);
  assert.equal(isMeant({ ...session, user: null, ip: null, key: null, method: null }, 'mira'), false);
});
