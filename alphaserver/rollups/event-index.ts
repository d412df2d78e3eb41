/**
 * A full-text index (SQLite's FTS5) of what events say, in parts. An entry's rowid is the event's time and then its place in
 * the part, so that a search runs along time, newest first, and reads only what a page shows. The words of an event are its
 * host's number, its outcome with its method, hashes of its IPv6 address and its user, and the digits of its IPv4 address or its
 * IPv6 network of 64 bits, by whose beginnings wider networks are found. Who searches reads the events that are found, and
 * leaves out those that another value with the same hash found, and those outside of a network of more than 64 bits.
 */
import { digitPrefixes, ipv4Digits, type Network, networkDigits, type Sources } from '../../service/ip-network.ts';
import { arrays, type Database, type Statement } from '../store/database.ts';
import { METHODS } from '../store/schema.ts';
import type { CountedRow, Names } from './counts.ts';

/** Bits of a rowid that hold an event's place in its part, so many events a part has at most. The time has the 42 above. */
const PLACE_BITS = 21;
export const PART_EVENTS = 2 ** PLACE_BITS;
/** Times from 1970 to 2109 are distinct; those outside stand at the ends, in the order they were stored. One more still fits 63 bits. */
const LAST_AT = 2 ** 42 - 2;
/** Hashes are cut to eight letters and digits: shorter words, and two in a million of one part meet. */
const WORDS = 36 ** 8;
/** The number of a method: its place in METHODS, one of a few for any other method, the last for none. */
const METHOD_CODES = 16;
const IPV4_DIGITS = 8;
const NETWORK_BITS = 64;
const NETWORK_DIGITS = NETWORK_BITS / 4;
const OUTCOME_LETTERS = ['a', 'f', 'p'] as const;
/** Segments of one level that FTS5 merges while it writes: its own default, and none while the writer is far behind. At 16 it merges them anyway. */
const MERGED_SEGMENTS = 4;
/** Pages that one step of merging writes at most: some 10 ms. */
const MERGE_PAGES = 64;

/** Tables of the index; `merged` is 1 once a part's segments are one. */
export const INDEX_TABLE = `CREATE TABLE indexParts (
  number INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, minAt INTEGER NOT NULL, maxAt INTEGER NOT NULL,
  merged INTEGER NOT NULL
)`;

/** Parts of this version hold IPv4 addresses and networks as words of their digits; in older parts they are hashed, and only networks of 64 bits are found. */
export const INDEX_DIGITS = 'ALTER TABLE indexParts ADD COLUMN digits INTEGER NOT NULL DEFAULT 0';

/**
 * Blocks of events that follow each other by their ids, from `first` to `last`, each with the latest of its times: who looks for the first event
 * since a time passes over those before it. Events that an earlier version indexed are in none.
 */
export const INDEX_BLOCKS =
  'CREATE TABLE indexBlocks (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, maxAt INTEGER NOT NULL)';
/** The most events of a block: all that is read one by one. */
const BLOCK_EVENTS = 4_096;

/** Events with ids from `first` to `last`; their times are from `minAt` to `maxAt`. */
export interface IndexPart {
  readonly number: number;
  readonly first: number;
  readonly last: number;
  readonly minAt: number;
  readonly maxAt: number;
  /** True where addresses are words of their digits. */
  readonly digits: boolean;
}

type PartRow = [...[number: number, first: number, last: number], minAt: number, maxAt: number, digits: number];

/** The place of an event in the order of lists: by its time, then by its id. */
export type Place = readonly [at: number, id: number];

/** Gives a time as it is ordered by. */
export const clampAt = (at: number): number => Math.min(Math.max(at, 0), LAST_AT);

const name = (part: number): string => `index_${part}`;

/** The conditions of a search; null leaves a condition out. `outcome` is an index into OUTCOMES, `host` the host's number. */
export interface IndexQuery {
  readonly host: number | null;
  readonly ip: string | null;
  readonly network: Network | null;
  readonly user: string | null;
  readonly outcome: number | null;
  readonly method: string | null;
}

/** Everything. */
export const ALL_EVENTS: IndexQuery = { host: null, ip: null, network: null, user: null, outcome: null, method: null };

/** Makes the words of events and of queries. */
export class IndexWords {
  readonly #names: Pick<Names, 'hash'>;

  constructor(names: Pick<Names, 'hash'>) {
    this.#names = names;
  }

  /** Gives the words of an event, with spaces between. `network` is its IPv6 network of 64 bits. */
  of([, , outcome, host, method, user, ip]: CountedRow, network: string | null, digits: boolean): string {
    let words = `h${host.toString(36)} ${this.#decision(outcome, this.#methodCode(method))}`;
    if (ip !== null) words += ` ${this.#address(ip, digits)}`;
    if (network !== null) words += ` ${digits ? `n${networkDigits(network)}` : this.#hashed('n', network)}`;
    if (user !== null) words += ` ${this.#hashed('u', user)}`;
    return words;
  }

  /** Gives the expression that finds what a query asks for, and perhaps more. */
  match(query: IndexQuery, digits: boolean): string {
    const networks = query.network === null ? [] : this.#within(query.network, digits);
    const all = [...this.conditions(query, digits), ...networks];
    return (all.length > 0 ? all : [this.#decisions(null, null)]).join(' AND ');
  }

  /** Gives the expressions of a query's conditions, each of which finds more alone than all together. That of its network is left out. */
  conditions({ host, ip, user, outcome, method }: IndexQuery, digits: boolean): string[] {
    return [
      ...(host === null ? [] : [`h${host.toString(36)}`]),
      ...(ip === null ? [] : [this.#address(ip, digits)]),
      ...(user === null ? [] : [this.#hashed('u', user)]),
      ...(outcome === null && method === null ? [] : [this.#decisions(outcome, method)]),
    ];
  }

  #address(ip: string, digits: boolean): string {
    const ipv4 = digits ? ipv4Digits(ip) : null;
    return ipv4 === null ? this.#hashed('i', ip) : `i${ipv4}`;
  }

  #within(network: Network, digits: boolean): string[] {
    const { version, bits, text } = network;
    if (!digits) return version === 6 && bits === NETWORK_BITS ? [this.#hashed('n', text)] : [];
    const [kind, length] = version === 4 ? ['i', IPV4_DIGITS] : ['n', NETWORK_DIGITS];
    const words = digitPrefixes(network, length).map((one) => (one.length < length ? `${kind}${one}*` : kind + one));
    return [`(${words.join(' OR ')})`];
  }

  #decisions(outcome: number | null, method: string | null): string {
    const outcomes = outcome === null ? OUTCOME_LETTERS.map((_, i) => i) : [outcome];
    const codes = method === null ? Array.from({ length: METHOD_CODES }, (_, i) => i) : [this.#methodCode(method)];
    return `(${outcomes.flatMap((one) => codes.map((code) => this.#decision(one, code))).join(' OR ')})`;
  }

  #decision(outcome: number, method: number): string {
    return `c${OUTCOME_LETTERS[outcome] ?? ''}${method.toString(METHOD_CODES)}`;
  }

  #methodCode(method: number | string | null): number {
    if (method === null) return METHOD_CODES - 1;
    const known = typeof method === 'number' ? method : METHODS.indexOf(method);
    if (known >= 0) return known;
    return METHODS.length + (this.#names.hash(String(method)) % (METHOD_CODES - 1 - METHODS.length));
  }

  #hashed(kind: string, text: string): string {
    return kind + (this.#names.hash(text) % WORDS).toString(36);
  }
}

/** Writes the index. Every call belongs inside a transaction of the caller. */
export class IndexWriter {
  readonly #db: Database;
  readonly #words: IndexWords;
  readonly #sources: Sources;
  readonly #inserts = new Map<number, Statement>();
  /** What each part's table was last set to merge by this writer. */
  readonly #merged = new Map<number, number>();

  constructor(db: Database, names: Names, sources: Sources) {
    this.#db = db;
    this.#words = new IndexWords(names);
    this.#sources = sources;
  }

  /**
   * Adds events, whose ids ascend. `starts` are ids that begin a part: those at which a table of events begins. `isBehind`: many more
   * wait. Then merging, a fifth of the time, is left to events that come later and to `merge`.
   */
  add(rows: readonly CountedRow[], starts: readonly number[], isBehind = false): void {
    for (let from = 0; from < rows.length; from += BLOCK_EVENTS) this.#addBlock(rows.slice(from, from + BLOCK_EVENTS));
    for (let from = 0; from < rows.length; ) {
      const part = this.#partFor((rows[from] as CountedRow)[0], starts);
      const end = Math.min(
        part.first + PART_EVENTS,
        starts.find((id) => id > part.last && id > part.first) ?? Infinity,
      );
      let to = from;
      while (to < rows.length && (rows[to] as CountedRow)[0] < end) to += 1;
      this.#setMerged(part.number, isBehind ? 0 : MERGED_SEGMENTS);
      this.#addTo(part, rows.slice(from, to));
      from = to;
    }
  }

  /** Forgets what a transaction that was rolled back has set. */
  clear(): void {
    this.#merged.clear();
  }

  #setMerged(part: number, segments: number): void {
    if (this.#merged.get(part) === segments) return;
    this.#db.exec(`INSERT INTO ${name(part)}(${name(part)}, rank) VALUES ('automerge', ${segments})`);
    this.#merged.set(part, segments);
  }

  #addBlock(rows: readonly CountedRow[]): void {
    const maxAt = rows.reduce((max, [, at]) => Math.max(max, at), Number.NEGATIVE_INFINITY);
    const [first, last] = [rows[0]?.[0] ?? 0, rows.at(-1)?.[0] ?? 0];
    this.#db.prepare('INSERT OR REPLACE INTO indexBlocks VALUES (?, ?, ?)').run(first, last, maxAt);
  }

  /** Drops the parts and the blocks whose events have ids up to this one. */
  drop(upTo: number): void {
    this.#db.prepare('DELETE FROM indexBlocks WHERE last <= ?').run(upTo);
    const old = arrays(this.#db, 'SELECT number FROM indexParts WHERE last <= ?', upTo) as [number][];
    for (const [number] of old) {
      this.#db.exec(`DROP TABLE ${name(number)}`);
      this.#db.prepare('DELETE FROM indexParts WHERE number = ?').run(number);
      this.#inserts.delete(number);
      this.#merged.delete(number);
    }
  }

  /** Merges some of a part that nothing is added to any more: smaller, and faster to search. False where all is merged. */
  merge(): boolean {
    const [row] = arrays(
      this.#db,
      'SELECT number FROM indexParts WHERE merged = 0 AND number < (SELECT max(number) FROM indexParts) LIMIT 1',
    ) as [number][];
    if (!row) return false;
    const changes = (): number => arrays(this.#db, 'SELECT total_changes()')[0]?.[0] as number;
    const before = changes();
    this.#db.exec(`INSERT INTO ${name(row[0])}(${name(row[0])}, rank) VALUES ('merge', -${MERGE_PAGES})`);
    // As https://sqlite.org/fts5.html#the_merge_command has it: less than two changes, nothing was merged.
    if (changes() - before < 2) this.#db.prepare('UPDATE indexParts SET merged = 1 WHERE number = ?').run(row[0]);
    return true;
  }

  #partFor(id: number, starts: readonly number[]): IndexPart {
    const [row] = arrays(
      this.#db,
      'SELECT number, first, last, minAt, maxAt, digits FROM indexParts ORDER BY number DESC LIMIT 1',
    ) as PartRow[];
    const [number = 0, first = 0, last = 0, minAt = 0, maxAt = 0, digits = 1] = row ?? [];
    const goesOn = row && id < first + PART_EVENTS && !starts.some((start) => start > last && start <= id);
    if (goesOn) return { number, first, last, minAt, maxAt, digits: digits === 1 };
    const part = { number: number + 1, first: id, last: id - 1, minAt: LAST_AT, maxAt: 0, digits: true };
    this.#db.exec(
      `CREATE VIRTUAL TABLE ${name(part.number)} USING fts5(words, content='', detail=none, columnsize=0, tokenize='ascii')`,
    );
    this.#db
      .prepare(
        'INSERT INTO indexParts (number, first, last, minAt, maxAt, merged, digits) VALUES (?, ?, ?, ?, ?, 0, 1)',
      )
      .run(part.number, part.first, part.last, part.minAt, part.maxAt);
    return part;
  }

  #addTo(part: IndexPart, rows: readonly CountedRow[]): void {
    let insert = this.#inserts.get(part.number);
    if (!insert) {
      insert = this.#db.prepare(
        `INSERT INTO ${name(part.number)} (rowid, words) VALUES ((?1 << ${PLACE_BITS}) | ?2, ?3)`,
      );
      this.#inserts.set(part.number, insert);
    }
    let { minAt, maxAt } = part;
    const entries = rows.map((row): [at: number, place: number, words: string] => {
      const at = clampAt(row[1]);
      minAt = Math.min(minAt, at);
      maxAt = Math.max(maxAt, at);
      const source = this.#sources.of(row[6]);
      return [at, row[0] - part.first, this.#words.of(row, source?.includes('/') ? source : null, part.digits)];
    });
    // FTS5 writes a segment each time that a rowid is lower than the one before.
    entries.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    for (const [at, place, words] of entries) insert.run(at, place, words);
    this.#db
      .prepare('UPDATE indexParts SET last = ?, minAt = ?, maxAt = ? WHERE number = ?')
      .run(rows.at(-1)?.[0] ?? part.last, minAt, maxAt, part.number);
  }
}

/** A span of times in a search: `from` inside, `to` outside, and only what comes before a place in the order of lists. */
export interface SearchSpan {
  readonly from: number;
  readonly to: number;
  readonly before?: Place | null;
}

/** Searches the index on one connection, inside a read transaction. */
export class EventIndex {
  readonly #db: Database;
  readonly #words: IndexWords;
  readonly #countedPartEvents: number;
  readonly #statements = new Map<string, Statement>();

  /** `countedPartEvents`: of smaller parts no condition is counted. */
  constructor(db: Database, names: Pick<Names, 'hash'>, countedPartEvents = COUNTED_PART_EVENTS) {
    this.#db = db;
    this.#words = new IndexWords(names);
    this.#countedPartEvents = countedPartEvents;
  }

  /** Lists the parts that have events in a span, those that reach latest first. */
  parts({ from, to }: SearchSpan): IndexPart[] {
    const sql = `SELECT number, first, last, minAt, maxAt, digits FROM indexParts WHERE maxAt >= ? AND minAt <= ? ORDER BY maxAt DESC`;
    return (arrays(this.#db, sql, clampAt(from), clampAt(to)) as PartRow[]).map(
      ([number, first, last, minAt, maxAt, digits]) => ({ number, first, last, minAt, maxAt, digits: digits === 1 }),
    );
  }

  /** Gives spans of a part's ids, ascending, outside of which nothing happened at or after a time: what no block tells of is in one. */
  *blocks({ first, last }: IndexPart, sinceMs: number): Iterable<{ readonly after: number; readonly last: number }> {
    const sql =
      'SELECT first, last, maxAt FROM indexBlocks WHERE first > ? AND first <= ? AND last >= ? ORDER BY first';
    let after = first - 1;
    for (const [from, to, maxAt] of arrays(this.#db, sql, first - BLOCK_EVENTS, last, first) as [
      number,
      number,
      number,
    ][]) {
      if (from > after + 1) yield { after, last: from - 1 };
      if (maxAt >= sinceMs) yield { after: Math.max(after, from - 1), last: Math.min(to, last) };
      after = to;
    }
    if (after < last) yield { after, last };
  }

  /** Gives the ids of a part's events that a query may mean, newest first. `expected` is how many the caller is likely to take. */
  *search(part: IndexPart, query: IndexQuery, span: SearchSpan, expected: number): Iterable<number> {
    const statement = this.#statement(part, listOf(part));
    const [match, from, ...upTo] = this.#values(part, query, span);
    // Many rows of one call take a fifth of what an iterator of them takes.
    for (let [before, rows] = [upTo, Math.min(expected, SEARCH_ROWS)]; ; rows = SEARCH_ROWS) {
      const found = statement.all(match, from, ...before, rows) as unknown as [number, number][];
      for (const [, place] of found) yield part.first + place;
      const last = found.at(-1);
      if (last === undefined || found.length < rows) return;
      before = last;
    }
  }

  /** Gives the ids of a part's events that meet a rare condition. */
  meeting(part: IndexPart, condition: string, span: SearchSpan): number[] {
    const [, ...bounds] = this.#values(part, ALL_EVENTS, span);
    const found = this.#statement(part, listOf(part)).all(condition, ...bounds, COUNTED_EVENTS);
    return (found as unknown as [number, number][]).map(([, place]) => part.first + place);
  }

  /**
   * Gives a condition of a query that so few events of a part meet that to compare them takes less time than FTS5 takes to read
   * through the list of another condition, a frequent one; null where a search for all conditions is sooner done.
   */
  rareCondition(part: IndexPart, query: IndexQuery, span: SearchSpan): string | null {
    const conditions = this.#words.conditions(query, part.digits);
    const events = part.last - part.first + 1;
    const mostLists = query.network === null ? 0 : events;
    if (mostLists === 0 && (conditions.length < 2 || events < this.#countedPartEvents)) return null;
    const [, ...bounds] = this.#values(part, query, span);
    const counts = conditions.map((condition) => this.#estimate(part, condition, bounds));
    const least = Math.min(...counts);
    const isRare = least < COUNTED_EVENTS && least * ROW_COST < Math.max(mostLists, ...counts);
    return isRare ? (conditions[counts.indexOf(least)] ?? null) : null;
  }

  /** Counts a part's events of one host, or of all, and of one outcome. What is counted so needs no look at the events. */
  count(part: IndexPart, query: Pick<IndexQuery, 'host' | 'outcome'>, span: SearchSpan): number {
    const statement = this.#statement(part, `SELECT count(*) FROM ${name(part.number)} WHERE ${MATCH}`);
    return (statement.get(...this.#values(part, { ...ALL_EVENTS, ...query }, span)) as unknown as [number])[0];
  }

  /** Counts the events of a span that meet a condition; estimates them by the time that the newest of them span where they are many. */
  #estimate(part: IndexPart, condition: string, [from, at, place]: [from: number, at: number, place: number]): number {
    const statement = this.#statement(
      part,
      `SELECT count(*), min(at) FROM (SELECT rowid >> ${PLACE_BITS} AS at FROM ${name(part.number)} WHERE ${MATCH}
       ORDER BY rowid DESC LIMIT ${COUNTED_EVENTS})`,
    );
    const [count, oldestAt] = statement.get(condition, from, at, place) as unknown as [number, number];
    if (count < COUNTED_EVENTS) return count;
    const [begin, end] = [Math.max(from, part.minAt), Math.min(at, part.maxAt)];
    return (count * (end - begin)) / Math.max(1, end - oldestAt);
  }

  /** The values of MATCH: the expression, the time from which, and the place before which. */
  #values(
    part: IndexPart,
    query: IndexQuery,
    { from, to, before = null }: SearchSpan,
  ): [match: string, from: number, at: number, place: number] {
    // Times beyond the ends are not distinct here.
    const upTo: Place = to > LAST_AT ? [LAST_AT + 1, 0] : [clampAt(to), 0];
    const [at, place] = before === null ? upTo : earlier(upTo, placeIn(part, before));
    return [this.#words.match(query, part.digits), clampAt(from), at, place];
  }

  #statement(part: IndexPart, sql: string): Statement {
    const key = `${part.number} ${sql}`;
    const known = this.#statements.get(key);
    if (known) return known;
    const statement = this.#db.prepare(sql.replaceAll(MATCH_NAME, name(part.number)));
    statement.setReturnArrays(true);
    this.#statements.set(key, statement);
    return statement;
  }
}

/** Rows that one call reads at most. */
const SEARCH_ROWS = 4_096;
/** Events of a condition that are counted; a condition with fewer may be rare. */
const COUNTED_EVENTS = 1_024;
/** To read and compare an event takes as long as FTS5 takes for so many of a list: some 1 us, and 10 ns. */
const ROW_COST = 128;
/** FTS5 reads through the lists of a smaller part in about the time that counting takes. */
const COUNTED_PART_EVENTS = 65_536;
const MATCH_NAME = '$part';
/** Numbers come as doubles, which would round a rowid. */
const MATCH = `${MATCH_NAME} MATCH ? AND rowid >= (? << ${PLACE_BITS}) AND rowid < ((? << ${PLACE_BITS}) + CAST(? AS INTEGER))`;

/** Lists a part's events that match: their times and places, newest first, so many. */
const listOf = ({ number }: IndexPart): string =>
  `SELECT rowid >> ${PLACE_BITS}, rowid & ${PART_EVENTS - 1} FROM ${name(number)} WHERE ${MATCH} ORDER BY rowid DESC LIMIT ?`;

const earlier = (a: Place, b: Place): Place => (a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]) ? a : b);

/** Clamps a place in the order of lists to a place of the part: a time and a number within the part. */
function placeIn({ first }: IndexPart, [at, id]: Place): Place {
  return [clampAt(at), Math.min(Math.max(id - first, 0), PART_EVENTS)];
}
