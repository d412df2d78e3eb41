import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import test from 'node:test';
import type { CheckpointBlock } from '../../../alphaserver/detection/checkpoint.ts';
import type { Engine } from '../../../alphaserver/detection/engine.ts';
import type { Incident } from '../../../alphaserver/detection/incident.ts';
import { StringInterner } from '../../../alphaserver/detection/string-interner.ts';
import { dice, mixed as stream } from './mixed.ts';
import { reference } from './reference.ts';
import { configWith, engineWith, type Given, Ledger, Rows, raised, START_MS, stored } from './stream.ts';

const seeds = (n: number): number[] => {
  const first = Number(process.env['SEED'] ?? randomInt(1e9));
  return Array.from({ length: n }, (_, i) => first + i);
};

/** A key is dormant so soon in streams that last for hours. */
const DORMANT_SECONDS = 3_600;
const dormantSoon = configWith({ 'dormant-key': { windowMs: DORMANT_SECONDS * 1_000 } });
/** Slow brute force depends on brute force and is left to its table. */
const config = configWith({ 'slow-brute-force': { on: false } }, dormantSoon);

test('a plain evaluator of few lines finds the same incidents in random streams', () => {
  let incidents = 0;
  for (const seed of seeds(60)) {
    const events = stream(seed, 400);
    // Within one agent order is as given; between agents, at the same moment, it is by agent: so it is in the reference.
    const ordered = events.toSorted((a, b) => a.at - b.at || order(a) - order(b));
    const mine = raised(ordered, { config }).map(({ rule, severity, key, openedAt, lastAt, count }) => ({
      rule,
      severity,
      key,
      openedAt: (openedAt - START_MS) / 1_000,
      lastAt: (lastAt - START_MS) / 1_000,
      // Different things are counted since each was first seen, and not since the window began.
      count: ['fleet-scan', 'user-enumeration', 'distributed'].includes(rule) ? 0 : count,
    }));
    const plain = reference(ordered, DORMANT_SECONDS).map((one) => ({
      ...one,
      count: ['fleet-scan', 'user-enumeration', 'distributed'].includes(one.rule) ? 0 : one.count,
    }));
    const sorted = (list: typeof plain): string[] => list.map((one) => JSON.stringify(one)).sort();
    assert.deepEqual(sorted(mine as typeof plain), sorted(plain), `SEED=${seed}`);
    incidents += plain.length;
  }
  assert.ok(incidents > 500, `${incidents} incidents are too few to say anything`);
});

/** An agent's number, as the rules order agents. */
function order({ agent }: Given): number {
  let hash = 0x811c9dc5;
  for (const c of agent as string) hash = Math.imul(hash ^ c.charCodeAt(0), 0x01000193);
  return hash >>> 0;
}

/** What is left of an incident when event ids, which tell in which order events came, are replaced by the events. */
const comparable = (incidents: readonly Incident[], indexOf: (id: number) => number): Incident[] =>
  incidents.map((incident) => ({
    ...incident,
    decidedBy: indexOf(incident.decidedBy as number),
    evidence: incident.evidence.map(indexOf),
  }));

/** What each incident on one host must be a part of: the scan of its source that had begun when it opened and was not over. */
function partsOf(incidents: readonly Incident[]): void {
  for (const { id, rule, key, openedAt, partOf } of incidents) {
    if (rule !== 'brute-force' && rule !== 'slow-brute-force') continue;
    const scan = incidents.find(
      (one) =>
        one.rule === 'fleet-scan' &&
        key.startsWith(`${one.key} `) &&
        one.firstAt <= openedAt &&
        openedAt < one.lastAt + config.quietMs,
    );
    assert.equal(partOf, scan?.id ?? null, id);
  }
}

/**
 * Runs a stream with changes taken, checkpoints written in pieces between events, and the engine killed at random places. A killed engine is made again
 * from the last checkpoint; what was written after it is replayed first. The clock stands at `clock` or at the newest event.
 */
function restarted(given: readonly Given[], indexes: readonly number[], seed: number, clock = 0): Incident[] {
  const roll = dice(seed);
  const ledger = new Ledger();
  const rows = new Rows();
  const blocks = new Map<string, CheckpointBlock>();
  /** Blocks of the checkpoint that is being made, null where none is. */
  let pieces: CheckpointBlock[] | null = null;
  const take = (engine: Engine, id: number): void => {
    const index = indexes[id - 1] as number;
    engine.take(rows.of(stored(given[index] as Given, id, index + 1)));
  };
  let engine = engineWith(rows, { config: dormantSoon });
  let latest = clock;
  let drainedTo = 0;
  for (let id = 1; id <= indexes.length; id += 1) {
    take(engine, id);
    latest = Math.max(latest, (given[indexes[id - 1] as number] as Given).at);
    if (pieces) {
      const some = engine.nextBlocks(roll(3));
      if (some) pieces.push(...some);
      else {
        for (const block of pieces) blocks.set(`${block.kind} ${block.block}`, block);
        pieces = null;
      }
    }
    const deed = roll(40);
    if (deed > 8) continue;
    ledger.drain(engine, latest);
    drainedTo = id;
    if (deed === 0 && !pieces) {
      engine.beginCheckpoint();
      pieces = [];
    }
    if (deed !== 1) continue;
    const before = [...ledger.incidents.keys()].sort();
    engine = engineWith(rows, { config: dormantSoon });
    pieces = null;
    engine.restore([...blocks.values()].filter(({ data }) => data !== null));
    for (let again = engine.takenTo + 1; again <= drainedTo; again += 1) take(engine, again);
    ledger.drain(engine, latest);
    assert.deepEqual([...ledger.incidents.keys()].sort(), before, 'a restart makes nothing new');
  }
  ledger.drain(engine, 1e8);
  return comparable(ledger.all(), (id) => indexes[id - 1] as number);
}

test('any batches and any restarts: the same incidents, with the same ids', () => {
  for (const seed of seeds(25)) {
    const events = stream(seed, 500);
    const indexes = events.map((_, i) => i);
    const raisedAtOnce = raised(events, { config: dormantSoon });
    partsOf(raisedAtOnce);
    const whole = comparable(raisedAtOnce, (id) => id - 1);
    assert.deepEqual(restarted(events, indexes, seed), whole, `SEED=${seed}`);
  }
});

test('texts that are swept again and again: the same incidents', () => {
  for (const seed of seeds(10)) {
    const events = stream(seed, 500);
    const swept = raised(events, { config: dormantSoon, interner: new StringInterner(1) });
    assert.deepEqual(swept, raised(events, { config: dormantSoon }), `SEED=${seed}`);
  }
});

test('a log of days that comes all at once, with any restarts: the same incidents, and parts of the same scans', () => {
  let parts = 0;
  for (const seed of seeds(25)) {
    const given = stream(seed, 500);
    const behind = 4 * 86_400 + ((given.at(-1) as Given).at ?? 0);
    const events = given.map((one) => ({ ...one, lag: behind - one.at }));
    const indexes = events.map((_, i) => i);
    const whole = raised(events, { config: dormantSoon });
    parts += whole.filter(({ partOf }) => partOf !== null).length;
    partsOf(whole);
    const kept = restarted(events, indexes, seed, behind);
    assert.deepEqual(
      kept,
      comparable(whole, (id) => id - 1),
      `SEED=${seed}`,
    );
  }
  assert.ok(parts > 20, `${parts} parts are too few to say anything`);
});

test('any reordering within the stated bound: the same incidents, with the same ids', () => {
  for (const seed of seeds(40)) {
    const events = stream(seed, 500);
    const roll = dice(seed + 7);
    // Each agent is behind by up to nearly ten minutes, by another amount all the time, and keeps its own order.
    const behind = new Map<string, number>();
    const arrivals = events.map((event, index) => {
      const agent = event.agent as string;
      const came = Math.max(behind.get(agent) ?? 0, event.at + roll(599));
      behind.set(agent, came);
      return { index, came, at: event.at };
    });
    // Stable: what came at once of one agent stays in its order.
    const indexes = arrivals
      .filter(({ came, at }) => came - at < 600)
      .toSorted((a, b) => a.came - b.came)
      .map(({ index }) => index);
    const given = events.filter((_, i) => indexes.includes(i));
    const straight = comparable(raised(given, { config: dormantSoon }), (id) => id - 1);
    // The events that are left, by their places among all.
    const places = new Map(indexes.toSorted((a, b) => a - b).map((index, i) => [index, i]));
    const bent = restarted(
      given,
      indexes.map((index) => places.get(index) as number),
      seed,
    );
    assert.deepEqual(bent, straight, `SEED=${seed}`);
  }
});

/** An engine that has given an incident of the failures at 5000, 5001 and 5002 s. `take` evaluates each further failure at once. */
function given() {
  const options = { config: configWith({ 'brute-force': { count: 3, windowMs: 3_600_000 } }) };
  const rows = new Rows();
  const engine = engineWith(rows, options);
  let id = 0;
  const take = (at: number): void => {
    id += 1;
    engine.take(rows.of(stored({ at }, id)));
    // Whoever asks for the incidents has them evaluated.
    assert.ok(engine.incidents);
  };
  for (const at of [5_000, 5_001, 5_002]) take(at);
  const clockMs = START_MS + 5_003_000;
  const [first] = engine.changes(clockMs);
  assert.ok(first?.type === 'incident');
  return { take, id: first.incident.id, changes: () => engine.changes(clockMs) };
}

test('an incident that late events undo and bring back between two calls is not withdrawn', () => {
  const { take, id, changes } = given();
  for (const at of [3_000, 2_999, 2_998]) take(at);
  const found = changes();
  assert.deepEqual(
    found.map((change) => change.type === 'incident' && [change.incident.decidedBy, change.incident.count]),
    [
      [4, 3],
      [3, 3],
    ],
  );
  assert.ok(found.some((change) => change.type === 'incident' && change.incident.id === id));
  // It is known as given all the same: what undoes it again withdraws it.
  for (const at of [4_000, 4_001]) take(at);
  assert.ok(changes().some((change) => change.type === 'withdrawn' && change.id === id));
});

test('an incident is withdrawn in favour of one that is given, not of one that came and went in between', () => {
  const { take, id, changes } = given();
  for (const at of [4_999, 4_998]) take(at);
  const [incident, withdrawn, ...rest] = changes();
  assert.ok(incident?.type === 'incident' && incident.incident.decidedBy === 1);
  assert.deepEqual(withdrawn, { type: 'withdrawn', id, replacedBy: incident.incident.id });
  assert.deepEqual(rest, []);
});
