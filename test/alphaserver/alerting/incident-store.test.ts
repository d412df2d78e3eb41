import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_SETTINGS, withWebhook } from '../../../alphaserver/alert-config/settings.ts';
import { DecisionProjection, decision } from '../../../alphaserver/alerting/decisions.ts';
import {
  IncidentStore,
  OPEN_AT_ONCE,
  type OpenPlace,
  type WrittenIncident,
} from '../../../alphaserver/alerting/incident-store.ts';
import { UnrecordedDecisions } from '../../../alphaserver/alerting/unrecorded-decisions.ts';
import type { Incident } from '../../../alphaserver/detection/incident.ts';
import type { Change } from '../../../alphaserver/detection/incident-tracker.ts';
import { Incidents } from '../../../alphaserver/queries/incidents.ts';
import { incident } from '../detection/incidents.ts';
import { alertTables } from './alert-tables.ts';

const NOW_MS = Date.parse('2026-11-24T10:00:10Z');
const SETTINGS = withWebhook(DEFAULT_SETTINGS, 'http://127.0.0.1:9/');
/** All that `incident` makes is silenced. */
const SILENT = { ...SETTINGS, silences: [{ rule: null, host: 'web-01', source: null }] };
const over = { closedAt: Date.parse('2026-11-24T10:15:30Z') };
const grown = (changes: Partial<Incident> = {}): Change => ({ type: 'incident', incident: incident(changes) });

interface Options {
  readonly settings?: typeof SETTINGS;
  readonly sinceMs?: number;
}

/** A store, and what it has queued. */
function made({ settings = SETTINGS, sinceMs = 0 }: Options = {}) {
  const { db, marks, queue } = alertTables();
  const decisions = new DecisionProjection(db, marks, (incidents) => store.restore(incidents));
  const unrecorded = new UnrecordedDecisions(db);
  const store = new IncidentStore({ db, marks, queue, decisions, unrecorded, sinceMs: () => sinceMs });
  const reached = { position: 1, clockMs: NOW_MS };
  const context = { ...reached, nowMs: NOW_MS, from: reached };
  const write = (changes: readonly Change[], provisional = false, using = settings): WrittenIncident[] =>
    store.write(changes, { ...context, settings: using, provisional });
  /** Looks at all that is open once more, under the settings `using`. Returns how many looks that took. */
  const unsilence = (using = settings): number => {
    let looks = 0;
    for (let place: OpenPlace | null = store.firstOpen; place !== null; looks += 1)
      place = store.notifyUnsilenced(place, { ...context, settings: using });
    return looks;
  };
  const queued = (): string[] =>
    (
      db.prepare('SELECT kind, incident FROM notifications ORDER BY n').all() as { kind: string; incident: string }[]
    ).map(({ kind, incident: id }) => `${kind} ${id}`);
  return { db, marks, store, decisions, unrecorded, write, unsilence, queued };
}

/** What is queued, and what becomes of an incident, when it is written as it changes. */
function written(steps: readonly Partial<Incident>[], options?: Options): { queued: string[]; became: string[] } {
  const { write, queued } = made(options);
  const became = steps.flatMap((changes) => write([grown(changes)]).map((one) => one.became));
  return { queued: queued().map((text) => text.split(' ')[0] as string), became };
}

test('an incident is notified once as opened and once as over, however often it is written', () => {
  assert.deepEqual(written([{}, { count: 13 }, {}, over, over]), {
    queued: ['opened', 'resolved'],
    became: ['opened', 'grew', 'grew', 'closed', 'grew'],
  });
});

test('one that turns out graver is notified again, and once as over', () => {
  const mild = { severity: 'warning' } as const;
  assert.deepEqual(written([mild, { severity: 'critical' }, { severity: 'critical', ...over }]), {
    queued: ['opened', 'opened', 'resolved'],
    became: ['opened', 'opened', 'closed'],
  });
  assert.deepEqual(written([{ severity: 'critical' }, mild]).queued, ['opened']);
});

test('one that is over when it is found is notified as both', () => {
  assert.deepEqual(written([over]), { queued: ['opened', 'resolved'], became: ['opened'] });
});

test('one that goes on after it was notified as over is notified again', () => {
  assert.deepEqual(written([{}, over, { count: 14 }]).queued, ['opened', 'resolved', 'opened']);
});

test('nobody is notified of a part of a scan; one that was notified before is notified as over', () => {
  assert.deepEqual(written([{ partOf: 'scan' }]), { queued: [], became: ['grew'] });
  assert.deepEqual(written([{}, { partOf: 'scan' }, { partOf: 'scan', ...over }]), {
    queued: ['opened', 'resolved'],
    became: ['opened', 'closed', 'grew'],
  });
});

test('nobody is notified of a late incident, unless asked, until it goes on', () => {
  assert.deepEqual(written([{ late: true }, { late: true, ...over }]).queued, []);
  assert.deepEqual(written([{ late: true }, { late: false, count: 20 }]).queued, ['opened']);
  assert.deepEqual(written([{ late: true }], { settings: { ...SETTINGS, notifyLate: true } }).queued, ['opened']);
});

test('nobody is notified of what was over before the rules first ran on a store with events', () => {
  const before = { lastAt: NOW_MS - 1, ...over };
  assert.deepEqual(written([before], { sinceMs: NOW_MS }).queued, []);
  assert.deepEqual(written([before]).queued, ['opened', 'resolved']);
  assert.deepEqual(written([{ lastAt: NOW_MS }], { sinceMs: NOW_MS }).queued, ['opened']);
});

test('receivers that know an incident as open get its end, also where it is silenced by then', () => {
  const { write, queued } = made();
  write([grown({ id: 'a' }), grown({ id: 'b' }), grown({ id: 'c' })]);
  write([grown({ id: 'a', severity: 'critical', count: 13 }), grown({ id: 'd' })], false, SILENT);
  write([grown({ id: 'a', ...over }), grown({ id: 'b', partOf: 'scan' }), grown({ id: 'd', ...over })], false, SILENT);
  write([{ type: 'withdrawn', id: 'c', replacedBy: null }], false, SILENT);
  assert.deepEqual(queued().slice(3), ['resolved a', 'resolved b', 'resolved c']);
});

test('what opened under a silence is notified when it goes on after that, and then as over', () => {
  const { write, queued } = made();
  write([grown()], false, SILENT);
  write([grown({ count: 13 })], false, SILENT);
  assert.deepEqual(queued(), []);
  write([grown({ count: 20 })]);
  write([grown({ count: 30 })]);
  write([grown(over)]);
  assert.deepEqual(queued(), ['opened bf-1', 'resolved bf-1']);
});

test('what opened under a silence and has not changed since is notified once the silence is over, and only that', () => {
  const { write, unsilence, queued } = made();
  write([grown({ id: 'known' })]);
  write([grown({ id: 'open', rule: 'agent-silent', decidedBy: null })], false, SILENT);
  write([grown({ id: 'over', ...over }), grown({ id: 'part', partOf: 'scan' })], false, SILENT);
  write([grown({ id: 'late', late: true }), grown({ id: 'ahead' })], true, SILENT);
  unsilence(SILENT);
  assert.deepEqual(queued(), ['opened known']);
  for (const _ of ['once', 'again']) unsilence();
  assert.deepEqual(queued(), ['opened known', 'opened ahead', 'opened open']);
  write([grown({ id: 'open', rule: 'agent-silent', decidedBy: null, ...over })]);
  assert.deepEqual(queued().slice(3), ['resolved open']);
});

test('after a silence so many open incidents are looked at, at once, and then the next', () => {
  const { write, unsilence, queued } = made();
  const ids = Array.from({ length: 2 * OPEN_AT_ONCE + 1 }, (_, i) => `bf-${i}`);
  const severities = ['notice', 'warning', 'critical'] as const;
  write(
    ids.map((id, i) => grown({ id, severity: severities[i % 3] as 'notice' })),
    false,
    SILENT,
  );
  assert.equal(unsilence(), 3);
  assert.deepEqual(queued().sort(), ids.map((id) => `opened ${id}`).sort());
});

test('each silence is read once for all that is written and looked at under the same settings', () => {
  const { write, unsilence, queued } = made();
  let reads = 0;
  const silences = Array.from({ length: 400 }, (_, i) => ({
    rule: null,
    host: null,
    get source() {
      reads += 1;
      return `10.${i >> 8}.${i & 255}.0/24`;
    },
  }));
  const using = { ...SETTINGS, silences };
  const some = (count: number): Change[] =>
    Array.from({ length: OPEN_AT_ONCE }, (_, i) =>
      grown({ id: `bf-${i}`, source: `10.0.${i % 256}.${i >> 8}`, count }),
    );
  write(some(12), false, using);
  const once = reads;
  assert.ok(once >= silences.length);
  write(some(13), false, using);
  unsilence(using);
  assert.equal(reads, once);
  assert.deepEqual(queued(), []);
});

test('an incident that a late event has undone is gone, and notified as over where it was notified', () => {
  const { db, write, queued } = made();
  write([grown({ id: 'a' }), grown({ id: 'b', late: true })]);
  const became = write([
    { type: 'withdrawn', id: 'a', replacedBy: null },
    { type: 'withdrawn', id: 'b', replacedBy: null },
    { type: 'withdrawn', id: 'never written', replacedBy: null },
  ]).map((one) => one.became);
  assert.deepEqual(became, ['withdrawn', 'withdrawn']);
  assert.deepEqual(queued(), ['opened a', 'resolved a']);
  assert.equal(new Incidents(db).get('a'), null);
});

test('one that takes the place of another is known by the id that was notified, and keeps who acknowledged it', () => {
  const { db, write, queued, decisions, unrecorded } = made();
  write([grown({ id: 'a' })]);
  decisions.apply({ id: 1, at: 7, ...decision('acknowledged', 'a', {}, 'mira') });
  const became = write([grown({ id: 'b', count: 14 }), { type: 'withdrawn', id: 'a', replacedBy: 'b' }]);
  assert.deepEqual(
    became.map((one) => [one.incident.id, one.became]),
    [
      ['b', 'grew'],
      ['a', 'replaced'],
    ],
  );
  write([grown({ id: 'c', count: 15 }), { type: 'withdrawn', id: 'b', replacedBy: 'c' }]);
  write([grown({ id: 'c', ...over })]);
  assert.deepEqual(queued(), ['opened a', 'resolved a']);
  const incidents = new Incidents(db);
  assert.equal(incidents.get('c')?.acknowledgedBy, 'mira');
  assert.equal(incidents.get('a')?.incident.id, 'c', 'a link in a message still leads there');
  assert.equal(incidents.get('b'), null);
  assert.deepEqual(
    unrecorded.all().decisions.map(({ kind, subject, body }) => [kind, subject, body]),
    [
      ['replaced', 'a', { by: 'b', notified: true }],
      ['replaced', 'b', { by: 'c', notified: true }],
    ],
  );
});

test('one that another takes in which receivers know, too, is over for them; who acknowledged it holds for both', () => {
  const { db, write, queued, decisions, unrecorded } = made();
  write([grown({ id: 'a' }), grown({ id: 'b' })]);
  decisions.apply({ id: 1, at: 7, ...decision('acknowledged', 'b', {}, 'mira') });
  for (const _ of ['once', 'again'])
    write([grown({ id: 'a', count: 30 }), { type: 'withdrawn', id: 'b', replacedBy: 'a' }]);
  assert.deepEqual(queued().slice(2), ['resolved b']);
  write([grown({ id: 'a', ...over })]);
  assert.deepEqual(queued().slice(3), ['resolved a']);
  assert.equal(new Incidents(db).get('a')?.acknowledgedBy, 'mira');
  assert.deepEqual(
    unrecorded.all().decisions.map(({ subject, body }) => [subject, body]),
    [['b', { by: 'a', notified: false }]],
  );
});

test('of several that a new one stands for, it is known by the id of one, and the others are over', () => {
  const { write, queued } = made();
  write([grown({ id: 'a' }), grown({ id: 'b' })]);
  write([
    grown({ id: 'c', count: 30 }),
    { type: 'withdrawn', id: 'a', replacedBy: 'c' },
    { type: 'withdrawn', id: 'b', replacedBy: 'c' },
  ]);
  write([grown({ id: 'c', ...over })]);
  assert.deepEqual(queued().slice(2), ['resolved a', 'resolved b']);
});

test('one that another takes in which a silence keeps back is over for those who know it', () => {
  const { write, queued } = made();
  write([grown({ id: 'a' })], false, SILENT);
  write([grown({ id: 'b' })]);
  write([grown({ id: 'a', count: 30 }), { type: 'withdrawn', id: 'b', replacedBy: 'a' }], false, SILENT);
  write([grown({ id: 'a', ...over })], false, SILENT);
  assert.deepEqual(queued(), ['opened b', 'resolved b']);
});

test('one that becomes a part of another scan is written as such, and only what is there can', () => {
  const { db, write } = made();
  write([grown({ id: 'a' })]);
  assert.deepEqual(
    write([
      { type: 'regrouped', id: 'a', partOf: 'scan' },
      { type: 'regrouped', id: 'b', partOf: 'scan' },
    ]).map((one) => one.became),
    ['closed'],
  );
  assert.equal(new Incidents(db).get('a')?.incident.partOf, 'scan');
});

test('the parts of a scan that another one takes the place of are parts of that one, open or not', () => {
  const { db, write } = made();
  const scan = { rule: 'fleet-scan' } as const;
  write([
    grown({ id: 'a', partOf: 'scan' }),
    grown({ id: 'b', partOf: 'scan', ...over }),
    grown({ id: 'scan', ...scan }),
  ]);
  write([grown({ id: 'other', ...scan }), { type: 'withdrawn', id: 'scan', replacedBy: 'other' }]);
  for (const id of ['a', 'b']) assert.equal(new Incidents(db).get(id)?.incident.partOf, 'other');
});

test('what was judged ahead waits to be confirmed; the rules win over what is judged ahead after them', () => {
  const { db, store, write, queued } = made();
  write([grown({ id: 'a', count: 5 })], true);
  write([grown({ id: 'b', count: 9 })]);
  assert.deepEqual(
    store.provisional().map(({ id }) => id),
    ['a'],
  );
  assert.deepEqual(write([grown({ id: 'b', count: 3 }), { type: 'withdrawn', id: 'b', replacedBy: null }], true), []);
  assert.equal(new Incidents(db).get('b')?.incident.count, 9);
  assert.deepEqual(
    write([grown({ id: 'a', count: 6 })]).map((one) => one.became),
    ['grew'],
  );
  assert.deepEqual(store.provisional(), []);
  assert.deepEqual(queued(), ['opened a', 'opened b']);
});
