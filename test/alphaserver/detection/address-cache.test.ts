/** The cache gives for an address what was remembered for it, or nothing. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_DETECTION } from '../../../alphaserver/alert-config/rules.ts';
import { AddressCache } from '../../../alphaserver/detection/address-cache.ts';
import { StringInterner } from '../../../alphaserver/detection/string-interner.ts';
import { dice } from './mixed.ts';
import { engineWith, type Given, Ledger, Rows, raised, repeated, START_MS, stored } from './stream.ts';

test('an address has the number that was remembered last, or none, whichever others take its slot', () => {
  const cache = new AddressCache();
  const roll = dice(7);
  const numbers = new Map<string, number>();
  let known = 0;
  let evicted = 0;
  for (let i = 1; i <= 400_000; i += 1) {
    const text = `${roll(256)}.${roll(2)}.${roll(256)}.${roll(8)}`;
    const expected = numbers.get(text);
    const number = cache.number(text);
    if (number > 0) known += 1;
    else if (expected !== undefined) evicted += 1;
    assert.ok(number === 0 || number === expected, text);
    if (number > 0) continue;
    numbers.set(text, i);
    cache.remember(text, i);
    assert.equal(cache.number(text), i);
  }
  assert.ok(known > 10_000 && evicted > 10_000, `${known} known, ${evicted} evicted`);
  cache.clear();
  for (const text of numbers.keys()) assert.equal(cache.number(text), 0);
});

test('what is no IPv4 address as it is written is not remembered', () => {
  const cache = new AddressCache();
  const others = ['', 'localhost', '1.2.3', '1.2.3.4.5', '01.2.3.4', '1.2.3.256', '1.2.3.4 ', '::ffff:1.2.3.4'];
  for (const text of others) {
    cache.remember(text, 9);
    assert.equal(cache.number(text), 0, text);
  }
  cache.remember('0.0.0.0', 3);
  cache.remember('255.255.255.255', 4);
  assert.deepEqual([cache.number('0.0.0.0'), cache.number('255.255.255.255')], [3, 4]);
});

test('an address that is allowed from now on is not taken from the cache', () => {
  const rows = new Rows();
  const engine = engineWith(rows);
  const ledger = new Ledger();
  const events = repeated(30, 1, { ip: '192.0.2.9' }).map((one, i) => rows.of(stored(one, i + 1)));
  for (const row of events.slice(0, 9)) engine.take(row);
  engine.configure(DEFAULT_DETECTION, { addresses: ['192.0.2.9'], users: [] });
  for (const row of events.slice(9)) engine.take(row);
  ledger.drain(engine, 1e6);
  assert.deepEqual(ledger.all(), []);
});

test('an address whose number was given to another text since is read anew', () => {
  // Probes that name no user leave nothing but their texts, which the sweep drops.
  const probes = Array.from(
    { length: 60 },
    (_, i): Given => ({ at: 0, ip: `192.0.2.${i}`, user: null, outcome: 'probe' }),
  );
  const others = Array.from({ length: 60 }, (_, i): Given => ({ at: 1, ip: `2001:db8::${i}`, user: `u${i}` }));
  const tries = repeated(10, 1, { at: 2, ip: '192.0.2.3', user: 'mira' });
  const incidents = raised([...probes, ...others, ...tries], { interner: new StringInterner(20) });
  const found = incidents.find(({ rule, openedAt }) => rule === 'brute-force' && openedAt > START_MS + 10_000);
  assert.deepEqual([found?.source, found?.ips], ['192.0.2.3', ['192.0.2.3']]);
});
