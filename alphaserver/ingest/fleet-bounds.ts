/** Bounds the agents and hosts that the server knows, in all and by agent. Slows down who brings many before it refuses. Pure. */
import { HELLO_DELAY_LIMIT_MS } from '../../protocol/messages.ts';
import { TokenBucket } from '../../service/token-bucket.ts';

/** Agents that the server knows, also those that are gone: each takes some 600 bytes of the server, and is watched for silence. */
export const AGENTS_LIMIT = 50_000;
/** New agents that are let in at once, and by the second from then on. */
export const NEW_AGENTS_AT_ONCE = 20_000;
export const NEW_AGENTS_PER_SECOND = 100;
/** Hosts that the server knows: the state of the rules for that many sources and hosts takes some 220 MiB. */
export const HOSTS_LIMIT = 50_000;
/** Hosts that one agent may name: more than any one collector of a fleet has been seen to hold. */
export const HOSTS_PER_AGENT_LIMIT = 10_000;
/** New hosts that one agent may name at once, and by the second from then on. */
export const NEW_HOSTS_AT_ONCE = 1_000;
export const NEW_HOSTS_PER_SECOND = 100;

/** The longest that one batch waits. A hello waits for less: its agent leaves sooner. */
const DELAY_LIMIT_MS = 10_000;

/** The bounds, which tests lower. */
export interface FleetLimits {
  readonly agents: number;
  readonly newAgentsAtOnce: number;
  readonly hosts: number;
  readonly hostsPerAgent: number;
  readonly newHostsAtOnce: number;
}

const LIMITS: FleetLimits = {
  agents: AGENTS_LIMIT,
  newAgentsAtOnce: NEW_AGENTS_AT_ONCE,
  hosts: HOSTS_LIMIT,
  hostsPerAgent: HOSTS_PER_AGENT_LIMIT,
  newHostsAtOnce: NEW_HOSTS_AT_ONCE,
};

/** Says how long something new has to wait, or why it is refused. */
export type Bounded = { readonly delayMs: number } | { readonly fault: string };

/** Holds what the store knows before the first hello. */
export interface KnownFleet {
  readonly agents: Iterable<string>;
  readonly hosts: Iterable<{ readonly host: string; readonly agent: string }>;
}

/** Counts the agents and hosts that were let in. What is new counts at once, before the store has it. */
export class FleetBounds {
  readonly #limits: FleetLimits;
  readonly #agents: Set<string>;
  /** The agent that named each host first. */
  readonly #agentOf = new Map<string, string>();
  readonly #hostsOf = new Map<string, number>();
  readonly #newHosts = new Map<string, TokenBucket>();
  #newAgents: TokenBucket | null = null;

  constructor(known: KnownFleet, limits: Partial<FleetLimits> = {}) {
    this.#limits = { ...LIMITS, ...limits };
    this.#agents = new Set(known.agents);
    for (const { host, agent } of known.hosts) this.#add(host, agent);
  }

  /** Returns why an agent and its host cannot be let in, or null. Changes nothing. */
  helloFault(agent: string, host: string): string | null {
    if (!this.#agents.has(agent) && this.#agents.size >= this.#limits.agents)
      return `this server knows ${this.#agents.size} agents, which is its limit; "alphaserver forget agent ID" makes room`;
    return this.#hostFault(agent, host);
  }

  /** Counts an agent that is let in, and its host; returns how long it has to wait, milliseconds. */
  hello(agent: string, host: string, nowMs: number): number {
    const delayMs = Math.min(HELLO_DELAY_LIMIT_MS, this.#name(agent, host, nowMs));
    if (this.#agents.has(agent)) return delayMs;
    this.#agents.add(agent);
    this.#newAgents ??= new TokenBucket(this.#limits.newAgentsAtOnce, NEW_AGENTS_PER_SECOND, nowMs);
    return Math.min(HELLO_DELAY_LIMIT_MS, Math.max(delayMs, this.#newAgents.take(nowMs)));
  }

  /** Counts a host that an agent names in an event. */
  host(agent: string, host: string, nowMs: number): Bounded {
    const fault = this.#hostFault(agent, host);
    return fault === null ? { delayMs: this.#name(agent, host, nowMs) } : { fault };
  }

  /** Counts agents and hosts no longer. */
  forget(agents: readonly string[], hosts: readonly string[]): void {
    for (const host of hosts) {
      const agent = this.#agentOf.get(host);
      if (agent === undefined) continue;
      this.#agentOf.delete(host);
      this.#hostsOf.set(agent, (this.#hostsOf.get(agent) ?? 1) - 1);
    }
    for (const agent of agents) {
      this.#agents.delete(agent);
      this.#hostsOf.delete(agent);
      this.#newHosts.delete(agent);
    }
  }

  #hostFault(agent: string, host: string): string | null {
    if (this.#agentOf.has(host)) return null;
    const named = this.#hostsOf.get(agent) ?? 0;
    const makesRoom = '"alphaserver forget host NAME" makes room';
    if (named >= this.#limits.hostsPerAgent)
      return `this agent has named ${named} hosts, which is the limit for one; ${makesRoom}`;
    if (this.#agentOf.size >= this.#limits.hosts)
      return `this server knows ${this.#agentOf.size} hosts, which is its limit; ${makesRoom}`;
    return null;
  }

  /** Counts a host, where it is new; returns how long its agent has to wait. */
  #name(agent: string, host: string, nowMs: number): number {
    if (this.#agentOf.has(host)) return 0;
    this.#add(host, agent);
    // Most agents name one host, and need no bucket.
    if (this.#hostsOf.get(agent) === 1) return 0;
    const bucket =
      this.#newHosts.get(agent) ?? new TokenBucket(this.#limits.newHostsAtOnce, NEW_HOSTS_PER_SECOND, nowMs);
    this.#newHosts.set(agent, bucket);
    return Math.min(DELAY_LIMIT_MS, bucket.take(nowMs));
  }

  #add(host: string, agent: string): void {
    this.#agentOf.set(host, agent);
    this.#hostsOf.set(agent, (this.#hostsOf.get(agent) ?? 0) + 1);
  }
}
