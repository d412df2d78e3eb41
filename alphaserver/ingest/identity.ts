/** Decides whose agent a `hello` speaks for. Pure: bindings come in from the store, and what changes goes out with the verdict. */
import type { Hello } from '../../protocol/messages.ts';
import type { Binding, BindingChange } from '../store/store.ts';
import { matchesAny } from './host-pattern.ts';

/** New agent ids that one identity may bring within NEW_IDS_SPAN_MS: a rebuilt host brings one, a broken one many. */
export const NEW_IDS_LIMIT = 10;
export const NEW_IDS_SPAN_MS = 86_400_000;
/** Superseded values of `run` that are remembered for each agent: clones take turns among a few. */
const RUNS_REMEMBERED = 4;

/** Describes who somebody proved to be: by a token's name or a certificate's. */
export interface Identity {
  /** `token:web-01` or `certificate:web-01`: what the store binds agents to. */
  readonly key: string;
  /** Patterns of host names with commas between; null: the one host that the identity is bound to. */
  readonly hosts: string | null;
  /** The host that the identity names by itself, as a certificate does; null: that of its first hello. */
  readonly ownHost: string | null;
  /** Another identity that was proven beside it, whose agents it takes over: a host that had a token has joined. */
  readonly former?: string | null;
}

/** Describes whether a hello is admitted. `notes` are for the log. */
export type Verdict =
  | { readonly admitted: false; readonly message: string }
  | { readonly admitted: true; readonly change: BindingChange | null; readonly notes: readonly string[] };

interface Known {
  host: string;
  identity: string | null;
  firstSeenMs: number;
  hasEnded: boolean;
  run: string | null;
  readonly supersededRuns: string[];
}

const refused = (message: string): Verdict => ({ admitted: false, message });

/**
 * Knows all agents and the identities that they belong to. A verdict takes effect at once, before the store has it: of two hellos
 * at the same moment the second one is judged by the first.
 */
export class Identities {
  readonly #agents = new Map<string, Known>();
  readonly #agentsOf = new Map<string, Set<string>>();

  constructor(bindings: Iterable<Binding>) {
    for (const { agent, ...binding } of bindings) {
      this.#agents.set(agent, { ...binding, run: null, supersededRuns: [] });
      if (binding.identity !== null) this.#join(binding.identity, agent);
    }
  }

  /** Judges a hello by a proven identity; null is somebody without a proof, whom the server's settings let in. */
  judge(identity: Identity | null, hello: Hello, nowMs: number): Verdict {
    const known = this.#agents.get(hello.agent);
    if (identity === null) {
      if (known !== undefined && known.identity !== null)
        return refused('this agent belongs to a token or certificate, which it must show');
      this.#see(hello, null, nowMs);
      return { admitted: true, change: null, notes: [] };
    }
    const isOwn = known === undefined || known.identity === null || known.identity === identity.key;
    if (!isOwn && known.identity !== identity.former)
      return refused('this agent belongs to another token or certificate');
    const hostFault = this.#hostFault(identity, hello.host);
    if (hostFault !== null) return refused(hostFault);
    return this.#bind(identity, hello, nowMs);
  }

  /** Gives why an event may not name this host, or null. `own` is the host of the agent's hello. */
  eventHostFault(identity: Identity | null, own: string, host: string): string | null {
    if (identity === null || host === own) return null;
    if (identity.hosts !== null && matchesAny(identity.hosts, host)) return null;
    return `${identity.key} may not report host ${host}: give its token --hosts PATTERN`;
  }

  /** Takes over what another server's admission decided of an agent. */
  learn(agent: string, host: string, { identity, ends }: BindingChange, nowMs: number): void {
    const known = this.#agents.get(agent);
    const firstSeenMs = known?.firstSeenMs ?? nowMs;
    const { run = null, supersededRuns = [] } = known ?? {};
    this.#agents.set(agent, { host, identity, firstSeenMs, hasEnded: false, run, supersededRuns });
    this.#join(identity, agent);
    const ended = ends === null ? undefined : this.#agents.get(ends);
    if (ended) ended.hasEnded = true;
  }

  /** Forgets an agent that the store has forgotten. */
  forget(agent: string): void {
    const known = this.#agents.get(agent);
    if (known?.identity) this.#agentsOf.get(known.identity)?.delete(agent);
    this.#agents.delete(agent);
  }

  #hostFault({ key, hosts, ownHost }: Identity, host: string): string | null {
    if (hosts !== null && ownHost !== host)
      return matchesAny(hosts, host) ? null : `${key} may speak for hosts ${hosts} alone`;
    const own = ownHost ?? this.#current(key)?.known.host ?? host;
    return own === host ? null : `${key} speaks for host ${own} alone`;
  }

  #bind(identity: Identity, hello: Hello, nowMs: number): Verdict {
    const { key } = identity;
    const known = this.#agents.get(hello.agent);
    const current = this.#current(key);
    const notes: string[] = [];
    let ends: string | null = null;
    let isClone = false;
    if (current !== undefined && current.agent !== hello.agent) {
      const returns = known?.identity === key && known.hasEnded;
      if (!returns && this.#newIds(key, nowMs) >= NEW_IDS_LIMIT)
        return refused(`${key} has brought ${NEW_IDS_LIMIT} new agent ids within a day`);
      ends = current.agent;
      current.known.hasEnded = true;
      isClone = returns;
      notes.push(
        returns
          ? `Two agents use ${key} in turns: ${hello.agent} is back, and ${ends} ends`
          : `New agent ${hello.agent} of ${key}: ${ends} ends`,
      );
    }
    if (known !== undefined && known.identity !== key) {
      notes.push(`Agent ${hello.agent} is bound to ${key}`);
      if (known.identity !== null) this.#agentsOf.get(known.identity)?.delete(hello.agent);
      known.identity = key;
    }
    if (this.#see(hello, key, nowMs)) {
      isClone = true;
      notes.push(`Two processes use the state folder of agent ${hello.agent} in turns`);
    }
    return { admitted: true, change: { identity: key, ends, isClone }, notes };
  }

  /** Notes an admitted hello. True when its `run` was superseded by another before: a restarted agent never takes an old one. */
  #see({ agent, host, run }: Hello, identity: string | null, nowMs: number): boolean {
    let known = this.#agents.get(agent);
    if (known === undefined) {
      known = { host, identity, firstSeenMs: nowMs, hasEnded: false, run: null, supersededRuns: [] };
      this.#agents.set(agent, known);
    }
    known.host = host;
    known.hasEnded = false;
    if (identity !== null && known.identity === null) known.identity = identity;
    if (identity !== null) this.#join(identity, agent);
    if (run === null || run === known.run) return false;
    if (known.run !== null) {
      known.supersededRuns.push(known.run);
      if (known.supersededRuns.length > RUNS_REMEMBERED) known.supersededRuns.shift();
    }
    known.run = run;
    return known.supersededRuns.includes(run);
  }

  #join(identity: string, agent: string): void {
    const agents = this.#agentsOf.get(identity) ?? new Set();
    agents.add(agent);
    this.#agentsOf.set(identity, agents);
  }

  /** Gives the agent that an identity speaks for now. */
  #current(identity: string): { readonly agent: string; readonly known: Known } | undefined {
    for (const agent of this.#agentsOf.get(identity) ?? []) {
      const known = this.#agents.get(agent);
      if (known !== undefined && !known.hasEnded) return { agent, known };
    }
    return undefined;
  }

  /** Counts the agent ids that an identity has brought within the span. */
  #newIds(identity: string, nowMs: number): number {
    let count = 0;
    for (const agent of this.#agentsOf.get(identity) ?? [])
      if (nowMs - (this.#agents.get(agent)?.firstSeenMs ?? 0) < NEW_IDS_SPAN_MS) count++;
    return count;
  }
}
