/** The agent's end of the wire, against a server that does what the test asks. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, test } from 'node:test';
import type { OutboxError } from '../../../alphaclient/outbox/database.ts';
import { OUTBOX_FILE, Outbox } from '../../../alphaclient/outbox/outbox.ts';
import { dialer, tokenFault } from '../../../alphaclient/uplink/connect.ts';
import type { Renewal } from '../../../alphaclient/uplink/renewals.ts';
import { Uplink, WINDOW_EVENTS } from '../../../alphaclient/uplink/uplink.ts';
import { PING_EVERY_MS, SILENCE_LIMIT_MS } from '../../../protocol/messages.ts';
import { Ticker } from '../../../service/ticker.ts';
import { freePort } from '../../free-port.ts';
import { until } from '../../until.ts';
import { CAUGHT_UP } from '../../wire-messages.ts';

let folder: string;
let outbox: Outbox;
let server: Server;
let connections: Connection[];
let skewMs: number;
let logged: string[];
let outboxErrors: unknown[];
let uplink: Uplink | null;

/** One connection as the server sees it. */
class Connection {
  readonly socket: Socket;
  text = '';
  closed = false;
  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.text += chunk;
    });
    socket
      .on('error', () => {})
      .on('close', () => {
        this.closed = true;
      });
  }
  get lines(): { type: string; seq?: number; end?: number; agent?: string; run?: string; token?: string }[] {
    return this.text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }
  get seqs(): (number | undefined)[] {
    return this.lines.filter(({ type }) => type === 'event').map(({ seq }) => seq);
  }
  get ends(): (number | undefined)[] {
    return this.lines.filter(({ type }) => type === 'end').map(({ end }) => end);
  }
  first(type: string) {
    return this.lines.find((line) => line.type === type) ?? { type };
  }
  count(type: string): number {
    return this.lines.filter((line) => line.type === type).length;
  }
  say(message: object): void {
    this.socket.write(`${JSON.stringify(message)}\n`);
  }
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uplink-'));
  outbox = new Outbox(folder);
  connections = [];
  skewMs = 0;
  logged = [];
  outboxErrors = [];
  uplink = null;
  renewal = null;
  ticker = undefined;
  server = createServer((socket) => connections.push(new Connection(socket)));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
afterEach(async () => {
  await uplink?.stop(10);
  for (const { socket } of connections) socket.destroy();
  server.close();
  outbox.close();
  rmSync(folder, { recursive: true, force: true });
});

const RUN = randomUUID();
let token: string | null = null;
let renewal: Renewal | null = null;
let ticker: Ticker | undefined;
const port = (): number => (server.address() as AddressInfo).port;
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

function waits(count: number): void {
  const event = { at: '2026-11-23T19:46:01.123Z', outcome: 'failed', method: 'password', user: 'root' } as const;
  outbox.commit({
    log: '/x',
    position: {},
    reader: {},
    events: range(1, count).map(() => ({ ...event, invalidUser: false, ip: '192.0.2.1', port: 1 })),
    gaps: [],
    atMs: 0,
  });
}

/** So many users log in, and each one's session ends. */
function login(count: number): void {
  const event = { at: '2026-11-23T19:46:01.123Z', outcome: 'accepted', method: 'password', user: 'root' } as const;
  const peer = { user: 'root', ip: '192.0.2.1', port: 1 };
  const end = { at: event.at, ...peer, pid: 5, lastedSeconds: 0, how: 'closed', host: null } as const;
  outbox.commit({
    log: '/x',
    position: {},
    reader: {},
    events: range(1, count).map(() => ({ ...event, ...peer, invalidUser: false })),
    gaps: [],
    sessions: {
      ...{ begun: range(1, count), saved: [], removed: range(1, count) },
      ends: range(1, count).map((session) => ({ session, end })),
    },
    atMs: 0,
  });
}

function start(ports: readonly number[] = [port()], windowEvents = WINDOW_EVENTS): void {
  const log = (message: string) => void logged.push(message);
  uplink = new Uplink({
    outbox,
    windowEvents,
    host: 'h',
    token,
    run: RUN,
    tokenFault: (socket, name) => tokenFault(socket, name, false),
    connect: dialer(
      ports.map((one) => ({ scheme: 'tcp', host: '127.0.0.1', port: one })),
      { caFile: null, certFile: null, keyFile: null },
    ),
    renewal,
    ...(ticker && { ticker }),
    pingContent: () => [{ report: CAUGHT_UP, shapes: [], gaps: [] }],
    onOutboxError: (error) => outboxErrors.push(error),
    log: { debug: log, info: log, warn: log, error: log },
    now: () => Date.now() + skewMs,
    random: () => 0,
  });
  uplink.start();
}

/** Connection number `n` from 0, once it sent hello. */
async function hello(n: number): Promise<Connection> {
  await until(() => connections[n]?.count('hello') === 1);
  return connections[n] as Connection;
}

test('a server that is there but says nothing is left after 45 s, having been asked every 15 s [P11]', async () => {
  start();
  const first = await hello(0);
  first.say({ type: 'welcome', version: 1, seq: 0 });
  await until(() => first.count('ping') === 1);
  for (const pings of [2, 3]) {
    skewMs += PING_EVERY_MS;
    await until(() => first.count('ping') === pings);
  }
  assert.equal(first.closed, false);
  skewMs += SILENCE_LIMIT_MS - 2 * PING_EVERY_MS + 1_000;
  await until(() => first.closed);
  await hello(1);
});

test('a server that pongs is kept, however long it has nothing else to say', async () => {
  start();
  const first = await hello(0);
  first.say({ type: 'welcome', version: 1, seq: 0 });
  for (let pings = 1; pings <= 5; pings += 1) {
    await until(() => first.count('ping') === pings);
    first.say({ type: 'pong' });
    // The pong must have been heard before the clock goes on.
    outbox.acknowledge(0);
    first.say({ type: 'ack', seq: 0 });
    await new Promise(setImmediate);
    await until(() => first.socket.writableLength === 0);
    skewMs += PING_EVERY_MS;
  }
  assert.equal(connections.length, 1);
});

test('what is not acknowledged is bounded, in order, noted once a window, and goes on with each acknowledgement', async () => {
  waits(WINDOW_EVENTS + 500);
  const notes: number[] = [];
  const note = outbox.noteSending.bind(outbox);
  outbox.noteSending = (seq) => {
    notes.push(seq);
    note(seq);
  };
  start();
  const first = await hello(0);
  first.say({ type: 'welcome', version: 1, seq: 0 });
  await until(() => first.seqs.length >= WINDOW_EVENTS);
  assert.deepEqual(first.seqs, range(1, WINDOW_EVENTS));
  first.say({ type: 'ack', seq: 100 });
  await until(() => first.seqs.length >= WINDOW_EVENTS + 100);
  assert.deepEqual(first.seqs.slice(-100), range(WINDOW_EVENTS + 1, WINDOW_EVENTS + 100));
  assert.deepEqual(notes, [WINDOW_EVENTS, WINDOW_EVENTS + 500]);
});

test('an end waits until its login is sent, and is read once, however often events are acknowledged meanwhile', async () => {
  waits(WINDOW_EVENTS);
  const event = { at: '2026-11-23T19:46:01.123Z', outcome: 'accepted', method: 'password', user: 'root' } as const;
  const end = {
    at: event.at,
    user: 'root',
    ip: '192.0.2.1',
    port: 1,
    pid: 5,
    lastedSeconds: 0,
    how: 'closed',
  } as const;
  outbox.commit({
    log: '/x',
    position: {},
    reader: {},
    events: [{ ...event, invalidUser: false, ip: '192.0.2.1', port: 1 }],
    gaps: [],
    sessions: { begun: [1], saved: [], removed: [1], ends: [{ session: 1, end: { ...end, host: null } }] },
    atMs: 0,
  });
  let reads = 0;
  const read = outbox.endsAfter.bind(outbox);
  outbox.endsAfter = (number, limit) => {
    reads += 1;
    return read(number, limit);
  };
  // The login's place in the window is taken until an event is acknowledged.
  const login = WINDOW_EVENTS + 1;
  start();
  const first = await hello(0);
  first.say({ type: 'welcome', version: 1, seq: 0, accepts: ['end'] });
  await until(() => first.seqs.length === WINDOW_EVENTS);
  for (let acks = 0; acks < 5; acks += 1) first.say({ type: 'ack', seq: 0 });
  first.say({ type: 'ack', seq: 1 });
  await until(() => first.count('end') === 1);
  assert.deepEqual(first.seqs.at(-1), login);
  assert.deepEqual(first.lines.at(-1), { type: 'end', end: 1, session: login, ...end });
  assert.equal(reads, 1);
});

test('a new connection goes on after what the server has, with what was sent and not acknowledged', async () => {
  waits(10);
  outbox.noteSending(3);
  start();
  const first = await hello(0);
  first.say({ type: 'welcome', version: 1, seq: 3 });
  await until(() => first.seqs.length === 7);
  first.say({ type: 'ack', seq: 5 });
  await until(() => outbox.acked === 5);
  first.socket.destroy();
  const second = await hello(1);
  second.say({ type: 'welcome', version: 1, seq: 6 });
  await until(() => second.seqs.length === 4);
  assert.deepEqual(second.seqs, [7, 8, 9, 10]);
});

test('several addresses are tried in turn, and the one that is there is used', async () => {
  start([await freePort(), await freePort(), port()]);
  const only = await hello(0);
  only.say({ type: 'welcome', version: 1, seq: 0 });
  await until(() => uplink?.connected === true);
  assert.equal(logged.filter((text) => text.startsWith('No connection to')).length, 2, logged.join('\n'));
});

test('each reason of each server is logged once an hour, however often they are tried in turn', async () => {
  server.on('connection', (socket) => socket.destroy());
  start([await freePort(), port()]);
  await until(() => connections.length === 3, undefined, 20_000);
  const problems = (): number => logged.filter((text) => text.endsWith('; trying again')).length;
  assert.equal(problems(), 2, logged.join('\n'));
  skewMs = 3_600_000;
  await until(
    () => problems() === 4,
    () => logged.join('\n'),
    20_000,
  );
});

for (const [work, what] of [
  ['after', 'read'],
  ['noteSending', 'written'],
] as const)
  test(`an outbox that cannot be ${what} ends the connection, not the agent`, async () => {
    start();
    const first = await hello(0);
    outbox.acknowledge(0);
    const broken = new Error('disk I/O error');
    const real = outbox[work].bind(outbox);
    outbox[work] = () => {
      throw broken;
    };
    waits(3);
    first.say({ type: 'welcome', version: 1, seq: 0 });
    await until(() => first.closed);
    Object.assign(outbox, { [work]: real });
    const second = await hello(1);
    second.say({ type: 'welcome', version: 1, seq: 0 });
    await until(() => second.seqs.length === 3);
    assert.deepEqual([first.seqs, outboxErrors], [[], [broken]]);
    const problems = logged.filter((text) => text.includes('disk I/O error'));
    assert.deepEqual(problems, [`The outbox cannot be ${what}: disk I/O error; trying again`], logged.join('\n'));
  });

for (const isDamaged of [true, false])
  test(`a line that a server takes for no JSON ${isDamaged ? 'is damage of the outbox, where it stands in it so' : 'is no damage of an outbox that is well'}`, async () => {
    waits(3);
    outbox.close();
    if (isDamaged) {
      const db = new DatabaseSync(join(folder, OUTBOX_FILE));
      db.exec(`UPDATE events SET body = replace(body, ',"user"', 'z"user"') WHERE seq = 2`);
      db.close();
    }
    outbox = new Outbox(folder);
    start();
    const first = await hello(0);
    first.say({ type: 'welcome', version: 1, seq: 0 });
    await until(() => first.text.includes('"seq":3'));
    first.say({ type: 'error', code: 'bad_json', message: 'no' });
    await until(() => first.closed);
    const codes = outboxErrors.map((error) => (error as OutboxError).code);
    assert.deepEqual(codes, isDamaged ? ['damaged'] : []);
  });

test('a server that refuses the agent again and again in one packet is heard once [P10]', async () => {
  let checks = 0;
  const real = outbox.checkPending.bind(outbox);
  outbox.checkPending = (limit) => {
    checks += 1;
    real(limit);
  };
  start();
  const first = await hello(0);
  const lines = range(1, 3).map((n) => JSON.stringify({ type: 'error', code: 'bad_json', message: `no ${n}` }));
  first.socket.write(`${[JSON.stringify({ type: 'welcome', version: 1, seq: 0 }), ...lines].join('\n')}\n`);
  await until(() => first.closed);
  assert.equal(checks, 1);
  assert.equal(logged.filter((text) => text.includes('refused this agent')).length, 1, logged.join('\n'));
});

test('a server that claims events of the agent again and again in one packet is given one new id', async () => {
  let ids = 0;
  const real = outbox.takeNewId.bind(outbox);
  outbox.takeNewId = () => {
    ids += 1;
    return real();
  };
  start();
  const first = await hello(0);
  const lines = range(5, 7).map((seq) => JSON.stringify({ type: 'welcome', version: 1, seq }));
  first.socket.write(`${lines.join('\n')}\n`);
  await until(() => first.closed);
  assert.equal(ids, 1);
});

test('a server is believed only what may have been sent: a welcome above it acknowledges nothing [P6]', async () => {
  waits(5);
  start();
  const { agent } = outbox;
  (await hello(0)).say({ type: 'welcome', version: 1, seq: 5 });
  const second = await hello(1);
  assert.notEqual(second.first('hello').agent, agent);
  assert.match(logged.join('\n'), /its state folder has sent 0: .*; going on under a new id, 0 events may stand twice/);
  second.say({ type: 'welcome', version: 1, seq: 0 });
  await until(() => second.count('event') === 5);
});

test('a new id that cannot be written ends the connection, not the agent, and is taken once it can be', async () => {
  waits(3);
  start();
  const { agent } = outbox;
  const other = new DatabaseSync(join(folder, OUTBOX_FILE));
  other.exec('BEGIN IMMEDIATE');
  const first = await hello(0);
  // The second one comes in the same piece, behind the point where the connection is given up.
  const welcome = JSON.stringify({ type: 'welcome', version: 1, seq: 3 });
  first.socket.write(`${welcome}\n${welcome.replace('3', '0')}\n`);
  await until(() => first.closed);
  assert.match(logged.join('\n'), /The outbox cannot be written: database is locked/);
  assert.deepEqual([outbox.agent, outbox.lastSeq, first.count('event')], [agent, 3, 0]);
  other.exec('ROLLBACK');
  other.close();
  (await hello(1)).say({ type: 'welcome', version: 1, seq: 3 });
  const last = await hello(2);
  assert.notEqual(last.first('hello').agent, agent);
  last.say({ type: 'welcome', version: 1, seq: 0 });
  await until(() => last.count('event') === 3);
});

test('an acknowledgement above what may have been sent acknowledges nothing, and says how many may stand twice [P6]', async () => {
  waits(3);
  start();
  const first = await hello(0);
  first.say({ type: 'welcome', version: 1, seq: 0 });
  await until(() => first.count('event') === 3);
  first.say({ type: 'ack', seq: 1 });
  first.say({ type: 'ack', seq: 2 ** 40 });
  const second = await hello(1);
  assert.match(
    logged.join('\n'),
    /acknowledged event 1099511627776, and 3 is the last that may have been sent; .*, 2 events may stand twice/,
  );
  second.say({ type: 'welcome', version: 1, seq: 0 });
  await until(() => second.count('event') === 2);
});

/** Of ten events up to 8 were sent over an earlier connection, to a server that had them in its hands when this one said its welcome; three are over this one. */
async function sentTwice() {
  waits(10);
  outbox.noteSending(8);
  start([port()], 3);
  const first = await hello(0);
  first.say({ type: 'welcome', version: 1, seq: 0 });
  await until(() => first.count('event') === 3);
  return first;
}

test('an acknowledgement of what was sent over an earlier connection is believed, and sending goes on after it [P6]', async () => {
  const { agent } = outbox;
  const first = await sentTwice();
  first.say({ type: 'ack', seq: 8 });
  await until(() => first.count('event') === 5);
  assert.deepEqual(first.seqs, [1, 2, 3, 9, 10]);
  assert.deepEqual([outbox.agent, outbox.acked], [agent, 8]);
  // It may know what it acknowledged, and repeat an older one.
  first.say({ type: 'ack', seq: 3 });
  first.say({ type: 'ack', seq: 10 });
  await until(() => outbox.acked === 10);
  assert.equal(first.count('event'), 5);
  assert.equal(connections.length, 1);
});

test('an acknowledgement above what may have been sent is not believed where there are such events', async () => {
  const { agent } = outbox;
  const first = await sentTwice();
  first.say({ type: 'ack', seq: 9 });
  const second = await hello(1);
  assert.notEqual(second.first('hello').agent, agent);
  assert.match(logged.join('\n'), /acknowledged event 9, and 8 is the last that may have been sent; .*, 8 events may/);
});

test('ends of sessions that another server stored are acknowledged, and those after them are sent once', async () => {
  login(6);
  outbox.noteSending(5);
  start([port()], 3);
  const { agent } = outbox;
  const first = await hello(0);
  first.say({ type: 'welcome', version: 1, seq: 0, accepts: ['end'] });
  // The other ends wait for their logins.
  await until(() => first.count('end') === 3);
  first.say({ type: 'ack', seq: 5, end: 5 });
  await until(() => first.count('end') === 4);
  assert.deepEqual(first.seqs, [1, 2, 3, 6]);
  assert.deepEqual(first.ends, [1, 2, 3, 6]);
  assert.deepEqual([outbox.agent, outbox.acked, outbox.ackedEnd], [agent, 5, 5]);
  first.say({ type: 'ack', seq: 6, end: 7 });
  const second = await hello(1);
  assert.match(logged.join('\n'), /acknowledged end 7, and 6 is the last that may have been sent/);
  assert.notEqual(second.first('hello').agent, agent);
});

test('what a server acknowledges of an outbox that was resumed, above what was read again, is not sent to it', async () => {
  outbox.resume({ agent: outbox.agent, seq: 2, logs: [], declared: { lastGap: 0, declaredLost: 0 } }, []);
  const { agent } = outbox;
  start();
  const first = await hello(0);
  first.say({ type: 'welcome', version: 1, seq: 3 });
  await until(() => uplink?.connected === true);
  first.say({ type: 'ack', seq: 5 });
  await until(() => outbox.missingEvents === 3);
  waits(4);
  uplink?.sendPending();
  await until(() => first.count('event') === 1);
  assert.deepEqual(first.seqs, [6]);
  assert.deepEqual([outbox.agent, outbox.acked], [agent, 5]);
});

test('after a crash between sending and acknowledgement, the acknowledgement is believed', async () => {
  waits(3);
  start();
  const first = await hello(0);
  first.say({ type: 'welcome', version: 1, seq: 0 });
  await until(() => first.count('event') === 3);
  await uplink?.stop(0);
  const { agent } = outbox;
  outbox.close();
  outbox = new Outbox(folder);
  start();
  const second = await hello(1);
  second.say({ type: 'welcome', version: 1, seq: 3 });
  await until(() => outbox.acked === 3);
  assert.equal(outbox.agent, agent);
});

test('a server of another version is left, and nothing is sent to it', async () => {
  waits(1);
  start();
  const first = await hello(0);
  first.say({ type: 'welcome', version: 2, seq: 0 });
  await until(() => logged.some((line) => line.includes('it speaks version 2, and this agent 1')));
  assert.equal(first.count('event'), 0);
});

test('each start of an agent has an id of its own', async () => {
  start();
  assert.equal((await hello(0)).first('hello').run, RUN);
});

test('a token is shown over tcp to loopback, and to a public address only where the settings allow it', async (context) => {
  token = 'secret';
  context.after(() => {
    token = null;
  });
  start();
  assert.equal((await hello(0)).first('hello').token, 'secret');
  const to = (remoteAddress: string) => ({ remoteAddress }) as Socket;
  for (const address of ['10.1.2.3', '192.168.0.1', '::1', 'fd00::1', '::ffff:10.0.0.1'])
    assert.equal(tokenFault(to(address), 'tcp://x:5000', false), null, address);
  for (const address of ['203.0.113.1', '2001:db8::1', '::ffff:203.0.113.1'])
    assert.match(tokenFault(to(address), 'tcp://x:5000', false) ?? '', /ALPHACLIENT_ALLOW_PLAIN=true/, address);
  assert.equal(tokenFault(to('203.0.113.1'), 'tcp://x:5000', true), null);
  assert.equal(
    tokenFault({ encrypted: true, remoteAddress: '203.0.113.1' } as unknown as Socket, 'tls://x', false),
    null,
  );
});

const PEM = '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n';

/** A server that renews certificates, and an agent whose checks come when the test says so. */
async function renewing(made: Renewal): Promise<{ connection: Connection; hour: () => Promise<void> }> {
  let tick = (): void => {};
  let acks = 0;
  renewal = made;
  ticker = Object.assign(new Ticker(), {
    add: (check: () => void) => {
      tick = check;
      return () => {};
    },
  });
  start();
  uplink?.onAck(() => {
    acks += 1;
  });
  await until(() => connections[0]?.count('hello') === 1);
  const connection = connections[0] as Connection;
  connection.say({ type: 'welcome', version: 1, seq: 0, accepts: ['renew'] });
  await until(() => acks === 1);
  tick();
  const hour = async (): Promise<void> => {
    const before = acks;
    skewMs += 3_600_000;
    // It was heard of a moment ago.
    connection.say({ type: 'ack', seq: 0 });
    await until(() => acks > before);
    tick();
  };
  return { connection, hour };
}

test('a request for a new certificate that fails is made again an hour later, on the same connection', async () => {
  let asked = 0;
  const { connection, hour } = await renewing({
    request: async () => {
      asked += 1;
      if (asked < 3) throw new Error('EMFILE: too many open files');
      return 'csr';
    },
    take: () => null,
  });
  for (const times of [1, 2]) {
    await until(() => logged.filter((text) => text.includes('EMFILE')).length === times);
    await hour();
  }
  await until(() => connection.count('renew') === 1);
  assert.equal(
    logged.find((text) => text.includes('EMFILE')),
    'The certificate cannot be renewed: EMFILE: too many open files; trying again in an hour',
  );
  // A server takes one request on a connection.
  await hour();
  assert.deepEqual([asked, connections.length], [3, 1]);
});

test('a new certificate that cannot be written is kept, and written an hour later without another request', async () => {
  const offered: string[] = [];
  const { connection, hour } = await renewing({
    request: async () => 'csr',
    take: (certificate) => {
      offered.push(certificate);
      if (offered.length < 3) throw new Error('ENOSPC: no space left on device');
      return null;
    },
  });
  await until(() => connection.count('renew') === 1);
  connection.say({ type: 'enrolled', certificate: PEM, ca: PEM });
  await until(() => offered.length === 1);
  await hour();
  await hour();
  await hour();
  assert.deepEqual(offered, [PEM, PEM, PEM]);
  assert.deepEqual([connection.count('renew'), connections.length], [1, 1]);
  assert.equal(
    logged.filter(
      (text) => text === 'The certificate is not renewed: ENOSPC: no space left on device; trying again in an hour',
    ).length,
    2,
  );
});
