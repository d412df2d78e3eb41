/** Events of several conditions at once, frequent and rare ones: the index finds them by the rare one alone or by all. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { eventPage } from '../../../alphaserver/queries/events.ts';
import type { EventCursor, EventQuery } from '../../../alphaserver/queries/results.ts';
import { openReader, Snapshot } from '../../../alphaserver/queries/snapshot.ts';
import { EventIndex } from '../../../alphaserver/rollups/event-index.ts';
import { HashedNames } from '../../../alphaserver/rollups/hashed-names.ts';
import { factIn } from '../../../alphaserver/rollups/schema.ts';
import { openStorage } from '../../../alphaserver/storage.ts';
import type { StoredEvent } from '../../../alphaserver/store/store.ts';
import { until } from '../../until.ts';
import { AGENT } from '../store/killed-writer.ts';
import { below, chance, plainEvents } from '../store/stream.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const random = chance(SEED);
/** Two days of events, of which the first is a table and a part of the index of its own, and the last ones are not in the index. */
const EVENTS = 20_000;
const INDEXED = 16_384;
const COMMIT_EVENTS = 4_096;
const DAY_MS = 86_400_000;
const START_MS = Date.parse('2026-11-20T00:00:00Z');
const QUERIES = 30;
/** How often each value comes, in shares: from nearly always to some dozen times in a day. */
const SHARES = [0.6, 0.9, 0.96, 0.99, 0.998, 1];
const place = (): number => {
  const one = random();
  return SHARES.findIndex((share) => one <= share);
};

const stored: StoredEvent[] = [];
let folder = '';
let snapshot: Snapshot;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-conditions-'));
  const store = openStorage(folder);
  for (let seq = 1; seq <= EVENTS; seq += COMMIT_EVENTS) {
    const nowMs = START_MS + (seq / EVENTS) * 2 * DAY_MS;
    const events = Array.from({ length: Math.min(COMMIT_EVENTS, EVENTS + 1 - seq) }, (_, i) => {
      const outcome = (['failed', 'failed', 'probe', 'accepted'] as const)[below(random, 4)] ?? 'failed';
      const event = {
        // Several at the same time, some late, some by a clock that is ahead.
        at: new Date(nowMs + below(random, 40) * (random() < 0.1 ? -3_600_000 : 1_000)).toISOString(),
        ...{ outcome, method: outcome === 'probe' ? null : (['password', 'publickey'][below(random, 2)] ?? null) },
        ...{
          user: random() < 0.05 ? null : `user${place()}`,
          invalidUser: false,
          port: 1 + i,
          key: null,
          reason: null,
        },
        ...{ ip: place() < 3 ? `192.0.2.${place()}` : `2001:db8::${place()}`, host: `host${place()}` },
      };
      return { seq: seq + i, event };
    });
    for (const one of await store.append([{ agent: AGENT, host: 'h', events }], nowMs)) stored.push(...one.events);
  }
  const db = openReader(folder);
  await until(() => factIn(db, 'indexedTo') >= INDEXED);
  await store.close();
  const names = new HashedNames(db, db);
  db.exec('BEGIN');
  // Conditions are counted in parts that are as small as these, too.
  snapshot = new Snapshot(db, names, new EventIndex(db, names, 0));
});
after(() => {
  snapshot.db.close();
  rmSync(folder, { recursive: true, force: true });
});

/** All pages of a query. */
function found(asked: Omit<EventQuery, 'limit' | 'cursor'>, limit: number): number[] {
  const ids: number[] = [];
  let cursor: EventCursor | null = null;
  do {
    const page: ReturnType<typeof eventPage> = eventPage(snapshot, { ...asked, limit, cursor });
    ids.push(...page.events.map(({ id }) => id));
    cursor = page.next;
  } while (cursor !== null && ids.length <= EVENTS);
  return ids;
}

const ANY = { host: null, ip: null, user: null, outcome: null, method: null, sinceMs: null, untilMs: null };

test('events of two values are found whole and in order, whichever of them is rare', () => {
  for (const host of SHARES.keys())
    for (const user of SHARES.keys()) {
      const asked = { ...ANY, host: `host${host}`, user: `user${user}` };
      assert.deepEqual(found(asked, 1_000), plainEvents(stored, asked), `seed ${SEED}, ${JSON.stringify(asked)}`);
    }
});

test('pages of any conditions agree with a plain filter', () => {
  const maybe = <T>(value: T): T | null => (random() < 0.6 ? value : null);
  for (let i = 0; i < QUERIES; i += 1) {
    const one = stored[below(random, EVENTS)] as StoredEvent;
    const [from, to] = [random(), random()].sort().map((share) => START_MS + Math.floor(share * 2 * DAY_MS));
    const asked = {
      ...{ host: maybe(random() < 0.5 ? `host${below(random, SHARES.length)}` : one.host), ip: maybe(one.ip) },
      ...{ user: maybe(one.user), outcome: maybe(one.outcome), method: maybe(one.method) },
      ...{ sinceMs: maybe(from ?? 0), untilMs: maybe(to ?? 0) },
    };
    const limit = 100 + below(random, 900);
    assert.deepEqual(
      found(asked, limit),
      plainEvents(stored, asked),
      `seed ${SEED}, ${limit}, ${JSON.stringify(asked)}`,
    );
  }
});
