import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addNetwork, isIn, networkOf, networks, networkWith, Sources, sourceOf } from '../../service/ip-network.ts';

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
