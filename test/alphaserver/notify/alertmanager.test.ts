/** Alertmanager knows an alert by its labels: what opened there has to end under the same ones. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { type Rule, SEVERITIES } from '../../../alphaserver/alert-config/rules.ts';
import { NAME_LIMIT } from '../../../alphaserver/detection/event-decoder.ts';
import type { Incident } from '../../../alphaserver/detection/incident.ts';
import { FLEET_KEY } from '../../../alphaserver/detection/silent-groups.ts';
import { TOUCHED_LIMIT } from '../../../alphaserver/detection/threshold-window.ts';
import { ALERTS_LIMIT, alertmanagerPost, LIST_LIMIT } from '../../../alphaserver/notify/formats/alertmanager.ts';
import { LISTED_LIMIT, type Notification } from '../../../alphaserver/notify/message.ts';
import { incident } from '../detection/incidents.ts';
import { engineWith, type Given, Ledger, only, Rows, repeated, START_MS, stored } from '../detection/stream.ts';

interface Alert {
  readonly labels: Readonly<Record<'alertname' | 'severity' | 'incident' | 'instance' | 'job', string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
}

/** The body of a message of these notifications, that stands for `more` besides, at a time in Unix milliseconds. */
function bodyOf(notifications: readonly Notification[], madeAt: number, more = 0): string {
  const message = { id: 'm', madeAt, notifications, count: notifications.length + more, test: false };
  return alertmanagerPost('https://am.example', { user: null, password: null }, message, null).body;
}

/** The alerts that one notification is sent as, at a time in Unix milliseconds. */
const alertsOf = (notification: Notification, madeAt: number): Alert[] => JSON.parse(bodyOf([notification], madeAt));

const SEVERITY_COUNT = SEVERITIES.length;
const END_S = 5_000;

/** One incident of the rule when it opened, and at its end: a minute later an agent sends the event of `late`. */
function openedAndOver(rule: Rule, given: readonly Given[], late: Given): { opened: Incident; over: Incident } {
  const rows = new Rows();
  const engine = engineWith(rows, { config: only(rule) });
  const ledger = new Ledger();
  for (const [i, one] of given.entries()) engine.take(rows.of(stored(one, i + 1)));
  ledger.drain(engine, 60);
  const [opened] = ledger.all();
  engine.take(rows.of(stored({ ...late, lag: 60 }, given.length + 1)));
  ledger.drain(engine, END_S);
  const [over, ...more] = ledger.all();
  assert.ok(opened && over?.closedAt, rule);
  assert.deepEqual(more, [], rule);
  // Where another event decides it now, its end is sent under the id that was notified.
  return { opened, over: { ...over, id: opened.id } };
}

test('an incident ends under the labels that it opened with, though a late event was before it on another host', () => {
  const nowMs = START_MS + END_S * 1_000;
  const late: Given = { at: 5, host: 'h0' };
  const scan = Array.from({ length: 5 }, (_, i) => ({ at: 10 + i * 10, host: `h${i + 1}` }));
  const users = Array.from({ length: 10 }, (_, i) => ({ at: 10 + i, host: 'h1', user: `user${i}` }));
  const breakIn: Given[] = [
    ...repeated(5, 1, { at: 10, host: 'h1' }),
    { at: 20, host: 'h1', outcome: 'accepted', user: 'deploy' },
  ];
  for (const [rule, given, before] of [
    ['fleet-scan', scan, late],
    ['user-enumeration', users, { ...late, user: 'user0' }],
    ['break-in', breakIn, { ...late, at: 18, outcome: 'accepted' }],
  ] as const) {
    const { opened, over } = openedAndOver(rule, given, before);
    assert.ok(over.hosts.includes('h0') && over.hosts.includes('h1'), `${rule}: ${over.hosts}`);
    const [open, ...others] = alertsOf({ kind: 'opened', incident: opened, number: 1 }, nowMs);
    assert.deepEqual(others, []);
    const ends = alertsOf({ kind: 'resolved', incident: over, number: 2 }, nowMs);
    assert.ok(ends.every(({ endsAt }) => Date.parse(endsAt) <= nowMs));
    const ended = new Set(ends.map(({ labels }) => JSON.stringify(labels)));
    assert.equal(ended.size, ends.length);
    assert.ok(ended.has(JSON.stringify(open?.labels)), `${rule}: ${JSON.stringify(open?.labels)}`);
    // The version before named the only host, and the fleet where there were several.
    const older = { ...open?.labels, instance: opened.host ?? 'fleet' };
    assert.ok(ended.has(JSON.stringify(older)), `${rule}: ${JSON.stringify(older)}`);
  }
});

test('one that opened as `fleet` in the version before ends, also where it turned out graver', () => {
  const several = incident({ rule: 'break-in', host: null, hosts: ['web-01', 'db'] });
  const nowMs = several.lastAt + 60_000;
  const over = { ...several, closedAt: nowMs };
  for (const notification of [
    { kind: 'resolved', incident: over, number: 2 },
    { kind: 'opened', incident: { ...several, severity: 'critical' }, number: 3 },
  ] as const) {
    const known = alertsOf(notification, nowMs).find(
      ({ labels }) => labels.instance === 'fleet' && labels.severity === 'warning',
    );
    assert.ok(known && Date.parse(known.endsAt) <= nowMs);
  }
});

test('an end is bounded by the hosts that an incident names, and says once what happened', () => {
  const hosts = Array.from({ length: TOUCHED_LIMIT }, (_, i) => `h${i}`);
  const wide = incident({ rule: 'user-enumeration', host: null, hosts, more: true, closedAt: START_MS });
  const ends = (changes: Partial<Incident>) =>
    alertsOf({ kind: 'resolved', incident: { ...wide, ...changes }, number: 2 }, START_MS);
  assert.equal(ends({}).length, (TOUCHED_LIMIT + 1) * SEVERITY_COUNT);
  assert.ok(ends({}).every(({ labels, annotations }) => (annotations !== undefined) === (labels.instance === 'h0')));
  // A host may be called so.
  assert.equal(ends({ hosts: ['fleet', 'h0'] }).length, 2 * SEVERITY_COUNT);
  // What is about several hosts from the start has one instance all its life.
  for (const ofFleet of [{ rule: 'fleet-scan' }, { rule: 'agent-silent', key: FLEET_KEY }] as const)
    assert.deepEqual(new Set(ends(ofFleet).map(({ labels }) => labels.instance)), new Set(['fleet']));
  assert.ok(
    ends({ key: FLEET_KEY }).some(({ labels }) => labels.instance === 'h1'),
    'a user may be called so',
  );
  assert.deepEqual(new Set(ends({ hosts: [] }).map(({ labels }) => labels.instance)), new Set(['fleet']));
});

/** The least limit on bodies that a proxy has unless told otherwise: that of nginx, in bytes. */
const BODY_LIMIT_BYTES = 1_048_576;

/** As many ends as a message lists, each of as many hosts as an incident names. */
function wideEnds(changes: Partial<Incident> = {}): Notification[] {
  const hosts = Array.from({ length: TOUCHED_LIMIT }, (_, i) => `web-${i}.prod.example.com`);
  const wide = { rule: 'user-enumeration', host: null, hosts, more: true, closedAt: START_MS, ...changes } as const;
  return Array.from({ length: LISTED_LIMIT }, (_, i) => ({
    kind: 'resolved',
    number: 2,
    incident: incident({ ...wide, id: `user-enumeration-0123456789abcdef${i}` }),
  }));
}

test('a message of many ends of many hosts is bounded, and each incident ends under its own labels and the likeliest others', () => {
  const notifications = wideEnds();
  const body = bodyOf(notifications, START_MS, 1);
  assert.ok(Buffer.byteLength(body) < BODY_LIMIT_BYTES / 2, `${Buffer.byteLength(body)} bytes`);
  const alerts: Alert[] = JSON.parse(body);
  assert.ok(alerts.length <= ALERTS_LIMIT && alerts.length > ALERTS_LIMIT - SEVERITY_COUNT, `${alerts.length}`);
  assert.equal(alerts.at(-1)?.labels.alertname, 'storm');
  const known = new Set(alerts.map(({ labels }) => `${labels.incident} ${labels.instance} ${labels.severity}`));
  assert.equal(known.size, alerts.length);
  for (const { incident } of notifications)
    for (const instance of [...incident.hosts.slice(0, 2), 'fleet'])
      for (const severity of SEVERITIES)
        assert.ok(known.has(`${incident.id} ${instance} ${severity}`), `${incident.id} ${instance} ${severity}`);
});

test('long lists of names are cut in annotations, and the message stays below what a proxy takes', () => {
  const users = Array.from({ length: TOUCHED_LIMIT }, (_, i) => `${i}`.padEnd(NAME_LIMIT, 'x'));
  const ips = Array.from({ length: TOUCHED_LIMIT }, (_, i) => `2001:db8:1111:2222:3333:4444:5555:${6_000 + i}`);
  const hosts = Array.from({ length: TOUCHED_LIMIT }, (_, i) => `web-${i}`.padEnd(NAME_LIMIT, 'x'));
  const body = bodyOf(wideEnds({ source: null, users, ips, hosts }), START_MS);
  assert.ok(Buffer.byteLength(body) < BODY_LIMIT_BYTES, `${Buffer.byteLength(body)} bytes`);
  const [first] = JSON.parse(body) as Alert[];
  for (const [name, list] of Object.entries({ source: ips, user: users, hosts }))
    assert.equal(first?.annotations?.[name], `${list.join(', ').slice(0, LIST_LIMIT - 1)}…`);
});
