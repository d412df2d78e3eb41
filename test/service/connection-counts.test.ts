import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionCounts } from '../../service/connection-counts.ts';

const LIMITS = { perAddress: 100, all: 1_000 };

test('an address holds as many connections as its limit, an IPv6 network like one address', () => {
  const counts = new ConnectionCounts(LIMITS);
  for (let port = 1; port <= LIMITS.perAddress; port++)
    assert.equal(counts.enter(`[2001:db8::${port}]:${port}`, `2001:db8::${port}`), true);
  assert.equal(counts.enter('[2001:db8::1]:9999', '2001:db8::1'), false);
  assert.equal(counts.enter('192.0.2.1:1', '192.0.2.1'), true);
  counts.leave('[2001:db8::1]:1');
  counts.leave('[2001:db8::1]:1');
  assert.equal(counts.enter('[2001:db8::1]:9999', '2001:db8::1'), true);
  assert.equal(counts.enter('[2001:db8::1]:9998', '2001:db8::1'), false);
});

test('all addresses together hold as many connections as the limit', () => {
  const counts = new ConnectionCounts(LIMITS);
  const address = (i: number): string => `10.0.${i >> 8}.${i & 255}`;
  for (let i = 0; i < LIMITS.all; i++) assert.equal(counts.enter(`${address(i)}:1`, address(i)), true);
  assert.equal(counts.enter('192.0.2.1:1', '192.0.2.1'), false);
  counts.leave(`${address(7)}:1`);
  assert.equal(counts.size, LIMITS.all - 1);
  assert.equal(counts.enter('192.0.2.1:1', '192.0.2.1'), true);
});
