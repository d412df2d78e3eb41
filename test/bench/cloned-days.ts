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

/**
 * Adds days behind the last of a store, which nobody has open, until it has `days` in all; fewer where `goOn`, asked after each, says
 * so: a later call goes on. Gives the newest id.
 */
export async function cloneDays(
  folder: string,
  day: CopiedDay,
  days: number,
  goOn: (done: number) => boolean,
): Promise<number> {
  const events = openForWriting(join(folder, EVENTS_FILE));
  const rollups = openRollups(folder);
  try {
    for (const db of [events, rollups]) db.exec(FAST);
    const cloner = new DayCloner(events, rollups, day);
    while (cloner.days < days) {
      cloner.add();
      // Signals come in between.
      await new Promise((later) => setImmediate(later));
      if (!goOn(cloner.days)) break;
    }
    const writer = new RollupWriter(events, rollups);
    while (writer.merge());
    for (const db of [events, rollups]) db.exec(SAFE);
    return readerOf(events).bounds().last;
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
  /** The number of the day that the copied sessions are of. */
  readonly #loginsDay: number;
  #days: number;
  readonly #tops: TopKCache;
  /** The values of the day by kind, for the ranks of all time. */
  readonly #values = RANKED_KINDS.map(() => new Map<string, ValueCounts>());

  constructor(events: Database, rollups: Database, day: CopiedDay) {
    const { firstId } = day;
    this.#events = events;
    this.#rollups = rollups;
    this.#day = day;
    const table = eventTables(events).findLast(({ first }) => first <= firstId);
    const baseMs = table && baseOf(events, table);
    if (!table || typeof baseMs !== 'number') throw new Error('the day is not in one table');
    this.#tableNumber = table.number;
    this.#table = tableName(table.number);
    this.#baseMs = baseMs;
    const [[next = null] = []] = arrays(events, 'SELECT first FROM eventTables WHERE number = ?', table.number + 1) as [
      number,
    ][];
    const { last } = readerOf(events).bounds();
    this.#count = (next ?? last + 1) - firstId;
    this.#days = (last - firstId + 1) / this.#count;
    this.#storedMs = readerOf(events).withIds('storedAt', [firstId])[0]?.[0] as number;
    this.#tops = new TopKCache(rollups);
    events.exec(`CREATE TEMP TABLE sent (agent INTEGER PRIMARY KEY, events INTEGER NOT NULL);
      INSERT INTO sent SELECT agent, count(*) FROM ${this.#table} WHERE id >= ${firstId} GROUP BY agent;
      CREATE TEMP TABLE seen (host INTEGER PRIMARY KEY, accepted INTEGER, failed INTEGER, probes INTEGER);
      INSERT INTO seen SELECT host, sum(outcome = 0), sum(outcome = 1), sum(outcome = 2) FROM ${this.#table}
        WHERE id >= ${firstId} GROUP BY host;
      CREATE TEMP TABLE logins AS SELECT * FROM sessions WHERE event > ${last - this.#count} ORDER BY id;
      CREATE TEMP TABLE used (id INTEGER PRIMARY KEY, logins INTEGER);
      INSERT INTO used SELECT u.id, count(*) FROM logins l JOIN keys k ON k.fingerprint = l.fingerprint
        JOIN keyUses u ON u.key = k.id AND u.host = l.host AND u.user = coalesce(l.user, '') AND u.ip = coalesce(l.ip, '') GROUP BY 1`);
    // Those of earlier days may be evicted already.
    this.#loginsDay = this.#days - 1;
    this.#sessions = this.#number('SELECT coalesce(max(id) - min(id) + 1, 0) FROM logins');
    this.#read();
  }

  /** The days that are there, the copied one included. */
  get days(): number {
    return this.#days;
  }

  /** Adds a copy. */
  add(): void {
    const copy = this.#days;
    transaction(this.#events, () => {
      this.#addEvents(copy);
      this.#addSessions(copy);
      this.#countEvents();
    });
    transaction(this.#rollups, () => {
      this.#addCounts(copy);
      this.#addRanks(copy);
      this.#addIndex(copy);
      const last = this.#day.firstId + (copy + 1) * this.#count - 1;
      this.#rollups.exec(`UPDATE facts SET value = ${last} WHERE name IN ('rolledTo', 'indexedTo')`);
    });
    this.#days += 1;
  }

  /** Counts a copy in the rows of agents, hosts and keys, as each of its events would have been. */
  #countEvents(): void {
    this.#events.exec(`
      UPDATE agents SET lastSeq = lastSeq + events, stored = stored + events, lastSeen = lastSeen + ${DAY_MS}
        FROM sent WHERE sent.agent = agents.id;
      UPDATE hosts SET accepted = hosts.accepted + seen.accepted, failed = hosts.failed + seen.failed,
        probes = hosts.probes + seen.probes, lastSeen = lastSeen + ${DAY_MS} FROM seen WHERE seen.host = hosts.id;
      UPDATE keyUses SET logins = keyUses.logins + used.logins, lastAt = lastAt + ${DAY_MS} FROM used WHERE used.id = keyUses.id;
      UPDATE keys SET logins = keys.logins + more.logins, lastAt = lastAt + ${DAY_MS}
        FROM (SELECT u.key, sum(used.logins) AS logins FROM used JOIN keyUses u ON u.id = used.id GROUP BY 1) more
        WHERE more.key = keys.id`);
  }

  /** Reads the day once: the words of its events, in the order of time as the index takes them, and its values. */
  #read(): void {
    const names = new HashedNames(this.#events, this.#rollups);
    const words = new IndexWords(names);
    const sources = new Sources(64);
    this.#rollups.exec('CREATE TEMP TABLE unsorted (part INTEGER, at INTEGER, place INTEGER, words TEXT)');
    const insert = this.#rollups.prepare('INSERT INTO unsorted VALUES (?, ?, ?, ?)');
    for (let after = this.#day.firstId - 1; ; ) {
      const rows = countedRows(
        readerOf(this.#events).after(COUNTED_COLUMNS, after, PAGE_EVENTS, 'id < ?', [this.#day.firstId + this.#count]),
      );
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
    for (const values of this.#values)
      for (const one of values.values()) {
        one.firstAt += (this.#days - 1) * DAY_MS;
        one.lastAt += (this.#days - 1) * DAY_MS;
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
      id: `id + ${copy * this.#count}`,
      sinceBase: `sinceBase + ${this.#baseMs + copy * DAY_MS - startedAt}`,
      seq: `seq + ${copy} * sent.events`,
      agent: 'e.agent',
    };
    this.#events.exec(`INSERT INTO ${tableName(number)} (${WRITTEN_COLUMNS.join(', ')})
      SELECT ${WRITTEN_COLUMNS.map((name) => moved[name] ?? name).join(', ')}
      FROM ${this.#table} e JOIN sent ON sent.agent = e.agent WHERE id >= ${firstId} ORDER BY id`);
  }

  #addSessions(day: number): void {
    const copy = day - this.#loginsDay;
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
      UPDATE facts SET value = (SELECT max(id) FROM buckets) WHERE name = 'lastBucket';
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
    const { firstId } = this.#day;
    this.#rollups.exec(`INSERT INTO indexBlocks SELECT first + ${copy * this.#count}, last + ${copy * this.#count}, maxAt + ${movedMs} FROM indexBlocks
      WHERE first >= ${firstId} AND last < ${firstId + this.#count}`);
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
