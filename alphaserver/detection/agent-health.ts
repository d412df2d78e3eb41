/**
 * Detects what is wrong with agents: silent, log gone, lines not understood, events lost, an identity used twice, connections to sshd that
 * no login explains. Pure: the clock is an argument.
 */

import type { AgentReport } from '../../protocol/report.ts';
import { hashOf } from '../../service/text-hash.ts';
import { isAsGrave } from '../alert-config/routing.ts';
import { type DetectionConfig, type Severity, STATE_RULES, type StateRule } from '../alert-config/rules.ts';
import { AGENTS_LIMIT } from '../ingest/fleet-bounds.ts';
import type { AgentRow } from '../store/agents.ts';
import type { CheckpointBlock } from './checkpoint.ts';
import { CheckpointError } from './checkpoint-block.ts';
import type { AdoptedIncident, Incident } from './incident.ts';
import { shown, spanWords } from './incident-summary.ts';
import { FLEET_KEY, SilentGroups, TOGETHER_LEAST_AGENTS, TOGETHER_WITHIN_MS } from './silent-groups.ts';
import { unloggedSessions } from './unlogged-session.ts';

/** An agent as the store has it. Times are Unix milliseconds, `report` is JSON. */
export type AgentStatus = Pick<
  AgentRow,
  'uuid' | 'host' | 'lastSeen' | 'gaps' | 'report' | 'reportedAt' | 'endedAt' | 'cloneAt' | 'looked'
>;

/** Holds what is remembered of one agent: plain data. Times are Unix milliseconds. */
export interface AgentMemory {
  /** The time since which its log is gone, or null. */
  readonly goneAt: number | null;
  /** Totals of lines that were not understood, sampled now and then within the window, oldest first. */
  readonly unknown: readonly (readonly [atMs: number, total: number])[];
  /** Events known to be lost in all, when that last grew, and how many there were before it began to. */
  readonly lost: number;
  readonly lostAt: number | null;
  readonly lostBefore: number;
}

/** Samples kept of a total that only grows: the window is exact to a sixtieth of its length. */
const SAMPLES = 60;
/** Blocks that what is remembered of agents is saved in. */
const BLOCKS = 64;
const BLOCK_KIND = 'agent';
const VERSION = 1;

/**
 * An incident that another server found stays open for so long before this server has to see the fault: servers tell each other every
 * 15 s what they heard, and check every 5 s.
 */
export const ADOPTED_FOR_MS = 60_000;

/** States in which the log that an agent should follow is not there. */
const GONE_STATES: readonly AgentReport['state'][] = ['log missing', 'log unreadable', 'log detached'];

const NOTHING: AgentMemory = { goneAt: null, unknown: [], lost: 0, lostAt: null, lostBefore: 0 };

/** One agent: what is remembered, its last report, and its open incidents. */
interface Watched {
  memory: AgentMemory;
  /** The report that `memory` knows, as the store has it. */
  report: string | null;
  gaps: number;
  state: AgentReport['state'] | null;
  readonly open: Map<StateRule, Incident>;
  /** The time until which an incident that another server found stays open although this server has not seen the fault. */
  readonly adoptedUntil: Map<StateRule, number>;
}

interface Fault {
  readonly sinceMs: number;
  readonly count: number;
  readonly summary: string;
  /** Addresses that it is about; none unless given. */
  readonly sources?: readonly string[];
  /** True where it is about something else than the open incident, which it ends. */
  readonly isAnother?: boolean;
  /** False where it may be harmless: it is a warning at most then. */
  readonly isSure?: boolean;
}

/** An agent that has just fallen silent. */
interface Fallen {
  readonly agent: AgentStatus;
  readonly watched: Watched;
  readonly fault: Fault;
}

/** Holds what the rules of agents are given. */
export interface AgentHealthOptions {
  readonly config: DetectionConfig;
  readonly incidentId: (rule: StateRule, agent: string, openedAt: number) => string;
  /** The time at which this server began to listen: nobody is silent who could not be heard. */
  readonly startedMs: number;
}

/** Checks the agents again and again, and gives what has changed. */
export class AgentHealth {
  readonly #options: AgentHealthOptions;
  #config: DetectionConfig;
  readonly #agents = new Map<string, Watched>();
  readonly #silent: SilentGroups;
  readonly #dirty = new Set<number>();
  /** Open incidents that another one has taken the place of: they end at the next check. */
  readonly #overtaken: Incident[] = [];
  #startedMs: number;

  constructor(options: AgentHealthOptions) {
    this.#options = options;
    this.#startedMs = options.startedMs;
    this.#config = options.config;
    this.#silent = new SilentGroups(options);
  }

  /** Takes other settings, which hold from the next check on. */
  configure(config: DetectionConfig): void {
    this.#config = config;
  }

  /** The incidents that opened, grew or closed since the last check. */
  check(agents: readonly AgentStatus[], nowMs: number): Incident[] {
    const changed: Incident[] = this.#overtaken.splice(0).map((one) => ({ ...one, lastAt: nowMs, closedAt: nowMs }));
    const fell: Fallen[] = [];
    // It began while the clock stood ahead, which was set back since.
    this.#startedMs = Math.min(this.#startedMs, nowMs);
    const { on, windowMs } = this.#config.rules['agent-silent'];
    for (const agent of agents.slice(0, AGENTS_LIMIT)) {
      const watched = this.#watched(agent.uuid);
      if (agent.report !== watched.report || agent.gaps !== watched.gaps) this.#remember(agent, watched, nowMs);
      for (const rule of STATE_RULES) {
        const open = watched.open.get(rule);
        if (rule === 'agent-silent' && !open && this.#silent.holds(agent, on, windowMs)) continue;
        const fault = this.#fault(rule, agent, watched, nowMs);
        if (rule === 'agent-silent' && fault && !open) fell.push({ agent, watched, fault });
        else changed.push(...this.#judge(rule, agent, watched, fault, nowMs));
      }
    }
    if (this.#agents.size > agents.length) changed.push(...this.#closeForgotten(agents, nowMs));
    if (fell.length > 0) changed.push(...this.#fallen(fell, agents, nowMs));
    changed.push(...this.#silent.changes(windowMs, nowMs));
    return changed;
  }

  /**
   * Opens an incident for each agent that fell silent, or one for all that do so together. Incidents of those that were first become
   * parts of that, and are over: it stands for them.
   */
  #fallen(fell: readonly Fallen[], agents: readonly AgentStatus[], nowMs: number): Incident[] {
    const rule = 'agent-silent';
    const { severity } = this.#config.rules[rule];
    const before = this.#silent.isOpen(nowMs)
      ? []
      : agents.flatMap((agent) => {
          const watched = this.#watched(agent.uuid);
          const open = watched.open.get(rule);
          return open && nowMs - open.openedAt <= TOGETHER_WITHIN_MS ? [{ agent, watched, open }] : [];
        });
    if (!this.#silent.isOpen(nowMs) && before.length + fell.length < TOGETHER_LEAST_AGENTS)
      return fell.map(({ agent, watched, fault }) => this.#begin(rule, agent, watched, fault));
    const silent = [...before, ...fell].map(({ agent }) => agent);
    const sinceMs = Math.min(...fell.map(({ fault }) => fault.sinceMs), ...before.map(({ open }) => open.openedAt));
    const partOf = this.#silent.add(silent, sinceMs, severity, nowMs);
    return before.map(({ agent, watched, open }) => {
      watched.open.delete(rule);
      this.#changed(agent.uuid);
      return { ...open, partOf, lastAt: nowMs, closedAt: nowMs };
    });
  }

  /** Closes the incidents of agents that are no longer listed: somebody has forgotten them. */
  #closeForgotten(agents: readonly AgentStatus[], nowMs: number): Incident[] {
    const listed = new Set(agents.map(({ uuid }) => uuid));
    const closed: Incident[] = [];
    for (const [uuid, watched] of this.#agents) {
      if (listed.has(uuid)) continue;
      this.#silent.leave(uuid);
      for (const incident of watched.open.values()) closed.push({ ...incident, lastAt: nowMs, closedAt: nowMs });
      if (watched.open.size > 0) this.#changed(uuid);
      watched.open.clear();
      if (watched.memory === NOTHING) this.#agents.delete(uuid);
    }
    return closed;
  }

  #watched(uuid: string): Watched {
    const known = this.#agents.get(uuid);
    if (known) return known;
    const watched: Watched = {
      memory: NOTHING,
      report: null,
      gaps: 0,
      state: null,
      open: new Map(),
      adoptedUntil: new Map(),
    };
    this.#agents.set(uuid, watched);
    return watched;
  }

  /** Takes notice of another report, or another number of gaps. */
  #remember(agent: AgentStatus, watched: Watched, nowMs: number): void {
    const report = agent.report === null ? null : (JSON.parse(agent.report) as AgentReport);
    const before = watched.memory;
    watched.report = agent.report;
    watched.gaps = agent.gaps;
    watched.state = report?.state ?? null;
    const isGone = GONE_STATES.some((state) => state === report?.state);
    const lost = agent.gaps + (report?.declaredLost ?? 0);
    const hasLost = lost > before.lost;
    const unknown = this.#sampled(before.unknown, report?.linesUnknown ?? 0, nowMs);
    const goneAt = isGone ? (before.goneAt ?? agent.reportedAt ?? nowMs) : null;
    if (!hasLost && unknown === before.unknown && goneAt === before.goneAt) return;
    watched.memory = {
      goneAt,
      unknown,
      lost: Math.max(lost, before.lost),
      lostAt: hasLost ? nowMs : before.lostAt,
      lostBefore: hasLost && !this.#isFresh(before.lostAt, nowMs) ? before.lost : before.lostBefore,
    };
    this.#changed(agent.uuid);
  }

  /** The samples of a total with its present value; the same samples where it has not grown. */
  #sampled(samples: AgentMemory['unknown'], total: number, nowMs: number): AgentMemory['unknown'] {
    const last = samples.at(-1);
    if (total === (last?.[1] ?? 0)) return samples;
    const { windowMs } = this.#config.rules['unknown-lines'];
    const all = last ? [...samples] : [[nowMs, 0] as const];
    const previous = all.at(-2);
    // The newest sample is moved on until it is far enough from the one before.
    if (previous && nowMs - previous[0] < windowMs / SAMPLES) all.pop();
    all.push([nowMs, total]);
    // One sample at or before the window's beginning says where the count stood then.
    while (all.length > 1 && (all[1] as readonly [number, number])[0] <= nowMs - windowMs) all.shift();
    return all;
  }

  #fault(rule: StateRule, agent: AgentStatus, { memory, state, open }: Watched, nowMs: number): Fault | null {
    const { on, count, windowMs } = this.#config.rules[rule];
    if (!on) return null;
    // Two that use one identity end each other, so that either may be the one that stays.
    if (rule === 'clone') return this.#clone(agent, nowMs);
    // The id that has taken the place of one that ended is watched instead.
    if (agent.endedAt !== null) return null;
    switch (rule) {
      case 'agent-silent':
        return this.#silence(agent, open.get(rule), windowMs, nowMs);
      case 'log-gone':
        if (memory.goneAt === null || nowMs - memory.goneAt < windowMs) return null;
        return {
          sinceMs: memory.goneAt + windowMs,
          count: 1,
          summary: `the agent on ${shown(agent.host)} cannot read its log (${state})`,
        };
      case 'unknown-lines':
        return unknownLines(agent, memory.unknown, count, windowMs, nowMs);
      case 'events-lost':
        return this.#loss(agent, memory, nowMs);
      case 'unlogged-session':
        return unloggedSessions(agent.host, agent.looked, open.get(rule));
    }
  }

  #clone({ host, cloneAt }: AgentStatus, nowMs: number): Fault | null {
    if (cloneAt === null || !this.#isFresh(cloneAt, nowMs)) return null;
    return { sinceMs: cloneAt, count: 1, summary: `two agents at once use the identity of the one on ${shown(host)}` };
  }

  #silence({ host, lastSeen }: AgentStatus, open: Incident | undefined, windowMs: number, nowMs: number): Fault | null {
    const heardMs = Math.max(lastSeen, this.#startedMs);
    // Once silent it is so until it is heard, also by a server that has only just begun to listen.
    const isSilent = open ? lastSeen <= open.openedAt : nowMs - heardMs > windowMs;
    if (!isSilent) return null;
    return {
      sinceMs: heardMs + windowMs,
      count: 1,
      summary: `the agent on ${shown(host)} has said nothing for ${spanWords(windowMs)} and more`,
    };
  }

  #loss({ host }: AgentStatus, { lost, lostAt, lostBefore }: AgentMemory, nowMs: number): Fault | null {
    if (lostAt === null || !this.#isFresh(lostAt, nowMs)) return null;
    const count = lost - lostBefore;
    const what = count === 1 ? '1 event or log line' : `${count} events or log lines`;
    return { sinceMs: lostAt, count, summary: `${what} of ${shown(host)} lost` };
  }

  /** True while something is so new that its incident is not over. */
  #isFresh(atMs: number | null, nowMs: number): boolean {
    return atMs !== null && nowMs - atMs < this.#config.quietMs;
  }

  #judge(rule: StateRule, agent: AgentStatus, watched: Watched, fault: Fault | null, nowMs: number): Incident[] {
    const open = watched.open.get(rule);
    if (!open) return fault ? [this.#begin(rule, agent, watched, fault)] : [];
    const until = watched.adoptedUntil.get(rule) ?? 0;
    // A clock that was set back must not make it longer.
    if (!fault && nowMs < until && until - nowMs <= ADOPTED_FOR_MS) return [];
    watched.adoptedUntil.delete(rule);
    if (!fault || fault.isAnother) {
      watched.open.delete(rule);
      this.#changed(agent.uuid);
      const closed = { ...open, lastAt: nowMs, closedAt: nowMs };
      return fault ? [closed, this.#begin(rule, agent, watched, fault)] : [closed];
    }
    const { count, summary, sources = [] } = fault;
    const now = this.#severity(rule, fault);
    // What was sure stays so: whoever got in can change sshd's settings.
    const severity = isAsGrave(open.severity, now) ? open.severity : now;
    const isSame = open.count === count && open.severity === severity && open.summary === summary;
    if (isSame && open.ips.join(' ') === sources.join(' ')) return [];
    const incident = {
      ...open,
      lastAt: nowMs,
      severity,
      count,
      summary,
      source: sources[0] ?? null,
      ips: [...sources],
    };
    watched.open.set(rule, incident);
    this.#changed(agent.uuid);
    return [incident];
  }

  #begin(rule: StateRule, agent: AgentStatus, watched: Watched, fault: Fault): Incident {
    const incident = this.#opened(rule, agent, fault);
    watched.open.set(rule, incident);
    this.#changed(agent.uuid);
    return incident;
  }

  #opened(rule: StateRule, { uuid, host }: AgentStatus, fault: Fault): Incident {
    const { sinceMs, count, summary, sources = [] } = fault;
    return {
      id: this.#options.incidentId(rule, uuid, sinceMs),
      rule,
      severity: this.#severity(rule, fault),
      key: uuid,
      decidedBy: null,
      trust: null,
      vouched: true,
      agent: uuid,
      host,
      source: sources[0] ?? null,
      user: null,
      firstAt: sinceMs,
      openedAt: sinceMs,
      lastAt: sinceMs,
      closedAt: null,
      count,
      late: false,
      partOf: null,
      summary,
      evidence: [],
      hosts: [host],
      users: [],
      ips: [...sources],
      more: false,
    };
  }

  #severity(rule: StateRule, { isSure = true }: Fault): Severity {
    const { severity } = this.#config.rules[rule];
    return isSure || severity !== 'critical' ? severity : 'warning';
  }

  #changed(uuid: string): void {
    this.#dirty.add(hashOf(uuid) % BLOCKS);
  }

  /** The blocks that changed since the last call: what is remembered of agents, and their open incidents. */
  checkpoint(): CheckpointBlock[] {
    const agents = new Map<number, unknown[]>([...this.#dirty].map((block) => [block, []]));
    this.#dirty.clear();
    if (agents.size === 0) return [];
    for (const [uuid, { memory, open }] of this.#agents)
      if (memory !== NOTHING || open.size > 0)
        agents.get(hashOf(uuid) % BLOCKS)?.push([uuid, memory, [...open.values()]]);
    return [...agents].map(([block, saved]) => ({
      kind: BLOCK_KIND,
      block,
      data: saved.length === 0 ? null : JSON.stringify({ version: VERSION, agents: saved }),
    }));
  }

  /** Restores a block; false where it is of another kind. Throws a CheckpointError when it cannot be used. */
  restore({ kind, data }: CheckpointBlock): boolean {
    if (kind !== BLOCK_KIND) return false;
    const { version, agents } = JSON.parse(data ?? '{}') as {
      version?: number;
      agents: [string, AgentMemory, Incident[]][];
    };
    if (version !== VERSION) throw new CheckpointError(`the agents' block is of version ${version}`);
    for (const [uuid, memory, incidents] of agents) {
      this.#watched(uuid).memory = memory;
      for (const incident of incidents) this.resume(incident);
    }
    return true;
  }

  /** Takes over what another version remembered of an agent. */
  adopt(uuid: string, memory: AgentMemory): void {
    this.#watched(uuid).memory = memory;
    this.#changed(uuid);
  }

  /** Remembers the present totals of agents without raising anything: what was lost before is no news. */
  baseline(agents: readonly AgentStatus[], nowMs: number): void {
    for (const agent of agents) {
      const report = agent.report === null ? null : (JSON.parse(agent.report) as AgentReport);
      const lost = agent.gaps + (report?.declaredLost ?? 0);
      const unknown = report?.linesUnknown ? [[nowMs, report.linesUnknown] as const] : [];
      this.adopt(agent.uuid, { ...NOTHING, unknown, lost, lostBefore: lost });
    }
  }

  /** Takes up an incident that is open and that another server found; those that it takes the place of are over. */
  adoptIncident({ incident, overtaken }: AdoptedIncident, nowMs: number): void {
    const rule = STATE_RULES.find((one) => one === incident.rule);
    if (incident.key !== FLEET_KEY && rule) {
      this.#overtaken.push(...overtaken);
      this.#watched(incident.key).adoptedUntil.set(rule, nowMs + ADOPTED_FOR_MS);
      this.#changed(incident.key);
    }
    this.resume(incident);
  }

  /** Takes up an incident that is open. */
  resume(incident: Incident): void {
    if (incident.key === FLEET_KEY) {
      this.#silent.resume(incident);
      return;
    }
    const rule = STATE_RULES.find((one) => one === incident.rule);
    if (rule) this.#watched(incident.key).open.set(rule, incident);
  }
}

function unknownLines(
  { host }: AgentStatus,
  samples: AgentMemory['unknown'],
  count: number,
  windowMs: number,
  nowMs: number,
): Fault | null {
  const first = samples.findLast(([at]) => at <= nowMs - windowMs) ?? samples[0];
  const last = samples.at(-1);
  const grown = first && last ? last[1] - first[1] : 0;
  if (grown <= count) return null;
  return {
    sinceMs: last?.[0] ?? nowMs,
    count: grown,
    summary: `${grown} lines of sshd on ${shown(host)} were not understood in ${spanWords(windowMs)}`,
  };
}
