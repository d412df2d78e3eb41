/** The other servers of a shared log: which agents are connected to them, and which of all servers delivers notifications. */
import type { Presence, SharedLog } from './shared-log/shared-log.ts';
import type { EventStore } from './store/event-store.ts';

/** Interval at which servers publish their agents. */
const EXCHANGE_EVERY_MS = 15_000;
/** An agent counts as connected to another server for this long after that server published it: two exchanges may be late. */
const CONNECTED_FOR_MS = 45_000;
/** Interval at which a server tries to take the lead, so that another one delivers within 10 s of the death of the one that did. */
const LEAD_EVERY_MS = 2_000;
/** The deletion of old days is looked at this often, by the server that leads. */
const DELETE_EVERY_MS = 3_600_000;
/** A deletion that failed is tried again after this long: appends of all servers wait for a try. */
const DELETE_RETRY_MS = 600_000;

/** The log, this server's part of it, and who hears of changes. */
export interface PeersOptions {
  readonly log: SharedLog;
  readonly server: string;
  readonly events: Pick<EventStore, 'signOf'>;
  /** The agents that are connected to this server. */
  readonly connected: () => Iterable<string>;
  /** Takes over what other servers published. */
  readonly heard: (presences: readonly Presence[]) => Promise<void>;
  /** Hears whether this server delivers notifications; null where the log cannot be asked. */
  readonly leads: (leads: boolean | null) => void;
  readonly retentionMs: number | null;
  /** Hears once why old days cannot be deleted, and null once they are again. */
  readonly keepsOldDays: (error: unknown) => void;
  /** Hears why something failed that is tried again. */
  readonly failed: (what: string, error: unknown) => void;
  readonly now: () => number;
}

/** Starts with the construction. */
export class Peers {
  readonly #options: PeersOptions;
  readonly #timers: NodeJS.Timeout[];
  /** The time until which each agent counts as connected to another server, by this server's clock. */
  readonly #elsewhere = new Map<string, number>();
  /** The agents that were published as connected at the last exchange. */
  #published = new Set<string>();
  #exchangedMs = 0;
  #leading: Promise<void> | null = null;
  #exchanging: Promise<void> | null = null;
  #deleting: Promise<void> | null = null;
  #deleteAtMs = 0;
  #deletionFails = false;
  #isClosed = false;

  constructor(options: PeersOptions) {
    this.#options = options;
    this.#timers = [
      setInterval(() => this.exchange(), EXCHANGE_EVERY_MS).unref(),
      setInterval(() => this.#lead(), LEAD_EVERY_MS).unref(),
    ];
    this.exchange();
    this.#lead();
  }

  /** True when an agent is connected to another server. */
  isConnected(agent: string): boolean {
    return (this.#elsewhere.get(agent) ?? 0) > this.#options.now();
  }

  /** Publishes this server's agents now, and takes over those of the others. */
  exchange(): void {
    this.#exchanging ??= this.#exchange().finally(() => {
      this.#exchanging = null;
    });
  }

  /** Does not wait for a deletion that runs: PostgreSQL ends that by itself. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all([this.#exchanging, this.#leading]);
  }

  async #exchange(): Promise<void> {
    const { log, server, heard, failed, now } = this.#options;
    try {
      const { others, nowMs } = await log.exchange(server, this.#own(), this.#exchangedMs);
      this.#exchangedMs = nowMs;
      for (const { agent, isConnected } of others) {
        if (isConnected) this.#elsewhere.set(agent, now() + CONNECTED_FOR_MS);
        else this.#elsewhere.delete(agent);
      }
      for (const [agent, untilMs] of this.#elsewhere) if (untilMs <= now()) this.#elsewhere.delete(agent);
      await heard(others);
    } catch (error) {
      failed('Other servers do not know which agents are connected here', error);
    }
  }

  /** Gives the agents that are connected now, and those that were at the last exchange and have left. */
  #own(): Presence[] {
    const { server, events, connected } = this.#options;
    const here = new Set(connected());
    const left = [...this.#published].filter((agent) => !here.has(agent));
    this.#published = here;
    return [
      ...[...here].map((agent) => [agent, true] as const),
      ...left.map((agent) => [agent, false] as const),
    ].flatMap(([agent, isConnected]) => {
      const sign = events.signOf(agent);
      return sign === null ? [] : [{ agent, server, isConnected, heardMs: sign.heardMs, report: sign.report }];
    });
  }

  #lead(): void {
    this.#leading ??= this.#takeLead().finally(() => {
      this.#leading = null;
    });
  }

  async #takeLead(): Promise<void> {
    const { log, leads, failed } = this.#options;
    try {
      const isLeader = await log.lead();
      leads(isLeader);
      if (isLeader) this.#deleteOld();
    } catch (error) {
      leads(null);
      failed('It is not known which server delivers notifications', error);
    }
  }

  #deleteOld(): void {
    const { retentionMs, now } = this.#options;
    const inMs = this.#deleteAtMs - now();
    // A time further away than the interval was set by a clock that has been set back since.
    if (retentionMs === null || this.#isClosed || (inMs > 0 && inMs <= DELETE_EVERY_MS)) return;
    // Whether this server still leads is asked meanwhile: a day may take minutes.
    this.#deleting ??= this.#delete(retentionMs).finally(() => {
      this.#deleting = null;
    });
  }

  async #delete(retentionMs: number): Promise<void> {
    const { log, keepsOldDays, now } = this.#options;
    const nowMs = now();
    try {
      await log.deleteOlderThan(retentionMs, nowMs);
      this.#deleteAtMs = nowMs + DELETE_EVERY_MS;
      if (this.#deletionFails && !this.#isClosed) keepsOldDays(null);
      this.#deletionFails = false;
    } catch (error) {
      this.#deleteAtMs = now() + DELETE_RETRY_MS;
      if (!this.#deletionFails && !this.#isClosed) keepsOldDays(error);
      this.#deletionFails = true;
    }
  }
}
