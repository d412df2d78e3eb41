/** Login events of a made-up fleet, in the order of their time and the same each time. Some of everything is frequent, most is rare. */
import type { AgentBatch, SequencedEvent } from '../../alphaserver/store/store.ts';

export interface StreamOptions {
  /** Number of events in the stream. */
  readonly events: number;
  readonly days: number;
  /** End of the stream's time, Unix milliseconds. */
  readonly endMs: number;
  readonly hosts: number;
  /** Limit of the number of different addresses. */
  readonly sources: number;
  /** Limit of the number of different user names. */
  readonly users: number;
  /** Agents; each of fewer agents than hosts reports several hosts, as one does that follows a log which collects them. */
  readonly agents?: number;
}

/** A fleet of 1,000 hosts over 30 days. */
export const FLEET = { days: 30, hosts: 1_000, sources: 200_000, users: 20_000 } as const;

const DAY_MS = 86_400_000;
const FAMILIAR = ['root', 'admin', 'test', 'ubuntu', 'postgres', 'oracle', 'git', 'user', 'deploy', 'ftpuser'];
const REASONS = ['connection closed', 'no common algorithm', 'banner is not SSH', 'timeout'];

/** Numbers from 0 to 1, the same for the same seed (xorshift32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** The agent of a host of the fleet. */
export const agentOf = (host: number): string => `00000000-0000-4000-8000-${String(host).padStart(12, '0')}`;
/** The name of a host of the fleet. */
export const hostName = (host: number): string => `web-${String(host).padStart(5, '0')}.example`;
/** An address of the fleet's attackers; one in sixteen is IPv6. */
export const sourceIp = (source: number): string =>
  source % 16 === 5
    ? `2001:db8:${(source >> 12).toString(16)}:${(source & 4_095).toString(16)}::${(source % 7) + 1}`
    : `${1 + (source % 223)}.${(source >> 3) & 255}.${(source >> 9) & 255}.${source & 255}`;
/** A user name that is tried. */
export const userName = (user: number): string => FAMILIAR[user] ?? `user${user}`;

/** Gives the fleet's events, some at a time. */
export class LoginStream {
  readonly #options: StreamOptions;
  readonly #random = numbers(20_261_101);
  readonly #seqs = new Map<number, number>();
  #given = 0;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  /** Number of events that were given. */
  get given(): number {
    return this.#given;
  }

  /** The next events, by the agent of each, as so many agents would send them at once. */
  next(events: number): AgentBatch[] {
    const { hosts, agents = hosts } = this.#options;
    const byAgent = new Map<number, SequencedEvent[]>();
    for (let i = 0; i < events; i += 1) {
      const host = this.#skewed(hosts, 2);
      const agent = host % agents;
      const list = byAgent.get(agent) ?? [];
      if (list.length === 0) byAgent.set(agent, list);
      const one = this.#one(agent);
      list.push(host === agent ? one : { seq: one.seq, event: { ...one.event, host: hostName(host) } });
    }
    return [...byAgent].map(([agent, list]) => ({ agent: agentOf(agent), host: hostName(agent), events: list }));
  }

  /** The next events, all of one host: what comes from an agent that was away. */
  ofOne(host: number, events: number): AgentBatch {
    const list = Array.from({ length: events }, () => this.#one(host));
    return { agent: agentOf(host), host: hostName(host), events: list };
  }

  #one(agent: number): SequencedEvent {
    const { days, endMs, events } = this.#options;
    const random = this.#random;
    const seq = (this.#seqs.get(agent) ?? 0) + 1;
    this.#seqs.set(agent, seq);
    const at = endMs - days * DAY_MS + ((this.#given + random()) / events) * days * DAY_MS;
    this.#given += 1;
    const kind = random();
    const outcome = kind < 0.02 ? 'accepted' : kind < 0.9 ? 'failed' : 'probe';
    const user = this.#skewed(this.#options.users, 4);
    return {
      seq,
      event: {
        at: new Date(at).toISOString(),
        outcome,
        method: outcome === 'probe' ? null : kind < 0.015 ? 'publickey' : 'password',
        user: outcome === 'probe' && kind < 0.95 ? null : userName(user),
        invalidUser: user > 0,
        ip: sourceIp(this.#skewed(this.#options.sources, 5)),
        port: 1_024 + Math.floor(random() * 64_000),
        key: kind < 0.015 ? 'ED25519 SHA256:8Yb1dWc0mYk5kq1m0sVd9l3wqk2o0xTtqk7gG3hJb1A' : null,
        reason: outcome === 'probe' ? (REASONS[Math.floor(random() * REASONS.length)] as string) : null,
      },
    };
  }

  /** A whole number below `n`; the greater `power`, the more often a small one. */
  #skewed(n: number, power: number): number {
    return Math.floor(this.#random() ** power * n);
  }
}
