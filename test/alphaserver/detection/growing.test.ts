/** An incident that an event only adds to is known without a replay of its state: it has to be what the replay gives. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import test from 'node:test';
import type { Engine } from '../../../alphaserver/detection/engine.ts';
import { mixed } from './mixed.ts';
import { engineWith, type Given, Ledger, Rows, repeated, stored } from './stream.ts';

const seed = Number(process.env['SEED'] ?? randomInt(1e9));

/** The incidents of states that changed since the last call, as they are tracked: id, count, time of the last event. */
function tracked(engine: Engine): [string, number, number][] {
  return [...engine.checkpoint()].flatMap(({ kind, data }) =>
    kind === 'engine' || data === null
      ? []
      : JSON.parse(data).states.flatMap(({ incidents = [] }) =>
          incidents.map(({ id, count, lastAt }: { id: string; count: number; lastAt: number }) => [id, count, lastAt]),
        ),
  );
}

/** Gives events to an engine, and compares now and then what it tracks with what it gives. Returns how many were compared. */
function compared(events: readonly Given[], every: number): number {
  const rows = new Rows();
  const engine = engineWith(rows);
  const ledger = new Ledger();
  let count = 0;
  for (const [i, one] of events.entries()) {
    engine.take(rows.of(stored(one, i + 1)));
    if (i % every > 0) continue;
    ledger.drain(engine, one.at);
    for (const [id, events, lastAt] of tracked(engine)) {
      count += 1;
      const given = ledger.incidents.get(id);
      assert.deepEqual([id, events, lastAt], [id, given?.count, given?.lastAt], `SEED=${seed}`);
    }
  }
  return count;
}

test('what is tracked of each incident is what its events make, in random streams', () => {
  assert.ok(compared(mixed(seed, 1_000), 20) > 20, `SEED=${seed}`);
});

test('the same in one of each kind that goes on for long, is over, and comes again', () => {
  const round = (at: number): Given[] => [
    ...repeated(60, 2, { at }),
    ...repeated(60, 2, { at: at + 1 }).map((one, i) => ({ ...one, host: `h${i % 9}`, user: `u${i % 13}` })),
    ...repeated(60, 3, { at: at + 200 }).map((one, i) => ({ ...one, ip: `192.0.2.${i % 15}`, user: 'mira' })),
  ];
  const events = [round(0), round(600), round(5_000)].flat().sort((a, b) => a.at - b.at);
  assert.ok(compared(events, 7) > 100);
});
