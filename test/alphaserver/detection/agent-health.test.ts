import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_DETECTION } from '../../../alphaserver/alert-config/rules.ts';
import { AgentHealth, type AgentStatus } from '../../../alphaserver/detection/agent-health.ts';
import type { CheckpointBlock } from '../../../alphaserver/detection/checkpoint.ts';
import type { Incident } from '../../../alphaserver/detection/incident.ts';
import type { AgentLook } from '../../../alphaserver/store/agents.ts';
import type { AgentReport } from '../../../protocol/report.ts';
import { UNEXPLAINED_PER_PING } from '../../../protocol/session.ts';
import { CAUGHT_UP } from '../../wire-messages.ts';
import { configWith, START_MS } from './stream.ts';

/** What is known of the agent at a moment; times in seconds after START_MS. */
interface Moment {
  readonly at: number;
  readonly seen?: number;
  readonly gaps?: number;
  /** True when another id has taken its place. */
  readonly ended?: boolean;
  /** When its identity was last seen to be used by two. */
  readonly cloned?: number;
  /** Connections that no login explains, each since when; where there is no LoginGraceTime, `endless`. */
  readonly strangers?: readonly number[];
  readonly endless?: boolean;
  readonly report?: Partial<AgentReport>;
}

const ms = (seconds: number): number => START_MS + seconds * 1_000;

const lookOf = (at: number, strangers: readonly number[], endless: boolean): string =>
  JSON.stringify({
    at: new Date(ms(at)).toISOString(),
    sessions: 0,
    confirmedAt: new Date(ms(at)).toISOString(),
    blind: null,
    unexplained: strangers.map((since, i) => ({
      ip: `198.51.100.${i}`,
      port: 40_022,
      since: new Date(ms(since)).toISOString(),
    })),
    loginGraceSeconds: endless ? 0 : 120,
  } satisfies AgentLook);

function status({
  at,
  seen = at,
  gaps = 0,
  report,
  ended = false,
  cloned,
  strangers,
  endless = false,
}: Moment): AgentStatus {
  const sent: AgentReport = { ...CAUGHT_UP, ...report };
  return {
    uuid: 'a-1',
    host: 'web-1',
    lastSeen: ms(seen),
    gaps,
    report: JSON.stringify(sent),
    reportedAt: ms(seen),
    endedAt: ended ? ms(seen) : null,
    cloneAt: cloned === undefined ? null : ms(cloned),
    looked: strangers === undefined ? null : lookOf(at, strangers, endless),
  };
}

/** Checks moment by moment, with all thrown away and restored from what was saved before each `restartsAt`. */
function checked(
  moments: readonly Moment[],
  restartsAt: readonly number[] = [],
  config = DEFAULT_DETECTION,
): Incident[] {
  const ledger = new Map<string, Incident>();
  const saved = new Map<number, CheckpointBlock>();
  const begin = (startedMs: number): AgentHealth => {
    const health = new AgentHealth({
      config,
      startedMs,
      incidentId: (rule, agent, openedAt) => `${rule}/${agent}/${openedAt}`,
    });
    for (const block of saved.values()) assert.equal(health.restore(block), true);
    return health;
  };
  let health = begin(START_MS);
  for (const moment of moments) {
    if (restartsAt.includes(moment.at)) health = begin(ms(moment.at));
    for (const incident of health.check([status(moment)], ms(moment.at))) ledger.set(incident.id, incident);
    for (const block of health.checkpoint()) {
      if (block.data === null) saved.delete(block.block);
      else saved.set(block.block, block);
    }
  }
  return [...ledger.values()];
}

/** rule openedAt closedAt count, times in seconds. */
type Row = readonly [string, number, number | null, number];
const rows = (...given: Parameters<typeof checked>): Row[] =>
  checked(...given).map(({ rule, openedAt, closedAt, count }) => [
    rule,
    (openedAt - START_MS) / 1_000,
    closedAt === null ? null : (closedAt - START_MS) / 1_000,
    count,
  ]);

const each = (from: number, to: number, step: number, rest: (at: number) => Partial<Moment> = () => ({})): Moment[] =>
  Array.from({ length: (to - from) / step + 1 }, (_, i) => ({ at: from + i * step, ...rest(from + i * step) }));

const gone = { report: { state: 'log missing' } } as const;
const TABLE: readonly [name: string, moments: Moment[], incidents: Row[], restartsAt?: number[]][] = [
  ['an agent that is heard is well', each(0, 600, 5), []],
  ['ninety seconds of silence are none', [{ at: 0 }, { at: 90, seen: 0 }], []],
  ['a moment more is', [{ at: 0 }, { at: 91, seen: 0 }], [['agent-silent', 90, null, 1]]],
  [
    'also where the server began while its clock stood ahead, and was set back',
    [
      { at: -1_000, seen: -1_000 },
      { at: -905, seen: -1_000 },
    ],
    [['agent-silent', -910, null, 1]],
  ],
  ['until it is heard', [{ at: 0 }, { at: 95, seen: 0 }, { at: 300, seen: 299 }], [['agent-silent', 90, 300, 1]]],
  [
    'silent again, alert again',
    [{ at: 0 }, { at: 95, seen: 0 }, { at: 300, seen: 299 }, { at: 400, seen: 299 }],
    [
      ['agent-silent', 90, 300, 1],
      ['agent-silent', 389, null, 1],
    ],
  ],
  ['nobody is silent who could not be heard', [{ at: 0 }, ...each(1_000, 1_090, 5, () => ({ seen: 0 }))], [], [1_000]],
  [
    'an identity that two use, one of which has ended by now, is reported until it was well for 15 min',
    [
      { at: 0 },
      { at: 10, cloned: 8, ended: true },
      { at: 600, cloned: 595 },
      { at: 1_490, cloned: 595 },
      { at: 1_495, cloned: 595 },
      { at: 1_500, cloned: 595 },
    ],
    [['clone', 8, 1_495, 1]],
    [600],
  ],
  [
    'connections that no login explains are an incident until they are over, or one of another address comes',
    [
      { at: 200, strangers: [] },
      { at: 210, strangers: [20] },
      { at: 220, strangers: [20, 30] },
      { at: 230, strangers: [20] },
      { at: 240, strangers: [] },
      { at: 500, strangers: [310] },
    ],
    [
      ['unlogged-session', 20, 220, 1],
      ['unlogged-session', 30, 240, 1],
      ['unlogged-session', 310, null, 1],
    ],
    [200, 230],
  ],
  ['an agent whose id has ended is not silent', [{ at: 0 }, { at: 95, seen: 0, ended: true }], []],
  ['but soon after', [{ at: 0 }, { at: 100, seen: 0 }, { at: 191, seen: 0 }], [['agent-silent', 190, null, 1]], [100]],
  [
    'silent before a restart and after it is one silence',
    [{ at: 0 }, { at: 95, seen: 0 }, ...each(200, 400, 5, () => ({ seen: 0 })), { at: 405, seen: 403 }],
    [['agent-silent', 90, 405, 1]],
    [200, 300],
  ],
  ['a log that is gone for less than five minutes', [...each(0, 299, 1, () => gone), { at: 300 }], []],
  ['for five minutes', each(0, 300, 1, () => gone), [['log-gone', 300, null, 1]]],
  [
    'also one that may not be read, until it is back',
    [...each(0, 600, 5, () => ({ report: { state: 'log unreadable' } })), { at: 605 }],
    [['log-gone', 300, 605, 1]],
  ],
  [
    'and one that is detached',
    each(0, 300, 5, () => ({ report: { state: 'log detached' } })),
    [['log-gone', 300, null, 1]],
  ],
  ['counted over a restart', each(0, 300, 5, () => gone), [['log-gone', 300, null, 1]], [150]],
  [
    'twenty lines that were not understood',
    [
      { at: 0, report: { linesUnknown: 5 } },
      { at: 3_000, report: { linesUnknown: 20 } },
    ],
    [],
  ],
  [
    'twenty-one within the hour',
    [{ at: 0 }, { at: 60, report: { linesUnknown: 1 } }, { at: 3_000, report: { linesUnknown: 21 } }],
    [['unknown-lines', 3_000, null, 21]],
  ],
  [
    'twenty-one in more than an hour',
    [
      { at: 0, report: { linesUnknown: 1 } },
      { at: 1_000, report: { linesUnknown: 2 } },
      ...each(1_005, 4_500, 5, () => ({ report: { linesUnknown: 2 } })),
      { at: 4_700, report: { linesUnknown: 21 } },
    ],
    [],
  ],
  [
    'over once an hour is better again',
    [
      { at: 0 },
      { at: 10, report: { linesUnknown: 30 } },
      ...each(15, 3_700, 5, () => ({ report: { linesUnknown: 30 } })),
    ],
    [['unknown-lines', 10, 3_610, 30]],
  ],
  ['no gap, no loss', each(0, 100, 5), []],
  [
    'a gap, over after a quarter of an hour',
    [{ at: 0 }, ...each(5, 1_000, 5, () => ({ gaps: 3 }))],
    [['events-lost', 5, 905, 3]],
  ],
  [
    'what grows is one incident; what comes later counts anew',
    [
      { at: 0 },
      { at: 5, gaps: 3 },
      ...each(600, 1_600, 5, () => ({ gaps: 4, report: { declaredLost: 2 } })),
      { at: 3_000, gaps: 5, report: { declaredLost: 2 } },
    ],
    [
      ['events-lost', 5, 1_500, 6],
      ['events-lost', 3_000, null, 1],
    ],
    [700],
  ],
];

for (const [name, moments, incidents, restartsAt] of TABLE)
  test(`agents: ${name}`, () => {
    assert.deepEqual(rows(moments, restartsAt), incidents);
  });

test('a rule of agents may be off, or have another window', () => {
  const silent = [{ at: 0 }, { at: 95, seen: 0 }];
  assert.deepEqual(rows(silent, [], configWith({ 'agent-silent': { on: false } })), []);
  assert.deepEqual(rows(silent, [], configWith({ 'agent-silent': { windowMs: 100_000 } })), []);
  assert.deepEqual(rows([{ at: 0 }, { at: 101, seen: 0 }], [], configWith({ 'agent-silent': { windowMs: 100_000 } })), [
    ['agent-silent', 100, null, 1],
  ]);
});

test('a connection that no login explains is critical and names its address; where sshd waits for ever it is a warning', () => {
  const opened = (endless: boolean): Incident | undefined => {
    const health = new AgentHealth({ config: DEFAULT_DETECTION, incidentId: () => 'x', startedMs: START_MS });
    return health.check([status({ at: 300, strangers: [100, 100], endless })], ms(300))[0];
  };
  const sure = opened(false);
  assert.deepEqual(
    [sure?.severity, sure?.host, sure?.source, sure?.ips],
    ['critical', 'web-1', '198.51.100.0', ['198.51.100.0', '198.51.100.1']],
  );
  assert.equal(
    sure?.summary,
    '2 connections to sshd on web-1 from 198.51.100.0 and 1 more that no login in its log explains',
  );
  assert.equal(opened(true)?.severity, 'warning');
});

type Stranger = readonly [ip: string, since?: number];
type Look = readonly [strangers: readonly Stranger[], endless?: boolean];
type Found = readonly [
  id: string,
  source: string | null,
  ips: string,
  count: number,
  severity: string,
  end: number | null,
];

/** What each look changes where there are connections that no login explains, each from an address since 100 s unless given. */
function changes(...given: readonly Look[]): Incident[][] {
  const incidentId = (_rule: string, _agent: string, openedAt: number): string =>
    `from ${(openedAt - START_MS) / 1_000}`;
  const health = new AgentHealth({ config: DEFAULT_DETECTION, incidentId, startedMs: START_MS });
  return given.map(([strangers, endless = false], i) => {
    const at = 300 + 5 * i;
    const look = JSON.parse(lookOf(at, [], endless)) as AgentLook;
    const unexplained = strangers.map(([ip, since = 100], n) => ({
      ...{ ip, port: 40_000 + n },
      since: new Date(ms(since)).toISOString(),
    }));
    const agent = { ...status({ at }), looked: JSON.stringify({ ...look, unexplained }) };
    return health.check([agent], ms(at));
  });
}

/** What each look finds. */
function looks(...given: readonly Look[]): Found[][] {
  return changes(...given).map((one) =>
    one.map(({ id, source, ips, count, severity, closedAt }) => [
      ...([id, source, ips.join(' '), count, severity] as const),
      closedAt === null ? null : (closedAt - START_MS) / 1_000,
    ]),
  );
}

test('a connection that takes the place of one that no login explains, or comes in addition, is an incident of its own', () => {
  const [monitor, intruder] = ['10.0.0.9', '203.0.113.66'];
  const first = ['from 100', monitor, monitor, 1, 'critical'] as const;
  assert.deepEqual(looks([[[monitor]]], [[[intruder, 200]]], [[[intruder, 200]]]), [
    [[...first, null]],
    [
      [...first, 305],
      ['from 200', intruder, `${intruder} ${monitor}`, 1, 'critical', null],
    ],
    [],
  ]);
  const added: Look = [[[monitor], [intruder, 200]]];
  const both = ['from 200', intruder, `${intruder} ${monitor}`, 2, 'critical'] as const;
  assert.deepEqual(looks([[[monitor]]], ...[added, added], [[[monitor]]], [[]]), [
    [[...first, null]],
    [
      [...first, 305],
      [...both, null],
    ],
    [],
    [['from 200', monitor, `${monitor} ${intruder}`, 1, 'critical', null]],
    [['from 200', monitor, `${monitor} ${intruder}`, 1, 'critical', 320]],
  ]);
});

test('one that comes and goes is an incident once, beside one that stays and in turn with it', () => {
  const [a, b] = ['198.51.100.1', '198.51.100.2'];
  const ids = (...given: readonly Look[]): unknown[] => [
    ...new Set(looks(...given).flatMap((one) => one.map(([id]) => id))),
  ];
  const both: Look = [[[a], [b, 200]]];
  assert.deepEqual(ids([[[a]]], both, [[[a]]], both, [[[a]]], both), ['from 100', 'from 200']);
  const other: Look = [[[b, 200]]];
  assert.deepEqual(ids([[[a]]], other, [[[a]]], other, [[[a]]]), ['from 100', 'from 200']);
  // Each look is told as it is, also where the number of connections stays.
  const summaries = changes([[[a]]], both, [[[a], [a]]], both).map((one) => one.at(-1)?.summary);
  assert.deepEqual(
    summaries.map((one) => one?.replace(/ that no login.*/, '')),
    [
      `a connection to sshd on web-1 from ${a}`,
      `2 connections to sshd on web-1 from ${b} and 1 more`,
      `2 connections to sshd on web-1 from ${a}`,
      `2 connections to sshd on web-1 from ${a} and 1 more`,
    ],
  );
});

test('those that left are named as long as all are at most UNEXPLAINED_PER_PING, the latest first', () => {
  const [a, b] = ['203.0.113.1', '203.0.113.2'];
  const many = Array.from({ length: UNEXPLAINED_PER_PING - 1 }, (_, i) => [`198.51.100.${i}`] as const);
  const found = looks([[[a]]], [[[b]]], [many]).map((one) => one.at(-1)?.[2].split(' '));
  assert.deepEqual(found.slice(0, 2), [[a], [b, a]]);
  assert.deepEqual(found[2], [...many.map(([ip]) => ip), b]);
});

test('it has another id, also where both connections began in one moment or it is the older one', () => {
  const ids = (since: number): unknown[] =>
    looks([[['10.0.0.9']]], [[['203.0.113.66', since]]])
      .flat()
      .map(([id]) => id);
  assert.deepEqual(ids(100), ['from 100', 'from 100', 'from 100.001']);
  assert.deepEqual(ids(50), ['from 100', 'from 100', 'from 100.001']);
});

test('all addresses of a look are named, so that none of them is taken for another one at the next', () => {
  const all = Array.from({ length: UNEXPLAINED_PER_PING }, (_, i) => [`198.51.100.${i}`] as const);
  const [found, again, fewer] = looks([all], [all], [all.slice(50)]);
  assert.deepEqual([found?.length, again], [1, []]);
  assert.deepEqual(
    fewer?.map(([id, source, , count]) => [id, source, count]),
    [['from 100', '198.51.100.50', 50]],
  );
});

test('once sshd ends who does not log in, what was a warning is critical; and not the other way round', () => {
  const [a, b] = ['10.0.0.9', '10.0.0.10'];
  const severities = (...given: readonly Look[]): unknown[] =>
    looks(...given).map((one) => one.map(([id, , , , severity]) => [id, severity]));
  assert.deepEqual(severities([[[a]], true], [[[a]]], [[[a], [a]], true]), [
    [['from 100', 'warning']],
    [['from 100', 'critical']],
    [['from 100', 'critical']],
  ]);
  assert.deepEqual(severities([[[a]]], [[[b]], true]), [
    [['from 100', 'critical']],
    [
      ['from 100', 'critical'],
      ['from 100.001', 'warning'],
    ],
  ]);
});
