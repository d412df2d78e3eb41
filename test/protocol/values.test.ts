/** Times that come in over the wire. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import test from 'node:test';
import { isTime, isUtcTime, utcMs } from '../../protocol/values.ts';
import { dice } from '../alphaserver/detection/mixed.ts';

const seed = Number(process.env['SEED'] ?? randomInt(1e9));

test('a time in UTC with milliseconds is one exactly where JavaScript writes it so', () => {
  const roll = dice(seed);
  const characters = '0123456789-T:.Z+ /';
  let taken = 0;
  for (let i = 0; i < 50_000; i += 1) {
    const text = [...new Date(roll(4e9) * 1_000 + roll(1_000)).toISOString()];
    for (let changes = roll(3); changes > 0; changes -= 1) {
      const place = roll(text.length);
      if (roll(4) === 0) text.splice(place, roll(2), characters[roll(characters.length)] as string);
      else text[place] = String(roll(10));
    }
    const given = text.join('');
    const ms = Date.parse(given);
    const exists = !Number.isNaN(ms) && new Date(ms).toISOString() === given;
    assert.equal(isUtcTime(given), exists, `${given}, SEED=${seed}`);
    if (exists) {
      taken += 1;
      assert.ok(isTime(given));
      assert.equal(utcMs(given), ms, `${given}, SEED=${seed}`);
    }
  }
  assert.ok(taken > 10_000);
});

test('times in other forms, and with a day that its month does not have, are distinguished', () => {
  for (const good of ['2026-11-23T19:46:01Z', '2026-11-23T19:46:01.5+01:00', '2024-02-29T00:00:00.000Z'])
    assert.ok(isTime(good), good);
  for (const wrong of ['2026-02-29T00:00:00.000Z', '2026-04-31T00:00:00Z', '2026-11-23T24:00:00.000Z', '2026-11-23'])
    assert.equal(isTime(wrong), false, wrong);
  for (const early of [
    '0001-01-01T00:00:00.000Z',
    '0099-12-31T23:59:59.999Z',
    '0100-01-01T00:00:00.000Z',
    '+010000-01-01T00:00:00.000Z',
  ])
    assert.equal(utcMs(early), Date.parse(early), early);
});
