/** The store's views: what the reading thread answers, joined with who is connected now. */

import { accountOf, stateOf } from './agent-state.ts';
import { type HostFacts, reportOf } from './fleet.ts';
import type { ReadingThread } from './query-thread.ts';
import type { HostView, Views, WrittenViews } from './results.ts';

/** The views that are given in writing. */
export function writtenViews(thread: Pick<ReadingThread, 'write'>, now: () => number): WrittenViews {
  return {
    events: (query) => thread.write('events', query),
    timeline: (since, until, step, host) => thread.write('timeline', since, until, step, host, toTheSecond(now())),
    top: (kind, span, limit) => thread.write('top', kind, span, limit),
  };
}

/** So that viewers share an answer. */
const toTheSecond = (ms: number): number => Math.floor(ms / 1_000) * 1_000;

/** Who reads, and who is connected. */
export interface ReadingOptions {
  readonly thread: Pick<ReadingThread, 'ask'>;
  readonly connected: (agent: string) => boolean;
  readonly now: () => number;
}

/** The views of one store. */
export class StoreViews implements Views {
  readonly #thread: Pick<ReadingThread, 'ask'>;
  readonly #connected: (agent: string) => boolean;
  readonly #now: () => number;

  constructor({ thread, connected, now }: ReadingOptions) {
    this.#thread = thread;
    this.#connected = connected;
    this.#now = now;
  }

  async hosts(limit: number, after: string | null): ReturnType<Views['hosts']> {
    const rows = await this.#thread.ask('hosts', limit + 1, after ?? '');
    const page = rows.slice(0, limit);
    return {
      hosts: page.map((row) => this.#host(row)),
      next: rows.length > limit ? (page.at(-1)?.host ?? null) : null,
    };
  }

  #host({ host, agent, firstSeen, lastSeen, accepted, failed, probes, report }: HostFacts): HostView {
    const connected = this.#connected(agent);
    return {
      host,
      connected,
      state: stateOf(reportOf(report), connected, lastSeen, this.#now()),
      firstSeen: new Date(firstSeen).toISOString(),
      lastSeen: new Date(lastSeen).toISOString(),
      attempts: accepted + failed,
      accepted,
      failed,
      probes,
    };
  }

  async ledger(limit: number, after: number): ReturnType<Views['ledger']> {
    const nowMs = toTheSecond(this.#now());
    const { agents, totals } = await this.#thread.ask('ledger', limit + 1, after, nowMs);
    const page = agents.slice(0, limit);
    return {
      agents: page.map(({ lastSeen, report, ...row }) =>
        accountOf({ ...row, lastSeenMs: lastSeen, report: reportOf(report) }, this.#connected(row.agent), this.#now()),
      ),
      totals,
      next: agents.length > limit ? (page.at(-1)?.id ?? null) : null,
    };
  }

  events: Views['events'] = (query) => this.#thread.ask('events', query);
  eventsAfter: Views['eventsAfter'] = (id, limit) => this.#thread.ask('eventsAfter', id, limit);
  summary: Views['summary'] = (span) => this.#thread.ask('summary', span);
  timeline: Views['timeline'] = (since, until, step, host) =>
    // What is newer than that is in it all the same.
    this.#thread.ask('timeline', since, until, step, host, toTheSecond(this.#now()));
  top: Views['top'] = (kind, span, limit) => this.#thread.ask('top', kind, span, limit);
  unknown: Views['unknown'] = (limit) => this.#thread.ask('unknown', limit);
  gaps: Views['gaps'] = (limit, before) => this.#thread.ask('gaps', limit, before);
}
