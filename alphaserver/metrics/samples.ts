/** Turns what a server knows at the moment of a scrape into values of metrics. Pure. */
import { escapeText } from '../../service/escape.ts';
import type { AgentFigures, StoredFigures } from '../queries/metrics.ts';
import type { LedgerTotals } from '../queries/results.ts';
import type { FamilyName } from './families.ts';

/** All of it. `stored` is null when the store could not be read. */
export interface Figures {
  readonly stored: StoredFigures | null;
  readonly agentsConnected: number;
  readonly agentsSilent: number;
  readonly isConnected: (agent: string) => boolean;
  readonly connections: number;
  readonly receivedBytes: number;
  readonly commitsFailed: number;
  readonly waitingEvents: number;
  readonly ready: boolean;
  readonly sizeBytes: number | null;
  readonly freeBytes: number | null;
  /** The lag of the alert rules. */
  readonly alertLagMs: number;
  /** Their names come from the rules file. */
  readonly channels: readonly {
    readonly name: string;
    readonly delivered: number;
    readonly failed: number;
    readonly waiting: number;
  }[];
  readonly certificates: readonly CertificateEnd[];
  readonly viewers: number;
  readonly version: string;
}

/** The end of each of the server's certificates, Unix milliseconds. */
export interface CertificateEnd {
  readonly use: 'agents' | 'page' | 'authority';
  readonly endsMs: number;
}

/** One value of a metric, with its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The longest label value, in characters. */
const LABEL_LIMIT_CHARS = 128;

/** A host's name as a label: others chose it, so what steers a terminal is written out and it is cut. */
export const labelOf = (name: string): string => escapeText(name, LABEL_LIMIT_CHARS);

/** The values of all metrics but histograms. A metric whose value is not known now has none. */
export function samplesOf(figures: Figures): Partial<Record<FamilyName, readonly Sample[]>> {
  const { stored } = figures;
  return {
    ...(stored ? storedSamples(stored, figures.isConnected) : {}),
    asgard_agents_connected: one(figures.agentsConnected),
    asgard_agents_silent: one(figures.agentsSilent),
    asgard_connections: one(figures.connections),
    asgard_received_bytes_total: one(figures.receivedBytes),
    asgard_commits_failed_total: one(figures.commitsFailed),
    asgard_ingest_waiting_events: one(figures.waitingEvents),
    asgard_ready: one(Number(figures.ready)),
    asgard_store_readable: one(Number(stored !== null)),
    ...(figures.sizeBytes === null ? {} : { asgard_store_size_bytes: one(figures.sizeBytes) }),
    ...(figures.freeBytes === null ? {} : { asgard_store_free_bytes: one(figures.freeBytes) }),
    asgard_alerts_lag_seconds: one(figures.alertLagMs / 1_000),
    asgard_deliveries_total: figures.channels.flatMap(({ name, delivered, failed }) => [
      { labels: { channel: labelOf(name), outcome: 'delivered' }, value: delivered },
      { labels: { channel: labelOf(name), outcome: 'failed' }, value: failed },
    ]),
    asgard_deliveries_waiting: figures.channels.map(({ name, waiting }) => ({
      labels: { channel: labelOf(name) },
      value: waiting,
    })),
    asgard_certificate_expiry_seconds: figures.certificates.flatMap(({ use, endsMs }) => one(endsMs / 1_000, { use })),
    asgard_viewers: one(figures.viewers),
    asgard_build_info: [{ labels: { version: figures.version }, value: 1 }],
  };
}

const one = (value: number, labels: Readonly<Record<string, string>> = {}): readonly Sample[] => [{ labels, value }];

function storedSamples(stored: StoredFigures, isConnected: (agent: string) => boolean) {
  return {
    asgard_attempts_total: [
      ...one(stored.accepted, { outcome: 'accepted' }),
      ...one(stored.failed, { outcome: 'failed' }),
    ],
    asgard_probes_total: one(stored.probes),
    asgard_hosts: one(stored.hosts),
    asgard_host_series_left_out: one(Number(stored.single === null)),
    ...ledgerSamples(stored.totals),
    asgard_store_events: one(stored.events),
    asgard_store_unrolled_events: one(stored.unrolled),
    asgard_alerts_open: stored.alerts.map(({ rule, severity, open }) => ({ labels: { rule, severity }, value: open })),
    asgard_alerts_opened_total: stored.alerts.map(({ rule, severity, opened }) => ({
      labels: { rule, severity },
      value: opened,
    })),
    ...(stored.single ? singleSamples(stored.single, isConnected) : {}),
  };
}

function ledgerSamples(totals: LedgerTotals) {
  return {
    asgard_ledger_events_sent_total: one(totals.sent),
    asgard_ledger_events_stored_total: one(totals.stored),
    asgard_ledger_events_repeated_total: one(totals.repeats),
    asgard_ledger_events_missing_total: one(totals.gaps),
    asgard_ledger_events_waiting: one(totals.waiting),
    asgard_ledger_log_lines_read_total: one(totals.linesRead),
    asgard_ledger_log_lines_unknown_total: one(totals.linesUnknown),
    asgard_ledger_log_lines_forged_total: one(totals.linesForged),
    asgard_ledger_log_lines_lost_total: one(totals.declaredLost),
    asgard_ledger_log_bytes_behind: one(totals.behindBytes),
    asgard_ledger_agents: Object.entries(totals.states).map(([state, value]) => ({ labels: { state }, value })),
  };
}

function singleSamples({ hosts, agents }: NonNullable<StoredFigures['single']>, isConnected: (id: string) => boolean) {
  const byAgent = (value: (agent: AgentFigures) => number, join?: typeof Math.max) =>
    byHost(
      agents.map((agent) => [agent.host, value(agent)]),
      join,
    );
  return {
    asgard_host_attempts_total: [
      ...byHost(hosts.map(({ host, accepted }) => [host, accepted])).map(outcome('accepted')),
      ...byHost(hosts.map(({ host, failed }) => [host, failed])).map(outcome('failed')),
    ],
    asgard_host_probes_total: byHost(hosts.map(({ host, probes }) => [host, probes])),
    asgard_host_agent_connected: byAgent(({ agent }) => Number(isConnected(agent)), Math.max),
    asgard_host_events_missing_total: byAgent(({ gaps }) => gaps),
    asgard_host_events_waiting: byAgent(({ waiting }) => waiting),
    asgard_host_log_lines_unknown_total: byAgent(({ linesUnknown }) => linesUnknown),
    asgard_host_log_lines_lost_total: byAgent(({ declaredLost }) => declaredLost),
  };
}

const outcome =
  (word: string) =>
  ({ labels, value }: Sample): Sample => ({ labels: { ...labels, outcome: word }, value });

/** One sample a label: names that became the same label, or agents of one host, are joined, for a series may come once. */
function byHost(
  values: readonly (readonly [host: string, value: number])[],
  join: (a: number, b: number) => number = (a, b) => a + b,
): Sample[] {
  const labels = new Map<string, number>();
  for (const [host, value] of values) {
    const label = labelOf(host);
    const known = labels.get(label);
    labels.set(label, known === undefined ? value : join(known, value));
  }
  return [...labels].map(([host, value]) => ({ labels: { host }, value }));
}
