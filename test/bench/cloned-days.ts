/**
 * Makes many days of a store out of one, inside SQLite: each is the day before, moved by a day, with the ids and numbers that the
 * program would have given its events next. The day was written by the program, and so are the ranks of all time; what is copied
 * are events, sessions, counts, ranks and words of the index. It takes a tenth of the time that storing and counting the same events takes.
 */

import { join } from 'node:path';
import {
  addValues,
  COUNTED_COLUMNS,
  type CountedRow,
  countedRows,
  RANKED_KINDS,
  type ValueCounts,
} from '../../alphaserver/rollups/counts.ts';
import { clampAt, IndexWords, PART_EVENTS } from '../../alphaserver/rollups/event-index.ts';
import { HashedNames } from '../../alphaserver/rollups/hashed-names.ts';
import { RollupWriter } from '../../alphaserver/rollups/rollup-writer.ts';
import { openRollups, SLOTS } from '../../alphaserver/rollups/schema.ts';
import { ALL_TIME, DAY_MS } from '../../alphaserver/rollups/time-buckets.ts';
import { TopKCache } from '../../alphaserver/rollups/top-k-cache.ts';
import type { AgentRow } from '../../alphaserver/store/agents.ts';
import { arrays, type Database, openForWriting, transaction } from '../../alphaserver/store/database.ts';
import { WRITTEN_COLUMNS } from '../../alphaserver/store/event-columns.ts';
import { baseOf, createTable, eventTables, readerOf, tableName } from '../../alphaserver/store/event-tables.ts';
import { readFact, writeFact } from '../../alphaserver/store/facts.ts';
import { EVENTS_FILE } from '../../alphaserver/store/folder.ts';
import { SessionWriter } from '../../alphaserver/store/sessions.ts';
import { Sources } from '../../service/ip-network.ts';

/** No journal and no waiting for the disk: a store that is not made to its end is thrown away. */
const FAST =
  'PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; PRAGMA temp_store = FILE';
const SAFE = 'PRAGMA journal_mode = WAL';
/** The memory that a part of the index is gathered in before it is written: all of it, so that nothing has to be merged. */
const PART_BYTES = 2 ** 28;
const PAGE_EVENTS = 100_000;

/** The day that is copied: the events from `firstId` on, all of them stored in one day in one table. */
export interface CopiedDay {
  readonly firstId: number;
  /** The start of the day, Unix milliseconds. */
  readonly beginMs: number;
}

/** Adds `copies` days behind the one that is the last of a store, which nobody has open; fewer where `goOn`, asked after each, says so. Gives the newest id. */
export async function cloneDays(
  folder: string,
  day: CopiedDay,
  copies: number,
  goOn: (done: number) => boolean,
): Promise<number> {
  const events = openForWriting(join(folder, EVENTS_FILE));
  const rollups = openRollups(folder);
  try {
    for (const db of [events, rollups]) db.exec(FAST);
    const cloner = new DayCloner(events, rollups, day);
    let done = 0;
    do {
      done += 1;
      cloner.add(done);
      // Signals come in between.
      await new Promise((later) => setImmediate(later));
    } while (goOn(done) && done < copies);
    const last = cloner.finish(done);
    for (const db of [events, rollups]) db.exec(SAFE);
    return last;
  } finally {
    rollups.close();
    events.close();
  }
}

class DayCloner {
  readonly #events: Database;
  readonly #rollups: Database;
  readonly #day: CopiedDay;
  readonly #table: string;
  readonly #tableNumber: number;
  readonly #baseMs: number;
  readonly #count: number;
  readonly #storedMs: number;
  readonly #sessions: number;
  readonly #tops: TopKCache;
  /** The values of the day by kind, for the ranks of all time. */
  readonly #values = RANKED_KINDS.map(() => new Map<string, ValueCounts>());

  constructor(events: Database, rollups: Database, day: CopiedDay) {
    const { firstId } = day;
    this.#events = events;
    this.#rollups = rollups;
    this.#day = day;
    const table = eventTables(events).at(-1);
    const baseMs = table && baseOf(events, table);
    if (!table || typeof baseMs !== 'number' || table.first > firstId) throw new Error('the day is not in one table');
    this.#tableNumber = table.number;
    this.#table = tableName(table.number);
    this.#baseMs = baseMs;
    this.#count = readerOf(events).bounds().last - firstId + 1;
    this.#storedMs = readerOf(events).withIds('storedAt', [firstId])[0]?.[0] as number;
    this.#tops = new TopKCache(rollups);
    events.exec(`CREATE TEMP TABLE sent (agent INTEGER PRIMARY KEY, events INTEGER NOT NULL);
      INSERT INTO sent SELECT agent, count(*) FROM ${this.#table} WHERE id >= ${firstId} GROUP BY agent;
      CREATE TEMP TABLE logins AS SELECT * FROM sessions WHERE event >= ${firstId} ORDER BY id`);
    this.#sessions = this.#number('SELECT coalesce(max(id) - min(id) + 1, 0) FROM logins');
    this.#read();
  }

  /** Adds the copy of this number. */
  add(copy: number): void {
    transaction(this.#events, () => {
      this.#addEvents(copy);
      this.#addSessions(copy);
    });
    transaction(this.#rollups, () => {
      this.#addCounts(copy);
      this.#addRanks(copy);
      this.#addIndex(copy);
    });
  }

  /** Counts the copies in the rows of agents, hosts and keys, as each of their events would have. Gives the newest id. */
  finish(copies: number): number {
    const [more, movedMs, from] = [copies, copies * DAY_MS, this.#day.firstId];
    const hosts = `id IN (SELECT DISTINCT host FROM ${this.#table} WHERE id >= ${from})`;
    transaction(this.#events, () => {
      this.#events.exec(`
        UPDATE agents SET lastSeq = lastSeq + ${more} * events, stored = stored + ${more} * events, lastSeen = lastSeen + ${movedMs}
          FROM sent WHERE sent.agent = agents.id;
        UPDATE hosts SET accepted = accepted * ${more + 1}, failed = failed * ${more + 1}, probes = probes * ${more + 1},
          lastSeen = lastSeen + ${movedMs} WHERE ${hosts};
        UPDATE keyUses SET logins = logins * ${more + 1}, lastAt = lastAt + ${movedMs}
          WHERE key IN (SELECT k.id FROM keys k JOIN logins l ON l.fingerprint = k.fingerprint);
        UPDATE keys SET logins = logins * ${more + 1}, lastAt = lastAt + ${movedMs}
          WHERE fingerprint IN (SELECT fingerprint FROM logins)`);
    });
    const { last } = readerOf(this.#events).bounds();
    this.#rollups.exec(`UPDATE facts SET value = ${last} WHERE name IN ('rolledTo', 'indexedTo')`);
    const writer = new RollupWriter(this.#events, this.#rollups);
    while (writer.merge());
    return last;
  }

  /** Reads the day once: the words of its events, in the order of time as the index takes them, and its values. */
  #read(): void {
    const names = new HashedNames(this.#events, this.#rollups);
    const words = new IndexWords(names);
    const sources = new Sources(64);
    this.#rollups.exec('CREATE TEMP TABLE unsorted (part INTEGER, at INTEGER, place INTEGER, words TEXT)');
    const insert = this.#rollups.prepare('INSERT INTO unsorted VALUES (?, ?, ?, ?)');
    for (let after = this.#day.firstId - 1; ; ) {
      const rows = countedRows(readerOf(this.#events).after(COUNTED_COLUMNS, after, PAGE_EVENTS));
      transaction(this.#rollups, () => {
        for (const row of rows) {
          const source = sources.of(row[6]);
          const place = row[0] - this.#day.firstId;
          const text = words.of(row, source?.includes('/') ? source : null, true);
          insert.run(Math.floor(place / PART_EVENTS), row[1], place % PART_EVENTS, text);
        }
      });
      for (const kind of RANKED_KINDS) addValues(this.#values[kind] as Map<string, ValueCounts>, rows, kind, names);
      const last: CountedRow | undefined = rows.at(-1);
      if (last === undefined || rows.length < PAGE_EVENTS) break;
      [after] = last;
    }
    this.#rollups.exec(
      `CREATE TEMP TABLE words AS SELECT * FROM unsorted ORDER BY part, at, place; DROP TABLE unsorted`,
    );
  }

  #number(sql: string): number {
    return (arrays(this.#events, sql)[0] as [number])[0];
  }

  #addEvents(copy: number): void {
    const { firstId } = this.#day;
    const first = firstId + copy * this.#count;
    const startedAt = this.#storedMs + copy * DAY_MS;
    const number = this.#tableNumber + copy;
    createTable(this.#events, { number, first, startedAt });
    const moved: Readonly<Record<string, string>> = {
      sinceBase: `sinceBase + ${this.#baseMs + copy * DAY_MS - startedAt}`,
      seq: `seq + ${copy} * sent.events`,
      agent: 'e.agent',
    };
    this.#events.exec(`INSERT INTO ${tableName(number)} (id, ${WRITTEN_COLUMNS.join(', ')})
      SELECT id + ${copy * this.#count}, ${WRITTEN_COLUMNS.map((name) => moved[name] ?? name).join(', ')}
      FROM ${this.#table} e JOIN sent ON sent.agent = e.agent WHERE id >= ${firstId} ORDER BY id`);
  }

  #addSessions(copy: number): void {
    const movedMs = copy * DAY_MS;
    const moved: Readonly<Record<string, string>> = {
      id: `id + ${copy * this.#sessions}`,
      sortAt: `sortAt + ${movedMs}`,
      since: `since + ${movedMs}`,
      event: `event + ${copy * this.#count}`,
      seq: `seq + ${copy} * sent.events`,
      agent: 'logins.agent',
    };
    const columns = arrays(this.#events, "SELECT name FROM pragma_table_info('sessions')").flat() as string[];
    const { changes } = this.#events
      .prepare(
        `INSERT INTO sessions (${columns.join(', ')}) SELECT ${columns.map((name) => moved[name] ?? name).join(', ')}
         FROM logins JOIN sent ON sent.agent = logins.agent`,
      )
      .run();
    writeFact(this.#events, 'openSessions', (readFact(this.#events, 'openSessions') ?? 0) + Number(changes));
    // Evicts as each of the logins would have: the oldest beyond the limit.
    const writer = new SessionWriter(this.#events);
    writer.begin({} as AgentRow, [], () => 0);
    writer.save();
  }

  #addCounts(copy: number): void {
    const { beginMs } = this.#day;
    const day = `at >= ${beginMs} AND at < ${beginMs + DAY_MS}`;
    this.#rollups.exec(`
      INSERT INTO counts SELECT step, at + ${copy * DAY_MS}, accepted, failed, probes FROM counts WHERE ${day};
      INSERT INTO hostCounts SELECT step, at + ${copy * DAY_MS}, host, accepted, failed, probes, minutes FROM hostCounts WHERE ${day}`);
  }

  #addRanks(copy: number): void {
    const { beginMs } = this.#day;
    const movedMs = copy * DAY_MS;
    const slot = `id % ${SLOTS}`;
    this.#rollups.exec(`
      INSERT INTO buckets (kind, step, at, floor, sketch) SELECT kind, step, at + ${movedMs}, floor, sketch FROM buckets
        WHERE step <> ${ALL_TIME} AND at >= ${beginMs} AND at < ${beginMs + DAY_MS} ORDER BY id;
      CREATE TEMP TABLE copied AS SELECT a.id * ${SLOTS} AS old, b.id * ${SLOTS} AS new FROM buckets a
        JOIN buckets b ON b.kind = a.kind AND b.step = a.step AND b.at = a.at + ${movedMs}
        WHERE a.step <> ${ALL_TIME} AND a.at >= ${beginMs} AND a.at < ${beginMs + DAY_MS};
      INSERT INTO tops SELECT new + ${slot}, value, accepted, failed, probes, firstAt + ${movedMs}, lastAt + ${movedMs}, error
        FROM copied CROSS JOIN tops WHERE id >= old AND id < old + ${SLOTS};
      INSERT INTO met SELECT new + ${slot}, hosts, users FROM copied CROSS JOIN met WHERE id >= old AND id < old + ${SLOTS};
      DROP TABLE copied`);
    for (const kind of RANKED_KINDS) {
      const values = this.#values[kind] as Map<string, ValueCounts>;
      for (const one of values.values()) {
        one.firstAt += DAY_MS;
        one.lastAt += DAY_MS;
      }
      this.#tops.add([kind, ALL_TIME, 0], values);
    }
  }

  #addIndex(copy: number): void {
    const first = this.#day.firstId + copy * this.#count;
    const movedMs = copy * DAY_MS;
    const parts = arrays(this.#rollups, 'SELECT part, count(*), min(at), max(at) FROM words GROUP BY part') as [
      ...[part: number, events: number, minAt: number, maxAt: number],
    ][];
    for (const [part, count, minAt, maxAt] of parts) {
      const [[last = 0] = []] = arrays(this.#rollups, 'SELECT max(number) FROM indexParts') as [number][];
      const name = `index_${last + 1}`;
      const begin = first + part * PART_EVENTS;
      const placeBits = Math.log2(PART_EVENTS);
      this.#rollups.exec(`
        CREATE VIRTUAL TABLE ${name} USING fts5(words, content='', detail=none, columnsize=0, tokenize='ascii');
        INSERT INTO ${name}(${name}, rank) VALUES ('hashsize', ${PART_BYTES});
        INSERT INTO ${name} (rowid, words)
          SELECT ((at + ${movedMs}) << ${placeBits}) | place, words FROM words WHERE part = ${part} ORDER BY rowid;
        INSERT INTO indexParts (number, first, last, minAt, maxAt, merged, digits) VALUES (${last + 1}, ${begin},
          ${begin + count - 1}, ${clampAt(minAt + movedMs)}, ${clampAt(maxAt + movedMs)}, 0, 1)`);
    }
  }
}
