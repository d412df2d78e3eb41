/** A source that gets in on one host and later on others: who is notified, and the state of the fleet. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_SETTINGS, withWebhook } from '../../../alphaserver/alert-config/settings.ts';
import { DecisionProjection, decision } from '../../../alphaserver/alerting/decisions.ts';
import { IncidentStore } from '../../../alphaserver/alerting/incident-store.ts';
import { UnrecordedDecisions } from '../../../alphaserver/alerting/unrecorded-decisions.ts';
import { fleetState } from '../../../alphaserver/queries/alert-views.ts';
import { Incidents } from '../../../alphaserver/queries/incidents.ts';
import { engineWith, type Given, Rows, repeated, START_MS, stored } from '../detection/stream.ts';
import { alertTables, decisionTables } from './alert-tables.ts';

const SETTINGS = withWebhook(DEFAULT_SETTINGS, 'http://127.0.0.1:9/');

/** The rules over a store of alerts; each event is judged and written by itself. */
function made() {
  const { db, marks, queue } = alertTables();
  decisionTables(db);
  const decisions = new DecisionProjection(db, marks, () => {});
  const unrecorded = new UnrecordedDecisions(db);
  const store = new IncidentStore({ db, marks, queue, decisions, unrecorded, sinceMs: () => 0 });
  const rows = new Rows();
  const engine = engineWith(rows);
  let id = 0;
  const take = (...given: Given[]): void => {
    for (const one of given) {
      id += 1;
      engine.take(rows.of(stored(one, id)));
      write(one.at + (one.lag ?? 0));
    }
  };
  /** Writes what changed up to a time in seconds. */
  const write = (at: number): void => {
    const nowMs = START_MS + at * 1_000;
    const reached = { position: id, clockMs: nowMs };
    const context = { ...reached, nowMs, from: reached, provisional: false };
    store.write(engine.changes(nowMs), { settings: SETTINGS, ...context });
  };
  /** The incidents of a rule that notifications of a kind are about, in order. */
  const notified = (kind: string, rule: string): unknown[] =>
    db
      .prepare("SELECT incident FROM notifications WHERE kind = ? AND body ->> 'rule' = ? ORDER BY incident")
      .all(kind, rule)
      .map(({ incident }) => incident);
  const opened = (): { incident: string; host: string }[] =>
    db
      .prepare(
        `SELECT incident, body ->> 'host' AS host FROM notifications
         WHERE kind = 'opened' AND body ->> 'rule' = 'break-in' ORDER BY n`,
      )
      .all() as { incident: string; host: string }[];
  const state = (at: number): string => fleetState(new Incidents(db).counting(0, 100, START_MS + at * 1_000)).state;
  const acknowledge = (incident: string): void =>
    decisions.apply({ id, at: START_MS, ...decision('acknowledged', incident, {}, 'mira') });
  return { take, write, opened, notified, state, acknowledge };
}

test('a break-in that is acknowledged, and kept open by tries, does not hide those on other hosts', () => {
  const { take, opened, state, acknowledge } = made();
  const success = { outcome: 'accepted', user: 'deploy' } as const;
  take(...repeated(6, 1), { at: 7, ...success });
  const [first] = opened();
  assert.equal(first?.host, 'web-1');
  acknowledge(first.incident);
  take(...repeated(20, 840, { at: 847 }));
  assert.equal(state(16_808), 'attack', 'it is known, and goes on');
  take(...Array.from({ length: 10 }, (_, i) => ({ at: 16_808 + i, host: `db-${i}`, ...success })));
  assert.deepEqual(
    opened().map(({ host }) => host),
    ['web-1', 'db-0'],
    'one message for all that follow within fifteen minutes',
  );
  assert.equal(state(16_818), 'breach');
});

test('two incidents that were notified, and that a late event joins, are both notified as over', () => {
  const success = { outcome: 'accepted', user: 'deploy' } as const;
  const joined: [rule: string, ...Given[]][] = [
    [
      'break-in',
      ...[...repeated(6, 1), { at: 10, ...success }, { at: 600 }],
      ...[
        { at: 1_000, host: 'db', ...success },
        { at: 700, host: 'db', lag: 400, ...success },
      ],
    ],
    ['brute-force', ...repeated(10, 1), ...repeated(10, 1, { at: 920 }), { at: 500, lag: 440 }],
  ];
  for (const [rule, ...events] of joined) {
    const { take, write, notified } = made();
    take(...events);
    write(9_000);
    assert.equal(new Set(notified('opened', rule)).size, 2);
    assert.deepEqual(notified('resolved', rule), notified('opened', rule), rule);
  }
});
