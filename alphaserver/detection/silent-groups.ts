/** Agents that fall silent together, as when a switch fails: one incident for all of them, with a count. Pure: the clock is an argument. */
import type { Severity } from '../alert-config/rules.ts';
import type { AgentStatus } from './agent-health.ts';
import type { Incident } from './incident.ts';
import { shown, spanWords } from './incident-summary.ts';
import { TOUCHED_LIMIT } from './threshold-window.ts';

/** So many agents or more that fall silent within TOGETHER_WITHIN_MS of each other are one incident. */
export const TOGETHER_LEAST_AGENTS = 10;
/** Twice as long as heartbeats that say nothing new are stored apart. */
export const TOGETHER_WITHIN_MS = 60_000;
/** The key of such an incident, which is about no one agent. */
export const FLEET_KEY = 'fleet';

const RULE = 'agent-silent';
const NAMES_SHOWN = 5;

interface Member {
  readonly host: string;
  /** The time at which it was heard last, Unix milliseconds. */
  readonly lastSeen: number;
}

interface Group {
  incident: Incident;
  readonly members: Map<string, Member>;
  /** True where it grew since it was given last. */
  isNew: boolean;
}

/** Holds what the incidents are made of. */
export interface SilentGroupsOptions {
  readonly incidentId: (rule: typeof RULE, agent: string, openedAt: number) => string;
}

/** The open incidents of agents that fell silent together, and the agents that each still stands for. */
export class SilentGroups {
  readonly #options: SilentGroupsOptions;
  readonly #groups: Group[] = [];
  readonly #groupOf = new Map<string, Group>();
  /** True until the members of resumed incidents are known. */
  #isResuming = false;

  constructor(options: SilentGroupsOptions) {
    this.#options = options;
  }

  /**
   * True while an open incident stands for this agent's silence. An agent that was heard since, that has ended, or whose rule is off
   * (`on`) leaves it.
   */
  holds({ uuid, host, lastSeen, endedAt }: AgentStatus, on: boolean, windowMs: number): boolean {
    const group = this.#groupOf.get(uuid) ?? this.#resumed(lastSeen, windowMs);
    if (!group) return false;
    const member = group.members.get(uuid) ?? { host, lastSeen };
    if (on && endedAt === null && lastSeen <= member.lastSeen) {
      group.members.set(uuid, member);
      this.#groupOf.set(uuid, group);
      return true;
    }
    this.leave(uuid);
    return false;
  }

  /** Takes an agent out: it is no longer silent, or no longer known. */
  leave(uuid: string): void {
    const group = this.#groupOf.get(uuid);
    if (!group) return;
    this.#groupOf.delete(uuid);
    group.members.delete(uuid);
  }

  /** Takes agents that fell silent: into the incident of those that did so just before, or into a new one. Returns its id. */
  add(fell: readonly AgentStatus[], sinceMs: number, severity: Severity, nowMs: number): string {
    const last = this.#latest(nowMs) ?? this.#open(sinceMs, severity);
    for (const { uuid, host, lastSeen } of fell) {
      last.members.set(uuid, { host, lastSeen });
      this.#groupOf.set(uuid, last);
    }
    const { incident } = last;
    const hosts = new Set(incident.hosts);
    for (const { host } of fell) if (hosts.size < TOUCHED_LIMIT) hosts.add(host);
    const count = incident.count + fell.length;
    last.incident = { ...incident, count, lastAt: nowMs, hosts: [...hosts], more: count > hosts.size };
    last.isNew = true;
    return incident.id;
  }

  /** True where agents that fall silent now belong to an incident that is open. */
  isOpen(nowMs: number): boolean {
    return this.#latest(nowMs) !== null;
  }

  /** The incidents that opened, changed or closed since the last call. Called once all agents were asked for. */
  changes(windowMs: number, nowMs: number): Incident[] {
    this.#isResuming = false;
    const changed: Incident[] = [];
    for (const group of this.#groups.splice(0)) {
      const isOver = group.members.size === 0;
      const summary = isOver ? group.incident.summary : summaryOf(group, windowMs);
      const hasChanged = isOver || group.isNew || summary !== group.incident.summary;
      group.isNew = false;
      group.incident = { ...group.incident, summary, ...(isOver && { lastAt: nowMs, closedAt: nowMs }) };
      if (hasChanged) changed.push(group.incident);
      if (!isOver) this.#groups.push(group);
    }
    return changed;
  }

  /** Takes up an incident that is open. Who it stands for shows by when agents were heard last: nothing else is stored of it. */
  resume(incident: Incident): void {
    if (this.#groups.some((group) => group.incident.id === incident.id)) return;
    this.#groups.push({ incident, members: new Map(), isNew: false });
    this.#groups.sort((a, b) => a.incident.lastAt - b.incident.lastAt);
    this.#isResuming = true;
  }

  /** The first of the resumed incidents that an agent can have been counted in: it was silent when that grew last. */
  #resumed(lastSeen: number, windowMs: number): Group | null {
    if (!this.#isResuming) return null;
    return this.#groups.find(({ incident }) => lastSeen + windowMs <= incident.lastAt) ?? null;
  }

  #latest(nowMs: number): Group | null {
    const last = this.#groups.at(-1);
    return last && nowMs - last.incident.lastAt <= TOGETHER_WITHIN_MS ? last : null;
  }

  #open(sinceMs: number, severity: Severity): Group {
    const incident: Incident = {
      id: this.#options.incidentId(RULE, FLEET_KEY, sinceMs),
      rule: RULE,
      severity,
      key: FLEET_KEY,
      decidedBy: null,
      trust: null,
      vouched: true,
      agent: '',
      host: null,
      source: null,
      user: null,
      firstAt: sinceMs,
      openedAt: sinceMs,
      lastAt: sinceMs,
      closedAt: null,
      count: 0,
      late: false,
      partOf: null,
      summary: '',
      evidence: [],
      hosts: [],
      users: [],
      ips: [],
      more: false,
    };
    const group = { incident, members: new Map<string, Member>(), isNew: true };
    this.#groups.push(group);
    return group;
  }
}

/** Says how many fell silent, how many still are, and the first of those. */
function summaryOf({ incident: { count }, members }: Group, windowMs: number): string {
  const some = [...members.values().take(NAMES_SHOWN)].map(({ host }) => shown(host)).join(', ');
  const names = `${some}${members.size > NAMES_SHOWN ? ', ...' : ''}`;
  const span = `for ${spanWords(windowMs)} and more`;
  if (members.size === count) return `${count} agents fell silent together and have said nothing ${span}: ${names}`;
  return `${members.size} of ${count} agents that fell silent together have said nothing ${span}: ${names}`;
}
