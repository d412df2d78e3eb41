/** Results of the query thread, joined with which agents are connected now. */

import type { AboutKind } from './about.ts';
import { accountOf, coverageBy, SILENT_AFTER_MS, stateOf } from './agent-state.ts';
import { alertOf } from './alert-views.ts';
import { type Absence, type HostFacts, reportOf } from './fleet.ts';
import type { QueryThread } from './query-thread.ts';
import type { Coverage, Views, WatchedHost, WrittenViews } from './results.ts';

/** Gives large results as JSON. */
export function writtenViews(thread: Pick<QueryThread, 'runJson'>, now: () => number): WrittenViews {
  return {
    events: (query) => thread.runJson('events', query),
    timeline: (since, until, step, host) => thread.runJson('timeline', since, until, step, host, toTheSecond(now())),
    top: (kind, span, limit) => thread.runJson('top', kind, span, limit),
    networks: (span, limit) => thread.runJson('networks', span, limit),
  };
}

/** Incidents that a page about one thing names. */
const ABOUT_INCIDENTS = 50;

/** Rounds the time, so that viewers share a result. */
const toTheSecond = (ms: number): number => Math.floor(ms / 1_000) * 1_000;

/** The thread, and which agents are connected. */
export interface ViewsOptions {
  readonly thread: Pick<QueryThread, 'run'>;
  /** Null where it is not known. */
  readonly connected: (agent: string) => boolean | null;
  /** Agents that were heard of after a time, Unix milliseconds, and are not connected now. */
  readonly away: (sinceMs: number) => readonly string[];
  readonly now: () => number;
}

/** The views of one store. */
export class StoreViews implements Views {
  readonly #thread: Pick<QueryThread, 'run'>;
  readonly #connected: (agent: string) => boolean | null;
  readonly #away: ViewsOptions['away'];
  readonly #now: () => number;

  constructor({ thread, connected, away, now }: ViewsOptions) {
    this.#thread = thread;
    this.#connected = connected;
    this.#away = away;
    this.#now = now;
  }

  async hosts(limit: number, after: string | null, coverage: Coverage | null = null): ReturnType<Views['hosts']> {
    const only = coverage === null ? null : { coverage, ...this.#absence() };
    const rows = await this.#thread.run('hosts', limit + 1, after ?? '', only);
    const page = rows.slice(0, limit);
    const hosts = page.map((row) => this.#host(row));
    return {
      // An agent may have gone, or come, since the rows were chosen.
      hosts: coverage === null ? hosts : hosts.filter((host) => host.coverage === coverage),
      next: rows.length > limit ? (page.at(-1)?.host ?? null) : null,
    };
  }

  /** Says which agents watch nothing at the moment; to the second, so that viewers share a result. */
  #absence(): Absence {
    const silentMs = toTheSecond(this.#now()) - SILENT_AFTER_MS;
    return { silentMs, away: this.#away(silentMs) };
  }

  #host({ host, agent, firstSeen, lastSeen, accepted, failed, probes, report }: HostFacts): WatchedHost {
    const connected = this.#connected(agent);
    const [last, nowMs] = [reportOf(report), this.#now()];
    return {
      host,
      connected: connected ?? false,
      state: stateOf(last, connected ?? false, lastSeen, nowMs),
      coverage: coverageBy(last, connected, lastSeen, nowMs),
      firstSeen: new Date(firstSeen).toISOString(),
      lastSeen: new Date(lastSeen).toISOString(),
      ...(last?.sshd && { sshd: last.sshd }),
      attempts: accepted + failed,
      accepted,
      failed,
      probes,
    };
  }

  async about(kind: AboutKind, value: string): ReturnType<Views['about']> {
    const found = await this.#thread.run('about', kind, value, ABOUT_INCIDENTS);
    if (found === null) return null;
    const { about, host, origin, incidents } = found;
    return { ...about, watched: host && this.#host(host), origin, incidents: incidents.map(alertOf) };
  }

  async ledger(limit: number, after: number): ReturnType<Views['ledger']> {
    const nowMs = toTheSecond(this.#now());
    const { agents, totals } = await this.#thread.run('ledger', limit + 1, after, nowMs);
    const page = agents.slice(0, limit);
    return {
      agents: page.map(({ lastSeen, report, ...row }) =>
        accountOf(
          { ...row, lastSeenMs: lastSeen, report: reportOf(report) },
          this.#connected(row.agent) ?? false,
          this.#now(),
        ),
      ),
      totals,
      next: agents.length > limit ? (page.at(-1)?.id ?? null) : null,
    };
  }

  events: Views['events'] = (query) => this.#thread.run('events', query);
  keys: Views['keys'] = (query) => this.#thread.run('keys', query);
  key: Views['key'] = (fingerprint) => this.#thread.run('key', fingerprint);
  sessions: Views['sessions'] = (query) => this.#thread.run('sessions', query);
  eventsAfter: Views['eventsAfter'] = (id, limit) => this.#thread.run('eventsAfter', id, limit);
  summary: Views['summary'] = (span) => this.#thread.run('summary', span);
  timeline: Views['timeline'] = (since, until, step, host) =>
    // Newer events are in it all the same.
    this.#thread.run('timeline', since, until, step, host, toTheSecond(this.#now()));
  top: Views['top'] = (kind, span, limit) => this.#thread.run('top', kind, span, limit);
  networks: Views['networks'] = (span, limit) => this.#thread.run('networks', span, limit);
  coverage: Views['coverage'] = () => this.#thread.run('coverage', this.#absence());
  unknown: Views['unknown'] = (limit, host) => this.#thread.run('unknown', limit, host);
  gaps: Views['gaps'] = (limit, before, host) => this.#thread.run('gaps', limit, before, host);
}
