/** While a checkpoint is made, events go on as far as its blocks are taken. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_SETTINGS } from '../../../alphaserver/alert-config/settings.ts';
import { incidentIds } from '../../../alphaserver/alerting/incident-id.ts';
import { RuleRunner } from '../../../alphaserver/alerting/rule-runner.ts';
import type { CheckpointBlock } from '../../../alphaserver/detection/checkpoint.ts';
import type { RuleRow } from '../../../alphaserver/store/event-rows.ts';
import { OUTCOMES } from '../../../alphaserver/store/schema.ts';

const NOW_MS = Date.parse('2026-11-29T12:00:00Z');
const SOURCES = 1_000;
/** Each source has tried so often before the checkpoint. */
const ROUNDS = 8;
const SAVED = SOURCES * ROUNDS;
const LAST = SAVED + 2 * SOURCES;

/** All sources try in turn, a round a second. */
const tried = (id: number): RuleRow => [
  ...([id, id, NOW_MS - LAST + id, NOW_MS - LAST + id, 1, 1, OUTCOMES.indexOf('failed')] as const),
  ...(['password', `user${id % 50}`, `10.0.${(id % SOURCES) >> 8}.${id & 255}`, null, null, null] as const),
];

function runnerFrom(checkpoint: number, blocks: readonly CheckpointBlock[], last: { id: number }): RuleRunner {
  const events = {
    names: { agent: (n: number) => `agent-${n}`, host: (n: number) => `host-${n}` },
    after: (position: number, limit: number): RuleRow[] =>
      Array.from({ length: Math.max(0, Math.min(limit, last.id - position)) }, (_, i) => tried(position + 1 + i)),
    recent: () => [],
    one: tried,
    get newest(): number {
      return last.id;
    },
    agents: () => [],
    keyUsesUpTo: () => [],
  };
  return new RuleRunner({
    ...{ events: events as never, settings: DEFAULT_SETTINGS, incidentId: incidentIds(null as never, null) },
    ...{ position: 0, checkpoint, blocks, isStateLost: false, openOfAgents: [], boundaries: [] },
    ...{ provisional: () => [], openBesides: () => [], openOne: () => null, startedMs: NOW_MS },
  });
}

/** Takes events until there are no more, or they wait. */
function goOn(runner: RuleRunner): void {
  for (let before = -1; runner.takenTo > before; ) {
    before = runner.takenTo;
    runner.step(NOW_MS);
  }
}

test('events wait where more than 16,384 states and events had to be saved before them, and lose nothing', () => {
  const last = { id: SAVED };
  const runner = runnerFrom(0, [], last);
  goOn(runner);
  assert.equal(runner.takenTo, SAVED);
  runner.beginCheckpoint();
  last.id = LAST;
  goOn(runner);
  assert.ok(runner.takenTo > SAVED && runner.takenTo < LAST, `they wait at ${runner.takenTo}`);
  assert.ok(runner.hasMore);
  const blocks: CheckpointBlock[] = [];
  for (let more = runner.nextBlocks(); more; more = runner.nextBlocks()) blocks.push(...more);
  goOn(runner);
  assert.equal(runner.takenTo, LAST);
  const restored = runnerFrom(SAVED, blocks, last);
  goOn(restored);
  assert.deepEqual([restored.takenTo, restored.states], [LAST, runner.states]);
});
