/** How many passwords wait to be hashed, of one address and of all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LOGINS_LIMIT, LOGINS_PER_ADDRESS_LIMIT, LoginQueue } from '../../../alphaserver/web/login.ts';

test('the passwords of one IPv6 /64 wait as those of one address, and leave the other places to others', async () => {
  const queue = new LoginQueue();
  let hash: (found: string) => void = () => {};
  const hashed = new Promise<string>((done) => {
    hash = done;
  });
  const taken: Promise<string | null>[] = [];
  const refused: Promise<string | null>[] = [];
  const fill = (of: (n: number) => string): void => {
    for (let n = 0; n < LOGINS_PER_ADDRESS_LIMIT; n += 1) taken.push(queue.run(of(n), () => hashed));
    refused.push(queue.run(of(LOGINS_PER_ADDRESS_LIMIT), () => hashed));
  };
  fill(() => '192.0.2.1');
  for (let network = 1; taken.length < LOGINS_LIMIT; network += 1) fill((n) => `2001:db8:1:${network}::${n + 1}`);
  // All places are taken.
  refused.push(queue.run('198.51.100.1', () => hashed));
  hash('vera');
  assert.deepEqual(new Set(await Promise.all(refused)), new Set([null]));
  assert.deepEqual(new Set(await Promise.all(taken)), new Set(['vera']));
  assert.equal(await queue.run('2001:db8:1:2::9', async () => 'vera'), 'vera');
});
