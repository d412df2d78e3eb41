import type {
  AgentBatch,
  Appended,
  Mark,
  NumberedEnd,
  PingContent,
  Store,
  StoredEvent,
  StoredGap,
} from '../../alphaserver/store/store.ts';

/** A store that keeps its promise in memory, for tests of what stands before it: it can be held up and made to fail. */
export class MemoryStore implements Store {
  readonly events: { agent: string; host: string; seq: number; user: string | null }[] = [];
  readonly pings: PingContent[] = [];
  readonly gaps: StoredGap[] = [];
  /** While set, append waits for it; when it rejects, append does. */
  gate: Promise<void> | null = null;
  /** While set, append says that its batches are durable and then waits for it, as a copy of a shared log does. */
  copyGate: Promise<void> | null = null;
  appends = 0;
  readonly #seqs = new Map<string, number>();
  readonly #attempts = new Map<string, number>();
  readonly #declared = new Set<string>();
  readonly #lastEnds = new Map<string, number>();

  /** The highest number of an end of this agent. */
  lastEnd(agent: string): number {
    return this.#lastEnds.get(agent) ?? 0;
  }

  #takeEnds(agent: string, ends: readonly NumberedEnd[]): number {
    const last = Math.max(this.lastEnd(agent), ...ends.map(({ number }) => number));
    this.#lastEnds.set(agent, last);
    return last;
  }

  #lastSeq(agent: string): number {
    return this.#seqs.get(agent) ?? 0;
  }

  async append(
    batches: readonly AgentBatch[],
    nowMs: number,
    durable: (place: number, mark: Mark) => void = () => {},
  ): Promise<Appended[]> {
    await this.gate;
    if (this.copyGate !== null) {
      for (const [place, { agent, events, ends = [] }] of batches.entries())
        durable(place, {
          lastSeq: Math.max(this.#lastSeq(agent), ...events.map(({ seq }) => seq ?? 0)),
          lastEnd: Math.max(this.lastEnd(agent), ...ends.map(({ number }) => number)),
        });
      await this.copyGate;
    }
    this.appends += 1;
    return batches.map((batch) => this.#one(batch, nowMs));
  }

  #one({ agent, host, events, ends = [], ping }: AgentBatch, nowMs: number): Appended {
    let last = this.#lastSeq(agent);
    let missing = 0;
    const before = { seq: last, gaps: this.gaps.length };
    const fresh = events.filter(({ seq }) => {
      if (seq === null || seq <= last) return false;
      missing += seq - last - 1;
      last = seq;
      return true;
    });
    this.#seqs.set(agent, last);
    if (ping) this.pings.push(ping);
    const gap = { agent, host, at: new Date(nowMs).toISOString(), bytes: null, lines: null, events: missing };
    const text = `${missing} between ${before.seq} and ${last}`;
    if (missing > 0) this.gaps.push({ id: this.gaps.length + 1, ...gap, kind: 'missing-events', text });
    for (const { seq, event } of fresh)
      this.events.push({ agent, host: event.host ?? host, seq: seq ?? 0, user: event.user });
    const stored = fresh.map(({ seq, event }, i) => ({
      ...event,
      id: this.events.length - fresh.length + i + 1,
      seq,
      agent,
      host: event.host ?? host,
      storedAt: new Date(nowMs).toISOString(),
    }));
    for (const declared of ping?.gaps ?? []) {
      if (this.#declared.has(`${agent} ${declared.id}`)) continue;
      this.#declared.add(`${agent} ${declared.id}`);
      this.gaps.push({ ...declared, id: this.gaps.length + 1, agent, host, events: null });
    }
    return {
      lastSeq: last,
      lastEnd: this.#takeEnds(agent, ends),
      sessions: [],
      stored: fresh.length,
      repeats: events.length - fresh.length,
      missing,
      totals: this.#count(stored),
      events: stored,
      gaps: this.gaps.slice(before.gaps),
    };
  }

  /** Counts attempts; gives the hosts that got new ones, with how many they have had. */
  #count(stored: readonly StoredEvent[]): { host: string; attempts: number }[] {
    const hosts = new Set<string>();
    for (const { host, outcome } of stored) {
      if (outcome === 'probe') continue;
      hosts.add(host);
      this.#attempts.set(host, (this.#attempts.get(host) ?? 0) + 1);
    }
    return [...hosts].map((host) => ({ host, attempts: this.#attempts.get(host) ?? 0 }));
  }

  async close(): Promise<void> {}
}
