/** Tests the values of a scrape, from what a server knows. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FAMILIES } from '../../../alphaserver/metrics/families.ts';
import { type Figures, labelOf, samplesOf } from '../../../alphaserver/metrics/samples.ts';
import type { AgentFigures, StoredFigures } from '../../../alphaserver/queries/metrics.ts';

const agent = (name: string, host: string, more: Partial<AgentFigures> = {}): AgentFigures => ({
  agent: name,
  host,
  gaps: 0,
  waiting: 0,
  linesUnknown: 0,
  declaredLost: 0,
  ...more,
});
const STORED: StoredFigures = {
  hosts: 2,
  accepted: 3,
  failed: 40,
  probes: 5,
  single: {
    hosts: [
      { host: 'web', accepted: 1, failed: 30, probes: 5 },
      { host: 'db', accepted: 2, failed: 10, probes: 0 },
    ],
    agents: [agent('a', 'web', { gaps: 1 }), agent('b', 'web', { gaps: 2, linesUnknown: 7 }), agent('c', 'db')],
  },
  totals: {
    agents: 3,
    sent: 60,
    stored: 48,
    repeats: 4,
    gaps: 3,
    waiting: 9,
    declaredLost: 6,
    linesRead: 1_000,
    linesUnknown: 7,
    linesForged: 2,
    behindBytes: 10,
    states: { 'caught up': 2, 'agent silent': 1 },
  },
  events: 48,
  unrolled: 48,
  alerts: [{ rule: 'break-in', severity: 'critical', open: 1, opened: 3 }],
};
const FIGURES: Figures = {
  stored: STORED,
  agentsConnected: 1,
  agentsSilent: 1,
  isConnected: (id) => id === 'b',
  connections: 2,
  receivedBytes: 12_345,
  commitsFailed: 0,
  certificates: [{ use: 'agents', endsMs: 1_800_000_000_000 }],
  waitingEvents: 11,
  ready: true,
  sizeBytes: 4_096,
  freeBytes: null,
  alertLagMs: 1_500,
  channels: [{ name: 'chat', delivered: 4, failed: 2, waiting: 1 }],
  viewers: 1,
  version: '1.2.3',
};

describe('the samples of a scrape', () => {
  it('are those of every family but histograms, with its labels and no other', () => {
    const samples = samplesOf({ ...FIGURES, freeBytes: 1 });
    for (const [name, { type, labels }] of Object.entries(FAMILIES)) {
      const those = samples[name as keyof typeof FAMILIES];
      if (type === 'histogram') assert.equal(those, undefined, name);
      else {
        assert.ok(those && those.length > 0, `${name} has no value`);
        for (const sample of those) assert.deepEqual(Object.keys(sample.labels).sort(), [...labels].sort(), name);
      }
    }
  });

  it('give single hosts with their outcomes, agents of one host joined', () => {
    const samples = samplesOf(FIGURES);
    assert.deepEqual(
      samples.asgard_host_attempts_total?.map(({ labels, value }) => [labels['host'], labels['outcome'], value]),
      [
        ['web', 'accepted', 1],
        ['db', 'accepted', 2],
        ['web', 'failed', 30],
        ['db', 'failed', 10],
      ],
    );
    assert.deepEqual(samples.asgard_host_events_missing_total, [
      { labels: { host: 'web' }, value: 3 },
      { labels: { host: 'db' }, value: 0 },
    ]);
    // One of two agents of a host is connected: somebody looks.
    assert.deepEqual(samples.asgard_host_agent_connected, [
      { labels: { host: 'web' }, value: 1 },
      { labels: { host: 'db' }, value: 0 },
    ]);
  });

  it('carry every number of the ledger, and a state each for the agents', () => {
    const samples = samplesOf(FIGURES);
    const numbers = Object.values(STORED.totals).filter((value) => typeof value === 'number');
    const exported = Object.entries(samples).flatMap(([name, those]) =>
      name.startsWith('asgard_ledger_') && name !== 'asgard_ledger_agents' ? those.map(({ value }) => value) : [],
    );
    const { agents, ...sums } = STORED.totals;
    assert.equal(exported.length, numbers.length - 1);
    assert.deepEqual(new Set(exported), new Set(Object.values(sums).filter((value) => typeof value === 'number')));
    assert.deepEqual(samples.asgard_ledger_agents, [
      { labels: { state: 'caught up' }, value: 2 },
      { labels: { state: 'agent silent' }, value: 1 },
    ]);
  });

  it('tell of alerts by rule and severity, and of channels by their names', () => {
    const samples = samplesOf(FIGURES);
    const labels = { rule: 'break-in', severity: 'critical' };
    assert.deepEqual(samples.asgard_alerts_open, [{ labels, value: 1 }]);
    assert.deepEqual(samples.asgard_alerts_opened_total, [{ labels, value: 3 }]);
    assert.equal(samples.asgard_alerts_lag_seconds?.[0]?.value, 1.5);
    assert.deepEqual(samples.asgard_deliveries_total, [
      { labels: { channel: 'chat', outcome: 'delivered' }, value: 4 },
      { labels: { channel: 'chat', outcome: 'failed' }, value: 2 },
    ]);
    assert.deepEqual(samples.asgard_deliveries_waiting, [{ labels: { channel: 'chat' }, value: 1 }]);
  });

  it('give totals alone where single hosts are too many, and say so', () => {
    const samples = samplesOf({ ...FIGURES, stored: { ...STORED, single: null } });
    assert.equal(samples.asgard_host_attempts_total, undefined);
    assert.equal(samples.asgard_host_agent_connected, undefined);
    assert.equal(samples.asgard_host_series_left_out?.[0]?.value, 1);
    assert.equal(samples.asgard_attempts_total?.[1]?.value, 40);
    assert.equal(samplesOf(FIGURES).asgard_host_series_left_out?.[0]?.value, 0);
  });

  it('leave out what is not known, and never call it 0', () => {
    const samples = samplesOf({ ...FIGURES, stored: null, sizeBytes: null });
    assert.equal(samples.asgard_attempts_total, undefined);
    assert.equal(samples.asgard_store_size_bytes, undefined);
    assert.equal(samples.asgard_store_free_bytes, undefined);
    assert.equal(samples.asgard_store_readable?.[0]?.value, 0);
    assert.equal(samples.asgard_connections?.[0]?.value, 2);
  });

  it('show hostile names of hosts escaped and cut, and names that become one label as one series', () => {
    assert.equal(labelOf('a\u001b[2J\u202eb\n"\\'), 'a\\u001b[2J\\u202eb\\u000a"\\');
    assert.ok(labelOf('x'.repeat(255)).length <= 128);
    const long = (end: string, failed: number) => ({ host: 'x'.repeat(200) + end, accepted: 0, failed, probes: 0 });
    const samples = samplesOf({
      ...FIGURES,
      stored: { ...STORED, single: { hosts: [long('a', 3), long('b', 4)], agents: [] } },
    });
    const failed = samples.asgard_host_attempts_total?.filter(({ labels }) => labels['outcome'] === 'failed');
    assert.deepEqual(
      failed?.map(({ value }) => value),
      [7],
    );
  });
});

it('names keep the rules: asgard_, a unit where there is one, _total for counters alone', () => {
  for (const [name, { type, labels, help }] of Object.entries(FAMILIES)) {
    assert.match(name, /^asgard_[a-z]+(_[a-z]+)*$/);
    assert.equal(name.endsWith('_total'), type === 'counter', name);
    if (type === 'histogram') assert.match(name, /_seconds$/);
    for (const label of labels)
      assert.match(label, /^(host|outcome|state|rule|severity|channel|version|use)$/, 'labels are bounded');
    assert.doesNotMatch(help, /[\n\\]/);
  }
});
