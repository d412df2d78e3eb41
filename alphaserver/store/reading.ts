/** The store's views: what the reading thread answers, joined with who is connected now. */
import type { HostView, LedgerView, Views } from '../web/views.ts';
import { type HostFacts, type LedgerFacts, reportOf } from './reading/fleet.ts';
import type { ReadingThread } from './reading/thread.ts';

/** An agent that said nothing for this long is silent. Contract section 6, rule `agent-silent`. */
export const SILENT_AFTER_MS = 90_000;

export interface ReadingOptions {
  readonly thread: ReadingThread;
  readonly connected: (agent: string) => boolean;
  readonly now: () => number;
}

/** The views of one store. */
export class StoreViews implements Views {
  readonly #thread: ReadingThread;
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
    return {
      host,
      ...this.#live(agent, lastSeen, report),
      firstSeen: new Date(firstSeen).toISOString(),
      lastSeen: new Date(lastSeen).toISOString(),
      attempts: accepted + failed,
      accepted,
      failed,
      probes,
    };
  }

  #live(agent: string, lastSeen: number, report: string | null): { connected: boolean; state: string } {
    const connected = this.#connected(agent);
    const silent = !connected && this.#now() - lastSeen >= SILENT_AFTER_MS;
    return {
      connected,
      state: silent ? `silent since ${new Date(lastSeen).toISOString()}` : (reportOf(report)?.state ?? 'unknown'),
    };
  }

  async ledger(limit: number, after: number): ReturnType<Views['ledger']> {
    const { agents, totals } = await this.#thread.ask('ledger', limit + 1, after);
    const page = agents.slice(0, limit);
    return {
      agents: page.map((row) => this.#account(row)),
      totals,
      next: agents.length > limit ? (page.at(-1)?.id ?? null) : null,
    };
  }

  #account({ agent, host, lastSeen, lastSeq, stored, repeats, gaps, report }: LedgerFacts): LedgerView {
    const told = reportOf(report);
    const sent = Math.max(lastSeq, told?.sentSeq ?? 0);
    return {
      agent,
      host,
      ...this.#live(agent, lastSeen, report),
      sent,
      stored,
      repeats,
      gaps,
      waiting: sent - lastSeq,
      lastSeq,
      declaredLost: told?.declaredLost ?? 0,
      linesRead: told?.linesRead ?? 0,
      linesUnknown: told?.linesUnknown ?? 0,
      linesForged: told?.linesForged ?? 0,
    };
  }

  events: Views['events'] = (query) => this.#thread.ask('events', query);
  eventsAfter: Views['eventsAfter'] = (id, limit) => this.#thread.ask('eventsAfter', id, limit);
  summary: Views['summary'] = (span) => this.#thread.ask('summary', span);
  timeline: Views['timeline'] = (since, until, step, host) =>
    // To the second, so that viewers share an answer; what is newer than that is in it all the same.
    this.#thread.ask('timeline', since, until, step, host, Math.floor(this.#now() / 1_000) * 1_000);
  top: Views['top'] = (kind, span, limit) => this.#thread.ask('top', kind, span, limit);
  unknown: Views['unknown'] = (limit) => this.#thread.ask('unknown', limit);
  gaps: Views['gaps'] = (limit, after) => this.#thread.ask('gaps', limit, after);
}
