import assert from 'node:assert/strict';
import test from 'node:test';
import { settingsIn } from '../../../alphaserver/alert-config/rules-file.ts';
import {
  ANONYMOUS,
  BLOCKLIST_LIMIT,
  blocked,
  formatted,
  IDENTITY_ADDRESSES_LIMIT,
  IPSET_TIMEOUT_LIMIT_S,
} from '../../../alphaserver/alerting/blocklist.ts';
import { incident } from '../detection/incidents.ts';

const NOW = Date.parse('2026-11-24T10:01:00Z');
const SETTINGS = settingsIn('{}', 'rules.json');
const of = (...changes: Parameters<typeof incident>[0][]) => changes.map((change) => incident(change));
/** The identity of an agent is its id, but the one of nobody has none. */
const identityOf = (agent: string): string | null => (agent === 'nobody' ? null : agent);
const listed = (incidents: ReturnType<typeof of>, settings = SETTINGS, withPrivate = false) =>
  blocked(incidents, { settings, withPrivate, nowMs: NOW, identityOf });
const list = (...given: Parameters<typeof listed>) => listed(...given).map(({ address }) => address);

test('sources of open attacks are on the list, each once, until they have been quiet', () => {
  const incidents = of(
    { source: '192.0.2.9' },
    { source: '192.0.2.1' },
    { source: '192.0.2.1', rule: 'fleet-scan', lastAt: NOW },
    { source: '192.0.2.3', closedAt: NOW },
    { source: '192.0.2.4', rule: 'first-seen-source' },
    { source: '192.0.2.5', late: true },
    { source: '192.0.2.6', lastAt: NOW - SETTINGS.detection.quietMs },
    { source: '2001:db8:1:2::/64' },
  );
  assert.deepEqual(
    listed(incidents).map(({ address, untilMs }) => ({ address, untilMs })),
    [
      { address: '192.0.2.1', untilMs: NOW + SETTINGS.detection.quietMs },
      { address: '192.0.2.9', untilMs: Date.parse('2026-11-24T10:15:30Z') },
      { address: '2001:db8:1:2::/64', untilMs: Date.parse('2026-11-24T10:15:30Z') },
    ],
  );
});

test('never a private or loopback address unless asked, never one of the allow-list', () => {
  const sources = [
    '10.5.0.1',
    '127.0.0.1',
    '192.168.1.1',
    '172.20.0.1',
    '169.254.1.1',
    '::1',
    'fd00::/64',
    'fe80::/64',
    '198.51.100.7',
  ];
  const incidents = of(...sources.map((source) => ({ source })));
  assert.deepEqual(list(incidents), ['198.51.100.7']);
  assert.deepEqual(list(incidents, SETTINGS, true), sources.toSorted());
  const allowing = settingsIn('{"allow":{"addresses":["198.51.100.0/24"]}}', 'rules.json');
  assert.deepEqual(list(incidents, allowing), []);
  assert.ok(!list(incidents, allowing, true).includes('198.51.100.7'));
});

test('a network with an allowed address in it is not on it, and the addresses that attacked from it are', () => {
  const allowing = (...addresses: string[]) => settingsIn(JSON.stringify({ allow: { addresses } }), 'rules.json');
  const incidents = of(
    { source: '2001:db8:1:2::/64', ips: ['2001:db8:1:2::7', '2001:db8:1:2::8'] },
    { source: '2001:db8:1:3::/64', ips: ['2001:db8:1:3::7'] },
    { source: '2001:db8:1:4::/64', ips: ['2001:db8:1:4::7', '2001:db8:1:4::8'] },
  );
  assert.deepEqual(list(incidents), ['2001:db8:1:2::/64', '2001:db8:1:3::/64', '2001:db8:1:4::/64']);
  assert.deepEqual(list(incidents, allowing('2001:db8:1:2::5', '2001:db8:1:3::/64', '2001:db8:1:4::8/125')), [
    '2001:db8:1:2::7',
    '2001:db8:1:2::8',
    '2001:db8:1:4::7',
  ]);
});

test('an address is left out where its whole network is on the list', () => {
  assert.deepEqual(
    list(of({ source: '2001:db8:1:2::5' }, { source: '2001:db8:1:2::/64' }, { source: '2001:db8:1:3::5' })),
    ['2001:db8:1:2::/64', '2001:db8:1:3::5'],
  );
});

test('what is no address is never on it', () => {
  assert.deepEqual(list(of({ source: 'evil.example; rm -rf' }, { source: null, ips: ['host', '192.0.2.1'] })), [
    '192.0.2.1',
  ]);
});

test('the rules file says which rules count', () => {
  const incidents = of({ source: null, ips: ['192.0.2.1', '192.0.2.2'], rule: 'distributed' });
  assert.deepEqual(list(incidents), []);
  assert.deepEqual(list(incidents, settingsIn('{"blocklist":{"rules":["distributed"]}}', 'r')), [
    '192.0.2.1',
    '192.0.2.2',
  ]);
});

test('past the bound those that have been quiet for longest are left out', () => {
  const incidents = Array.from({ length: BLOCKLIST_LIMIT + 1 }, (_, i) =>
    incident({
      source: `198.${(i >> 16) + 20}.${(i >> 8) & 255}.${i & 255}`,
      agent: `agent ${i % 100}`,
      lastAt: NOW - (i === 0 ? 1 : 0),
    }),
  );
  const addresses = list(incidents);
  assert.equal(addresses.length, BLOCKLIST_LIMIT);
  assert.ok(!addresses.includes('198.20.0.0'));
});

test('what only logs say that a client can write to is on it where the rules file asks for it', () => {
  const incidents = of(
    { source: '192.0.2.1', trust: 'forgeable', vouched: false },
    { source: '192.0.2.2', trust: null, vouched: false },
    { source: '192.0.2.3', trust: 'forgeable', vouched: true },
    { source: '192.0.2.4', trust: 'journal' },
  );
  assert.deepEqual(list(incidents), ['192.0.2.3', '192.0.2.4']);
  assert.equal(list(incidents, settingsIn('{"blocklist":{"forgeable":true}}', 'r')).length, 4);
});

test('one identity puts no more than its limit on it, all without one count as one, and each address says who says so', () => {
  const many = (agent: string, from: number) =>
    Array.from({ length: IDENTITY_ADDRESSES_LIMIT + 1 }, (_, i) =>
      incident({ source: `198.${from}.${i >> 8}.${i & 255}`, agent, lastAt: NOW - (i === 0 ? 1 : 0) }),
    );
  const addresses = listed([
    ...many('token a', 20),
    ...many('nobody', 21),
    incident({ source: '198.20.0.9', agent: 'token b' }),
  ]);
  assert.equal(addresses.length, 2 * IDENTITY_ADDRESSES_LIMIT);
  assert.ok(
    !addresses.some(({ address }) => address === '198.20.0.0'),
    'the one that is quiet for longest is left out',
  );
  assert.deepEqual(addresses.find(({ address }) => address === '198.20.0.9')?.by, ['token a', 'token b']);
  assert.deepEqual(addresses.find(({ address }) => address === '198.21.0.9')?.by, [ANONYMOUS]);
});

test('each form has the addresses, with the seconds that are left where it can say so', () => {
  const some = [
    { address: '192.0.2.1', untilMs: NOW + 900_000, by: ['token a'] },
    { address: '2001:db8:1:2::/64', untilMs: NOW + 1, by: ['token a', ANONYMOUS] },
  ];
  assert.equal(formatted(some, 'plain', NOW), '192.0.2.1\n2001:db8:1:2::/64\n');
  assert.match(
    formatted(some, 'nftables', NOW),
    /add element inet asgard asgard4 \{\n {2}192\.0\.2\.1 timeout 900s\n\}/,
  );
  assert.match(formatted(some, 'ipset', NOW), /^add -exist asgard6-new 2001:db8:1:2::\/64 timeout 1$/m);
  assert.deepEqual((JSON.parse(formatted(some, 'json', NOW)) as { addresses: unknown[] }).addresses[1], {
    address: '2001:db8:1:2::/64',
    until: '2026-11-24T10:01:00.001Z',
    by: ['token a', 'anonymous'],
  });
  assert.ok(!formatted([], 'nftables', NOW).includes('add element'));
});

test('a block for longer than ipset can keep it has the longest time that ipset takes', () => {
  const timeouts = (days: number): string[] => {
    const some = ['192.0.2.1', '2001:db8::1'].map((address) => ({
      ...{ address, untilMs: NOW + days * 86_400_000, by: [] },
    }));
    return formatted(some, 'ipset', NOW).match(/(?<=^add .* timeout )\d+$/gm) ?? [];
  };
  assert.equal(IPSET_TIMEOUT_LIMIT_S, 2_147_483);
  assert.deepEqual(timeouts(24), ['2073600', '2073600']);
  for (const days of [30, 366]) assert.deepEqual(timeouts(days), ['2147483', '2147483'], `${days} days`);
});

test('a network that somebody blocks stands for what is in it, unless somebody allowed an address of it', () => {
  const block = (address: string) => ({ address, untilMs: NOW + 1, by: 'mira' });
  const blocks = ['203.0.0.0/16', '203.0.113.0/24', '203.0.113.7', '198.51.100.0/24', '2001:db8::/32'].map(block);
  const given = of({ source: '203.0.113.9' }, { source: '2001:db8:1:2::/64' }, { source: '192.0.2.9' });
  const addresses = (allows: string[]) =>
    blocked(given, {
      ...{ settings: SETTINGS, withPrivate: false, nowMs: NOW, identityOf, byHand: { blocks, allows } },
    }).map(({ address }) => address);
  assert.deepEqual(addresses([]), ['192.0.2.9', '198.51.100.0/24', '2001:db8::/32', '203.0.0.0/16']);
  // The narrower network has the allowed address as well.
  assert.deepEqual(addresses(['203.0.113.8', '198.51.100.128/25']), [
    '192.0.2.9',
    '2001:db8::/32',
    '203.0.113.7',
    '203.0.113.9',
  ]);
});
