/** Bounds of what the rules hold in memory. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_DETECTION } from '../../../alphaserver/alert-config/rules.ts';
import { TargetUserDetector } from '../../../alphaserver/detection/detectors/target-user.ts';
import { KeyedState } from '../../../alphaserver/detection/keyed-state.ts';
import {
  BLOCKS_LIMIT,
  EVENTS_LIMIT,
  KeyedStateMap,
  STATES_LIMIT,
  STATES_PER_BLOCK,
} from '../../../alphaserver/detection/keyed-state-map.ts';
import { AgentOrder, EVENT_FIELDS, packed, RuleEvent } from '../../../alphaserver/detection/rule-event.ts';
import { engineWith, Rows, repeated, stored } from './stream.ts';

const detector = new TargetUserDetector(DEFAULT_DETECTION);
const made = (): KeyedStateMap<null> => new KeyedStateMap(detector, new AgentOrder(String));
const state = (key: number, events = 1): KeyedState<null> =>
  new KeyedState<null>(key, 0, new Array<number>(events * EVENT_FIELDS).fill(0));

/** The keys that are evicted by the clock `nowMs`. */
function evicted(map: KeyedStateMap<null>, nowMs: number): number[] {
  const keys: number[] = [];
  map.evict(nowMs, (first) => keys.push(first));
  return keys;
}

test('past the most states, the one that was used least recently is evicted', () => {
  const map = made();
  for (let key = 1; key <= STATES_LIMIT; key += 1) {
    const one = state(key);
    map.add(one);
    map.touched(one, 0);
  }
  assert.deepEqual(evicted(map, 0), []);
  map.touched(map.get(1, 0) as KeyedState<null>, 120_000);
  map.add(state(STATES_LIMIT + 1));
  assert.deepEqual(evicted(map, 120_000), [2]);
  assert.equal(map.size, STATES_LIMIT);
  assert.equal(map.get(2, 0), undefined);
  assert.ok(map.get(1, 0));
});

test('past the most events in all states, too', () => {
  const map = made();
  const each = EVENTS_LIMIT / 10;
  for (let key = 1; key <= 11; key += 1) {
    const one = state(key, each);
    one.touchedMs = 0;
    map.restore(one, 0);
  }
  assert.ok(map.events > EVENTS_LIMIT);
  assert.deepEqual(evicted(map, 0), [1, 2]);
  assert.ok(map.events <= EVENTS_LIMIT);
});

test('a first event that opens nothing is there as a state, is saved with its time, and goes on with the next one', () => {
  const map = made();
  const event = Object.assign(new RuleEvent(), {
    at: 7_000,
    id: 5,
    seq: 4,
    agent: 3,
    host: 2,
    user: 9,
    source: 8,
    ip: 8,
  });
  const saved: { keys: number[]; times: number[]; weight: number }[] = [];
  for (let key = 1; key <= STATES_PER_BLOCK + 1; key += 1) assert.ok(map.addFirst(key, 0, event, 1_000 * key));
  map.beginCut(({ states, weight }) => {
    saved.push({ keys: states.map(({ first }) => first), times: states.map(({ touchedMs }) => touchedMs), weight });
  });
  map.touched(map.get(2, 0) as KeyedState<null>, 500_000);
  assert.deepEqual(map.get(2, 0)?.buffer, packed(event));
  assert.equal(map.get(2, 0), map.get(2, 0));
  assert.equal(map.toSave(2, 0)?.touchedMs, 500_000);
  assert.deepEqual([map.size, map.events], [STATES_PER_BLOCK + 1, STATES_PER_BLOCK + 2]);
  while (map.saveNext());
  assert.deepEqual(saved[0], { keys: [STATES_PER_BLOCK + 1], times: [1_000 * (STATES_PER_BLOCK + 1)], weight: 1 });
  assert.deepEqual([saved[1]?.keys[0], saved[1]?.times[0], saved.length], [1, 1_000, 2]);
  const restored = made();
  restored.restore(Object.assign(state(1), { buffer: packed(event), touchedMs: 3_000 }), 0);
  assert.deepEqual([restored.get(1, 0)?.buffer, restored.events], [packed(event), 2]);
  assert.equal(restored.toSave(1, 0)?.touchedMs, 3_000);
  assert.deepEqual(evicted(map, detector.rememberedMs + 3_500), [1, 3]);
});

test('a state is evicted when it was not used for as long as its kind is remembered', () => {
  const map = made();
  for (const key of [1, 2]) {
    const one = state(key);
    map.add(one);
    map.touched(one, key);
  }
  assert.deepEqual(evicted(map, detector.rememberedMs + 1), []);
  assert.deepEqual(evicted(map, detector.rememberedMs + 2), [1]);
});

test('a checkpoint with a block of a number that no block can have is damaged', () => {
  for (const block of [BLOCKS_LIMIT, -1, Number.NaN])
    assert.throws(() => engineWith(new Rows()).restore([{ kind: 'pair', block, data: '{}' }]), {
      code: 'checkpoint',
      message: `the checkpoint has a block ${block}`,
    });
});

test('a checkpoint comes in pieces, each state once, as it was when the checkpoint began', () => {
  const rows = new Rows();
  const engine = engineWith(rows);
  const sources = 20 * STATES_PER_BLOCK;
  const given = repeated(sources, 0.01).map((one, i) => ({ ...one, ip: `198.51.${i >> 8}.${i & 255}`, user: `u${i}` }));
  for (const [i, one] of given.entries()) engine.take(rows.of(stored(one, i + 1)));
  engine.beginCheckpoint();
  const texts: string[] = [];
  let id = sources;
  let largest = 0;
  for (let blocks = engine.nextBlocks(256); blocks; blocks = engine.nextBlocks(256)) {
    const states = blocks.flatMap(({ kind, data }) => (kind === 'engine' ? [] : JSON.parse(data ?? '').states));
    largest = Math.max(largest, states.length);
    texts.push(...states.map(({ events }) => JSON.stringify(events)));
    // What has come since is not part of it, and is saved by the next one.
    id += 1;
    engine.take(rows.of(stored({ at: 60, ip: `198.51.${(sources - id) & 3}.9`, user: 'late' }, id)));
    assert.ok(engine.savedAhead <= 5 * 2 * STATES_PER_BLOCK, 'an event has no more than the blocks of its keys saved');
  }
  assert.equal(texts.length, 3 * sources);
  assert.ok(
    texts.every((text) => JSON.parse(text).length === 8),
    'each state has the one event of before',
  );
  assert.ok(largest <= 256 + 6 * STATES_PER_BLOCK, `${largest} states in one piece`);
  const again = [...engine.checkpoint()].filter(({ kind }) => kind !== 'engine');
  assert.ok(again.length > 0 && again.length < 30, 'only what changed meanwhile');
});
