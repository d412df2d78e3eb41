import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { EventCursor, EventQuery, Views } from '../../../alphaserver/queries/results.ts';
import { openReader } from '../../../alphaserver/queries/snapshot.ts';
import { openStorage, type Storage } from '../../../alphaserver/storage.ts';
import { eventTables, readerOf, tableName } from '../../../alphaserver/store/event-tables.ts';
import type { AgentBatch, StoredEvent } from '../../../alphaserver/store/store.ts';
import { until } from '../../until.ts';
import { AGENT, clockAt, eventAt, HOST, RETENTION_MS } from '../store/killed-writer.ts';
import { below, chance, eventNear, plainEvents, plainSummary, plainTimeline, plainTop } from '../store/stream.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.parse('2026-11-20T10:00:00Z');
/** Days of events are rolled up and deleted by then, on a busy machine too. */
const SETTLED_LIMIT_MS = 120_000;
const AGENTS = [1, 2, 3].map((n) => `00000000-0000-4000-8000-00000000000${n}`);

const folder = mkdtempSync(join(tmpdir(), 'asgard-sums-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/**
 * Waits until a store has no table whose events were all stored before `cutoff`, and no minute from before `horizon`. Gives the
 * id of the oldest event that is left.
 */
async function settled(path: string, cutoff: number, horizon: number): Promise<number> {
  const db = openReader(path);
  const number = (sql: string) => (db.prepare(sql).get() as { n: number | null }).n ?? Infinity;
  const state = () =>
    readerOf(db).consistent(() => ({
      // Of the table whose events are oldest, the newest one.
      newest: Math.min(
        ...eventTables(db).map((table) => number(`SELECT max(storedAt) AS n FROM ${tableName(table.number)}`)),
      ),
      minute: number('SELECT min(at) AS n FROM counts WHERE step = 60000'),
    }));
  await until(
    () => state().newest >= cutoff && state().minute >= horizon,
    () => `${JSON.stringify(state())}, wanted ${cutoff} and ${horizon}`,
    SETTLED_LIMIT_MS,
  );
  const { first, last } = readerOf(db).bounds();
  const [storedAt] = (readerOf(db).after('storedAt', 0, 1)[0] ?? []) as [number?];
  assert.ok((storedAt ?? cutoff) >= cutoff - HOUR, 'no event is kept for an hour longer than it need be');
  db.close();
  return first ?? last + 1;
}

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

/** A store that is written to at random and opened anew now and then, and everything that ever went into it. */
class Stream {
  readonly events: StoredEvent[] = [];
  readonly random: () => number;
  store: Storage;
  views: Views;
  nowMs = START;
  readonly #seqs = new Map<string, number>();
  readonly #folder: string;
  readonly #retentionMs: number | null;

  constructor(name: string, seed: number, retentionMs: number | null) {
    this.random = chance(seed);
    this.#folder = join(folder, name);
    this.#retentionMs = retentionMs;
    [this.store, this.views] = this.#open();
  }

  #open(): [Storage, Views] {
    const now = () => this.nowMs;
    const store = openStorage(this.#folder, {
      retentionMs: this.#retentionMs,
      now,
      failed: (what, error) => assert.fail(`${what}: ${error}`),
    });
    return [store, store.views(() => false, now)];
  }

  async restart(): Promise<void> {
    await this.store.close();
    [this.store, this.views] = this.#open();
  }

  async append(events: number, lateMs: number): Promise<void> {
    const batches: AgentBatch[] = [];
    for (let left = events; left > 0; ) {
      const n = Math.min(left, 1 + below(this.random, 400));
      left -= n;
      const agent = AGENTS[below(this.random, AGENTS.length)] as string;
      const batch = Array.from({ length: n }, () => {
        const seq = (this.#seqs.get(agent) ?? 0) + 1;
        this.#seqs.set(agent, seq);
        return { seq, event: eventNear(this.random, this.nowMs, lateMs) };
      });
      batches.push({ agent, host: `host-of-${agent.at(-1)}`, events: batch });
    }
    for (const { events: stored } of await this.store.append(batches, this.nowMs)) this.events.push(...stored);
  }

  /** Waits until nothing is there any more that retention takes away. */
  settled(cutoff: number, horizon: number): Promise<number> {
    return settled(this.#folder, cutoff, horizon);
  }

  /** A span whose ends may stand anywhere, or be open. */
  span(unitMs: number): { from: number; to: number } {
    const anywhere = () =>
      this.random() < 0.15
        ? null
        : Math.floor((START - 3 * DAY + this.random() * (this.nowMs - START + 4 * DAY)) / unitMs) * unitMs;
    const [a, b] = [anywhere(), anywhere()];
    if (a !== null && b !== null) return { from: Math.min(a, b), to: Math.max(a, b) };
    return { from: a ?? -Infinity, to: b ?? Infinity };
  }

  /** Every counting view of a span against a plain count. */
  async check(span: { from: number; to: number }, context: string): Promise<void> {
    const { from, to } = span;
    const asked = `${context}, from ${from} to ${to}`;
    assert.deepEqual(await this.views.summary(span), plainSummary(this.events, from, to), `summary, ${asked}`);
    for (const [kind, name] of [
      ['hosts', 'host'],
      ['sources', 'ip'],
      ['users', 'user'],
    ] as const) {
      const wanted = plainTop(this.events, name, from, to);
      const { ranks, error } = await this.views.top(kind, span, 1_000);
      assert.equal(error, 0);
      assert.deepEqual(ranks, wanted, `top ${kind}, ${asked}`);
    }
  }

  async checkTimeline(
    { from, to }: { from: number; to: number },
    step: number,
    context: string,
    host = this.random() < 0.5 ? null : (this.events[below(this.random, this.events.length)]?.host ?? null),
  ): Promise<void> {
    assert.deepEqual(
      await this.views.timeline(from, to, step, host),
      plainTimeline(this.events, from, to, step, host),
      `timeline of ${host} in steps of ${step}, ${context}, from ${from} to ${to}`,
    );
  }

  /** All pages of a random question. */
  async checkEvents(kept: readonly StoredEvent[], context: string): Promise<void> {
    const one = this.events[below(this.random, this.events.length)] as StoredEvent;
    const maybe = <T>(value: T, odds: number): T | null => (this.random() < odds ? value : null);
    const { from, to } = this.span(1);
    const query = {
      host: maybe(one.host, 0.3),
      ip: maybe(one.ip, 0.4),
      user: maybe(one.user, 0.4),
      outcome: maybe(one.outcome, 0.3),
      method: maybe(one.method, 0.2),
      sinceMs: from === -Infinity ? null : from,
      untilMs: to === Infinity ? null : to,
    } satisfies Omit<EventQuery, 'limit' | 'cursor'>;
    const wanted = plainEvents(kept, query);
    const found: number[] = [];
    const limit = 1 + below(this.random, 1_000);
    let cursor: EventCursor | null = null;
    do {
      const page: Awaited<ReturnType<Views['events']>> = await this.views.events({ ...query, limit, cursor });
      found.push(...page.events.map(({ id }) => id));
      cursor = page.next;
    } while (cursor !== null && found.length <= wanted.length);
    assert.deepEqual(found, wanted, `events, ${context}: ${JSON.stringify(query)}`);
  }
}

test('every view agrees with a plain count over random events, batches and restarts', async (t) => {
  const stream = new Stream('random', SEED, null);
  t.after(() => stream.store.close());
  for (let round = 0; round < 5; round += 1) {
    await stream.append(1 + below(stream.random, round % 3 === 0 ? 9_000 : 1_000), 2 * DAY);
    stream.nowMs += below(stream.random, 3 * HOUR);
    if (stream.random() < 0.3) await stream.restart();
    const context = `seed ${SEED}, round ${round}`;
    for (const unit of [1, HOUR]) await stream.check(stream.span(unit), context);
    const from = START - below(stream.random, DAY);
    await stream.checkTimeline({ from, to: from + below(stream.random, 3 * HOUR) }, 60_000, context);
    await stream.checkTimeline({ from, to: from + below(stream.random, 2 * DAY) }, HOUR, context);
    await stream.checkTimeline({ from, to: from + below(stream.random, 9 * DAY) }, DAY, context);
    for (let i = 0; i < 3; i += 1) await stream.checkEvents(stream.events, context);
  }
});

test('counts of days and hours stay right when single events are gone, and what is kept is whole', async (t) => {
  const retentionMs = 30 * HOUR;
  const stream = new Stream('retention', SEED, retentionMs);
  t.after(() => stream.store.close());
  for (let round = 0; round < 4; round += 1) {
    await stream.append(1 + below(stream.random, round === 1 ? 9_000 : 1_500), 2 * DAY);
    stream.nowMs += below(stream.random, 20 * HOUR);
    // Retention looks at the start, and then once a minute.
    await stream.restart();
    const cutoff = stream.nowMs - retentionMs;
    const horizon = Math.floor(cutoff / DAY) * DAY;
    const first = await stream.settled(cutoff, horizon);
    const context = `seed ${SEED}, round ${round}`;
    await stream.check(stream.span(DAY), context);
    await stream.check({ from: -Infinity, to: Infinity }, context);
    const { from, to } = stream.span(HOUR);
    await stream.check({ from: Math.max(from, horizon), to: Math.max(to, horizon) }, context);
    await stream.checkTimeline({ from: horizon - 2 * DAY, to: horizon + 3 * DAY }, HOUR, context, null);
    await stream.checkTimeline({ from: horizon - 2 * DAY, to: horizon + 3 * DAY }, DAY, context);
    await stream.checkTimeline({ from: horizon, to: horizon + DAY }, HOUR, context);
    await stream.checkTimeline({ from: horizon, to: horizon + DAY }, 60_000, context);
    const kept = stream.events.filter(({ id }) => id >= first);
    assert.ok(kept.length >= stream.events.filter(({ storedAt }) => Date.parse(storedAt) >= cutoff).length, context);
    for (let i = 0; i < 3; i += 1) await stream.checkEvents(kept, context);
  }
});

test('killed at any moment, of storing, counting or forgetting, no event is lost or counted twice', async (t) => {
  const random = chance(SEED);
  const path = join(folder, 'killed');
  let stored = 0;
  for (let kill = 0; kill < 4; kill += 1) {
    const writer = spawn(process.execPath, [join(import.meta.dirname, '..', 'store', 'killed-writer.ts'), path]);
    const ended = new Promise((done) => writer.once('close', done));
    let errors = '';
    writer.stderr.on('data', (chunk: Buffer) => {
      errors += chunk;
    });
    let commits = 10 + below(random, 60);
    writer.stdout.on('data', (chunk: Buffer) => {
      const lines = String(chunk).trimEnd().split('\n');
      stored = Math.max(stored, Number(lines.at(-1)));
      commits -= lines.length;
      if (commits <= 0) writer.kill('SIGKILL');
    });
    await ended;
    assert.equal(errors, '', `seed ${SEED}`);
  }
  const events = (last: number) => Array.from({ length: last }, (_, i) => eventAt(i + 1));
  let nowMs = 0;
  const store = openStorage(path, { retentionMs: RETENTION_MS, now: () => nowMs });
  t.after(() => store.close());
  const last = store.events.markOf(AGENT).lastSeq;
  nowMs = clockAt(last);
  assert.ok(last >= stored, `seed ${SEED}: ${stored} were reported as stored, ${last} are`);
  const all = events(last).map(({ seq, event }) => ({
    ...event,
    id: seq ?? 0,
    seq,
    agent: AGENT,
    host: event.host ?? HOST,
    storedAt: '',
  }));
  const views = store.views(
    () => false,
    () => nowMs,
  );
  const horizon = Math.floor((nowMs - RETENTION_MS) / DAY) * DAY;
  await settled(path, nowMs - RETENTION_MS, horizon);
  for (const [from, to] of [
    [-Infinity, Infinity],
    [-Infinity, horizon],
    [horizon - 2 * DAY, horizon + DAY],
  ] as const) {
    const what = `seed ${SEED}, ${last} events, from ${from} to ${to}`;
    assert.deepEqual(await views.summary({ from, to }), plainSummary(all, from, to), what);
    assert.deepEqual((await views.top('sources', { from, to }, 1_000)).ranks, plainTop(all, 'ip', from, to), what);
  }
});
