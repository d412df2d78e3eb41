/** The rules that watch the agents: silent, log gone, lines not understood, events lost. Pure: the clock comes in. */

import { type DetectionConfig, STATE_RULES, type StateRule } from '../alert-config/rules.ts';
import type { AgentRecord } from '../store/store.ts';
import type { Incident } from './incident.ts';
import { shown, spanWords } from './incident-summary.ts';

/** What is remembered of one agent: plain data. Times are Unix milliseconds. */
export interface AgentMemory {
  /** Since when its log is gone, or null. */
  goneAt: number | null;
  /** How many lines were not understood in all, now and then within the window, oldest first. */
  unknown: [atMs: number, total: number][];
  /** Events known to be lost in all, when that last grew, and how many there were before it began to. */
  lost: number;
  lostAt: number | null;
  lostBefore: number;
}

/** Samples kept of a total that only grows: the window is told to a sixtieth of its length. */
const SAMPLES = 60;
/** Agents that are looked at; the store gives those seen last. */
export const AGENTS_LIMIT = 50_000;

interface Bad {
  readonly sinceMs: number;
  readonly count: number;
  readonly summary: string;
}

/** The configuration of the rules, and what is known of earlier incidents. */
export interface StatesOptions {
  readonly config: DetectionConfig;
  readonly nameOf: (rule: StateRule, agent: string, ordinal: number) => string;
  /** The highest ordinal of a rule and agent so far, 0 for none. */
  readonly lastOrdinal: (rule: StateRule, agent: string) => number;
  /** When this server began to listen: nobody is silent who could not be heard. */
  readonly startedMs: number;
}

const fresh = (): AgentMemory => ({ goneAt: null, unknown: [], lost: 0, lostAt: null, lostBefore: 0 });

/** Looks at the agents again and again, and says what has changed. */
export class States {
  readonly #options: StatesOptions;
  readonly #memory = new Map<string, AgentMemory>();
  readonly #open = new Map<string, Incident>();
  #dirty = new Set<string>();

  constructor(options: StatesOptions) {
    this.#options = options;
  }

  /** Takes back what was remembered of an agent, and its open incidents. */
  restore(agent: string, memory: AgentMemory): void {
    this.#memory.set(agent, memory);
  }

  recall(incident: Incident): void {
    if (incident.closedAt === null) this.#open.set(`${incident.rule} ${incident.key}`, incident);
  }

  /** The incidents that opened, grew or closed since the last look. */
  look(agents: readonly AgentRecord[], nowMs: number): Incident[] {
    return agents.slice(0, AGENTS_LIMIT).flatMap((agent) => {
      const memory = this.#remember(agent, nowMs);
      return STATE_RULES.flatMap(
        (rule) => this.#judge(rule, agent, this.#bad(rule, agent, memory, nowMs), nowMs) ?? [],
      );
    });
  }

  /** What is to be kept of agents since the last call. */
  dirty(): [agent: string, memory: AgentMemory][] {
    const taken = [...this.#dirty].map((agent): [string, AgentMemory] => [agent, this.#memory.get(agent) ?? fresh()]);
    this.#dirty = new Set();
    return taken;
  }

  #remember({ agent, report, gaps, reportedAt }: AgentRecord, nowMs: number): AgentMemory {
    const before = this.#memory.get(agent) ?? fresh();
    const memory = { ...before };
    const gone = report?.state === 'log missing' || report?.state === 'log unreadable';
    memory.goneAt = gone ? (before.goneAt ?? Date.parse(reportedAt ?? new Date(nowMs).toISOString())) : null;
    const lost = gaps + (report?.declaredLost ?? 0);
    if (lost > before.lost) {
      if (!this.#isFresh(before.lostAt, nowMs)) memory.lostBefore = before.lost;
      memory.lost = lost;
      memory.lostAt = nowMs;
    }
    const total = report?.linesUnknown ?? 0;
    const { windowMs } = this.#options.config.rules['unknown-lines'];
    const last = before.unknown.at(-1);
    if (total !== (last?.[1] ?? 0)) {
      const all: [number, number][] = last ? [...before.unknown] : [[nowMs, 0]];
      const previous = all.at(-2);
      // The newest sample is moved on until it is far enough from the one before.
      if (previous && nowMs - previous[0] < windowMs / SAMPLES) all.pop();
      all.push([nowMs, total]);
      // One sample at or before the window's beginning says where the count stood then.
      while (all.length > 1 && (all[1] as [number, number])[0] <= nowMs - windowMs) all.shift();
      memory.unknown = all;
    }
    if (JSON.stringify(memory) !== JSON.stringify(before)) {
      this.#memory.set(agent, memory);
      this.#dirty.add(agent);
    }
    return memory;
  }

  #bad(rule: StateRule, agent: AgentRecord, memory: AgentMemory, nowMs: number): Bad | null {
    const { config, startedMs } = this.#options;
    const { on, count, windowMs } = config.rules[rule];
    if (!on) return null;
    const host = shown(agent.host);
    if (rule === 'agent-silent') {
      const seenMs = Date.parse(agent.lastSeen);
      const open = this.#open.get(`${rule} ${agent.agent}`);
      const heardMs = Math.max(seenMs, startedMs);
      // Once silent it is so until it is heard, also by a server that has only just begun to listen.
      const silent = open ? seenMs <= open.openedAt : nowMs - heardMs > windowMs;
      return silent
        ? {
            sinceMs: heardMs + windowMs,
            count: 1,
            summary: `the agent on ${host} has said nothing for ${spanWords(windowMs)} and more`,
          }
        : null;
    }
    if (rule === 'log-gone')
      return memory.goneAt !== null && nowMs - memory.goneAt >= windowMs
        ? {
            sinceMs: memory.goneAt + windowMs,
            count: 1,
            summary: `the agent on ${host} cannot read its log (${agent.report?.state})`,
          }
        : null;
    if (rule === 'unknown-lines') {
      const [first, last] = [
        memory.unknown.findLast(([at]) => at <= nowMs - windowMs) ?? memory.unknown[0],
        memory.unknown.at(-1),
      ];
      const grown = first && last ? last[1] - first[1] : 0;
      return grown > count
        ? {
            sinceMs: last?.[0] ?? nowMs,
            count: grown,
            summary: `${grown} lines of sshd on ${host} were not understood in ${spanWords(windowMs)}`,
          }
        : null;
    }
    if (memory.lostAt === null || !this.#isFresh(memory.lostAt, nowMs)) return null;
    const lostNow = memory.lost - memory.lostBefore;
    return {
      sinceMs: memory.lostAt,
      count: lostNow,
      summary: `${lostNow === 1 ? '1 event or log line' : `${lostNow} events or log lines`} of ${host} lost`,
    };
  }

  /** True while a loss is so new that its incident is not over. */
  #isFresh(lostAt: number | null, nowMs: number): boolean {
    return lostAt !== null && nowMs - lostAt < this.#options.config.quietMs;
  }

  #judge(rule: StateRule, { agent, host }: AgentRecord, bad: Bad | null, nowMs: number): Incident | null {
    const slot = `${rule} ${agent}`;
    const open = this.#open.get(slot);
    if (!bad) {
      if (!open) return null;
      this.#open.delete(slot);
      return { ...open, lastAt: nowMs, closedAt: nowMs };
    }
    if (open && open.count === bad.count) return null;
    const ordinal = open?.ordinal ?? this.#options.lastOrdinal(rule, agent) + 1;
    const incident: Incident = {
      id: open?.id ?? this.#options.nameOf(rule, agent, ordinal),
      rule,
      severity: this.#options.config.rules[rule].severity,
      key: agent,
      ordinal,
      host,
      source: null,
      user: null,
      firstAt: open?.firstAt ?? bad.sinceMs,
      openedAt: open?.openedAt ?? bad.sinceMs,
      lastAt: open ? nowMs : bad.sinceMs,
      closedAt: null,
      count: bad.count,
      late: false,
      partOf: null,
      summary: bad.summary,
      evidence: [],
      hosts: [host],
      users: [],
      ips: [],
      more: false,
    };
    this.#open.set(slot, incident);
    return incident;
  }
}
