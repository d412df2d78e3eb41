/**
 * Bounds the users and sources that one agent brings: each new one costs the counts and the rules a place of their own. An agent that
 * brings many is read more slowly; none is refused, since whoever attacks a host chooses its users and sources. Pure.
 */
import { hashOf } from '../../service/text-hash.ts';
import { TokenBucket } from '../../service/token-bucket.ts';

/**
 * New users, and new sources, that one agent may bring at once, and by the second from then on. The counts and the rules hold some 5 KiB
 * for a user and a source together; a host's log of some weeks has fewer.
 */
export const NEW_VALUES_AT_ONCE = 20_000;
export const NEW_VALUES_PER_SECOND = 1_000;
/** Users, or sources, of one agent that are known: beyond that all are new again. */
export const KNOWN_VALUES_LIMIT = 100_000;
/** Users and sources of all agents that are known: beyond that those of the agent go that was new first. Some 40 bytes each. */
export const KNOWN_VALUES_OF_ALL_LIMIT = 500_000;
/** The longest that one batch waits: a client takes a longer silence for a dead server. */
const DELAY_LIMIT_MS = 10_000;

/** The bounds, which tests lower. */
export interface ValueLimits {
  readonly atOnce: number;
  readonly perSecond: number;
  readonly known: number;
  readonly knownOfAll: number;
}

const LIMITS: ValueLimits = {
  atOnce: NEW_VALUES_AT_ONCE,
  perSecond: NEW_VALUES_PER_SECOND,
  known: KNOWN_VALUES_LIMIT,
  knownOfAll: KNOWN_VALUES_OF_ALL_LIMIT,
};

/** The users, or the sources, of one agent by their hashes. */
interface Known {
  readonly hashes: Set<number>;
  readonly bucket: TokenBucket;
}

/** What one agent has brought. */
interface OfAgent {
  readonly users: Known;
  readonly sources: Known;
}

/** Counts what each agent has brought since the server started. */
export class ValueBounds {
  readonly #limits: ValueLimits;
  /** By agent, in the order in which they came. */
  readonly #known = new Map<string, OfAgent>();
  #size = 0;

  constructor(limits: Partial<ValueLimits> = {}) {
    this.#limits = { ...LIMITS, ...limits };
  }

  /** How many users and sources are known of all agents. */
  get size(): number {
    return this.#size;
  }

  /** Counts the user and the source of an event, where they are new; returns how long its agent has to wait, milliseconds. */
  take(agent: string, user: string | null, ip: string | null, nowMs: number): number {
    const { users, sources } = this.#ofAgent(agent, nowMs);
    const userMs = user === null ? 0 : this.#takeOne(agent, users, user, nowMs);
    const sourceMs = ip === null ? 0 : this.#takeOne(agent, sources, ip, nowMs);
    return Math.min(DELAY_LIMIT_MS, Math.max(userMs, sourceMs));
  }

  #ofAgent(agent: string, nowMs: number): OfAgent {
    const known = this.#known.get(agent);
    if (known !== undefined) return known;
    const { atOnce, perSecond } = this.#limits;
    const none = (): Known => ({ hashes: new Set(), bucket: new TokenBucket(atOnce, perSecond, nowMs) });
    const added = { users: none(), sources: none() };
    this.#known.set(agent, added);
    return added;
  }

  #takeOne(agent: string, { hashes, bucket }: Known, value: string, nowMs: number): number {
    const hash = hashOf(value);
    if (hashes.has(hash)) return 0;
    if (hashes.size >= this.#limits.known) {
      this.#size -= hashes.size;
      hashes.clear();
    }
    hashes.add(hash);
    this.#size += 1;
    this.#makeRoom(agent);
    return bucket.take(nowMs);
  }

  /** Forgets what the agents brought that came first; not `kept`, which is counted now. */
  #makeRoom(kept: string): void {
    if (this.#size <= this.#limits.knownOfAll) return;
    for (const [agent, { users, sources }] of this.#known) {
      if (this.#size <= this.#limits.knownOfAll) return;
      if (agent === kept) continue;
      this.#known.delete(agent);
      this.#size -= users.hashes.size + sources.hashes.size;
    }
  }
}
