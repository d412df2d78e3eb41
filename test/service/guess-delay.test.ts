import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GUESSERS_LIMIT, GuessDelay, WAITING_PER_ADDRESS_LIMIT } from '../../service/guess-delay.ts';

test('each wrong guess of an address waits twice as long as the one before, up to a bound', () => {
  const delay = new GuessDelay();
  const waits = Array.from({ length: 40 }, (_, i) => delay.wrong('192.0.2.1', i));
  assert.deepEqual(waits.slice(0, 4), [250, 500, 1_000, 2_000]);
  assert.equal(Math.max(...waits), 15_000);
  assert.equal(delay.wrong('192.0.2.2', 40), 250, 'another address begins anew');
  assert.equal(delay.wrong('192.0.2.1', 700_000), 250, 'after ten quiet minutes too');
});

test('addresses of one IPv6 network guess together', () => {
  const delay = new GuessDelay();
  assert.deepEqual(
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:db8:1:3::1'].map((address) => delay.wrong(address, 0)),
    [250, 500, 250],
  );
});

test('as many addresses are remembered as the limit; the one that guessed longest ago is forgotten first', () => {
  const delay = new GuessDelay();
  for (let i = 0; i <= GUESSERS_LIMIT; i++) delay.wrong(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, i);
  assert.equal(delay.size, GUESSERS_LIMIT);
  assert.equal(delay.wrong('10.0.0.0', GUESSERS_LIMIT), 250);
  assert.equal(delay.wrong('10.0.0.5', GUESSERS_LIMIT), 500);
});

test('while the limit of answers waits for an address nothing of it should be looked at, and of another address all', () => {
  const delay = new GuessDelay();
  for (let i = 0; i < WAITING_PER_ADDRESS_LIMIT; i++) {
    assert.equal(delay.fullForMs('192.0.2.1', 0), 0, `after ${i}`);
    delay.wrong('192.0.2.1', 0);
  }
  assert.equal(delay.fullForMs('192.0.2.1', 0), 250, 'until the first has waited');
  assert.equal(delay.fullForMs('192.0.2.2', 0), 0);
  assert.equal(delay.fullForMs('192.0.2.1', 251), 0);
  assert.equal(delay.fullForMs('192.0.2.1', -700_000), 0, 'a clock that was set back');
});

test('the bound can be a lower one, for whoever leaves before', () => {
  const delay = new GuessDelay(3_000);
  const waits = Array.from({ length: WAITING_PER_ADDRESS_LIMIT }, () => delay.wrong('192.0.2.1', 0));
  assert.deepEqual(waits.slice(0, 6), [250, 500, 1_000, 2_000, 3_000, 3_000]);
  assert.equal(Math.max(...waits), 3_000);
  assert.equal(delay.fullForMs('192.0.2.1', 0), 250);
});
