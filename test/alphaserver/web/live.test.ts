/** The live stream: everyone sees each event once and in order, and nobody who watches can slow anyone down. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { readServerConfig } from '../../../alphaserver/config.ts';
import { type Serving, serve } from '../../../alphaserver/server.ts';
import type { Appended, StoredEvent, StoredSession } from '../../../alphaserver/store/store.ts';
import {
  Live,
  VIEWER_BUFFER_BYTES,
  VIEWERS_OF_ADDRESS_LIMIT,
  VIEWERS_OF_NAME_LIMIT,
  WRITE_EVERY_MS,
} from '../../../alphaserver/web/live.ts';
import { ENCODED_PER_FLUSH_BYTES } from '../../../alphaserver/web/stream-filter.ts';
import { createLogger } from '../../../service/logger.ts';
import { until } from '../../until.ts';

const event = (id: number, reason = ''): StoredEvent => ({
  id,
  seq: id,
  at: '2026-11-23T19:46:01.123Z',
  storedAt: '2026-11-23T19:46:01.200Z',
  agent: 'a',
  host: 'h1',
  outcome: 'failed',
  method: 'password',
  user: 'root',
  invalidUser: false,
  ip: '192.0.2.1',
  port: 1,
  key: null,
  reason,
});

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const idsIn = (text: string | Buffer): number[] =>
  [...String(text).matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));

/** A viewer whose network takes as much as the test allows. */
class Network extends Writable {
  text = '';
  #held: (() => void) | null = null;
  stuck: boolean;

  constructor(stuck = false) {
    super({ highWaterMark: 16_384 });
    this.stuck = stuck;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk;
    if (this.stuck) this.#held = done;
    else setImmediate(done);
  }

  flow(): void {
    this.stuck = false;
    this.#held?.();
  }

  get ids(): number[] {
    return idsIn(this.text);
  }
}

const NOTHING: Appended = {
  lastSeq: 0,
  lastEnd: 0,
  sessions: [],
  stored: 0,
  repeats: 0,
  missing: 0,
  totals: [],
  events: [],
  gaps: [],
};

describe('viewers of the live stream', () => {
  let stored: StoredEvent[] = [];
  let nowMs = 0;
  let sessions: (ids: readonly number[]) => readonly StoredSession[] = () => [];
  let live: Live;
  const commit = (from: number, to: number, reason?: string): void => {
    const events = range(from, to).map((id) => event(id, reason));
    stored.push(...events);
    live.stored([{ ...NOTHING, lastSeq: to, stored: events.length, events }]);
  };

  beforeEach(() => {
    stored = [];
    nowMs = 0;
    live = new Live({
      sessions: (ids) => sessions(ids),
      views: { eventsAfter: async (id, limit) => stored.filter((one) => one.id > id).slice(0, limit) },
      now: () => nowMs,
      viewersLimit: 3,
      stallLimitMs: 40,
    });
  });
  afterEach(() => live.close());

  it('see what is stored from now on, and where they have been, what came since', async () => {
    commit(1, 5);
    const [fresh, returned] = [new Network(), new Network()];
    live.add(fresh, null);
    live.add(returned, 2);
    await until(() => returned.ids.length === 3);
    commit(6, 7);
    await until(() => fresh.ids.length === 2 && returned.ids.length === 5);
    assert.deepEqual(fresh.ids, [6, 7]);
    assert.deepEqual(returned.ids, [3, 4, 5, 6, 7]);
  });

  it('miss nothing and see nothing twice when commits come while they catch up', async () => {
    commit(1, 2_000);
    const viewer = new Network();
    live.add(viewer, 0);
    for (let id = 2_001; id <= 2_200; id += 20) {
      commit(id, id + 19);
      await new Promise(setImmediate);
    }
    await until(() => viewer.ids.length >= 2_200);
    assert.deepEqual(viewer.ids, range(1, 2_200));
  });

  it('of a server that is behind others of the same log get nothing again where it comes to an id that they have', async () => {
    commit(1, 3);
    const returned = new Network();
    live.add(returned, 5);
    for (const id of [4, 5, 6]) commit(id, id);
    await until(() => returned.ids.length > 0);
    assert.deepEqual(returned.ids, [6]);
    assert.doesNotMatch(returned.text, /newest/);
  });

  it('that read slowly are served from the store, and hold a bounded part of it in memory', async () => {
    const slow = new Network(true);
    live.add(slow, null);
    for (let id = 1; id <= 2_001; id += 100) commit(id, id + 99, 'x'.repeat(500));
    assert.ok(slow.writableLength <= VIEWER_BUFFER_BYTES, `${slow.writableLength} bytes wait`);
    slow.flow();
    await until(() => slow.ids.length === 2_100);
    assert.deepEqual(slow.ids, range(1, 2_100));
  });

  it('that are behind ask the store two at a time, until they are gone', async () => {
    let asking = 0;
    let most = 0;
    let asked = 0;
    const counting = new Live({
      sessions,
      views: {
        eventsAfter: async (id, limit) => {
          asking += 1;
          most = Math.max(most, asking);
          await new Promise(setImmediate);
          asking -= 1;
          asked += 1;
          return range(id + 1, id + limit).map((one) => event(one));
        },
      },
      now: () => nowMs,
    });
    const viewers = Array.from({ length: 20 }, () => new Network());
    for (const viewer of viewers) counting.add(viewer, 0);
    await until(() => viewers.every(({ ids }) => ids.length >= 2_000));
    assert.equal(most, 2);
    for (const viewer of viewers) assert.deepEqual(viewer.ids.slice(0, 2_000), range(1, 2_000));
    for (const viewer of viewers) viewer.destroy();
    await until(() => counting.viewers === 0 && asking === 0);
    const before = asked;
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    assert.equal(asked, before, 'nobody is asked for those that are gone');
    counting.close();
  });

  it('that take nothing any more are dropped, and the others notice nothing', async () => {
    const [stuck, well] = [new Network(true), new Network()];
    live.add(stuck, null);
    live.add(well, null);
    for (let id = 1; id <= 201; id += 100) commit(id, id + 99, 'x'.repeat(500));
    await until(() => {
      nowMs += 10;
      return stuck.destroyed;
    });
    commit(301, 301);
    await until(() => well.ids.length === 301);
    assert.equal(live.viewers, 1);
    assert.equal(well.destroyed, false);
  });

  it('whose session is over are sent nothing more, and the others go on', async () => {
    const [out, well] = [new Network(), new Network()];
    let stands = true;
    live.add(out, null, null, () => stands);
    live.add(well, null);
    commit(1, 1);
    await until(() => out.ids.length === 1 && well.ids.length === 1);
    stands = false;
    await until(() => out.writableEnded);
    commit(2, 2);
    await until(() => well.ids.length === 2);
    assert.deepEqual(out.ids, [1]);
  });

  it('are written to at once after a quiet time, and then once for all that is stored within WRITE_EVERY_MS', (context) => {
    context.mock.timers.enable({ apis: ['setTimeout'] });
    let writes: number[] = [];
    const viewer = new (class extends Network {
      override write(chunk: string): boolean {
        writes.push(idsIn(chunk).length);
        return true;
      }
    })();
    live.add(viewer, null);
    writes = [];
    for (let id = 1; id <= 100; id += 1) commit(id, id);
    assert.deepEqual(writes, [1]);
    context.mock.timers.tick(WRITE_EVERY_MS - 1);
    assert.deepEqual(writes, [1]);
    context.mock.timers.tick(1);
    assert.deepEqual(writes, [1, 99]);
    context.mock.timers.tick(WRITE_EVERY_MS);
    commit(101, 101);
    assert.deepEqual(writes, [1, 99, 1]);
  });

  it('are bounded in number', () => {
    for (const _ of range(1, 3)) live.add(new Network(), null);
    assert.equal(live.refusal({ name: 'mira', address: '192.0.2.1' })?.status, 503);
  });

  it('that filter by a network cost two looks at each event and none at the filter, however many they are', async () => {
    const many = new Live({ views: { eventsAfter: async () => [] }, sessions, now: () => nowMs });
    let [looks, reads] = [0, 0];
    const counted = (id: number): StoredEvent => ({
      ...event(id),
      get ip() {
        looks += 1;
        return '2001:db9::1';
      },
    });
    const of = (ip: string) => ({
      ...{ host: null, user: null, outcome: null, method: null },
      get ip() {
        reads += 1;
        return ip;
      },
    });
    const add = (ip: string): Network => {
      const viewer = new Network();
      many.add(viewer, null, of(ip));
      return viewer;
    };
    for (const _ of range(1, VIEWERS_OF_NAME_LIMIT)) add('2001:db8::/32');
    add('2001:db8::/33');
    const readOnce = reads;
    many.stored([{ ...NOTHING, events: range(1, 50).map(counted) }]);
    // One to measure the flush, for which they are written out, and one for all filters.
    assert.deepEqual({ looks, reads }, { looks: 100, reads: readOnce });
    // Those that are in the network are not looked at once more.
    looks = 0;
    const wide = [1, 2].map(() => add('2001:db9::/32'));
    many.stored([{ ...NOTHING, events: range(51, 60).map(counted) }]);
    await until(() => wide.every(({ ids }) => ids.length === 10));
    assert.equal(looks, 20);
    for (const { ids } of wide) assert.deepEqual(ids, range(51, 60));
    many.close();
  });

  it('with filters of many kinds get a flood from the store: each event is looked at once, and nothing is written out for each filter', async () => {
    const flood: StoredEvent[] = [];
    const many = new Live({
      views: { eventsAfter: async (id, limit) => flood.filter((one) => one.id > id).slice(0, limit) },
      sessions,
      now: () => nowMs,
    });
    const looks = new Map<number, number>();
    const counted = (id: number): StoredEvent => ({
      ...event(id),
      get ip() {
        looks.set(id, (looks.get(id) ?? 0) + 1);
        return '2001:db9::1';
      },
    });
    const viewers = range(16, 35).map((bits) => {
      const viewer = new Network();
      many.add(viewer, null, { host: null, user: null, outcome: null, method: null, ip: `2001:db9::/${bits}` });
      return viewer;
    });
    // As many as an agent sends at once.
    const events = range(1, 2_048);
    flood.push(...events.map((id) => event(id)).map((one) => ({ ...one, ip: '2001:db9::1' })));
    const lengths = viewers.map(({ writableLength }) => writableLength);
    many.stored([{ ...NOTHING, events: events.map(counted) }]);
    assert.ok(looks.size > 0, 'the flood is measured');
    assert.deepEqual(new Set(looks.values()), new Set([1]));
    assert.deepEqual(
      viewers.map(({ writableLength }) => writableLength),
      lengths,
    );
    await until(() => viewers.every(({ ids }) => ids.length >= events.length));
    for (const { ids } of viewers) assert.deepEqual(ids, events);
    many.close();
  });

  it('with many filters that take most of what came get it from the store beyond ENCODED_PER_FLUSH_BYTES', async () => {
    const events = range(1, 500).map((id) => ({ ...event(id, 'x'.repeat(200)), ip: '2001:db9::1' }));
    const many = new Live({
      views: { eventsAfter: async (id, limit) => events.filter((one) => one.id > id).slice(0, limit) },
      sessions,
      now: () => nowMs,
    });
    const viewers = range(16, 47).map((bits) => {
      const viewer = new Network();
      many.add(viewer, null, { host: null, user: null, outcome: null, method: null, ip: `2001:db9::/${bits}` });
      return viewer;
    });
    many.stored([{ ...NOTHING, events }]);
    const lengths = viewers.map(({ writableLength }) => writableLength);
    const encoded = lengths.reduce((sum, length) => sum + length);
    assert.ok(encoded > ENCODED_PER_FLUSH_BYTES, `${encoded} bytes are encoded`);
    assert.ok(encoded < ENCODED_PER_FLUSH_BYTES + VIEWER_BUFFER_BYTES, `${encoded} bytes are encoded`);
    await until(() => viewers.every(({ ids }) => ids.length >= events.length));
    for (const { ids } of viewers) assert.deepEqual(ids, range(1, 500));
    many.close();
  });

  it('that filter by an address or a network hear of alerts about it', async () => {
    const none = { host: null, user: null, outcome: null, method: null };
    const watch = (ip: string): Network => {
      const viewer = new Network();
      live.add(viewer, null, { ...none, ip });
      return viewer;
    };
    const [address, network, other] = ['2001:db8:1:2::7', '2001:db8::/32', '2001:db9::/32'].map(watch);
    live.alert({ id: 1, source: '2001:db8:1:2::/64' });
    await until(() => [address, network].every((viewer) => viewer?.text.includes('event: alert')));
    assert.doesNotMatch(other?.text ?? '', /alert/);
  });

  it('of one user, one token or one address without a name leave room for others', () => {
    const many = new Live({ views: { eventsAfter: async () => [] }, sessions, now: () => nowMs });
    const watch = (name: string | null, address: string): Network | string => {
      const refusal = many.refusal({ name, address });
      if (refusal !== null) return `${refusal.status}: ${refusal.message}`;
      const stream = new Network();
      many.add(stream, null, null, () => true, { name, address });
      return stream;
    };
    const [first] = range(1, VIEWERS_OF_NAME_LIMIT).map((last) => watch('mira', `192.0.2.${last % 250}`));
    assert.equal(watch('mira', '203.0.113.1'), '429: 100 streams are open for mira already: close some');
    for (const _ of range(1, VIEWERS_OF_ADDRESS_LIMIT)) watch(null, '2001:db8::1');
    assert.equal(watch(null, '2001:db8::2'), '429: 500 streams are open from 2001:db8::2 already: close some');
    assert.ok(watch('@2001:db8::/64', '2001:db8::1') instanceof Network);
    assert.ok(watch(null, '192.0.2.1') instanceof Network);
    // One that closes makes room.
    assert.ok(first instanceof Network);
    first.emit('close');
    assert.ok(watch('mira', '203.0.113.1') instanceof Network);
    many.close();
  });

  it('hear of sessions that began or ended, those that their filter is about', async () => {
    const [all, other, alice] = [new Network(), new Network(), new Network()];
    const filter = { host: null, ip: null, user: null, outcome: null, method: null };
    live.add(all, null);
    live.add(other, null, { ...filter, user: 'bob' });
    live.add(alice, null, { ...filter, ip: '192.0.2.10', user: 'alice' });
    const at = '2026-11-29T08:00:00.000Z';
    const session: StoredSession = {
      ...{
        id: 1,
        agent: 'a',
        host: 'h1',
        user: 'alice',
        method: 'publickey',
        key: null,
        ip: '192.0.2.10',
        port: 50022,
      },
      ...{ pid: 4711, trust: 'journal', since: at, until: null, lastedSeconds: null, how: null, confirmedAt: null },
      followed: true,
    };
    sessions = (ids) => (ids.includes(1) ? [session] : []);
    live.stored([{ ...NOTHING, sessions: [1] }]);
    await until(() => all.text.includes('event: session'));
    assert.match(alice.text, /^event: session\ndata: \{"id":1,/m);
    assert.doesNotMatch(other.text, /session/);
  });

  it('are the only reason why sessions are read, and hear of events where these cannot be', async () => {
    let reads = 0;
    sessions = () => {
      reads += 1;
      throw new Error('the disk does not answer');
    };
    live.stored([{ ...NOTHING, sessions: [1] }]);
    assert.equal(reads, 0);
    const viewer = new Network();
    live.add(viewer, null);
    live.stored([{ ...NOTHING, sessions: [1], events: [event(1)] }]);
    await until(() => viewer.ids.length === 1);
    assert.equal(reads, 1);
  });

  it('hear of gaps, once each, also where no event was stored with one', async () => {
    const viewer = new Network();
    live.add(viewer, null);
    const gap = { id: 7, agent: 'a', host: 'h1', at: '2026-11-23T19:46:01.123Z', kind: 'suppressed', text: 'gone' };
    const gaps = [{ ...gap, bytes: null, lines: 3, events: null }];
    live.stored([{ ...NOTHING, gaps }]);
    commit(1, 1);
    await until(() => viewer.ids.length === 1);
    const sent = viewer.text.match(/^event: gap\ndata: (.*)$/gm) ?? [];
    assert.deepEqual(
      sent.map((text) => JSON.parse(text.replace(/^event: gap\ndata: /, ''))),
      gaps,
    );
  });

  it('hear of alerts', async () => {
    const viewer = new Network();
    live.add(viewer, null);
    live.alert({ id: 1, rule: 'break-in' });
    await until(() => viewer.text.includes('event: alert\ndata: {"id":1,"rule":"break-in"}\n\n'));
  });
});

describe('GET /api/stream', () => {
  const AGENT = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';
  let folder: string;
  let serving: Serving;
  let stopping: Promise<void> | null = null;
  const stop = (): Promise<void> => {
    stopping ??= serving.stop();
    return stopping;
  };
  const open: IncomingMessage[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'asgard-live-'));
    const config = readServerConfig({
      ALPHASERVER_LISTEN: 'tcp://127.0.0.1:0',
      ALPHASERVER_HTTP: 'http://127.0.0.1:0',
      ALPHASERVER_DATA: folder,
      ALPHASERVER_ANONYMOUS: 'true',
    });
    stopping = null;
    serving = await serve(config, createLogger({ level: 'silent', format: 'plain' }));
  });
  afterEach(async () => {
    for (const one of open.splice(0)) one.destroy();
    await stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const watch = (lastId?: string): Promise<IncomingMessage & { text: string }> =>
    new Promise((done, failed) => {
      const headers = lastId === undefined ? {} : { 'last-event-id': lastId };
      get(`${serving.page}/api/stream`, { headers }, (response) => {
        open.push(response);
        const viewer = Object.assign(response, { text: '' });
        response.setEncoding('utf8').on('data', (text: string) => {
          viewer.text += text;
        });
        response.on('error', () => {});
        done(viewer);
      }).on('error', failed);
    });
  const send = (from: number, to: number): Promise<void> =>
    new Promise((done, failed) => {
      const socket = connect(serving.port, '127.0.0.1');
      const at = '2026-11-23T19:46:01.123Z';
      const lines = range(from, to).map((seq) => ({ type: 'event', seq, at, outcome: 'failed', method: 'password' }));
      for (const line of [{ type: 'hello', version: 1, agent: AGENT, host: 'h1' }, ...lines, { type: 'quit' }])
        socket.write(`${JSON.stringify(line)}\n`);
      socket.on('data', () => {}).on('error', failed);
      socket.on('close', () => done());
    });

  it('shows an event as soon as it is stored, and goes on after a break where it was', async () => {
    const first = await watch();
    assert.equal(first.headers['content-type'], 'text/event-stream; charset=utf-8');
    await send(1, 3);
    await until(() => idsIn(first.text).length === 3);
    assert.match(first.text, /^event: event\ndata: \{.*"host":"h1".*\}$/m);
    first.destroy();
    await send(4, 6);
    const again = await watch('3');
    await until(() => idsIn(again.text).length === 3);
    assert.deepEqual(idsIn(again.text), [4, 5, 6]);
  });

  it('begins with the newest id, and goes on from now where Last-Event-ID is of another store, whose ids were higher', async () => {
    await send(1, 3);
    const again = await watch('5000');
    await until(() => again.text.includes('event: heartbeat\ndata: {"newest":3}\n\n'));
    await send(4, 5);
    await until(() => idsIn(again.text).length === 2);
    assert.deepEqual(idsIn(again.text), [4, 5]);
  });

  it('refuses a Last-Event-ID that is none', async () => {
    const refused = await watch('soon');
    assert.equal(refused.statusCode, 400);
    await until(() => refused.text.includes('Last-Event-ID'));
  });

  it('ends when the server stops, without being waited for', async () => {
    const viewer = await watch();
    let ended = false;
    viewer.on('close', () => {
      ended = true;
    });
    await stop();
    await until(() => ended);
  });
});
