/** The state of the fleet where more incidents count, or are silenced, than are shown with it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_SETTINGS } from '../../../alphaserver/alert-config/settings.ts';
import { DecisionProjection } from '../../../alphaserver/alerting/decisions.ts';
import { IncidentStore } from '../../../alphaserver/alerting/incident-store.ts';
import { standingDecision } from '../../../alphaserver/alerting/standing.ts';
import { UnrecordedDecisions } from '../../../alphaserver/alerting/unrecorded-decisions.ts';
import type { Incident } from '../../../alphaserver/detection/incident.ts';
import { BECAUSE_LIMIT, BREACH_SHOWN_MS, fleetState } from '../../../alphaserver/queries/alert-views.ts';
import { Incidents } from '../../../alphaserver/queries/incidents.ts';
import { alertTables, decisionTables } from '../alerting/alert-tables.ts';
import { incident } from '../detection/incidents.ts';

const NOW_MS = Date.parse('2026-11-24T12:00:00Z');
const OLD_MS = NOW_MS - 3_600_000;

/** Incidents in a store: how they are written and silenced, and the state that follows from them. */
function made() {
  const { db, marks, queue } = alertTables();
  decisionTables(db);
  const decisions = new DecisionProjection(db, marks, () => {});
  const unrecorded = new UnrecordedDecisions(db);
  const store = new IncidentStore({ db, marks, queue, decisions, unrecorded, sinceMs: () => 0 });
  const reached = { position: 1, clockMs: NOW_MS };
  const context = { ...reached, settings: DEFAULT_SETTINGS, nowMs: NOW_MS, from: reached };
  return {
    write: (...given: Partial<Incident>[]): void => {
      const changes = given.map((one) => ({ type: 'incident' as const, incident: incident(one) }));
      store.write(changes, { ...context, provisional: false });
    },
    silence: (source: string): void => {
      const silence = { kind: 'silenced', rule: null, host: null, source, untilMs: null, why: 'ours' } as const;
      const { kind, subject, by, body } = standingDecision(silence, 'mira');
      const put = db.prepare('INSERT INTO decisions (at, kind, subject, by, body) VALUES (?, ?, ?, ?, ?)');
      put.run(NOW_MS, kind, subject, by, JSON.stringify(body));
    },
    state: () => fleetState(new Incidents(db).counting(NOW_MS - BREACH_SHOWN_MS, BECAUSE_LIMIT, NOW_MS)),
  };
}

/** As many newer incidents as are shown, and one more. */
const newer = (given: Partial<Incident>): Partial<Incident>[] =>
  Array.from({ length: BECAUSE_LIMIT + 1 }, (_, i) => ({
    ...{ id: `newer-${i}`, openedAt: OLD_MS + 1_000 + i, lastAt: NOW_MS - 1_000, ...given },
  }));
const breakIn: Partial<Incident> = {
  ...{ id: 'in', rule: 'break-in', severity: 'critical', source: '198.51.100.66' },
  ...{ openedAt: OLD_MS, lastAt: OLD_MS, closedAt: OLD_MS + 900_000 },
};

test('an attack is not hidden by newer incidents that are none', () => {
  const { write, state } = made();
  write({ id: 'attack', openedAt: OLD_MS, lastAt: NOW_MS });
  write(...newer({ rule: 'unknown-lines', source: null }));
  const { state: is, because } = state();
  assert.deepEqual([is, because.map(({ id }) => id)], ['attack', ['attack']]);
});

test('a break-in that nobody has acknowledged is not hidden by newer ones that are silenced', () => {
  const { write, silence, state } = made();
  write(breakIn, ...newer({ rule: 'decoy', severity: 'critical', source: '10.0.0.9', closedAt: NOW_MS - 1 }));
  assert.equal(state().because.length, BECAUSE_LIMIT, 'before the silence they all count');
  silence('10.0.0.0/24');
  const { state: is, because } = state();
  assert.deepEqual([is, because.map(({ id }) => id)], ['breach', ['in']]);
});

test('nor is an attack by those, or a break-in by newer attacks', () => {
  const { write, silence, state } = made();
  write({ id: 'attack', openedAt: OLD_MS, lastAt: NOW_MS }, ...newer({ source: '10.0.0.9' }));
  silence('10.0.0.9');
  assert.deepEqual(state().because.length, 1);
  write(breakIn, ...newer({ source: '192.0.2.9' }));
  const { state: is, because } = state();
  assert.deepEqual([is, because[0]?.id, because.length], ['breach', 'in', BECAUSE_LIMIT]);
});

test('a critical incident that is open counts however long nothing of it came', () => {
  const { write, state } = made();
  const before = NOW_MS - BREACH_SHOWN_MS - 1;
  const given = { rule: 'unlogged-session', severity: 'critical', openedAt: before, lastAt: before } as const;
  write({ id: 'open', ...given }, { id: 'over', ...given, closedAt: before });
  const { state: is, because } = state();
  assert.deepEqual([is, because.map(({ id }) => id)], ['breach', ['open']]);
});
