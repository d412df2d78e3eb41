/** A copy of an embedded store lists the hosts and agents that the store lists, and who was forgotten there goes on with its numbers. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { firstDecision } from '../../../alphaserver/alerting/prepare.ts';
import { hostsAfter } from '../../../alphaserver/queries/fleet.ts';
import { copyStore } from '../../../alphaserver/shared-log/migrate.ts';
import { openPostgresLog } from '../../../alphaserver/shared-log/postgres-log.ts';
import { openStorage, type Storage } from '../../../alphaserver/storage.ts';
import { decisionsAfter, type NewDecision } from '../../../alphaserver/store/decisions.ts';
import { eventsAfter } from '../../../alphaserver/store/event-rows.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';
import type { AgentBatch, Appended, Store } from '../../../alphaserver/store/store.ts';
import { noPostgres, Postgres } from '../../postgres.ts';

const NOW_MS = Date.parse('2026-11-23T19:46:02.000Z');
const STAYS = '00000000-0000-4000-8000-000000000001';
const GONE = '00000000-0000-4000-8000-000000000002';
const COLLECTOR = '00000000-0000-4000-8000-000000000003';
/** The next table of events but one begins by then. */
const LATER_MS = NOW_MS + 2 * 86_400_000;
const EVENTS_LIMIT = 1_000;
const KEY = `ED25519 SHA256:${'a'.repeat(43)}`;

/** Logins by key with these numbers, on the agent's own host or another one. */
const batch = (agent: string, host: string, seqs: readonly number[], other?: string): AgentBatch => ({
  ...{ agent, host },
  events: seqs.map((seq) => ({
    seq,
    event: {
      ...{ at: '2026-11-23T19:46:01.123Z', outcome: 'accepted', method: 'publickey', user: 'root', key: KEY },
      ...{ invalidUser: false, ip: '192.0.2.1', port: 40_000 + seq },
      ...(other === undefined ? {} : { host: other }),
    },
  })),
});
const batches = [
  batch(STAYS, 'db', [1, 2]),
  batch(GONE, 'web', [1, 2, 5]),
  batch(COLLECTOR, 'loghost', [1, 2], 'switch'),
];

describe('a copy of a store in which somebody forgot hosts and agents', { skip: noPostgres }, () => {
  let postgres: Postgres;
  let url: string;
  let folder: string;
  let store: EventStore;
  let copy: Storage | null;

  before(async () => {
    postgres = await Postgres.start('fsync=off');
  });
  after(() => postgres.close());
  beforeEach(async () => {
    url = postgres.newDatabase();
    folder = mkdtempSync(join(tmpdir(), 'asgard-forgotten-'));
    copy = null;
    store = new EventStore(join(folder, 'embedded'));
    await store.decide([firstDecision(store.db, NOW_MS) as NewDecision], NOW_MS);
    await store.append(batches, NOW_MS);
  });
  afterEach(async () => {
    await store.close();
    await copy?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const openLog = () => openPostgresLog({ url, log: { warn() {}, error() {}, info() {} } });

  async function migrate(): Promise<void> {
    const log = await openLog();
    try {
      await copyStore(join(folder, 'embedded'), log, () => {});
    } finally {
      await log.close();
    }
  }

  /** Starts the store of a server on the log. */
  async function server(): Promise<Storage> {
    copy = openStorage(join(folder, 'copy'));
    await copy.join({ log: await openLog(), server: 'one', progress() {}, fault() {} });
    return copy;
  }

  /** What a store lists, and what it holds of all that it ever heard of: without its own numbers, and times of its own clock. */
  function contentOf({ db }: Pick<EventStore, 'db'>): object {
    const rows = (sql: string) =>
      db
        .prepare(sql)
        .all()
        .map((row) => ({ ...row }));
    const agents = '(SELECT id, uuid FROM agents UNION ALL SELECT id, uuid FROM forgottenAgents) a';
    const hosts = '(SELECT id, name FROM hosts UNION ALL SELECT id, name FROM forgottenHosts) h';
    const counts = 'host, firstSeen, lastSeq, stored, repeats, gaps, lastEnd';
    return {
      agents: rows(`SELECT uuid, ${counts} FROM agents ORDER BY uuid`),
      forgottenAgents: rows(`SELECT uuid, ${counts} FROM forgottenAgents ORDER BY uuid`),
      hosts: rows('SELECT name, firstSeen, accepted, failed, probes FROM hosts ORDER BY name'),
      forgottenHosts: rows('SELECT name, firstSeen, accepted, failed, probes FROM forgottenHosts ORDER BY name'),
      sessions: rows(
        `SELECT uuid, h.name, seq, until FROM sessions s JOIN ${agents} ON a.id = s.agent JOIN ${hosts} ON h.id = s.host ORDER BY 1, 3`,
      ),
      gaps: rows(`SELECT uuid, events FROM gaps g JOIN ${agents} ON a.id = g.agent ORDER BY 1, 2`),
      keyUses: rows(`SELECT h.name, logins FROM keyUses u JOIN ${hosts} ON h.id = u.host ORDER BY 1`),
      earlierKeyUses: rows(`SELECT h.name FROM earlierKeyUses u JOIN ${hosts} ON h.id = u.host ORDER BY 1`),
    };
  }

  const comesBack = async (to: Store): Promise<Appended> => {
    const [appended] = await to.append([batch(GONE, 'web', [5, 6, 7])], NOW_MS);
    return appended as Appended;
  };

  for (const isDeleted of [false, true])
    it(`lists what the store lists, with the counts of all${isDeleted ? ', where their events are deleted too' : ''}`, async () => {
      store.forget({ agents: [GONE], hosts: ['web'] });
      store.forget({ agents: [], hosts: ['switch'] });
      if (isDeleted) {
        await store.append([batch(STAYS, 'db', [3])], LATER_MS);
        while (store.deleteUpTo(store.lastId - 1, EVENTS_LIMIT, LATER_MS));
        assert.equal(eventsAfter(store.db, 0, EVENTS_LIMIT).length, 1);
      }
      await migrate();
      const shared = await server();
      assert.deepEqual([...shared.agents()], [STAYS, COLLECTOR]);
      assert.deepEqual(contentOf(shared), contentOf(store));
      for (const one of [store, shared]) {
        const { stored, repeats, missing, lastSeq, totals } = await comesBack(one);
        assert.deepEqual([stored, repeats, missing, lastSeq], [2, 1, 0, 7]);
        assert.deepEqual(totals, [{ host: 'web', attempts: 5 }]);
        await one.append([batch(COLLECTOR, 'loghost', [3], 'switch')], NOW_MS);
      }
      assert.deepEqual(contentOf(shared), contentOf(store));
    });

  it('lists who came back between two runs, also where it sent nothing new, and not who was forgotten since', async () => {
    store.forget({ agents: [GONE, COLLECTOR], hosts: ['web', 'loghost', 'switch'] });
    await migrate();
    await store.append([{ agent: GONE, host: 'web', events: [] }], NOW_MS);
    await comesBack(store);
    await store.append([{ agent: COLLECTOR, host: 'loghost', events: [] }], NOW_MS);
    store.forget({ agents: [STAYS], hosts: ['db'] });
    await migrate();
    const shared = await server();
    assert.deepEqual([...shared.agents()].sort(), [GONE, COLLECTOR]);
    assert.deepEqual(contentOf(shared), contentOf(store));
    const forgotten = decisionsAfter(shared.db, 0, 100).filter(({ kind }) => kind === 'forget');
    assert.deepEqual(
      forgotten.map(({ body, at }) => [body, at]),
      [[{ agents: [STAYS], hosts: ['db', 'switch'] }, NOW_MS]],
    );
  });

  it('shows hosts whose events are all deleted before their agents send again', async () => {
    await store.append([batch(STAYS, 'db', [3])], LATER_MS);
    while (store.deleteUpTo(store.lastId - 1, EVENTS_LIMIT, LATER_MS));
    const shown = ({ db }: Pick<EventStore, 'db'>) => hostsAfter(db, '', EVENTS_LIMIT).map((host) => ({ ...host }));
    const before = shown(store);
    assert.deepEqual(
      before.map(({ host, agent, accepted }) => [host, agent, accepted]),
      [
        ['db', STAYS, 3],
        ['loghost', COLLECTOR, 0],
        ['switch', COLLECTOR, 2],
        ['web', GONE, 3],
      ],
    );
    await migrate();
    assert.deepEqual(shown(await server()), before);
  });

  it('has no decision about them where none is forgotten any more', async () => {
    store.forget({ agents: [GONE], hosts: ['web'] });
    await migrate();
    await comesBack(store);
    await migrate();
    const shared = await server();
    assert.deepEqual(contentOf(shared), contentOf(store));
    assert.deepEqual(
      decisionsAfter(shared.db, 0, 100).map(({ kind }) => kind),
      ['store'],
    );
  });
});
