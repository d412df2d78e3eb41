/** What happens now is judged while a backlog waits, and the incidents come out the same in the end. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_SETTINGS } from '../../../alphaserver/alert-config/settings.ts';
import { incidentIds } from '../../../alphaserver/alerting/incident-id.ts';
import { GROWTH_EVERY_MS, RuleRunner, STEP_EVENTS, type Step } from '../../../alphaserver/alerting/rule-runner.ts';
import { SKIPPED_SOURCES_LIMIT, SkippedTries } from '../../../alphaserver/alerting/skipped-tries.ts';
import type { Incident } from '../../../alphaserver/detection/incident.ts';
import { applyChanges } from '../../../alphaserver/detection/incident-tracker.ts';
import { Replay } from '../../../alphaserver/detection/replay.ts';
import type { RuleRow } from '../../../alphaserver/store/event-rows.ts';
import { OUTCOMES } from '../../../alphaserver/store/schema.ts';

const NOW_MS = Date.parse('2026-11-29T12:00:00Z');
const END_MS = NOW_MS + 2 * GROWTH_EVERY_MS;
const BACKLOG = Number(process.env['EVENTS'] ?? 200_000);
const OLD_AGENT = 1;
const NEW_AGENT = 2;
const names = { agent: (n: number) => `agent-${n}`, host: (n: number) => `host-${n}` };
/** Every event here has its agent's number, so no old name is looked for. */
const incidentId = incidentIds(null as never, null);

interface Given {
  readonly id: number;
  readonly at: number;
  readonly agent?: number;
  readonly outcome?: (typeof OUTCOMES)[number];
  readonly user?: string | null;
  readonly ip?: string;
}

/** A row as the store gives it, stored ten seconds ago. */
const row = ({ id, at, agent = NEW_AGENT, outcome = 'failed', user = 'root', ip = '203.0.113.9' }: Given): RuleRow => [
  ...([id, id, at, NOW_MS - 10_000, agent, agent, OUTCOMES.indexOf(outcome)] as const),
  ...(['password', user, ip, null, null, null] as const),
];

const address = (n: number): string => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
/** One event of an old log: a thousand sources try one after the other, ten days ago. */
const old = (id: number): RuleRow =>
  row({
    id,
    at: NOW_MS - 10 * 86_400_000 + id * 20,
    agent: OLD_AGENT,
    ip: address(id % 1_000),
    user: `user${id % 50}`,
  });
/** Six wrong passwords and then the right one, just now, from the id on. */
const breakIn = (id: number): RuleRow[] =>
  Array.from({ length: 7 }, (_, i) =>
    row({ id: id + i, at: NOW_MS - 10_000 + i * 100, outcome: i === 6 ? 'accepted' : 'failed' }),
  );

/** What a runner is given that has judged nothing before. */
const REST = {
  settings: DEFAULT_SETTINGS,
  incidentId,
  position: 0,
  checkpoint: 0,
  blocks: [],
  isStateLost: false,
  openOfAgents: [],
  boundaries: [],
  provisional: () => [],
  openBesides: () => [],
  openOne: () => null,
  startedMs: NOW_MS,
};

/** Events by id: what `rows` has, and of all other ids up to `last` what `other` makes. */
function source(last: number, other: (id: number) => RuleRow, rows: readonly RuleRow[]) {
  const special = new Map(rows.map((one) => [one[0], one]));
  const one = (id: number): RuleRow => special.get(id) ?? other(id);
  return {
    names,
    after: (position: number, limit: number): RuleRow[] =>
      Array.from({ length: Math.max(0, Math.min(limit, last - position)) }, (_, i) => one(position + 1 + i)),
    recent: (position: number, to: number, sinceMs: number, limit: number): RuleRow[] => {
      const rows: RuleRow[] = [];
      for (let id = position + 1; id <= Math.min(to, last) && rows.length < limit; id += 1)
        if (one(id)[2] >= sinceMs) rows.push(one(id));
      return rows;
    },
    newest: last,
    one,
    agents: () => [],
    keyUsesUpTo: () => [],
  };
}
type Events = ReturnType<typeof source>;

/**
 * Runs the rules over all of it. `each` hears of each step. Returns the incidents at the end. Up to `position` they were judged
 * before, and their state was lost.
 */
function run(
  events: Events,
  last: number,
  each: (step: Step, takenTo: number) => void,
  position = 0,
): Map<string, Incident> {
  const ahead = new Map<string, Incident>();
  const incidents = new Map<string, Incident>();
  const runner = new RuleRunner({ ...REST, events: events as never, position, provisional: () => [...ahead.values()] });
  // The last steps are late enough for all growth to be given.
  for (let nowMs = NOW_MS; nowMs === NOW_MS || runner.hasMore; ) {
    if (runner.takenTo >= last) nowMs = END_MS;
    const step = runner.step(nowMs);
    applyChanges(step.changes, incidents);
    for (const change of step.changes) ahead.delete(change.type === 'incident' ? change.incident.id : change.id);
    applyChanges(
      step.provisional.filter((change) => change.type !== 'incident' || !incidents.has(change.incident.id)),
      ahead,
    );
    each(step, runner.takenTo);
  }
  assert.deepEqual([...ahead.keys()], [], 'all that was judged ahead is confirmed or withdrawn');
  return incidents;
}

/** The incidents of one pass in order. */
function plain(events: Events): Incident[] {
  const { detection: config, allow } = DEFAULT_SETTINGS;
  const replay = new Replay({ config, allow, names, incidentId });
  for (let position = 0; ; ) {
    const rows = events.after(position, 5_000);
    for (const one of rows) replay.take(one);
    position += rows.length;
    if (rows.length === 0) return replay.incidents(END_MS);
  }
}
const inOrder = (incidents: Iterable<Incident>): Incident[] =>
  [...incidents].sort((a, b) => a.openedAt - b.openedAt || (a.id < b.id ? -1 : 1));
const raises = (step: Step, rule: string): boolean =>
  step.provisional.some((change) => change.type === 'incident' && change.incident.rule === rule);

test('a break-in behind an old log is found before the log is judged, and all comes out as in order', () => {
  const last = BACKLOG + 7;
  const events = source(last, old, breakIn(BACKLOG + 1));
  let steps = 0;
  let foundAfter: number | null = null;
  const found = run(events, last, (step, takenTo) => {
    steps += 1;
    if (raises(step, 'break-in')) foundAfter ??= takenTo;
  });
  assert.ok(steps >= BACKLOG / STEP_EVENTS);
  // The scan ahead takes so many rows in its share of a step's time; the order takes far fewer.
  assert.ok(foundAfter !== null && foundAfter < BACKLOG / 4, `found after ${foundAfter} of ${BACKLOG}`);
  const expected = plain(events);
  assert.ok(expected.length > 100);
  assert.equal(expected.filter(({ rule }) => rule === 'break-in').length, 1);
  assert.deepEqual(inOrder(found.values()), expected);
});

test('in a flood of now a success is found with the tries before it, and a quiet agent has its turn before the flood', () => {
  const flood = 50_000;
  const last = flood + 7;
  const tries = (id: number, count: number, apart: number, agent: number, ip: string): RuleRow[] =>
    Array.from({ length: count }, (_, i) => row({ id: id + i * apart, at: NOW_MS - 9_000, agent, ip }));
  const attacker = '198.51.100.7';
  const success = row({
    id: 40_000,
    at: NOW_MS - 8_000,
    agent: OLD_AGENT,
    ip: attacker,
    outcome: 'accepted',
    user: 'mira',
  });
  const now = (id: number): RuleRow =>
    row({ id, at: NOW_MS - 10_000, agent: OLD_AGENT, ip: address(id % 20_000), user: `user${id % 500}` });
  const events = source(last, now, [
    // All of these but the quiet agent's are far over the share of their agent.
    ...tries(20_000, 6, 300, OLD_AGENT, attacker),
    ...tries(30_000, 10, 1, OLD_AGENT, '198.51.100.8'),
    ...tries(34_000, 10, 1, NEW_AGENT, '198.51.100.9'),
    success,
    ...breakIn(flood + 1),
  ]);
  const broken = new Map<string, number>();
  const forced = new Set<string>();
  const found = run(events, last, (step, takenTo) => {
    for (const change of step.provisional) {
      if (change.type !== 'incident' || change.incident.source === null) continue;
      const { rule, source: from } = change.incident;
      if (rule === 'break-in' && !broken.has(from)) broken.set(from, takenTo);
      if (rule === 'brute-force' && takenTo < flood / 4) forced.add(from);
    }
  });
  assert.deepEqual([...broken.keys()].sort(), [attacker, '203.0.113.9']);
  for (const [from, takenTo] of broken) assert.ok(takenTo < flood / 4, `${from} after ${takenTo}`);
  assert.deepEqual([...forced], ['198.51.100.9']);
  assert.deepEqual(inOrder(found.values()), plain(events));
});

test('what a backlog of the same source explains otherwise is withdrawn in the end', () => {
  // The old log goes on until now: what happens now belongs to an incident that began in it.
  const last = 30_000;
  const ip = '198.51.100.9';
  const events = source(
    last,
    (id) => row({ id, at: NOW_MS - (last - id) * 1_000, agent: OLD_AGENT, ip, user: 'root' }),
    [],
  );
  let ahead = 0;
  const found = run(events, last, (step) => {
    if (raises(step, 'brute-force')) ahead += 1;
  });
  assert.ok(ahead > 0);
  assert.deepEqual(inOrder(found.values()), plain(events));
});

test('while judged events are replayed nothing that they decided is found again, and what comes after them is found', () => {
  const last = 30_000;
  const goesOn = source(
    last,
    (id) => row({ id, at: NOW_MS - (last - id) * 1_000, agent: OLD_AGENT, ip: '198.51.100.9', user: 'root' }),
    [],
  );
  run(goesOn, last, ({ provisional }) => assert.deepEqual(provisional, []), last);

  // The tries were judged before, the success was not.
  let foundAfter: number | null = null;
  const success = last + 7;
  run(
    source(success, old, breakIn(last + 1)),
    success,
    (step, takenTo) => {
      if (raises(step, 'break-in')) foundAfter ??= takenTo;
    },
    success - 1,
  );
  assert.ok(foundAfter !== null && foundAfter < last / 4, `found after ${foundAfter} of ${last}`);
});

const ATTACKER = '198.51.100.7';
/** So many events of the attacker just now, from the id `id` on. */
const attackers = (id: number, count: number, apart: number, rest: Partial<Given> = {}): RuleRow[] =>
  Array.from({ length: count }, (_, i) => row({ id: id + i * apart, at: NOW_MS - 9_000, ip: ATTACKER, ...rest }));

/**
 * Steps through a flood of NEW_AGENT from many sources, with more events in it, until the break-in of a success with the id `success` is
 * found. `between` hears of each step before that. Tells whether it was found ahead of the order.
 */
function isFoundAhead(
  success: number,
  more: readonly RuleRow[],
  between: (runner: RuleRunner, steps: number) => void = () => {},
): boolean {
  const flood = (id: number): RuleRow =>
    row({ id, at: NOW_MS - 10_000, ip: address(id % 100_000), user: `user${id % 500}` });
  const accepted = row({ id: success, at: NOW_MS - 8_000, ip: ATTACKER, outcome: 'accepted', user: 'mira' });
  const events = source(success + 10_000, flood, [...more, accepted]);
  const runner = new RuleRunner({ ...REST, events: events as never });
  const isFound = (changes: Step['changes']): boolean =>
    changes.some((change) => change.type === 'incident' && change.incident.rule === 'break-in');
  for (let steps = 1; ; steps += 1) {
    const { changes, provisional } = runner.step(NOW_MS);
    if (isFound(provisional)) return true;
    if (isFound(changes)) return false;
    assert.ok(runner.hasMore, 'never found');
    between(runner, steps);
  }
}

test('of the tries before a success none is crowded out by probes that name no user', () => {
  // All of these are far over the share of their agent.
  const tries = attackers(20_000, 6, 300);
  const probes = attackers(24_000, 10, 300, { outcome: 'probe', user: null });
  assert.ok(isFoundAhead(40_000, [...tries, ...probes]));
});

test('tries that were judged ahead count for a success that comes when what is ahead has begun anew', () => {
  // The states of the flood are more than are held, long before the success.
  assert.ok(isFoundAhead(150_000, attackers(60_000, 6, 1, { agent: OLD_AGENT })));
});

test('other settings lose no tries that were judged ahead, whether they change the rules or not', () => {
  const silences = [{ rule: 'sshd-crash', host: 'web', source: null }] as const;
  const allow = { addresses: ['192.0.2.1'], users: [] };
  for (const settings of [
    { ...DEFAULT_SETTINGS, silences },
    { ...DEFAULT_SETTINGS, allow },
  ])
    assert.ok(
      isFoundAhead(48_000, attackers(8_000, 6, 1, { agent: OLD_AGENT }), (runner, steps) => {
        if (steps === 1) runner.configure(settings);
      }),
    );
});

test('of tries that wait, the newest of each source are remembered, and those of the newest sources', () => {
  const skipped = new SkippedTries();
  const add = (id: number, ip: string): void => skipped.add(row({ id, at: 0, ip }), 64, 3);
  for (let id = 1; id <= 5; id += 1) add(id, '192.0.2.1');
  add(6, '2001:db8::1');
  add(7, '2001:db8::2');
  assert.deepEqual(skipped.take(row({ id: 9, at: 0, ip: '2001:db8::3' }), 64), [6, 7]);
  assert.deepEqual(skipped.take(row({ id: 9, at: 0, ip: '2001:db8::3' }), 64), []);
  for (let i = 0; i < SKIPPED_SOURCES_LIMIT; i += 1) add(10 + i, address(i));
  assert.deepEqual(skipped.take(row({ id: 9, at: 0, ip: '192.0.2.1' }), 64), []);
  assert.deepEqual(skipped.take(row({ id: 9, at: 0, ip: address(0) }), 64), [10]);
});

test('tries that are moved are remembered with those that are there, the newest of each source', () => {
  const [skipped, judged] = [new SkippedTries(), new SkippedTries()];
  const of = (id: number, ip: string): [RuleRow, number, number] => [row({ id, at: 0, ip }), 64, 3];
  for (const id of [1, 4, 6]) skipped.add(...of(id, '192.0.2.1'));
  for (const id of [3, 5]) judged.add(...of(id, '192.0.2.1'));
  judged.add(...of(7, '192.0.2.2'));
  skipped.moveFrom(judged, 3);
  assert.deepEqual(skipped.take(row({ id: 9, at: 0, ip: '192.0.2.1' }), 64), [4, 5, 6]);
  assert.deepEqual(skipped.take(row({ id: 9, at: 0, ip: '192.0.2.2' }), 64), [7]);
  assert.deepEqual(judged.take(row({ id: 9, at: 0, ip: '192.0.2.2' }), 64), []);
  for (let i = 0; i < SKIPPED_SOURCES_LIMIT; i += 1) skipped.add(...of(10 + i, address(i)));
  judged.add(...of(8, '192.0.2.3'));
  skipped.moveFrom(judged, 3);
  assert.deepEqual(skipped.take(row({ id: 9, at: 0, ip: address(0) }), 64), []);
  assert.deepEqual(skipped.take(row({ id: 9, at: 0, ip: '192.0.2.3' }), 64), [8]);
});
