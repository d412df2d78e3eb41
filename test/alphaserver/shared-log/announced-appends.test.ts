/** Servers that share a log in a real PostgreSQL: each tells its listeners of every append once, in the order of the log. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { GroupCommit } from '../../../alphaserver/ingest/group-commit.ts';
import type { PostgresLog } from '../../../alphaserver/shared-log/postgres-log.ts';
import { openPostgresLog } from '../../../alphaserver/shared-log/postgres-log.ts';
import { openStorage, type Storage } from '../../../alphaserver/storage.ts';
import { type AgentBatch, type StoredEvent, StoreError } from '../../../alphaserver/store/store.ts';
import { Live } from '../../../alphaserver/web/live.ts';
import { noPostgres, Postgres } from '../../postgres.ts';
import { until } from '../../until.ts';

/** The commits of one server that may be on their way at once, as in server.ts. */
const COMMITS_AT_ONCE = 2;
const EVENTS_OF_EACH = 150;
const ids = (events: readonly { readonly id: number }[]): number[] => events.map(({ id }) => id);

const batch = (agent: number, seq: number): AgentBatch => ({
  agent: `00000000-0000-4000-8000-00000000000${agent}`,
  host: `host-${agent}`,
  events: [
    {
      seq,
      event: {
        ...{ at: '2026-11-23T19:46:01.123Z', outcome: 'failed', method: 'password', user: 'root' },
        ...{ invalidUser: false, ip: '192.0.2.1', port: 40_000 },
      },
    },
  ],
});

/** One of the servers, as far as it stores and tells of it. */
class Server {
  readonly log: PostgresLog;
  readonly storage: Storage;
  readonly ingest: GroupCommit;
  readonly #live: Live;
  /** The events that listeners heard of, the messages of the log, and the text that a viewer got. */
  readonly heard: StoredEvent[] = [];
  readonly logged: string[] = [];
  viewed = '';

  private constructor(log: PostgresLog, storage: Storage) {
    this.log = log;
    this.storage = storage;
    const logged = (message: string): void => {
      this.logged.push(message);
    };
    const logger = { debug() {}, info: logged, warn: logged, error: logged };
    this.ingest = new GroupCommit({ store: storage, commitsAtOnce: COMMITS_AT_ONCE, log: logger, now: Date.now });
    const views = storage.views(() => false, Date.now);
    this.#live = new Live({ views, sessions: (of) => storage.sessions(of), now: Date.now });
    this.ingest.onCommit((stored) => this.heard.push(...stored.flatMap(({ events }) => events)));
    this.ingest.onCommit((stored) => this.#live.stored(stored));
    const viewer = new Writable({
      write: (chunk, _encoding, done) => {
        this.viewed += chunk;
        done();
      },
    });
    this.#live.add(viewer, null);
    storage.follow(({ appended, isOwn }) => this.ingest.applied(appended, isOwn));
  }

  static async start(folder: string, name: string, url: string): Promise<Server> {
    const log = await openPostgresLog({ url, log: { warn() {}, error() {}, info() {} } });
    const storage = openStorage(join(folder, name));
    await storage.join({ log, server: name, progress() {}, fault() {} });
    return new Server(log, storage);
  }

  /** The ids of the events that the viewer got, in their order. */
  get viewedIds(): number[] {
    return [...this.viewed.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
  }

  /** The log lines that tell of stored attempts. */
  get results(): string[] {
    return this.logged.filter((message) => message.startsWith('Processed result'));
  }

  async close(): Promise<void> {
    this.#live.close();
    await this.ingest.close();
    await this.storage.endThreads();
    await this.storage.close();
  }
}

describe('appends of several servers', { skip: noPostgres }, () => {
  let postgres: Postgres;
  let folder: string;
  let one: Server;
  let other: Server;

  before(async () => {
    postgres = await Postgres.start('fsync=off');
  });
  after(() => postgres.close());
  beforeEach(async () => {
    const url = postgres.newDatabase();
    folder = mkdtempSync(join(tmpdir(), 'asgard-announced-'));
    one = await Server.start(folder, 'one', url);
    other = await Server.start(folder, 'other', url);
  });
  afterEach(async () => {
    await Promise.all([one.close(), other.close()]);
    rmSync(folder, { recursive: true, force: true });
  });

  it('are announced in the order of the log, also where the answer to an own one comes behind a newer one of another server', async () => {
    const answer = Promise.withResolvers<void>();
    const append = one.log.append.bind(one.log);
    let isCommitted = false;
    one.log.append = async (what) => {
      const place = await append(what);
      isCommitted = true;
      await answer.promise;
      return place;
    };
    const acknowledged: number[] = [];
    const stored = one.ingest.submit(batch(1, 1), 1, ({ lastSeq }) => acknowledged.push(lastSeq));
    await until(() => isCommitted);
    await other.ingest.submit(batch(2, 1));
    await until(() => one.storage.events.lastId === 2 && one.heard.some(({ id }) => id === 2));
    assert.deepEqual(ids(one.heard), [1, 2]);
    assert.deepEqual(acknowledged, []);
    answer.resolve();
    assert.equal((await stored).stored, 1);
    assert.deepEqual(acknowledged, [1]);
    await one.ingest.submit(batch(1, 2));
    assert.deepEqual(ids(one.heard), [1, 2, 3]);
    await until(() => one.viewedIds.length === 3 && other.viewedIds.length === 3);
    assert.deepEqual([one.viewedIds, other.viewedIds, ids(other.heard)], Array(3).fill([1, 2, 3]));
    assert.deepEqual(one.results, [
      'Processed result: host-1 had 1 attempt of ssh session',
      'Processed result: host-1 had 2 attempt of ssh session',
    ]);
  });

  it('are announced once where the answer is lost, and PostgreSQL too before it is known that a quorum has them', async () => {
    const append = one.log.append.bind(one.log);
    one.log.append = async (what) => {
      await append(what);
      one.log.append = append;
      // What another server says of a newer append makes this one read both.
      await other.ingest.submit(batch(2, 1));
      await until(() => one.storage.events.lastId === 2);
      throw new StoreError('failed', new Error('the connection was lost'));
    };
    const settled = one.log.settled.bind(one.log);
    one.log.settled = async () => {
      one.log.settled = settled;
      throw new StoreError('failed', new Error('the connection was lost'));
    };
    const acknowledged: number[] = [];
    const { stored, repeats } = await one.ingest.submit(batch(1, 1), 1, ({ lastSeq }) => acknowledged.push(lastSeq));
    assert.deepEqual([stored, repeats, acknowledged], [0, 1, [1]]);
    assert.deepEqual(ids(one.heard), [1, 2]);
    assert.deepEqual(one.results, ['Processed result: host-1 had 1 attempt of ssh session']);
    await until(() => ids(other.heard).length === 2);
    assert.deepEqual(ids(other.heard), [1, 2]);
  });

  it('are announced in the order of the log while both servers store', async () => {
    const submit = async ({ ingest }: Server, agent: number): Promise<void> => {
      const submitted: Promise<unknown>[] = [];
      for (let seq = 1; seq <= EVENTS_OF_EACH; seq += 1) {
        submitted.push(ingest.submit(batch(agent, seq)));
        // A commit of few events each: that of the other server comes between.
        if (seq % 3 === 0) await submitted.at(-1);
      }
      await Promise.all(submitted);
    };
    await Promise.all([submit(one, 1), submit(other, 2)]);
    const all = Array.from({ length: 2 * EVENTS_OF_EACH }, (_, i) => i + 1);
    for (const server of [one, other]) {
      await until(() => server.heard.length >= all.length && server.viewedIds.length >= all.length);
      assert.deepEqual(ids(server.heard), all);
      assert.deepEqual(server.viewedIds, all);
    }
  });
});
