/** The promises of `Store`, tried on the store of a server, on one of several servers, and on the one that stands in for them in tests. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { openReader } from '../../../alphaserver/queries/snapshot.ts';
import { BATCH_EVENTS } from '../../../alphaserver/rollups/rollup-writer.ts';
import { factIn } from '../../../alphaserver/rollups/schema.ts';
import { PostgresConnection } from '../../../alphaserver/shared-log/postgres-connection.ts';
import { openPostgresLog } from '../../../alphaserver/shared-log/postgres-log.ts';
import { appendValues } from '../../../alphaserver/shared-log/postgres-rows.ts';
import { EVENT_COLUMNS } from '../../../alphaserver/shared-log/postgres-schema.ts';
import { openStorage, type Storage } from '../../../alphaserver/storage.ts';
import { eventsAfter } from '../../../alphaserver/store/event-rows.ts';
import { EVENTS_FILE } from '../../../alphaserver/store/folder.ts';
import type { AgentBatch, Appended, Store } from '../../../alphaserver/store/store.ts';
import type { Outcome } from '../../../protocol/event.ts';
import type { DeclaredGap } from '../../../protocol/report.ts';
import { noPostgres, Postgres } from '../../postgres.ts';
import { until } from '../../until.ts';
import { MemoryStore } from '../memory-store.ts';

const [A, B] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'] as const;
const NOW_MS = Date.parse('2026-11-23T19:46:02.000Z');
/** The test's clock and PostgreSQL's are of one machine: no append here takes as long. */
const CLOCKS_APART_MS = 600_000;
const DAY_MS = 86_400_000;
const AT = '2026-11-23T19:46:01.123Z';

interface Given {
  readonly agent?: string;
  readonly host?: string;
  readonly outcome?: Outcome;
}

/** Events with these numbers; `host` is what they name, which may be another one's. */
const batch = (seqs: readonly number[], { agent = A, host, outcome = 'failed' }: Given = {}): AgentBatch => ({
  agent,
  host: `own host of ${agent}`,
  events: seqs.map((seq) => ({
    seq,
    event: {
      ...{ at: AT, outcome, method: 'password', user: 'root', invalidUser: false, ip: '192.0.2.1', port: 40_000 },
      ...(host === undefined ? {} : { host }),
    },
  })),
});
const gap = (id: number): DeclaredGap => ({
  id,
  at: AT,
  kind: 'rotated-away',
  text: `gap ${id}`,
  bytes: 9,
  lines: null,
});
const ping = (...ids: number[]): AgentBatch => ({
  ...batch([]),
  ping: { report: null, shapes: [], gaps: ids.map(gap) },
});

const counted = ({ lastSeq, stored, repeats, missing }: Appended): number[] => [lastSeq, stored, repeats, missing];

/** A store to try. */
interface Body {
  readonly name: string;
  readonly skip: string | false;
  /** True where the time of an append is not the caller's: one clock for several servers. */
  readonly hasOwnClock: boolean;
  readonly setUp?: () => Promise<void>;
  readonly tearDown?: () => void;
  readonly open: (folder: string) => Store | Promise<Store>;
}

let postgres: Postgres;
/** The address of the database that was made last. */
let newestUrl = '';

const FIXTURES = join(import.meta.dirname, '../../fixtures/stores');
const quiet = { warn() {}, error() {}, info() {} };

/** Opens a store as one of several servers has it, on a database of its own, or as another server on the newest one. */
async function openShared(folder: string, isAnother = false): Promise<Store> {
  if (!isAnother) {
    newestUrl = postgres.newDatabase();
  }
  const log = await openPostgresLog({ url: newestUrl, log: quiet });
  const storage = openStorage(folder);
  await storage.join({ log, server: 'one', progress() {}, fault() {} });
  return storage;
}

const BODIES: readonly Body[] = [
  { name: 'the store of a server', skip: false, hasOwnClock: false, open: (folder) => openStorage(folder) },
  { name: 'the store of tests', skip: false, hasOwnClock: false, open: () => new MemoryStore() },
  {
    name: 'the store of one of several servers',
    skip: noPostgres,
    hasOwnClock: true,
    setUp: async () => {
      postgres = await Postgres.start('fsync=off');
    },
    tearDown: () => postgres.close(),
    open: (folder) => openShared(folder),
  },
];

for (const { name, skip, hasOwnClock, setUp, tearDown, open } of BODIES)
  describe(name, { skip }, () => {
    let folder: string;
    let store: Store;
    before(async () => setUp?.());
    after(() => tearDown?.());
    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), 'asgard-contract-'));
      store = await open(folder);
    });
    /** Gives the time that an append must have: the caller's, or one of the log's clock since the test began. */
    const timeOf = (stored: string): string => {
      if (!hasOwnClock) return new Date(NOW_MS).toISOString();
      assert.ok(Math.abs(Date.parse(stored) - Date.now()) < CLOCKS_APART_MS, stored);
      return stored;
    };
    afterEach(async () => {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    });
    const append = async (...batches: AgentBatch[]): Promise<Appended[]> => store.append(batches, NOW_MS);

    if (hasOwnClock)
      it('gives every value back to another server as it was, whatever is in a text', async () => {
        const texts = [
          '',
          'NULL',
          'null',
          '"',
          '\\',
          '\\"',
          '{a,b}',
          ' a ',
          'a\nb\tc',
          "'",
          '$1',
          'é\u{1F600}',
          '\u0001',
        ];
        const events = texts.map((user, i): AgentBatch['events'][number] => ({
          seq: i + 1,
          event: {
            ...{
              at: AT,
              outcome: (['accepted', 'failed', 'probe'] as const)[i % 3] ?? 'failed',
              method: i % 2 ? user : null,
            },
            ...{ user, invalidUser: [true, false, null][i % 3] ?? null, ip: i % 4 ? '2001:db8::1' : null },
            ...{ port: i % 2 ? 65_535 : null, host: `host ${user}`, key: i % 2 ? `K ${user}` : null },
            ...{
              reason: i % 3 ? user : null,
              trust: (['journal', 'syslog', 'forgeable', null] as const)[i % 4] ?? null,
            },
            pid: i % 2 ? 4_194_304 : null,
          },
        }));
        // Together, and one alone.
        await append({ agent: A, host: 'own', events: events.slice(1) }, batch([1, 2], { agent: B }));
        await append({ ...batch([3], { agent: B }), events: [{ ...(events[0] as (typeof events)[0]), seq: 3 }] });
        const other = (await openShared(join(folder, 'other'), true)) as Storage;
        try {
          const rows = (of: Store): unknown[] => eventsAfter((of as Storage).db, 0, 100);
          assert.equal(rows(store).length, texts.length + 2);
          assert.deepEqual(rows(other), rows(store));
          assert.deepEqual(
            eventsAfter(other.db, 0, 100).map(({ user }) => user),
            [...texts.slice(1), 'root', 'root', ''],
          );
        } finally {
          await other.close();
        }
      });

    if (hasOwnClock)
      it('is read a bounded number of appends, events and bytes at a time, and whole', async () => {
        const log = await openPostgresLog({ url: newestUrl, log: quiet });
        const lengths = async (): Promise<number[]> => {
          const all: number[] = [];
          for (let at = 0, page = await log.read(at); page.length > 0; page = await log.read(at)) {
            all.push(page.length);
            at = page.at(-1)?.position ?? 0;
          }
          return all;
        };
        /** Makes appends without events: `head` is SQL for what they say of the agent. */
        const empty = (count: number, head: string): string =>
          `SELECT count(asgard.append('x', ${head}, '{${A}}', NULL, ${Array.from({ length: EVENT_COLUMNS.length + 1 }, () => "'{}'").join()}, '{}', '{}', '{}', '{}', NULL, NULL, NULL)) FROM generate_series(1, ${count})`;
        const head = (more: string): string => `'[{"agent":"${A}","host":"h","given":0${more}}]'`;
        try {
          const db = new PostgresConnection({ url: newestUrl });
          await db.query({ text: empty(2_049, head('')) });
          assert.deepEqual(await lengths(), [2_048, 1]);
          await db.query({ text: 'TRUNCATE asgard.appends' });
          await db.query({ text: empty(3, `${head(',"more":"').slice(0, -3)}' || repeat('x', 5000000) || '"}]'`) });
          assert.deepEqual(await lengths(), [2, 1]);
          await db.query({ text: 'TRUNCATE asgard.appends' });
          db.close();
          const seqs = Array.from({ length: 10_000 }, (_, i) => i + 1);
          const last = seqs.length * 2 + 1;
          for (const some of [seqs, seqs.map((seq) => seq + seqs.length), [last]])
            await log.append({ name: 'y', batches: [batch(some)], decisions: [] });
          assert.deepEqual(await lengths(), [2, 1]);
        } finally {
          await log.close();
        }
      });

    if (hasOwnClock)
      it('reads again what a power failure took from its copy, and counts once what the rollups have already', async () => {
        const seqs = (from: number): number[] => Array.from({ length: BATCH_EVENTS }, (_, i) => from + i);
        const file = join(folder, EVENTS_FILE);
        await append(batch([1], { host: 'web' }));
        await store.close();
        copyFileSync(file, `${file}.before`);
        store = await openShared(folder, true);
        await append(batch(seqs(2), { host: 'db' }), batch([1], { agent: B, host: 'mail' }));
        const rollups = openReader(folder);
        await until(() => factIn(rollups, 'rolledTo') === BATCH_EVENTS + 2);
        rollups.close();
        await store.close();
        renameSync(`${file}.before`, file);
        store = await openShared(folder, true);
        await append(batch([BATCH_EVENTS + 2], { host: 'db' }), batch([1, 2], { agent: B, host: 'mail' }));
        const { db } = store as Storage;
        assert.deepEqual(
          eventsAfter(db, 0, 10_000).map(({ id }) => id),
          Array.from({ length: BATCH_EVENTS + 4 }, (_, i) => i + 1),
        );
        const views = (store as Storage).views(() => false, Date.now);
        const ever = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };
        assert.equal((await views.summary(ever)).failed, BATCH_EVENTS + 4);
        const { ranks } = await views.top('hosts', ever, 10);
        assert.deepEqual(
          ranks.map(({ value, failed }) => [value, failed]),
          [
            ['db', BATCH_EVENTS + 1],
            ['mail', 2],
            ['web', 1],
          ],
        );
      });

    if (hasOwnClock)
      it('is not gone on with where it has another append than the copy in its place: while it runs, and at a start', async () => {
        await append(batch([1]));
        const db = new PostgresConnection({ url: newestUrl });
        try {
          const other = await openPostgresLog({ url: newestUrl, log: quiet });
          await other.append({ name: 'other-1', batches: [batch([2])], decisions: [] });
          await other.close();
          // Looked at once, and again after a loss of the connection.
          await append(batch([3]));
          await db.query({ text: 'UPDATE asgard.appends SET stored_at = stored_at - 1 WHERE position = 3' });
          await append(batch([4]));
          await db.query({ text: 'UPDATE asgard.appends SET stored_at = stored_at - 1 WHERE position = 4' });
          await db.query({
            text: `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
          });
          await until(() =>
            append(batch([5])).then(
              () => false,
              ({ code }) => code === 'damaged',
            ),
          );
          assert.equal((store as Storage).events.logPosition, 4);
          await store.close();
          await assert.rejects(openShared(folder, true), /another append than the folder at 4/);
        } finally {
          db.close();
          store = openStorage(join(folder, 'empty'));
        }
      });

    if (hasOwnClock)
      it('rejects appends that were given while one before them failed, and takes those given later', async () => {
        const log = await openPostgresLog({ url: newestUrl, log: quiet });
        try {
          const [refused] = batch([1]).events;
          const bad = {
            ...batch([]),
            events: [{ seq: 1, event: { ...refused?.event, user: 'NUL \0' } }],
          } as AgentBatch;
          const given = [bad, batch([2]), batch([3])].map((one, i) =>
            log.append({ name: `given-${i}`, batches: [one], decisions: [] }),
          );
          assert.deepEqual(
            (await Promise.allSettled(given)).map(({ status }) => status),
            ['rejected', 'rejected', 'rejected'],
          );
          await log.append({ name: 'again', batches: [batch([1, 2, 3])], decisions: [] });
          const read = await log.read(0);
          assert.deepEqual(
            read.flatMap(({ batches }) => batches.flatMap(({ events }) => events.map(({ seq }) => seq))),
            [1, 2, 3],
          );
        } finally {
          await log.close();
        }
      });

    if (hasOwnClock)
      it('gives what a new connection shows once a commit after it has waited for the standbys', async () => {
        await append(batch([1]));
        const set = async (names: string): Promise<void> => {
          postgres.sql(`ALTER SYSTEM SET synchronous_standby_names = '${names}'`);
          postgres.sql('SELECT pg_reload_conf()');
          await until(() => postgres.sql('SHOW synchronous_standby_names') === names);
        };
        await set('nobody');
        const other = await openPostgresLog({ url: newestUrl, log: quiet });
        try {
          let isRead = false;
          const reading = other.read(0).then((page) => {
            isRead = true;
            return page.length;
          });
          await until(() => postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") === '1');
          assert.equal(isRead, false);
          await set('');
          assert.equal(await reading, 1);
        } finally {
          await set('');
          await other.close();
        }
      });

    if (hasOwnClock)
      it('lets other servers know of what it stored, before they look by themselves', async () => {
        const other = await openPostgresLog({ url: newestUrl, log: quiet });
        try {
          await other.read(0);
          const heard = new Promise((done) => other.onNews((name) => name !== null && done(name)));
          await append(batch([1]));
          assert.equal(await heard, 'one-1');
        } finally {
          await other.close();
        }
      });

    if (hasOwnClock)
      it('takes appends of servers of versions 3 and 4, whose tables those were, in one order with its own', async () => {
        newestUrl = postgres.newDatabase();
        const old = new PostgresConnection({ url: newestUrl });
        for (const version of [1, 3])
          await old.query({ text: readFileSync(join(FIXTURES, `shared-log-${version}.sql`), 'utf8') });
        const log = await openPostgresLog({ url: newestUrl, log: quiet });
        const heard: (string | null)[] = [];
        log.onNews((name) => heard.push(name));
        /** As a server of an older version appends: without what its function does not take. */
        const asVersion = async (version: 3 | 4, name: string, ...batches: AgentBatch[]): Promise<void> => {
          const values = appendValues({ name, batches, decisions: [] }, null).slice(0, version === 3 ? -3 : undefined);
          const places = values.map((_, i) => `$${i + 1}`).join();
          await old.query({ text: `SELECT o_position FROM asgard.append(${places})`, values });
        };
        const own = (name: string, ...batches: AgentBatch[]) => log.append({ name, batches, decisions: [] });
        try {
          // It listens from here on.
          assert.equal((await log.read(0)).length, 1);
          await own('5-1', batch([3]));
          await asVersion(3, '3-1', batch([3, 4]), batch([1, 2], { agent: B }), batch([4, 5]));
          await asVersion(3, '3-2', batch([6]));
          await own('5-2', batch([5, 6, 7]));
          await asVersion(4, '4-1', batch([7]));
          await asVersion(4, '4-2', batch([8]), batch([3], { agent: B }));
          await own('5-3', batch([8]));
          await own('5-4', batch([4], { agent: B }));
          assert.deepEqual(
            (await log.read(1)).map(({ name, position, firstId, batches }) => [
              ...[name, position, firstId],
              ...batches.map(({ events, repeats }) => [...events.map(({ seq }) => seq), `repeats ${repeats}`]),
            ]),
            [
              ['5-1', 2, 3, [3, 'repeats 0']],
              ['3-1', 3, 4, [4, 'repeats 1'], [1, 2, 'repeats 0'], [5, 'repeats 1']],
              ['3-2', 4, 8, [6, 'repeats 0']],
              ['5-2', 5, 9, [7, 'repeats 2']],
              ['4-1', 6, 10, ['repeats 1']],
              ['4-2', 7, 10, [8, 'repeats 0'], [3, 'repeats 0']],
              ['5-3', 8, 12, ['repeats 1']],
              ['5-4', 9, 12, [4, 'repeats 0']],
            ],
          );
          // The older ones notify with the append itself, this one once its server asks for it.
          await until(() => heard.includes('4-2'));
          log.announce('5-4');
          await until(() => heard.includes('5-4'));
          assert.deepEqual(
            heard.filter((name) => name !== null),
            ['3-1', '3-2', '4-1', '4-2', '5-4'],
          );
        } finally {
          await log.close();
          old.close();
        }
      });

    if (hasOwnClock)
      it('deletes days that are older than its retention by both clocks, and never the day that it appends to', async () => {
        newestUrl = postgres.newDatabase();
        const log = await openPostgresLog({ url: newestUrl, log: quiet });
        const db = new PostgresConnection({ url: newestUrl });
        const sql = async (text: string): Promise<unknown[]> => (await db.query({ text })).flat();
        const days = (): Promise<unknown[]> =>
          sql("SELECT relname FROM pg_class WHERE relname ~ '^appends_[0-9]+$' ORDER BY 1");
        try {
          const { storedMs } = await log.append({ name: '1', batches: [batch([1])], decisions: [] });
          const today = Math.floor(storedMs / DAY_MS);
          for (const ago of [40, 20]) await sql(`SELECT asgard.make_partitions(${today - ago})`);
          const [oldest, old, newest] = await days();
          await log.deleteOlderThan(30 * DAY_MS, storedMs - 20 * DAY_MS);
          assert.deepEqual(await days(), [oldest, old, newest], 'a clock that is behind');
          await log.deleteOlderThan(30 * DAY_MS, storedMs + 365 * DAY_MS);
          assert.deepEqual(await days(), [old, newest], 'a clock that is ahead deletes what is too old for all');
          // As where PostgreSQL's clock is ahead too.
          await log.deleteOlderThan(-365 * DAY_MS, storedMs);
          assert.deepEqual(await days(), [newest]);
          await log.append({ name: '2', batches: [batch([2, 3])], decisions: [] });
          assert.deepEqual(await sql('SELECT count(*) FROM asgard.events'), [3]);
        } finally {
          await log.close();
          db.close();
        }
      });

    if (hasOwnClock)
      it('gives up the deletion of a day that somebody reads, says who does, and keeps no append waiting', async () => {
        newestUrl = postgres.newDatabase();
        const [log, another] = [
          await openPostgresLog({ url: newestUrl, log: quiet }),
          await openPostgresLog({ url: newestUrl, log: quiet }),
        ];
        const [db, dump] = [new PostgresConnection({ url: newestUrl }), new PostgresConnection({ url: newestUrl })];
        const sql = async (text: string): Promise<unknown[]> => (await db.query({ text })).flat();
        const days = (): Promise<unknown[]> =>
          sql("SELECT relname FROM pg_class WHERE relname ~ '^appends_[0-9]+$' ORDER BY 1");
        try {
          const { storedMs } = await log.append({ name: '1', batches: [batch([1])], decisions: [] });
          const today = Math.floor(storedMs / DAY_MS);
          for (const ago of [50, 40]) await sql(`SELECT asgard.make_partitions(${today - ago})`);
          const [, read, newest] = await days();
          const [[pid] = []] = await dump.query({ text: 'SELECT pg_backend_pid()' });
          // A session of a server is never named.
          await dump.query({ text: "SET application_name = 'pg_dump'" });
          await dump.query({ text: 'BEGIN' });
          await dump.query({ text: `LOCK TABLE asgard.${read} IN ACCESS SHARE MODE` });
          let isOver = false;
          const deletion = log.deleteOlderThan(30 * DAY_MS, storedMs);
          const refused = assert.rejects(deletion, (error: Error) => {
            assert.match(
              String((error.cause as Error).message),
              new RegExp(`process ${pid} .*program pg_dump.*pg_terminate_backend\\(${pid}\\)`),
            );
            return true;
          });
          void refused.then(
            () => (isOver = true),
            () => (isOver = true),
          );
          const waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'";
          await until(async () => isOver || (await sql(waiting))[0] !== 0);
          await another.append({ name: '2', batches: [batch([2])], decisions: [] });
          await refused;
          assert.deepEqual(await days(), [read, newest], 'the day before it is deleted');
          assert.deepEqual(await sql(waiting), [0]);
          await log.append({ name: '3', batches: [batch([3])], decisions: [] });
          await dump.query({ text: 'COMMIT' });
          await log.deleteOlderThan(30 * DAY_MS, storedMs);
          assert.deepEqual(await days(), [newest]);
        } finally {
          await log.close();
          await another.close();
          db.close();
          dump.close();
        }
      });

    if (hasOwnClock)
      it('waits for an answer of PostgreSQL no longer than the limit of the query', async () => {
        const db = new PostgresConnection({ url: postgres.url });
        try {
          const asked = db.query({ text: 'SELECT pg_sleep(60)', limitMs: 10 });
          await assert.rejects(asked, { cause: new Error('Query read timeout') });
          assert.deepEqual(await db.query({ text: 'SELECT 1' }), [[1]]);
        } finally {
          db.close();
        }
      });

    if (hasOwnClock)
      it('says where an append is stored as of a time that is still to come', async () => {
        newestUrl = postgres.newDatabase();
        const warned: string[] = [];
        const warn = (line: string): void => void warned.push(line);
        const log = await openPostgresLog({ url: newestUrl, log: { ...quiet, warn } });
        const db = new PostgresConnection({ url: newestUrl });
        try {
          await log.append({ name: '1', batches: [], decisions: [] });
          await db.query({ text: `UPDATE asgard.head SET stored_at = asgard.now_ms() + ${DAY_MS}` });
          const { storedMs } = await log.append({ name: '2', batches: [], decisions: [] });
          const stored = new Date(storedMs).toISOString();
          assert.deepEqual([warned.length, warned.join().includes(` as of ${stored},`)], [1, true]);
        } finally {
          await log.close();
          db.close();
        }
      });

    it('knows the highest number of each agent, 0 of one that it has never seen', async () => {
      const lastSeqs = async () => (await append(batch([]), batch([], { agent: B }))).map(({ lastSeq }) => lastSeq);
      assert.deepEqual(await lastSeqs(), [0, 0]);
      await append(batch([1, 2]), batch([1], { agent: B }));
      assert.deepEqual(await lastSeqs(), [2, 1]);
    });

    it('gives a result for each batch, in their order, also for one without events', async () => {
      assert.deepEqual((await append(batch([1, 2]), batch([]), batch([1], { agent: B }))).map(counted), [
        [2, 2, 0, 0],
        [2, 0, 0, 0],
        [1, 1, 0, 0],
      ]);
      assert.deepEqual(await append(), []);
    });

    it('drops what is not above the highest number as a repeat, within a batch, an append and over appends', async () => {
      assert.deepEqual((await append(batch([1, 1, 2]), batch([2, 3]))).map(counted), [
        [2, 2, 1, 0],
        [3, 1, 1, 0],
      ]);
      assert.deepEqual((await append(batch([1, 2, 3, 4]))).map(counted), [[4, 1, 3, 0]]);
    });

    it('stores a jump in the numbers, once, as a gap that names them', async () => {
      await append(batch([1]));
      const [jumped] = await append(batch([4, 5, 9]));
      assert.deepEqual(jumped && counted(jumped), [9, 3, 0, 5]);
      assert.deepEqual(
        jumped?.gaps.map(({ agent, at, kind, events, bytes, lines }) => [agent, at, kind, events, bytes, lines]),
        [[A, timeOf(jumped?.gaps[0]?.at ?? ''), 'missing-events', 5, null, null]],
      );
      assert.deepEqual((await append(batch([9])))[0]?.gaps, []);
    });

    it('takes a gap that an agent declares once, by its number', async () => {
      const [first, again] = await append(ping(1, 2), ping(2, 3));
      const texts = (one: Appended | undefined) => one?.gaps.map(({ kind, text, bytes }) => [kind, text, bytes]);
      assert.deepEqual(texts(first), [
        ['rotated-away', 'gap 1', 9],
        ['rotated-away', 'gap 2', 9],
      ]);
      assert.deepEqual(texts(again), [['rotated-away', 'gap 3', 9]]);
    });

    it('gives the stored events, with ids that grow over appends and agents', async () => {
      const results = [...(await append(batch([1, 2]), batch([7], { agent: B }))), ...(await append(batch([2, 3])))];
      const events = results.flatMap((one) => one.events);
      assert.deepEqual(
        events.map(({ agent, seq, host, storedAt, at }) => [agent, seq, host, storedAt, at]),
        [
          [A, 1, `own host of ${A}`],
          [A, 2, `own host of ${A}`],
          [B, 7, `own host of ${B}`],
          [A, 3, `own host of ${A}`],
        ].map((one, i) => [...one, timeOf(events[i]?.storedAt ?? ''), AT]),
      );
      const ids = events.map(({ id }) => id);
      assert.ok(
        ids.every((id, i) => id > (ids[i - 1] ?? 0)),
        `${ids}`,
      );
    });

    it('counts the attempts of each host that got new ones, whichever agent tells of it; probes are none', async () => {
      const sums = async (...batches: AgentBatch[]) => (await append(...batches)).map(({ totals }) => totals);
      assert.deepEqual(
        await sums(batch([1, 2], { host: 'web' }), batch([1], { agent: B, host: 'web', outcome: 'accepted' })),
        [[{ host: 'web', attempts: 2 }], [{ host: 'web', attempts: 3 }]],
      );
      assert.deepEqual(await sums(batch([3], { host: 'web', outcome: 'probe' }), batch([4, 3], { host: 'db' })), [
        [],
        [{ host: 'db', attempts: 1 }],
      ]);
    });
  });
