import assert from 'node:assert/strict';
import test from 'node:test';
import { Peers, type PeersOptions } from '../../alphaserver/peers.ts';
import { until } from '../until.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

test('the server that leads deletes old days once an hour, also after its clock stood ahead', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const right = Date.now();
  let nowMs = right + 365 * DAY_MS;
  const deletedAt: number[] = [];
  let looks = 0;
  const log = {
    lead: async () => {
      looks += 1;
      return true;
    },
    exchange: async () => ({ others: [], nowMs }),
    deleteOlderThan: async (_retentionMs: number, atMs: number) => void deletedAt.push(atMs),
  };
  const peers = new Peers({
    log: log as Partial<PeersOptions['log']> as PeersOptions['log'],
    server: 'one',
    events: { signOf: () => null },
    connected: () => [],
    heard: async () => {},
    leads: () => {},
    retentionMs: 30 * DAY_MS,
    failed: (what, error) => assert.fail(`${what}: ${error}`),
    now: () => nowMs,
  });
  t.after(() => peers.close());
  /** Lets it look at the clock twice: what the first look does is done then. */
  const looked = (): Promise<void> => {
    const before = looks;
    return until(() => {
      t.mock.timers.tick(2_000);
      return looks >= before + 2;
    });
  };
  await looked();
  assert.deepEqual(deletedAt, [right + 365 * DAY_MS]);
  nowMs = right;
  await looked();
  assert.deepEqual(deletedAt.slice(1), [right]);
  nowMs = right + HOUR_MS - 1;
  await looked();
  assert.equal(deletedAt.length, 2);
  nowMs = right + HOUR_MS;
  await looked();
  assert.deepEqual(deletedAt.slice(2), [right + HOUR_MS]);
});
