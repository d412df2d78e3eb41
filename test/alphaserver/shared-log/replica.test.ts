/** How a server's folder becomes a copy of a shared log whose first days are deleted already. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { STANDING_KINDS, STANDING_LIMIT, standingDecision, undoing } from '../../../alphaserver/alerting/standing.ts';
import { decidedWith, standing } from '../../../alphaserver/queries/decisions.ts';
import { PostgresConnection } from '../../../alphaserver/shared-log/postgres-connection.ts';
import { openPostgresLog, type PostgresLog } from '../../../alphaserver/shared-log/postgres-log.ts';
import { appendValues } from '../../../alphaserver/shared-log/postgres-rows.ts';
import { openStorage, type Storage } from '../../../alphaserver/storage.ts';
import { type AgentBatch, StoreError } from '../../../alphaserver/store/store.ts';
import { noPostgres, Postgres } from '../../postgres.ts';

const A = '00000000-0000-4000-8000-000000000001';
const DAY_MS = 86_400_000;
const RETENTION_MS = 30 * DAY_MS;
const quiet = { warn() {}, error() {}, info() {} };

const batch = (...seqs: number[]): AgentBatch => ({
  agent: A,
  host: 'web',
  events: seqs.map((seq) => ({
    seq,
    event: {
      ...{ at: '2026-11-23T19:46:01.123Z', outcome: 'failed', method: 'password', user: 'root', invalidUser: false },
      ...{ ip: '192.0.2.1', port: 40_000 },
    },
  })),
});

describe('the folder of a server', { skip: noPostgres }, () => {
  let postgres: Postgres;
  /** The address of the newest log. */
  let url: string;
  let logs: PostgresLog[];
  let folder: string;
  let store: Storage;

  before(async () => {
    postgres = await Postgres.start('fsync=off');
  });
  after(() => postgres.close());
  beforeEach(() => {
    logs = [];
    folder = mkdtempSync(join(tmpdir(), 'asgard-replica-'));
    store = openStorage(folder);
  });
  afterEach(async () => {
    await store.close();
    for (const log of logs) await log.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Opens the newest log, or makes one. */
  async function open(isNew = false): Promise<PostgresLog> {
    if (isNew) url = postgres.newDatabase();
    const log = await openPostgresLog({ url, log: quiet });
    logs.push(log);
    return log;
  }

  /** Makes a log of two days: that of the first batch is older than the retention, that of the second is today. */
  async function ofTwoDays(first: AgentBatch, second: AgentBatch): Promise<PostgresLog> {
    const log = await open(true);
    const db = new PostgresConnection({ url });
    const decisions = [{ kind: 'note', subject: 'web', by: 'alice', body: {} }];
    const values = appendValues({ name: 'old-1', batches: [first], decisions }, Date.now() - RETENTION_MS - 2 * DAY_MS);
    await db.query({ text: `SELECT asgard.append(${values.map((_, i) => `$${i + 1}`).join()})`, values });
    db.close();
    await log.append({ name: 'new-1', batches: [second], decisions: [] });
    return log;
  }

  const joined = (log: PostgresLog): Promise<void> => store.join({ log, server: 'one', progress() {}, fault() {} });

  /** Begins the folder with a log, of which the connection is lost before its first page, and opens both again. */
  async function brokenOff(log: PostgresLog): Promise<PostgresLog> {
    const lost = new StoreError('failed', new Error('the connection was lost'));
    log.read = () => Promise.reject(lost);
    await assert.rejects(joined(log), lost);
    await store.close();
    store = openStorage(folder);
    return open();
  }

  const attempts = async (...seqs: number[]) => (await store.append([batch(...seqs)], Date.now()))[0]?.totals;

  it('becomes a copy of a log although its first start was broken off before the first page', async () => {
    for (const isDeleted of [false, true]) {
      const log = await ofTwoDays(batch(1, 2), batch(3));
      if (isDeleted) await log.deleteOlderThan(RETENTION_MS, Date.now());
      await joined(await brokenOff(log));
      assert.equal(store.events.logPosition, 2);
      const kinds = store.db.prepare('SELECT kind FROM decisions').all();
      assert.deepEqual(
        kinds.map(({ kind }) => kind),
        ['note'],
      );
      assert.deepEqual(await attempts(4), [{ host: 'web', attempts: 4 }], `deleted: ${isDeleted}`);
      await store.close();
      rmSync(folder, { recursive: true });
      store = openStorage(folder);
    }
  });

  it('has the decisions that stand on every other server, also where more stand than one server takes', async () => {
    const block = { kind: 'blocked', source: '192.0.2.8', host: null, rule: null, untilMs: null, why: 'x' } as const;
    const decisions = (count: number) => Array.from({ length: count }, () => standingDecision(block, 'mira'));
    await joined(await open(true));
    await store.decide([standingDecision({ ...block, kind: 'allowed' }, 'jon')], Date.now());
    const later = mkdtempSync(join(tmpdir(), 'asgard-replica-'));
    const other = openStorage(later);
    try {
      await other.join({ log: await open(), server: 'two', progress() {}, fault() {} });
      await store.decide(decisions(STANDING_LIMIT), Date.now());
      await other.decide([...decisions(3), undoing(2, 'gone', 'eve')], Date.now());
      await store.decide([undoing(2, 'again', 'jon')], Date.now());
      // An own append is applied after all that the log has before it.
      await other.decide(decisions(1), Date.now());
      await store.decide([{ kind: 'note', subject: 'x', by: null, body: {} }], Date.now());
      const stands = ({ db }: Storage) => standing(db, STANDING_KINDS, Date.now());
      assert.equal(stands(store).length, STANDING_LIMIT + 4);
      assert.deepEqual(stands(other), stands(store));
      assert.deepEqual(decidedWith(other.db, 2), decidedWith(store.db, 2));
      assert.equal(decidedWith(store.db, 2)?.undoneBy, 'eve');
    } finally {
      await other.close();
      rmSync(later, { recursive: true, force: true });
    }
  });

  /** Forgets the agent of these tests; `work` begins once the log has that, and before this server applies it. */
  async function forgetting(log: PostgresLog, work: () => Promise<unknown>): Promise<void> {
    const forgotten = store.belonging('agent', A) ?? assert.fail('the agent is not known');
    const announce = log.announce.bind(log);
    const meanwhile = new Promise((resolve, reject) => {
      log.announce = (name) => {
        log.announce = announce;
        announce(name);
        queueMicrotask(() => work().then(resolve, reject));
      };
    });
    await store.forget(forgotten);
    await meanwhile;
  }

  it('does not take an agent back that is forgotten while another server says when it heard it', async () => {
    const log = await open(true);
    await joined(log);
    await store.append([batch(1)], Date.now() - 1_000);
    const presence = { agent: A, server: 'two', isConnected: true, heardMs: Date.now() + 1_000, report: null };
    await forgetting(log, () => store.heard([presence]));
    assert.equal(store.belonging('agent', A), null);
    assert.equal(store.belonging('host', 'web'), null);
  });

  it('takes an agent back on all servers with the hello that follows, and on none with a heartbeat', async () => {
    const heartbeat: AgentBatch = { agent: A, host: 'web', events: [], ping: { report: null, shapes: [], gaps: [] } };
    const later = mkdtempSync(join(tmpdir(), 'asgard-replica-'));
    const other = openStorage(later);
    try {
      const log = await open(true);
      await joined(log);
      await store.append([batch(1)], Date.now());
      await store.append([heartbeat], Date.now());
      assert.equal(store.events.logPosition, 1);
      await forgetting(log, () => store.append([heartbeat], Date.now()));
      assert.equal(store.belonging('agent', A), null);
      await store.append([heartbeat], Date.now());
      assert.equal(store.belonging('agent', A), null);
      await store.append([batch(), heartbeat], Date.now());
      await other.join({ log: await open(), server: 'two', progress() {}, fault() {} });
      for (const { events } of [store, other]) assert.deepEqual([...events.hosts()], [{ host: 'web', agent: A }]);
      assert.deepEqual(await attempts(1, 2), [{ host: 'web', attempts: 2 }]);
    } finally {
      await other.close();
      rmSync(later, { recursive: true, force: true });
    }
  });

  it('is no copy of another log than the one that it was begun with, although nothing of that was applied', async () => {
    for (const isDeleted of [false, true]) {
      const log = await ofTwoDays(batch(1, 2), batch(3));
      if (isDeleted) await log.deleteOlderThan(RETENTION_MS, Date.now());
      await brokenOff(log);
      await assert.rejects(joined(await ofTwoDays(batch(1), batch(2))), /a copy of another log/);
      await store.close();
      rmSync(folder, { recursive: true });
      store = openStorage(folder);
    }
  });

  it('is refused where days were deleted since it was begun: it has no counts of them', async () => {
    const log = await ofTwoDays(batch(1, 2), batch(3));
    const again = await brokenOff(log);
    await again.deleteOlderThan(RETENTION_MS, Date.now());
    await assert.rejects(joined(again), /no longer has what this folder lacks \(it ends at 0, the log begins at 2\)/);
  });

  it("has no gap where the log had deleted the days of an agent's first events, and each that came after them", async () => {
    const log = await ofTwoDays(batch(1, 2), batch(3));
    await log.deleteOlderThan(RETENTION_MS, Date.now());
    await joined(log);
    const ledger = () => ({ ...store.db.prepare('SELECT lastSeq, stored, gaps FROM agents').get() });
    assert.deepEqual(ledger(), { lastSeq: 3, stored: 3, gaps: 0 });
    assert.equal(store.db.prepare('SELECT * FROM gaps').all().length, 0);
    const [appended] = await store.append([batch(6)], Date.now());
    assert.deepEqual([appended?.stored, appended?.missing, appended?.gaps.length], [1, 2, 1]);
    assert.deepEqual(ledger(), { lastSeq: 6, stored: 4, gaps: 2 });
  });

  it("has a gap before an agent's first event where the log has all of its days", async () => {
    const log = await ofTwoDays(batch(1), batch(4));
    await joined(log);
    assert.deepEqual(
      { ...store.db.prepare('SELECT lastSeq, stored, gaps FROM agents').get() },
      { lastSeq: 4, stored: 2, gaps: 2 },
    );
  });
});
