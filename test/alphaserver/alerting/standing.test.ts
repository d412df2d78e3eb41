import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Silence, silencedBy } from '../../../alphaserver/alert-config/settings.ts';
import { decidedIn, holding, standingDecision, undoing } from '../../../alphaserver/alerting/standing.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const none = { rule: null, host: null, source: null };
const block = { kind: 'blocked' as const, ...none, source: '192.0.2.1', untilMs: NOW + 1, why: 'x' };
const log = [
  standingDecision(block, 'mira'),
  standingDecision({ ...block, source: '192.0.2.2', untilMs: NOW }, 'mira'),
  standingDecision({ ...block, kind: 'allowed', source: '192.0.2.3', untilMs: null }, 'mira'),
  standingDecision({ ...block, kind: 'silenced', source: null, host: 'web' }, 'mira'),
  undoing(3, 'enough', 'jon'),
  undoing(3, 'again', 'eve'),
  undoing(99, 'nothing', 'eve'),
  { kind: 'notified', subject: 'mail', by: null, body: {} },
].map((one, i) => ({ ...one, id: i + 1, at: NOW - 1_000 + i }));

test('decisions hold until their time, or until they are undone by the first who does', () => {
  const decided = decidedIn(log);
  assert.equal(decided.length, 4);
  assert.equal(decided[2]?.undoneBy, 'jon');
  assert.deepEqual(holding(decided, NOW), {
    blocks: [{ address: '192.0.2.1', untilMs: NOW + 1, by: 'mira' }],
    allows: [],
    silences: [{ ...none, host: 'web' }],
  });
  assert.deepEqual(holding(decided, NOW + 1).blocks, []);
});

test('a silence of several hosts, or of several sources, is of each of them', () => {
  const silence = { ...block, kind: 'silenced' as const, rule: 'distributed' as const };
  const silencesOf = (what: object) => {
    const made = { ...standingDecision({ ...silence, ...what }, 'mira'), id: 1, at: NOW };
    return holding(decidedIn([made]), NOW).silences;
  };
  const rule = 'distributed';
  assert.deepEqual(silencesOf({ source: null, host: 'web db' }), [
    { rule, host: 'web', source: null },
    { rule, host: 'db', source: null },
  ]);
  assert.deepEqual(silencesOf({ source: '192.0.2.1,192.0.2.2', host: 'web' }), [
    { rule, host: 'web', source: '192.0.2.1' },
    { rule, host: 'web', source: '192.0.2.2' },
  ]);
  assert.deepEqual(silencesOf({ source: null }), [{ rule, host: null, source: null }]);
});

test('a silence is of what it names, and of all where it names nothing', () => {
  const incident = { rule: 'brute-force' as const, host: 'web', source: '192.0.2.1' };
  const isSilenced = (silences: readonly Silence[], one: Parameters<ReturnType<typeof silencedBy>>[0]): boolean =>
    silencedBy(silences)(one);
  assert.ok(isSilenced([{ ...none, host: 'web' }], incident));
  assert.ok(isSilenced([{ rule: 'brute-force', host: null, source: '192.0.2.1' }], incident));
  assert.ok(!isSilenced([{ rule: 'break-in', host: 'web', source: null }], incident));
  assert.ok(!isSilenced([{ ...none, host: 'web' }], { ...incident, host: null }));
  assert.ok(!isSilenced([], incident));
  assert.ok(isSilenced([{ ...none, source: '192.0.0.0/16' }], incident));
  assert.ok(!isSilenced([{ ...none, source: '192.0.2.0/32' }], incident));
  assert.ok(isSilenced([{ ...none, source: '2001:db8::/32' }], { ...incident, source: '2001:db8:1:2::/64' }));
  assert.ok(!isSilenced([{ ...none, source: '2001:db8:1:2:3::/80' }], { ...incident, source: '2001:db8:1:2::/64' }));
});
