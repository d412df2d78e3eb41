/** Rules that change while they run (SIGHUP). */
import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_DETECTION } from '../../../alphaserver/alert-config/rules.ts';
import type { Engine } from '../../../alphaserver/detection/engine.ts';
import { configWith, engineWith, type Given, Ledger, only, Rows, repeated, stored } from './stream.ts';

const NOBODY = { addresses: [], users: [] };

/** An engine with one rule, and what it raises. */
function run(config = only('brute-force')) {
  const rows = new Rows();
  const engine: Engine = engineWith(rows, { config });
  const ledger = new Ledger();
  let id = 0;
  const take = (given: readonly Given[]): void => {
    for (const one of given) {
      id += 1;
      engine.take(rows.of(stored(one, id)));
    }
  };
  const raised = (atSeconds: number): string[] => {
    ledger.drain(engine, atSeconds);
    return ledger
      .all()
      .map(({ severity, count, closedAt }) => `${severity} ${count}${closedAt === null ? '' : ' over'}`);
  };
  return { engine, take, raised };
}

test('what was counted stays counted, and the new threshold holds from the next event on', () => {
  const { engine, take, raised } = run();
  take(repeated(5, 1));
  engine.configure(configWith({ 'brute-force': { count: 6 } }, only('brute-force')), NOBODY);
  assert.deepEqual(raised(5), []);
  take([{ at: 6 }]);
  assert.deepEqual(raised(6), ['warning 6']);
});

test('what is open stays open, grows by the new rule, and takes the new severity with its next event', () => {
  const { engine, take, raised } = run();
  take(repeated(10, 1));
  assert.deepEqual(raised(10), ['warning 10']);
  engine.configure(configWith({ 'brute-force': { count: 100, severity: 'critical' } }, only('brute-force')), NOBODY);
  take([{ at: 20 }]);
  assert.deepEqual(raised(60), ['critical 11']);
});

test('an incident of a rule that is off grows no more, and closes', () => {
  const { engine, take, raised } = run();
  take(repeated(10, 1));
  assert.deepEqual(raised(10), ['warning 10']);
  engine.configure(only('fleet-scan'), NOBODY);
  take(repeated(10, 1, { at: 20 }));
  assert.deepEqual(raised(1_000), ['warning 10 over']);
});

test('an address that is allowed from now on raises nothing, and a decoy that is named from now on does', () => {
  const { engine, take, raised } = run();
  take(repeated(9, 1));
  engine.configure(only('brute-force'), { addresses: ['203.0.113.0/24'], users: [] });
  take(repeated(5, 1, { at: 10 }));
  assert.deepEqual(raised(20), []);
  engine.configure({ ...only('decoy'), decoys: { users: ['root'], keys: [] } }, NOBODY);
  take([{ at: 30 }]);
  assert.deepEqual(raised(30), ['critical 1']);
});

test('the same settings change nothing', () => {
  const { engine, take, raised } = run(DEFAULT_DETECTION);
  take(repeated(9, 1));
  engine.configure(structuredClone(DEFAULT_DETECTION), NOBODY);
  take([{ at: 9 }]);
  assert.deepEqual(raised(10), ['warning 10']);
});
