import assert from 'node:assert/strict';
import test from 'node:test';
import { Peers, type PeersOptions } from '../../alphaserver/peers.ts';
import { until } from '../until.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** One server without agents on a log that does what the test needs of it. */
const peersOf = (
  log: Partial<PeersOptions['log']>,
  heard: Pick<PeersOptions, 'leads' | 'keepsOldDays' | 'now'> & Partial<Pick<PeersOptions, 'failed'>>,
): Peers =>
  new Peers({
    log: log as PeersOptions['log'],
    server: 'one',
    events: { signOf: () => null },
    connected: () => [],
    heard: async () => {},
    retentionMs: 30 * DAY_MS,
    failed: (what, error) => assert.fail(`${what}: ${error}`),
    ...heard,
  });

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
  const peers = peersOf(log, {
    leads: () => {},
    keepsOldDays: (error) => assert.fail(String(error)),
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

test('old days that cannot be deleted are said once, tried again ten minutes later, and keep the server from nothing else', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let nowMs = Date.now();
  const heard: unknown[] = [];
  const led: (boolean | null)[] = [];
  let deletion = Promise.withResolvers<void>();
  let deletions = 0;
  const log = {
    lead: async () => true,
    exchange: async () => ({ others: [], nowMs }),
    deleteOlderThan: () => {
      deletions += 1;
      return deletion.promise;
    },
  };
  const peers = peersOf(log, {
    leads: (leads) => void led.push(leads),
    keepsOldDays: (error) => void heard.push(error),
    now: () => nowMs,
  });
  t.after(() => peers.close());
  /** Lets it look at the lead twice: what the first look does is done then. */
  const looked = (): Promise<void> => {
    const before = led.length;
    return until(() => {
      t.mock.timers.tick(2_000);
      return led.length >= before + 2;
    });
  };
  /** Ends the deletion that runs. */
  const ended = async (error: Error | null): Promise<void> => {
    const { resolve, reject } = deletion;
    deletion = Promise.withResolvers<void>();
    if (error === null) resolve();
    else reject(error);
    await looked();
  };
  const fault = new Error('process 1 reads its tables');
  await looked();
  // One that takes long is not begun again, and the lead is looked at meanwhile.
  nowMs += HOUR_MS;
  await looked();
  assert.equal(deletions, 1);
  await ended(fault);
  nowMs += 599_999;
  await looked();
  assert.deepEqual([deletions, heard], [1, [fault]]);
  nowMs += 1;
  await looked();
  assert.equal(deletions, 2);
  await ended(fault);
  nowMs += 600_000;
  await looked();
  assert.deepEqual([deletions, heard], [3, [fault]]);
  await ended(null);
  assert.deepEqual(heard, [fault, null]);
  nowMs += HOUR_MS;
  await looked();
  assert.equal(deletions, 4);
  // The end waits for no deletion, and what becomes of that is nobody's any more.
  await peers.close();
  deletion.reject(fault);
  await deletion.promise.catch(() => {});
  assert.deepEqual(heard, [fault, null]);
  assert.deepEqual(new Set(led), new Set([true]));
});

test('while the log cannot be asked, it is not known which server leads', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const led: (boolean | null)[] = [];
  const failed: unknown[] = [];
  const fault = new Error('the connection is lost');
  const answers = [true, fault, false];
  const peers = peersOf(
    {
      lead: async () => {
        const answer = answers.shift() ?? false;
        if (answer instanceof Error) throw answer;
        return answer;
      },
      exchange: async () => ({ others: [], nowMs: 0 }),
      deleteOlderThan: async () => {},
    },
    {
      leads: (leads) => void led.push(leads),
      keepsOldDays: (error) => assert.fail(String(error)),
      failed: (_what, error) => void failed.push(error),
      now: Date.now,
    },
  );
  t.after(() => peers.close());
  await until(() => {
    t.mock.timers.tick(2_000);
    return led.length >= 3;
  });
  assert.deepEqual(led.slice(0, 3), [true, null, false]);
  assert.deepEqual(failed, [fault]);
});
