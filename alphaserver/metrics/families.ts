/** Every metric of ours: its name, kind, labels and meaning, as `/metrics` says it and docs/operations.md lists it. Pure. */

/** One metric. `counter` and `gauge` are read at each scrape; a `histogram` is filled as things happen. */
export interface Family {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
  /** Upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[];
}

/** Single hosts have series of their own up to this number of hosts. */
export const HOST_SERIES_LIMIT = 1_000;
const PER_HOST = `only while there are at most ${HOST_SERIES_LIMIT} hosts, see asgard_host_series_left_out`;

/** A commit, and what waits for it: from a fast disk to one that hangs. */
const FAST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** The delays from the event to the store reach from milliseconds to a log that is read days late. */
const DELAY_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3_600, 21_600, 86_400, 604_800];

const counter = (help: string, ...labels: string[]) => ({ type: 'counter', help, labels }) as const;
const gauge = (help: string, ...labels: string[]) => ({ type: 'gauge', help, labels }) as const;
const histogram = (help: string, buckets: readonly number[]) =>
  ({ type: 'histogram', help, labels: [], buckets }) as const;

/** All families by their names, in the order they are shown. Counters of stored facts come from the store and survive a restart. */
export const FAMILIES = {
  asgard_attempts_total: counter('Login attempts stored, by outcome: accepted or failed', 'outcome'),
  asgard_probes_total: counter('Connections stored that ended before any decision'),
  asgard_host_attempts_total: counter(`Login attempts stored, by host and outcome; ${PER_HOST}`, 'host', 'outcome'),
  asgard_host_probes_total: counter(`Probes stored, by host; ${PER_HOST}`, 'host'),
  asgard_hosts: gauge('Hosts that an event or an agent was ever seen of'),
  asgard_host_series_left_out: gauge(
    `1 when there are more than ${HOST_SERIES_LIMIT} hosts or agents, so that series of single hosts are left out and only totals are given; else 0`,
  ),

  asgard_ledger_events_sent_total: counter(
    'Events that agents gave a number to: stored, missing and waiting, and what agents held that were forgotten',
  ),
  asgard_ledger_events_stored_total: counter('Events stored, each once'),
  asgard_ledger_events_repeated_total: counter('Events that came again and were dropped'),
  asgard_ledger_events_missing_total: counter("Events that never came: jumps in an agent's numbers"),
  asgard_ledger_events_waiting: gauge('Events that agents hold and that are still to come'),
  asgard_ledger_log_lines_read_total: counter('Log lines read by agents'),
  asgard_ledger_log_lines_unknown_total: counter('Lines of sshd that were not understood'),
  asgard_ledger_log_lines_forged_total: counter("Lines that claim to be sshd's and are not; they count as no attempt"),
  asgard_ledger_log_lines_lost_total: counter('Log lines that agents know they could not read'),
  asgard_ledger_log_bytes_behind: gauge('Bytes of logs known to be unread'),
  asgard_ledger_agents: gauge('Agents ever seen, by what they last reported of themselves, or agent silent', 'state'),

  asgard_agents_connected: gauge('Agents connected now'),
  asgard_agents_silent: gauge('Agents not connected that nothing was heard of for 90 s'),
  asgard_host_agent_connected: gauge(`1 while an agent of this host is connected, else 0; ${PER_HOST}`, 'host'),
  asgard_host_events_missing_total: counter(`Events of this host's agents that never came; ${PER_HOST}`, 'host'),
  asgard_host_events_waiting: gauge(`Events that this host's agents have still to send; ${PER_HOST}`, 'host'),
  asgard_host_log_lines_unknown_total: counter(
    `Lines of sshd on this host that were not understood; ${PER_HOST}`,
    'host',
  ),
  asgard_host_log_lines_lost_total: counter(`Log lines of this host that could not be read; ${PER_HOST}`, 'host'),

  asgard_connections: gauge('Connections of agents open now, also those that have not sent `hello`'),
  asgard_received_bytes_total: counter('Bytes read from agents since the server started'),
  asgard_commit_duration_seconds: histogram('How long a commit took, its write to the disk included', FAST_SECONDS),
  asgard_ingest_duration_seconds: histogram(
    'From reading events off a socket to having them durably stored, a batch each',
    FAST_SECONDS,
  ),
  asgard_event_delay_seconds: histogram(
    "From an event's own time to its commit; 0 where the host's clock runs ahead",
    DELAY_SECONDS,
  ),
  asgard_commits_failed_total: counter(
    'Commits that the disk did not take, since the server started; they are tried again',
  ),
  asgard_ingest_waiting_events: gauge('Events received that wait for a commit'),
  asgard_ready: gauge('1 while events can be stored, as /readyz says; else 0'),

  asgard_store_readable: gauge('1 when the store answered this scrape; at 0 all that it knows is left out'),
  asgard_store_size_bytes: gauge('Size of the store on disk, its write-ahead log included'),
  asgard_store_free_bytes: gauge('Bytes left for us on the file system of the store'),
  asgard_store_events: gauge('Single events kept; retention takes the oldest'),
  asgard_store_unrolled_events: gauge('Events stored that are not in the rollups yet; questions read them one by one'),

  asgard_alerts_open: gauge(
    'Alerts open now, without parts of a scan, of each rule that ever raised one',
    'rule',
    'severity',
  ),
  asgard_alerts_opened_total: counter('Alerts that opened', 'rule', 'severity'),
  asgard_alerts_lag_seconds: gauge(
    'How long ago the last event was stored that the alert rules have judged in order; 0 when none waits',
  ),
  asgard_deliveries_total: counter(
    'Tries to deliver alerts since the server started, by channel and outcome: delivered or failed',
    'channel',
    'outcome',
  ),
  asgard_deliveries_waiting: gauge('Alerts that a channel is still to be notified of', 'channel'),

  asgard_certificate_expiry_seconds: gauge(
    'When a certificate expires, Unix time: the one that agents see, the page, the authority that hosts join',
    'use',
  ),

  asgard_viewers: gauge('Open live streams of the page'),
  asgard_build_info: gauge('Always 1; the version of alphaserver', 'version'),
} as const satisfies Record<string, Family>;

/** The name of one of FAMILIES. */
export type FamilyName = keyof typeof FAMILIES;
