/** The origins of sources are remembered, and not without a bound. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SourceOrigins } from '../../../alphaserver/detection/source-origin.ts';

test('an address is looked up once while no more than 4,096 are remembered', () => {
  const asked: string[] = [];
  const namesOf = (ip: string) => {
    asked.push(ip);
    return { country: 'NL', operator: null };
  };
  const origins = new SourceOrigins(namesOf, (ip) => `address ${ip}`);
  for (let ip = 1; ip <= 4_096; ip += 1) origins.of(ip);
  assert.equal(origins.of(1), origins.of(1));
  assert.equal(asked.length, 4_096);
  const before = origins.of(1);
  origins.of(4_097);
  assert.deepEqual(origins.of(1), before);
  assert.deepEqual(asked.slice(4_096), ['address 4097', 'address 1']);
});
