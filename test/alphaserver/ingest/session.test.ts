import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, test } from 'node:test';
import {
  COMMIT_LIMIT_EVENTS,
  GroupCommit,
  HEARTBEATS_EVERY_MS,
  WAITING_LIMIT_EVENTS,
} from '../../../alphaserver/ingest/group-commit.ts';
import { Listener } from '../../../alphaserver/ingest/listener.ts';
import { READ_AT_ONCE_BYTES } from '../../../alphaserver/ingest/read-turns.ts';
import { LINE_TIMEOUT_MS, UNSTORED_LIMIT_EVENTS } from '../../../alphaserver/ingest/session.ts';
import { StoreError } from '../../../alphaserver/store/store.ts';
import { HELLO_TIMEOUT_MS, LINE_LIMIT_BYTES, SILENCE_LIMIT_MS } from '../../../protocol/messages.ts';
import { until } from '../../until.ts';
import { CAUGHT_UP, event, hello } from '../../wire-messages.ts';
import { MemoryStore } from '../memory-store.ts';

const A = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';
const B = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ac';

let store: MemoryStore;
let ingest: GroupCommit;
let listener: Listener;
let port: number;
let logged: string[];
let skewMs: number;
let admitted: (token: string | null) => boolean;
let admissionChanged: boolean;
const clients: Client[] = [];

class Client {
  readonly socket: Socket;
  got = '';
  closed = false;
  /** `allowHalfOpen`: it stays open where the server ends it, as one whose network is gone does. */
  constructor(allowHalfOpen = false) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen });
    this.socket.on('data', (chunk) => {
      this.got += chunk;
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.closed = true;
    });
    clients.push(this);
  }
  say(...messages: (object | string)[]): this {
    this.socket.write(messages.map((m) => `${typeof m === 'string' ? m : JSON.stringify(m)}\n`).join(''));
    return this;
  }
  get answers(): { type: string; seq?: number; end?: number; code?: string; message?: string }[] {
    return this.got
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }
  last(type: string) {
    return this.answers.findLast((answer) => answer.type === type);
  }
  refused(code: string): Promise<void> {
    return until(
      () => this.closed && this.last('error')?.code === code,
      () => `${code} expected, got ${this.got}`,
    );
  }
  acked(seq: number): Promise<void> {
    return until(
      () => this.last('ack')?.seq === seq,
      () => `ack ${seq} expected, got ${this.got}`,
    );
  }
}

beforeEach(async () => {
  logged = [];
  skewMs = 0;
  admitted = () => true;
  admissionChanged = false;
  store = new MemoryStore();
  const log = {
    debug: () => {},
    info: (m: string) => logged.push(m),
    warn: (m: string) => logged.push(m),
    error: (m: string) => logged.push(m),
  };
  const now = () => Date.now() + skewMs;
  ingest = new GroupCommit({ store, log, now });
  listener = new Listener({
    listen: { scheme: 'tcp', host: '127.0.0.1', port: 0 },
    tls: null,
    admission: {
      admit: ({ token }) =>
        admitted(token)
          ? { identity: null, change: null, tokenHash: token, certificate: null, delayMs: 0 }
          : { code: 'unauthorized', message: 'the token is not valid', delayMs: 0, isLogged: false },
      changed: () => admissionChanged,
      mayStay: ({ tokenHash }) => admitted(tokenHash),
      eventHost: () => ({ delayMs: 0 }),
    },
    ingest,
    log,
    now,
    sessionsLimit: 8,
    unadmittedLimits: { perAddress: 4 },
  });
  port = await listener.open();
});

afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy();
  listener.drain();
  await ingest.close();
  await listener.close();
});

test('many connections that are out of time at once are all refused, and an acknowledgement comes between them', async (context) => {
  const order: string[] = [];
  const silent = new Set<string>();
  const many = new Listener({
    listen: { scheme: 'tcp', host: '127.0.0.1', port: 0 },
    tls: null,
    admission: {
      admit: () => ({ identity: null, change: null, tokenHash: null, certificate: null, delayMs: 0 }),
      changed: () => false,
      mayStay: () => true,
      eventHost: () => ({ delayMs: 0 }),
    },
    ingest,
    log: {
      debug: () => {},
      info: () => {},
      error: () => {},
      warn: (text: string) => {
        if (!text.includes('no hello came')) return;
        if (silent.size === 0) setImmediate(() => order.push('another'));
        silent.add(text);
        order.push('refused');
      },
    },
    now: () => Date.now() + skewMs,
  });
  const manyPort = await many.open();
  const sockets = Array.from({ length: 250 }, () => connect(manyPort, '127.0.0.1').on('error', () => {}));
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    many.drain();
    return many.close();
  });
  await until(() => many.connections === sockets.length);
  skewMs = 11_000;
  await until(() => silent.size === sockets.length);
  assert.ok(order.indexOf('another') <= 100, `after ${order.indexOf('another')}`);
});

test('hello, an event, quit: the log has a line for each, in the words that others match [P12]', async () => {
  const client = new Client().say(hello(A), event(1));
  await client.acked(1);
  const { localPort } = client.socket;
  client.say({ type: 'quit' });
  await until(
    () => logged.includes(`Connection 127.0.0.1:${localPort} closed`),
    () => logged.join('\n'),
  );
  assert.deepEqual(logged, [
    'Socket created',
    'Socket now listening',
    `Received connection from 127.0.0.1:${localPort}`,
    'Processed result: h1 had 1 attempt of ssh session',
    'Client is requesting to quit',
    `Connection 127.0.0.1:${localPort} closed`,
  ]);
  assert.deepEqual(client.answers, [
    { type: 'welcome', version: 1, seq: 0, end: 0, accepts: ['end'] },
    { type: 'ack', seq: 1 },
  ]);
});

test('ends of sessions are numbered, stored and acknowledged beside events [P14]', async () => {
  const client = new Client();
  const end = (number: number) => ({ type: 'end', end: number, at: '2026-11-29T08:00:00Z', session: 1, how: 'closed' });
  client.say(hello(A), event(1, { outcome: 'accepted' }), end(1), end(2));
  await until(
    () => client.last('ack')?.end === 2,
    () => client.got,
  );
  client.say(event(2));
  await until(() => client.last('ack')?.seq === 2);
  assert.equal(client.last('ack')?.end, undefined);
  client.say({ ...end(3), how: 'left' });
  await client.refused('bad_message');
  assert.equal(store.lastEnd(A), 2);
  assert.equal(new Client().say(hello(A)).closed, false);
  await until(
    () => clients.at(-1)?.last('welcome')?.end === 2,
    () => String(clients.at(-1)?.got),
  );
});

test('a list of open sessions is stored once it is whole, when it changes, and every 30 s [P15]', async () => {
  const client = new Client().say(hello(A));
  const lists = () => store.pings.flatMap(({ open }) => (open ? [open.list] : []));
  const part = (from: number, list: number[], sessions: number, at = '2026-11-29T08:00:00.000Z') => ({
    type: 'ping',
    open: { at, sessions, from, list, unexplained: [] },
  });
  client.say(part(0, [1, 2], 3), part(2, [3], 3));
  await until(() => lists().length === 1);
  assert.deepEqual(lists(), [[1, 2, 3]]);
  // The same again, a part of one that never became whole, and a part that belongs to another list.
  client.say(part(0, [1, 2, 3], 3), part(0, [1], 2), part(0, [4], 3), part(1, [5], 3, '2026-11-29T08:00:01.000Z'));
  client.say(part(0, [4], 1));
  await until(() => lists().length === 2);
  assert.deepEqual(lists()[1], [4]);
  skewMs = 30_000;
  client.say(part(0, [4], 1));
  await until(() => lists().length === 3);
});

test('parts of a list of open sessions that bring no session add nothing to it, however many come [P15]', async () => {
  const client = new Client().say(hello(A));
  const at = '2026-11-29T08:00:00.000Z';
  const part = (from: number, list: number[], more = {}) => ({
    type: 'ping',
    open: { at, sessions: 3, from, list, ...more },
  });
  const stranger = { ip: '198.51.100.9', port: 40_022, since: at };
  const empty = part(1, [], { unconfirmed: [1, 2, 3], unexplained: Array(100).fill(stranger) });
  client.say(part(0, [1], { unconfirmed: [1], unexplained: [stranger] }), ...Array(1_000).fill(empty));
  client.say(part(1, [2], { unexplained: [stranger, stranger] }), part(2, [3], { unconfirmed: [3] }));
  await until(() => store.pings.some(({ open }) => open));
  const { list, unconfirmed, unexplained } = store.pings.find(({ open }) => open)?.open ?? assert.fail();
  assert.deepEqual(
    { list, unconfirmed, unexplained },
    { list: [1, 2, 3], unconfirmed: [1, 3], unexplained: [stranger] },
  );
});

test('nothing is acknowledged before it is stored [P9]', async () => {
  const client = new Client().say(hello(A));
  await until(() => client.last('welcome') !== undefined);
  let open = (): void => {};
  store.gate = new Promise((done) => {
    open = done;
  });
  client.say(event(1), { type: 'ping' });
  await until(() => client.last('pong') !== undefined);
  assert.equal(client.last('ack'), undefined);
  open();
  await client.acked(1);
});

test('what a shared log has is acknowledged before the own copy has it, once, and quit waits for the copy [P9]', async () => {
  const client = new Client().say(hello(A));
  await until(() => client.last('welcome') !== undefined);
  let copied = (): void => {};
  store.copyGate = new Promise((done) => {
    copied = done;
  });
  client.say(event(1), event(2), { type: 'quit' });
  await client.acked(2);
  assert.equal(store.events.length, 0);
  assert.equal(client.closed, false);
  copied();
  await until(() => client.closed);
  assert.equal(store.events.length, 2);
  assert.equal(client.answers.filter(({ type }) => type === 'ack').length, 1);
});

test('a copy that cannot be written after the acknowledgement is tried again, and nothing is acknowledged twice [P9]', async () => {
  const client = new Client().say(hello(A));
  await until(() => client.last('welcome') !== undefined);
  store.copyGate = Promise.reject(new StoreError('full', new Error('disk')));
  store.copyGate.catch(() => {});
  client.say(event(1));
  await client.acked(1);
  await until(() => ingest.fault !== null);
  store.copyGate = null;
  await until(() => store.events.length === 1 && ingest.fault === null);
  client.say(event(2));
  await client.acked(2);
  assert.equal(client.answers.filter(({ type }) => type === 'ack').length, 2);
});

test('a repeat is dropped, a gap is taken, logged and counted [P9]', async () => {
  const client = new Client().say(hello(A), event(1), event(2), event(2), event(1), event(5));
  await client.acked(5);
  assert.deepEqual(
    store.events.map(({ seq }) => seq),
    [1, 2, 5],
  );
  assert.ok(
    logged.some((line) => line.startsWith('Gap: 2 between 0 and 5')),
    logged.join('\n'),
  );
  client.say(event(5), event(6));
  await client.acked(6);
  assert.equal(logged.filter((line) => line.startsWith('Gap:')).length, 1, 'logged once');
});

test('a thousand agents that come back together share a few commits, their reports too', async () => {
  // A commit for each would be a thousand flushes of the disk in a row, with nobody served meanwhile.
  let open = (): void => {};
  store.gate = new Promise((done) => {
    open = done;
  });
  const ping = { report: null, shapes: [], gaps: [] };
  const agents = Array.from({ length: 1_000 }, (_, i) => `2f1c9a3e-7b1d-4c56-9f0e-${String(i).padStart(12, '0')}`);
  const all = agents.flatMap((agent) => [
    ingest.submit({ agent, host: 'h', events: [] }),
    ingest.submit({ agent, host: 'h', events: [], ping }),
  ]);
  open();
  await Promise.all(all);
  assert.equal(store.pings.length, 1_000);
  assert.ok(store.appends <= 3, `${store.appends} commits`);
});

test('what agents say of themselves is bounded while the disk takes nothing, and kept when it does again', async () => {
  const client = new Client().say(hello(A));
  await until(() => client.last('welcome') !== undefined);
  store.gate = Promise.reject(new StoreError('full', new Error('disk')));
  store.gate.catch(() => {});
  client.say(event(1));
  await until(() => ingest.fault !== null);
  const gap = { id: 1, at: '2026-11-23T19:46:01.123Z', kind: 'suppressed', text: 'x', bytes: null, lines: 1 };
  const ping = `${JSON.stringify({ type: 'ping', gaps: Array.from({ length: 12 }, () => gap) })}\n`;
  const total = 2_000;
  for (let i = 0; i < total; i += 1) client.socket.write(ping);
  const pongs = () => client.answers.filter(({ type }) => type === 'pong').length;
  let before = -1;
  await until(() => {
    const still = before === pongs() && before > 0;
    before = pongs();
    return still;
  });
  assert.ok(pongs() < total / 2, `${pongs()} pings taken`);
  await new Client().say(hello(B)).refused('busy');
  store.gate = null;
  await until(() => store.pings.length === total);
});

test('an agent that is not read from gets a sign that somebody is here [P11]', async () => {
  const client = new Client().say(hello(A));
  await until(() => client.last('welcome') !== undefined);
  let open = (): void => {};
  store.gate = new Promise((done) => {
    open = done;
  });
  for (let seq = 1; seq <= WAITING_LIMIT_EVENTS; seq += 1) client.socket.write(`${JSON.stringify(event(seq))}\n`);
  await until(() => client.last('pong') !== undefined);
  store.gate = null;
  open();
  await client.acked(WAITING_LIMIT_EVENTS);
});

test('heartbeats have no commits of their own: they are collected, and the newest of each agent is stored within a second', async () => {
  const report = (linesRead: number) => ({
    ...{ state: 'caught up', behindBytes: 0, sentSeq: 0, waiting: 0, linesUnknown: 0, linesForged: 0 },
    ...{ declaredLost: 0, linesRead },
  });
  const clients = [A, B].map((agent) => new Client().say(hello(agent)));
  await until(() => clients.every((client) => client.last('welcome') !== undefined));
  const before = store.appends;
  const begunMs = performance.now();
  for (let i = 1; i <= 100; i += 1) for (const client of clients) client.say({ type: 'ping', report: report(i) });
  const stored = () => store.pings.filter((ping) => ping.report?.linesRead === 100).length;
  await until(() => stored() === 2);
  // One commit a second, for as long as the pings take to come in; and what is on its way when they begin, and when they end.
  const seconds = Math.floor((performance.now() - begunMs) / HEARTBEATS_EVERY_MS);
  assert.ok(store.appends - before <= seconds + 2, `${store.appends - before} commits in ${seconds} s`);
  // One that says nothing new is stored again when the connection ends, so that it is known until when the agent was there.
  const pings = store.pings.length;
  clients[0]?.say({ type: 'ping', report: report(100) });
  await until(() => clients[0]?.answers.filter(({ type }) => type === 'pong').length === 101);
  clients[0]?.socket.destroy();
  await until(() => store.pings.length === pings + 1);
});

/** Which of the heartbeats are stored, by the lines read, in their order. */
const linesRead = (): number[] => store.pings.flatMap(({ report }) => report?.linesRead ?? []);

test('an old connection that is closed late does not put its last heartbeat in the place of a newer one of its agent', async () => {
  const ping = (linesRead: number) => ({ type: 'ping', report: { ...CAUGHT_UP, linesRead } });
  const older = new Client(true).say(hello(A), ping(1));
  await until(() => linesRead().length === 1);
  // It says nothing new, and is kept until it is due, or the connection ends.
  older.say(ping(1));
  await until(() => older.answers.filter(({ type }) => type === 'pong').length === 2);
  const newer = new Client().say(hello(A));
  await until(() => older.last('error')?.code === 'busy' && newer.last('welcome') !== undefined);
  newer.say(ping(2));
  await until(() => linesRead().includes(2));
  const { localPort } = older.socket;
  await until(() => logged.includes(`Connection 127.0.0.1:${localPort} closed`));
  // What the old one left is stored before this.
  new Client().say(hello(B), ping(3));
  await until(() => linesRead().includes(3));
  assert.equal(linesRead().slice(linesRead().indexOf(2)).includes(1), false, linesRead().join(' '));
});

test('a report that comes with a gap takes the place of the heartbeats before it', async () => {
  const report = (linesRead: number) => ({ ...CAUGHT_UP, linesRead });
  const gap = { id: 1, at: '2026-11-23T19:46:01.123Z', kind: 'suppressed', text: 'x', bytes: null, lines: 1 };
  const client = new Client().say(hello(A));
  await until(() => client.last('welcome') !== undefined);
  client.say({ type: 'ping', report: report(1) }, { type: 'ping', report: report(2), gaps: [gap] });
  await until(() => linesRead().includes(2));
  const { localPort } = client.socket;
  client.socket.destroy();
  await until(() => logged.includes(`Connection 127.0.0.1:${localPort} closed`));
  new Client().say(hello(B), { type: 'ping', report: report(3) });
  await until(() => linesRead().includes(3));
  assert.equal(linesRead().slice(linesRead().indexOf(2)).includes(1), false, linesRead().join(' '));
});

test('an agent that sends a million old events makes no other wait: a new event is in the next commit', async () => {
  const old = new Client().say(hello(A));
  await until(() => old.last('welcome') !== undefined);
  let open = (): void => {};
  store.gate = new Promise((done) => {
    open = done;
  });
  const total = 16_384;
  old.say(...Array.from({ length: total }, (_, i) => event(i + 1)));
  // It is not read from any more. Each batch weighs one more than its events, so how many of them wait depends on how they were cut.
  await until(() => old.last('pong') !== undefined && ingest.waitingEvents > COMMIT_LIMIT_EVENTS);
  const waiting = ingest.waitingEvents;
  const fresh = new Client().say(hello(B), event(1));
  await until(() => ingest.waitingEvents > waiting && listener.agents === 2);
  store.gate = null;
  open();
  await fresh.acked(1);
  const storedBefore = store.events.findIndex(({ agent }) => agent === B);
  // What ran when it came. In the next commit it is the first.
  assert.ok(storedBefore <= COMMIT_LIMIT_EVENTS, `${storedBefore} old events were stored before it`);
  await old.acked(total);
});

test('welcome.seq counts what an older connection of the agent still had in our hands; the older one gets busy [P5] [P7]', async () => {
  const older = new Client().say(hello(A));
  await until(() => older.last('welcome') !== undefined);
  let open = (): void => {};
  store.gate = new Promise((done) => {
    open = done;
  });
  older.say(event(1), event(2), { type: 'ping' });
  await until(() => older.last('pong') !== undefined);
  const newer = new Client().say(hello(A));
  await older.refused('busy');
  store.gate = null;
  open();
  await until(
    () => newer.last('welcome')?.seq === 2,
    () => newer.got,
  );
  newer.say(event(3));
  await newer.acked(3);
  assert.deepEqual(
    store.events.map(({ seq }) => seq),
    [1, 2, 3],
  );
});

test('an agent that is forgotten while it is connected is refused, so that its next hello lists it again; others go on', async () => {
  const [gone, here] = [new Client().say(hello(A)), new Client().say(hello(B))];
  await until(() => gone.last('welcome') !== undefined && here.last('welcome') !== undefined);
  listener.forget([A, 'nobody']);
  await gone.refused('busy');
  assert.match(gone.last('error')?.message ?? '', /forgotten/);
  here.say(event(1));
  await here.acked(1);
  const back = new Client().say(hello(A));
  await until(() => back.last('welcome') !== undefined);
});

test('each bad frame is answered with its code, that connection closed, everyone else served [P3] [P4] [P10]', async () => {
  const good = new Client().say(hello(B));
  const bad: [string, (object | string)[]][] = [
    ['bad_json', ['nonsense']],
    ['bad_json', [hello(A), '[]']],
    ['bad_message', [event(1)]],
    ['bad_message', [{ type: 'ping' }]],
    ['bad_message', [hello(A), hello(A)]],
    ['bad_message', [hello(A), { type: 'dance' }]],
    ['bad_message', [hello(A), event(0)]],
    ['version', [hello(A, { version: 2 })]],
    ['too_long', ['x'.repeat(LINE_LIMIT_BYTES)]],
  ];
  for (const [code, lines] of bad) await new Client().say(...lines).refused(code);
  good.say(event(1));
  await good.acked(1);
});

test('what came before a bad frame is stored [P10]', async () => {
  await new Client().say(hello(A), event(1), event(2), 'nonsense').refused('bad_json');
  await until(() => store.events.length === 2);
});

test('bytes that are not UTF-8 are bad_json', async () => {
  const client = new Client();
  client.socket.write(Buffer.from([0x7b, 0xff, 0x7d, 0x0a]));
  await client.refused('bad_json');
});

test('a token that is not admitted is unauthorized, also when it is revoked later [P4]', async () => {
  admitted = (token) => token === 'good';
  await new Client().say(hello(A)).refused('unauthorized');
  const client = new Client().say(hello(A, { token: 'good' }), event(1));
  await client.acked(1);
  admitted = () => false;
  admissionChanged = true;
  await client.refused('unauthorized');
});

test('whoever sends no hello, or falls silent, is refused by timeout [P4] [P11]', async () => {
  const mute = new Client();
  const silent = new Client().say(hello(B));
  await until(() => silent.last('welcome') !== undefined);
  skewMs = HELLO_TIMEOUT_MS + 1_000;
  await mute.refused('timeout');
  assert.equal(silent.closed, false);
  skewMs = SILENCE_LIMIT_MS + 2_000;
  await silent.refused('timeout');
});

test('one connection above the bound gets busy [P7]', async () => {
  for (let i = 0; i < 8; i += 1) {
    const client = new Client().say({ ...hello(A), agent: randomUUID() });
    await until(() => client.last('welcome') !== undefined);
  }
  await new Client().refused('busy');
});

test('a disk that is full stops acknowledgements, says so once, and loses nothing', async () => {
  const client = new Client().say(hello(A));
  await until(() => client.last('welcome') !== undefined);
  store.gate = Promise.reject(new StoreError('full', new Error('disk')));
  store.gate.catch(() => {});
  client.say(event(1), event(2));
  await until(() => ingest.fault !== null);
  assert.match(ingest.fault ?? '', /disk is full/);
  assert.equal(client.last('ack'), undefined);
  store.gate = null;
  await client.acked(2);
  assert.equal(ingest.fault, null);
  assert.equal(logged.filter((line) => line.startsWith('Nothing is stored')).length, 1);
});

test('a slow disk stops the reading of sockets, and memory stays bounded', async () => {
  const client = new Client().say(hello(A));
  await until(() => client.last('welcome') !== undefined);
  let open = (): void => {};
  store.gate = new Promise((done) => {
    open = done;
  });
  const total = WAITING_LIMIT_EVENTS * 2;
  for (let seq = 1; seq <= total; seq += 1) client.socket.write(`${JSON.stringify(event(seq))}\n`);
  let before = -1;
  // What the server has read stands still while the client has more to give.
  await until(() => {
    const read = client.socket.bytesWritten - client.socket.writableLength;
    const still = read === before && client.socket.writableLength > 0;
    before = read;
    return still;
  });
  assert.ok(client.socket.writableLength > 0);
  store.gate = null;
  open();
  await client.acked(total);
  assert.equal(store.events.length, total);
});

test('long lines weigh as much as several events: far fewer of them wait for the store', async () => {
  const client = new Client().say(hello(A));
  await until(() => client.last('welcome') !== undefined);
  let open = (): void => {};
  store.gate = new Promise((done) => {
    open = done;
  });
  const total = UNSTORED_LIMIT_EVENTS;
  const padding = 'x'.repeat(60_000);
  for (let seq = 1; seq <= total / 16; seq += 1)
    client.socket.write(`${JSON.stringify({ ...event(seq), ignored: padding })}\n`);
  let before = -1;
  await until(() => {
    const read = client.socket.bytesWritten - client.socket.writableLength;
    const still = read === before && client.socket.writableLength > 0;
    before = read;
    return still;
  });
  // 60,000 characters weigh as much as 118 events.
  assert.ok(ingest.waitingEvents <= UNSTORED_LIMIT_EVENTS / 118 + 2, `${ingest.waitingEvents} long lines wait`);
  store.gate = null;
  open();
  await client.acked(total / 16);
});

test('an agent that brings many new sources at once is read later, and another one is not kept waiting', async (context) => {
  const bounded = new Listener({
    listen: { scheme: 'tcp', host: '127.0.0.1', port: 0 },
    tls: null,
    admission: {
      admit: () => ({ identity: null, change: null, tokenHash: null, certificate: null, delayMs: 0 }),
      changed: () => false,
      mayStay: () => true,
      eventHost: () => ({ delayMs: 0 }),
    },
    ingest,
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
    now: () => Date.now() + skewMs,
    valueLimits: { atOnce: 20, perSecond: 1 },
  });
  const usual = port;
  port = await bounded.open();
  const [attacked, other] = [new Client(), new Client()];
  port = usual;
  context.after(() => {
    for (const { socket } of [attacked, other]) socket.destroy();
    bounded.drain();
    return bounded.close();
  });
  const from = (seq: number): object => ({ ...event(seq), ip: `198.51.100.${seq}` });
  attacked.say(hello(A), ...Array.from({ length: 40 }, (_, i) => from(i + 1)));
  await attacked.acked(40);
  attacked.say(from(41));
  other.say(hello(B), event(1));
  await other.acked(1);
  other.say(event(2));
  await other.acked(2);
  assert.equal(attacked.last('ack')?.seq, 40, 'it waits 20 s');
  skewMs += 30_000;
  await attacked.acked(41);
  attacked.say(...Array.from({ length: 40 }, (_, i) => from(i + 42)));
  await attacked.acked(81);
  // The clock is set back by a day meanwhile: nobody waits for that day.
  skewMs -= 86_400_000;
  attacked.say(from(82));
  await attacked.acked(82);
});

test('many batches share one commit', async () => {
  let open = (): void => {};
  store.gate = new Promise((done) => {
    open = done;
  });
  const batch = (agent: string, seq: number) =>
    ingest.submit({ agent, host: 'h', events: [{ seq, event: event(seq) as never }] });
  const all = [batch(A, 1), batch(A, 2), batch(B, 1)];
  open();
  await Promise.all(all);
  assert.ok(store.appends <= 2, `${store.appends} commits`);
});

test('a line that does not end in time ends the session; one that goes on line by line does not', async () => {
  const client = new Client().say(hello(A));
  await until(() => client.last('welcome') !== undefined);
  const line = JSON.stringify(event(1));
  // Never between two lines, and yet each line is quick.
  client.socket.write(line);
  for (let seq = 1; seq <= 4; seq += 1) {
    skewMs += LINE_TIMEOUT_MS - 10_000;
    client.socket.write(`\n${JSON.stringify(event(seq + 1))}`);
    await client.acked(seq);
  }
  for (let byte = 0; byte < 3; byte += 1) {
    skewMs += LINE_TIMEOUT_MS / 3 + 1_000;
    client.socket.write(' ');
    await until(() => client.closed || client.socket.writableLength === 0);
  }
  await client.refused('timeout');
});

test('an address may hold so many connections without a hello, and no more; those with one do not count', async () => {
  const agents = await Promise.all(
    Array.from({ length: 2 }, async () => {
      const client = new Client().say({ ...hello(A), agent: randomUUID() });
      await until(() => client.last('welcome') !== undefined);
      return client;
    }),
  );
  const strangers = Array.from({ length: 4 }, () => new Client());
  await until(() => listener.connections === 6);
  const late = new Client();
  await until(() => late.closed);
  assert.deepEqual(
    [...agents, ...strangers].map(({ closed }) => closed),
    new Array(6).fill(false),
  );
  strangers[0]?.socket.destroy();
  await until(() => listener.connections === 5);
  const next = new Client().say({ ...hello(A), agent: randomUUID() });
  await until(() => next.last('welcome') !== undefined);
});

test('of many agents that send what they kept, a bounded part is read in one turn of the event loop', async () => {
  const kept = Array.from({ length: 8_000 }, (_, i) => event(i + 1));
  const agents: Client[] = [];
  for (const last of ['a', 'b', 'c', 'd', 'e', 'f']) {
    const agent = new Client().say(hello(`${A.slice(0, -1)}${last}`));
    agents.push(agent);
    await until(() => agent.last('welcome') !== undefined);
  }
  let most = 0;
  let before = 0;
  let isWatched = true;
  const watch = (): void => {
    most = Math.max(most, listener.receivedBytes - before);
    before = listener.receivedBytes;
    if (isWatched) setImmediate(watch);
  };
  for (const agent of agents) agent.say(...kept);
  watch();
  for (const agent of agents) await agent.acked(8_000);
  isWatched = false;
  assert.ok(listener.receivedBytes > 4 * READ_AT_ONCE_BYTES, `${listener.receivedBytes}`);
  // What is left of one turn and what those have who waited.
  assert.ok(most <= 3 * READ_AT_ONCE_BYTES, `${most} bytes in one turn`);
});
