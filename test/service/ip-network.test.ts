import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addNetwork,
  digitPrefixes,
  isIn,
  isWithin,
  networkDigits,
  networkOf,
  networks,
  networkWith,
  readNetwork,
  Sources,
  sourceOf,
} from '../../service/ip-network.ts';
import { Random } from '../demo/random.ts';

test('a network is its address cut to so many bits, IPv6 as RFC 5952 writes it', () => {
  for (const [address, bits, network] of [
    ['203.0.113.255', 25, '203.0.113.128/25'],
    ['203.0.113.255', 32, '203.0.113.255/32'],
    ['203.0.113.255', 0, '0.0.0.0/0'],
    ['2001:db8:1:2:3:4:5:6', 48, '2001:db8:1::/48'],
    ['2001:0DB8:0:0:1:0:0:1', 128, '2001:db8::1:0:0:1/128'],
    ['2001:db8:0:1:1:1:1:1', 128, '2001:db8:0:1:1:1:1:1/128'],
    ['::', 0, '::/0'],
    ['::ffff:203.0.113.7', 104, '::ffff:cb00:0/104'],
    ['fe80::1%eth0', 64, 'fe80::/64'],
    ['a.example', 64, null],
    ['', 64, null],
  ] as const)
    assert.equal(networkWith(address, bits), network, `${address}/${bits}`);
});

test('a source is an IPv4 address, or the network of an IPv6 one', () => {
  for (const [address, bits, source] of [
    ['192.0.2.1', 64, '192.0.2.1'],
    ['::ffff:192.0.2.1', 64, '192.0.2.1'],
    ['::FFFF:c000:0201', 64, '192.0.2.1'],
    ['2001:DB8:0:7:a:b:c:d', 64, '2001:db8:0:7::/64'],
    ['2001:db8:0:7:a:b:c:d', 56, '2001:db8::/56'],
    ['2001:db8:0:7:0:0:0:1', 128, '2001:db8:0:7::1'],
    ['fe80::1%eth0', 64, 'fe80::/64'],
    ['192.0.2.1%eth0', 64, '192.0.2.1'],
    ['UNKNOWN', 64, null],
    ['1.2.3', 64, null],
    [null, 64, null],
  ] as const)
    assert.equal(sourceOf(address, bits), source, `${address}`);
  assert.equal(networkOf('2001:DB8:0:7::1'), '2001:db8:0:7::/64');
  assert.equal(networkOf('::ffff:192.0.2.1'), null);
  assert.equal(networkOf('192.0.2.1'), null);
});

test('remembered sources are the same, also past the limit of what is remembered', () => {
  const sources = new Sources(64);
  for (let round = 0; round < 2; round += 1)
    for (let i = 0; i < 10_050; i += 1) {
      const address = `2001:db8:${i.toString(16)}::1`;
      assert.equal(sources.of(address), `2001:db8:${i.toString(16)}::/64`.replace(':0::', '::'));
    }
  for (const address of [null, '192.0.2.1', '::ffff:192.0.2.1', 'a:b'])
    assert.equal(sources.of(address), sourceOf(address, 64));
});

test('a list takes addresses and networks, and knows what is in it', () => {
  const list = networks(['192.0.2.0/24', '2001:db8::/32', '203.0.113.7']);
  for (const inside of ['192.0.2.255', '2001:db8:1::/64', '203.0.113.7'])
    assert.equal(isIn(list, inside), true, inside);
  for (const outside of ['192.0.3.0', '2001:db9::1', '203.0.113.8', 'a.example'])
    assert.equal(isIn(list, outside), false);
  for (const wrong of ['192.0.2.0/33', '2001:db8::/129', '192.0.2.0/-1', '192.0.2.0/8/8', 'example', ''])
    assert.equal(addNetwork(list, wrong), false, wrong);
  assert.throws(() => networks(['x']), RangeError);
});

test('a network is read with its first address, an address as a network of its own, and nothing wider than a /8 or a /16', () => {
  for (const [given, text, digits] of [
    ['203.0.113.7/24', '203.0.113.0/24', 'cb007100'],
    ['203.0.113.7', '203.0.113.7/32', 'cb007107'],
    ['::ffff:203.0.113.7', '203.0.113.7/32', 'cb007107'],
    ['10.1.2.3/8', '10.0.0.0/8', '0a000000'],
    ['2001:DB8::5/33', '2001:db8::/33', '20010db8000000000000000000000000'],
    ['2001:db8::/16', '2001::/16', '20010000000000000000000000000000'],
  ] as const) {
    const read = readNetwork(given);
    assert.deepEqual([read?.text, read?.digits], [text, digits], given);
  }
  for (const wrong of [
    '10.0.0.0/7',
    '10.0.0.0/33',
    '2001:db8::/15',
    '2001:db8::/129',
    '::ffff:1.2.3.4/96',
    'a/8',
    '',
    '/8',
  ])
    assert.equal(readNetwork(wrong), null, wrong);
  assert.equal(networkDigits('2001:db8:0:7::/64'), '20010db800000007');
  assert.equal(networkDigits('::/64'), '0000000000000000');
});

test('what is in a network is what node says is in it, and what the beginnings of its digits find', () => {
  const random = new Random(7);
  for (let round = 0; round < 2_000; round += 1) {
    const isIpv4 = random.chance(0.5);
    const address = (): string =>
      isIpv4
        ? `203.${random.whole(0, 3)}.${random.whole(0, 3) * 64}.${random.whole(0, 255)}`
        : `2001:db8:${random.whole(0, 3).toString(16)}:${random.whole(0, 65_535).toString(16)}::${random.whole(0, 15)}`;
    const given = `${address()}/${isIpv4 ? random.whole(8, 32) : random.whole(16, 128)}`;
    const network = readNetwork(given);
    assert.ok(network);
    const other = address();
    const inside = isIn(networks([given]), other);
    assert.equal(isWithin(network, other), inside, `${given} ${other}`);
    const own = readNetwork(other)?.digits ?? '';
    const length = isIpv4 ? 8 : 32;
    const found = digitPrefixes(network, length).some((prefix) => own.startsWith(prefix));
    assert.equal(found, inside, `${given} ${other}`);
    // A smaller network is inside where its first address is.
    const smaller = readNetwork(`${other}/${network.bits}`)?.text ?? '';
    assert.equal(isWithin(network, smaller), inside, `${given} ${smaller}`);
  }
  const wide = readNetwork('203.0.113.0/24');
  assert.ok(wide);
  for (const outside of ['203.0.0.0/16', '2001:db8::1', 'fe80::1%eth0', 'a.example', '', null])
    assert.equal(isWithin(wide, outside), false, String(outside));
});
