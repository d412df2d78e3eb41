import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Silence, silencedBy } from '../../../alphaserver/alert-config/settings.ts';
import { decidedOf, holding, type Standing, standingDecision } from '../../../alphaserver/alerting/standing.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const none = { rule: null, host: null, source: null };
const block = { kind: 'blocked' as const, ...none, source: '192.0.2.1', untilMs: NOW + 1, why: 'x' };
const undone = { at: NOW - 1, by: 'jon' };
/** Reads what was decided, as the log has it. */
const decided = (standing: Standing, ended: typeof undone | null = null) =>
  decidedOf({ ...standingDecision(standing, 'mira'), kind: standing.kind, id: 1, at: NOW - 1_000 }, ended);

test('decisions hold until their time, or until they are undone', () => {
  const all = [
    decided(block),
    decided({ ...block, source: '192.0.2.2', untilMs: NOW }),
    decided({ ...block, kind: 'allowed', source: '192.0.2.3', untilMs: null }, undone),
    decided({ ...block, kind: 'allowed', source: '192.0.2.4', untilMs: null }),
    decided({ ...block, kind: 'silenced', source: null, host: 'web' }),
  ];
  assert.deepEqual([all[2]?.undoneAt, all[2]?.undoneBy, all[3]?.undoneBy], [NOW - 1, 'jon', null]);
  assert.deepEqual(holding(all, NOW), {
    blocks: [{ address: '192.0.2.1', untilMs: NOW + 1, by: 'mira' }],
    allows: ['192.0.2.4'],
    silences: [{ ...none, host: 'web' }],
  });
  assert.deepEqual(holding(all, NOW + 1).blocks, []);
});

test('a silence of several hosts, or of several sources, is of each of them', () => {
  const silence = { ...block, kind: 'silenced' as const, rule: 'distributed' as const };
  const silencesOf = (what: object) => holding([decided({ ...silence, ...what })], NOW).silences;
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
