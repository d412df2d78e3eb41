import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AgentFacts,
  accountOf,
  coverageBy,
  LATE_FROM_BYTES,
  SILENT_AFTER_MS,
  stateOf,
  vouchedState,
} from '../../../alphaserver/queries/agent-state.ts';
import { AGENT_STATES, type AgentReport } from '../../../protocol/report.ts';

const NOW = Date.parse('2026-11-24T12:00:00Z');
const report = (more: Partial<AgentReport> = {}): AgentReport => ({
  state: 'caught up',
  behindBytes: 0,
  sentSeq: 10,
  waiting: 0,
  linesRead: 100,
  linesUnknown: 2,
  linesForged: 1,
  declaredLost: 3,
  ...more,
});
const facts = (more: Partial<AgentFacts> = {}): AgentFacts => ({
  agent: 'a',
  host: 'h',
  lastSeenMs: NOW,
  lastSeq: 8,
  stored: 7,
  repeats: 5,
  gaps: 1,
  report: report(),
  ...more,
});

test('an account adds up: sent is what is stored, what is missing and what still waits', () => {
  for (const given of [facts(), facts({ report: null }), facts({ lastSeq: 12, stored: 11 })]) {
    const { sent, stored, gaps, waiting, lastSeq } = accountOf(given, true, NOW);
    assert.equal(sent, stored + gaps + waiting);
    assert.equal(lastSeq, stored + gaps);
  }
  assert.equal(accountOf(facts(), true, NOW).waiting, 2);
  // A report older than what has come since says nothing of what waits.
  assert.equal(accountOf(facts({ lastSeq: 12, stored: 11 }), true, NOW).waiting, 0);
});

test('every state has its words, and silence is shown from the 90th second on, never of one that is connected', () => {
  const seen = (ms: number, connected: boolean) => stateOf(report(), connected, NOW - ms, NOW);
  assert.equal(seen(SILENT_AFTER_MS - 1, false), 'caught up');
  assert.equal(seen(SILENT_AFTER_MS, false), 'agent silent since 2026-11-24T11:58:30.000Z');
  assert.equal(seen(SILENT_AFTER_MS, true), 'caught up');
  assert.equal(stateOf(null, true, NOW, NOW), 'unknown');
  assert.equal(stateOf(report({ state: 'behind', behindBytes: 7 }), true, NOW, NOW), 'behind by 7 bytes');
  for (const state of AGENT_STATES.filter((one) => one !== 'behind'))
    assert.equal(stateOf(report({ state }), true, NOW, NOW), state);
});

test('a host is watched while its agent is connected and reads, late while it catches up, else not at all', () => {
  const by = (state: AgentReport['state'], connected: boolean | null = true, agoMs = 0) =>
    coverageBy(report({ state, behindBytes: LATE_FROM_BYTES }), connected, NOW - agoMs, NOW);
  const LIVE = ['caught up', 'log quiet'];
  const LATE = ['starting', 'behind'];
  for (const state of AGENT_STATES)
    assert.equal(by(state), LIVE.includes(state) ? 'live' : LATE.includes(state) ? 'late' : 'blind', state);
  assert.equal(coverageBy(null, true, NOW, NOW), 'late');
  assert.equal(by('caught up', false), 'blind');
  assert.equal(by('caught up', true, SILENT_AFTER_MS), 'live');
  // For commands beside the server, which do not know who is connected.
  assert.equal(by('caught up', null, SILENT_AFTER_MS - 1), 'live');
  assert.equal(by('caught up', null, SILENT_AFTER_MS), 'blind');
});

test('a host whose agent has only a little still to read is watched: under attack it is so each second', () => {
  const by = (behindBytes: number) => coverageBy(report({ state: 'behind', behindBytes }), true, NOW, NOW);
  assert.deepEqual([0, 1, LATE_FROM_BYTES - 1, LATE_FROM_BYTES].map(by), ['late', 'live', 'live', 'late']);
});

test('a state that a newer agent reports counts as not watched', () => {
  assert.equal(coverageBy({ ...report(), state: 'log detached' as never }, true, NOW, NOW), 'blind');
  assert.equal(coverageBy({ ...report(), state: 'constructor' as never }, true, NOW, NOW), 'blind');
});

test('a quiet fleet is unknown while no host of it is watched up to date; what is known against it stays', () => {
  const of = (late: number, blind: number) => vouchedState('quiet', null, { live: 0, late, blind });
  assert.deepEqual(of(0, 3), { state: 'unknown', why: 'No host is watched at the moment', doubt: null });
  for (const blind of [0, 3])
    assert.deepEqual(of(1, blind), { state: 'unknown', why: 'No host is up to date', doubt: null });
  assert.equal(of(0, 0).why, 'No agent is known');
  assert.equal(vouchedState('quiet', null, { live: 1, late: 1, blind: 3 }).state, 'quiet');
  for (const coverage of [
    { live: 0, late: 0, blind: 3 },
    { live: 0, late: 2, blind: 0 },
  ])
    assert.deepEqual(vouchedState('breach', null, coverage), { state: 'breach', why: null, doubt: null });
});

test('no state is given that the server cannot vouch for', () => {
  const why = 'The rules are 11 s behind what is stored';
  for (const state of ['quiet', 'attack', 'breach'] as const)
    assert.deepEqual(vouchedState(state, why, { live: 3, late: 0, blind: 0 }), { state: 'unknown', why, doubt: why });
  // Of two reasons the server's own is told.
  assert.equal(vouchedState('quiet', why, { live: 0, late: 1, blind: 0 }).why, why);
});
