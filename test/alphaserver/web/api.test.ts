/** The API, route by route, asked of a real server. */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { json } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Worker } from 'node:worker_threads';
import { LIMIT_DEFAULT, LIMIT_MOST } from '../../../alphaserver/web/api-schema.ts';
import { DOWNLOADS_LIMIT, DOWNLOADS_OF_OWNER_LIMIT } from '../../../alphaserver/web/send-csv.ts';
import { until } from '../../until.ts';
import { CAUGHT_UP } from '../../wire-messages.ts';
import { askedFrom } from './asked-from.ts';
import { AGENT, type SentEvent, Served } from './served.ts';

const DAY = 86_400_000;
const NOW = Math.floor(Date.now() / 60_000) * 60_000 - 5 * 60_000;
const at = (agoMs: number): string => new Date(NOW - agoMs).toISOString();
const failed: SentEvent = {
  ...{ outcome: 'failed', method: 'password', user: 'root', invalidUser: false, ip: '203.0.113.7', port: 40_000 },
  at: at(0),
};
const HOSTILE = '=cmd|\' /C "calc"\'!A0,\u202e<b>\u001b[31m\r\n';
const EVENTS: SentEvent[] = [
  { ...failed, at: at(10 * DAY), key: 'ED25519 SHA256:x', reason: 'why' },
  { ...failed, at: at(2 * DAY), outcome: 'accepted', method: 'publickey', user: 'mira', ip: '2001:db8::7' },
  { ...failed, at: at(60_000), host: 'relayed', user: 'admin', invalidUser: true },
  { at: at(30_000), outcome: 'probe', method: null, user: null, ip: '198.51.100.9', port: 1, reason: 'scan' },
  { ...failed, at: at(0), user: HOSTILE },
];

interface Page {
  readonly events: readonly Record<string, unknown>[];
  readonly next: string | null;
}
interface Fault {
  readonly error: string;
  readonly message: string;
}

const served = new Served();
before(async () => {
  await served.open();
  await served.store(EVENTS);
});
after(() => served.close());

const ok = async <T = Record<string, unknown>>(path: string): Promise<T> => {
  const { status, body } = await served.ask<T>(path);
  assert.equal(status, 200, `${path}: ${JSON.stringify(body)}`);
  return body;
};
const users = async (query: string): Promise<unknown[]> =>
  (await ok<Page>(`/api/events?${query}`)).events.map(({ user }) => user);

test('GET /api/summary counts all, or a span: since is inside, until outside', async () => {
  const counts = { attempts: 4, accepted: 1, failed: 3, probes: 1, hosts: 2, sources: 3, users: 4 };
  const { state, why, doubt, asOf, because, coverage, ...all } = await ok('/api/summary');
  assert.deepEqual(all, counts);
  assert.ok(['quiet', 'attack', 'breach', 'unknown'].includes(String(state)));
  // The agent has gone.
  assert.deepEqual(coverage, { live: 0, late: 0, blind: 2 });
  assert.deepEqual([state, why, doubt], ['unknown', 'No host is watched at the moment', null]);
  assert.deepEqual(Object.keys(asOf as object), ['stored', 'rules']);
  assert.ok(Array.isArray(because));
  assert.equal((await ok(`/api/summary?since=${at(60_000)}&until=${at(0)}`))['attempts'], 1);
  assert.equal((await ok(`/api/summary?since=${at(60_000)}`))['attempts'], 2);
  for (const [span, attempts] of [
    ['15m', 2],
    ['24h', 2],
    ['7d', 3],
    ['30d', 4],
  ] as const)
    assert.equal((await ok(`/api/summary?since=${span}`))['attempts'], attempts, span);
  assert.equal((await ok('/api/summary?since=7d&until=24h'))['attempts'], 1);
});

test('GET /api/summary calls no fleet quiet whose agents are connected and have read no log up to now', async () => {
  const agent = served.connected();
  const report = { ...CAUGHT_UP, state: 'behind', behindBytes: 5_000_000 };
  agent.write(`${JSON.stringify({ type: 'ping', report, shapes: [], gaps: [] })}\n`);
  const summary = () => ok<{ coverage: object; state: string; why: string }>('/api/summary');
  await until(async () => isDeepStrictEqual((await summary()).coverage, { live: 0, late: 2, blind: 0 }));
  const { state, why } = await summary();
  assert.deepEqual([state, why], ['unknown', 'No host is up to date']);
  const hosts = async (coverage: string): Promise<string[]> => {
    const query = `/api/hosts?coverage=${coverage}`;
    return (await ok<{ hosts: { host: string }[] }>(query)).hosts.map(({ host }) => host);
  };
  assert.deepEqual([await hosts('live'), await hosts('late'), await hosts('blind')], [[], ['relayed', 'web'], []]);
  agent.destroy();
  await until(async () => isDeepStrictEqual((await summary()).coverage, { live: 0, late: 0, blind: 2 }));
  await until(async () => isDeepStrictEqual(await hosts('blind'), ['relayed', 'web']));
  assert.deepEqual([await hosts('live'), await hosts('late')], [[], []]);
});

test('GET /api/hosts tells each host with its agent’s state', async () => {
  const { hosts } = await ok<{ hosts: Record<string, unknown>[] }>('/api/hosts');
  assert.deepEqual(
    hosts.map(({ host, attempts, accepted, failed: wrong, probes }) => [host, attempts, accepted, wrong, probes]),
    [
      ['relayed', 1, 0, 1, 0],
      ['web', 3, 1, 2, 1],
    ],
  );
  for (const name of ['connected', 'state', 'coverage', 'firstSeen', 'lastSeen'])
    assert.ok(name in (hosts[0] ?? {}), name);
  const first = await ok<{ hosts: Record<string, unknown>[]; next: string }>('/api/hosts?limit=1');
  assert.equal((await ok<typeof first>(`/api/hosts?limit=1&cursor=${first.next}`)).hosts[0]?.['host'], 'web');
});

test('GET /api/events gives events as on the wire, newest first, narrowed by any of their parts', async () => {
  const { events } = await ok<Page>('/api/events');
  assert.deepEqual(
    events.map(({ at: when }) => when),
    EVENTS.map(({ at: when }) => when).reverse(),
  );
  const { id, storedAt, ...oldest } = events.at(-1) as Record<string, unknown>;
  assert.equal(typeof id, 'number');
  assert.ok(Date.parse(String(storedAt)) > NOW);
  assert.deepEqual(oldest, { ...EVENTS[0], agent: AGENT, host: 'web', seq: 1, trust: null, pid: null });
  assert.deepEqual(await users('host=relayed'), ['admin']);
  assert.deepEqual(await users('ip=2001:db8::7'), ['mira']);
  for (const network of ['2001:db8::/64', '2001:DB8:0:0::/64', '2001:db8::7/64', '2001:db8::/30', '2001:db8::/125'])
    assert.deepEqual(await users(`ip=${network}`), ['mira'], network);
  assert.deepEqual(await users('ip=2001:db8::/64&user=root'), []);
  assert.deepEqual(await users('ip=2001:db8:0:1::/64'), []);
  assert.deepEqual(await users(`user=${encodeURIComponent(HOSTILE)}`), [HOSTILE]);
  assert.deepEqual(await users('outcome=probe'), [null]);
  assert.deepEqual(await users('method=publickey'), ['mira']);
  assert.deepEqual(await users('ip=203.0.113.7&user=root'), ['root']);
  assert.deepEqual(await users(`since=${at(60_000)}&until=${at(0)}`), [null, 'admin']);
  assert.deepEqual(await users('user=nobody'), []);
});

test('a cursor goes on where a page ended, whatever is stored meanwhile', async () => {
  const seen: unknown[] = [];
  let cursor = '';
  for (let n = 0; n < EVENTS.length; n += 1) {
    const page: Page = await ok(`/api/events?limit=1&until=${at(-1_000)}${cursor && `&cursor=${cursor}`}`);
    seen.push(...page.events.map(({ at: when }) => when));
    cursor = page.next ?? '';
    // Newer than where the pages are, and older: only that one is still to come.
    if (n === 1)
      await served.store([
        { ...failed, at: at(-60_000) },
        { ...failed, at: at(5 * DAY) },
      ]);
    assert.equal(page.next === null, false);
  }
  const last: Page = await ok(`/api/events?limit=1&until=${at(-1_000)}&cursor=${cursor}`);
  seen.push(...last.events.map(({ at: when }) => when));
  assert.equal(last.next, null);
  assert.deepEqual(seen, [...EVENTS.map(({ at: when }) => String(when)), at(5 * DAY)].sort().reverse());
});

test('GET /api/events?format=csv is safe in a spreadsheet, and names the next page', async () => {
  const response = await fetch(`${served.page}/api/events?format=csv&limit=1&until=${at(-1_000)}`);
  assert.match(String(response.headers.get('content-type')), /^text\/csv/);
  const text = await response.text();
  const [names, row, end] = text.split('\r\n');
  assert.equal(end, '');
  assert.match(String(names), /^id,at,storedAt,agent,host,outcome,method,user,/);
  assert.ok(row?.includes(`,"'=cmd|' /C ""calc""'!A0,\\u202e<b>\\u001b[31m\\u000d\\u000a",`), row);
  const next = /<(.*)>; rel="next"/.exec(String(response.headers.get('link')))?.[1];
  const second = await (await fetch(`${served.page}${next}`)).text();
  assert.match(second, /,probe,,,,198\.51\.100\.9,1,,scan,/);
});

test('GET /api/events?format=csv without a limit has all rows in one download, however many pages they are', async () => {
  const own = new Served();
  after(() => own.close());
  await own.open();
  const count = LIMIT_MOST * 2 + 1;
  const event = { outcome: 'failed', method: 'password', user: 'root', invalidUser: false, ip: '203.0.113.7' };
  await own.store(Array.from({ length: count }, (_, i) => ({ ...event, at: at(60_000 + i), port: 1 + i })));
  const ports = (csv: string): number[] =>
    csv
      .split('\r\n')
      .slice(1, -1)
      .map((row) => Number(/,203\.0\.113\.7,(\d+),/.exec(row)?.[1]));
  const expected = Array.from({ length: count }, (_, i) => 1 + i);
  for (const encoding of ['gzip', 'identity']) {
    const response = await fetch(`${own.page}/api/events?format=csv`, { headers: { 'accept-encoding': encoding } });
    assert.equal(response.headers.get('content-encoding'), encoding === 'gzip' ? 'gzip' : null);
    assert.deepEqual(ports(await response.text()), expected);
  }
  const { body } = await own.ask<{ events: unknown[] }>('/api/events');
  assert.equal(body.events.length, LIMIT_DEFAULT);
  const marked = Buffer.from(await (await fetch(`${own.page}/api/events?format=csv&bom=1&limit=1`)).arrayBuffer());
  assert.equal(marked.subarray(0, 5).toString('latin1'), '\xef\xbb\xbfid');
  assert.equal(
    (await own.ask<Fault>('/api/events?bom=1')).body.message,
    'bom must be left out: only format=csv has one',
  );
});

test('more downloads of all rows than there may be at once, of one address or of all, are refused', async () => {
  const own = new Served();
  after(() => own.close());
  await own.open();
  const event = { outcome: 'failed', method: 'password', invalidUser: false, ip: '203.0.113.7', port: 1 };
  // More than sockets keep for a reader that takes nothing.
  const events = Array.from({ length: 20_000 }, (_, i) => ({ ...event, user: 'x'.repeat(250), at: at(60_000 + i) }));
  await own.store(events);
  const asked = (localAddress: string) => askedFrom(localAddress, `${own.page}/api/events?format=csv`);
  const refusal = async (localAddress: string) => {
    const answer = await asked(localAddress);
    return [answer.statusCode, ((await json(answer)) as Fault).error];
  };
  const askedOf = (localAddress: string) =>
    Promise.all(Array.from({ length: DOWNLOADS_OF_OWNER_LIMIT }, () => asked(localAddress)));
  const held = await askedOf('127.0.0.1');
  assert.deepEqual(await refusal('127.0.0.1'), [429, 'too_many']);
  for (let last = 2; held.length < DOWNLOADS_LIMIT; last += 1) held.push(...(await askedOf(`127.0.0.${last}`)));
  assert.deepEqual(new Set(held.map(({ statusCode }) => statusCode)), new Set([200]));
  assert.deepEqual(await refusal('127.0.0.9'), [503, 'busy']);
  for (const answer of held) answer.destroy();
  await until(async () => {
    const answer = await asked('127.0.0.1');
    answer.destroy();
    return answer.statusCode === 200;
  });
});

test('GET /api/top/... ranks hosts, sources and users, most attempts first', async () => {
  type Ranks = Record<string, Record<string, unknown>[]>;
  const until = `until=${at(-1_000)}`;
  const { hosts } = await ok<Ranks>(`/api/top/hosts?${until}`);
  assert.deepEqual(
    hosts?.map(({ host }) => host),
    ['web', 'relayed'],
  );
  const { sources } = await ok<Ranks>(`/api/top/sources?${until}&since=24h`);
  assert.deepEqual(
    sources?.map(({ ip, attempts, probes, hosts: met, users: tried }) => [ip, attempts, probes, met, tried]),
    [
      ['203.0.113.7', 2, 0, 2, 2],
      ['198.51.100.9', 0, 1, 1, 0],
    ],
  );
  assert.equal(sources?.[0]?.['firstSeen'], at(60_000));
  assert.equal((await ok<Ranks>('/api/top/users?limit=1'))['users']?.[0]?.['user'], 'root');
});

test('GET /api/top/networks has the addresses of one IPv6 network as one, and how many different hosts and users they tried', async () => {
  const own = new Served();
  await own.open();
  try {
    const one = (ip: string, user: string, more = {}): SentEvent => ({ ...failed, ip, user, ...more });
    await own.store([
      one('2001:db8:1:2::a', 'root'),
      one('2001:db8:1:2::a', 'admin', { at: at(60_000) }),
      one('2001:db8:1:2:ffff::b', 'admin', { host: 'db' }),
      one('2001:db8:1:2:ffff::b', 'mira', { outcome: 'accepted' }),
      one('192.0.2.1', 'root'),
      one('192.0.2.1', 'root'),
      one('2001:db8:9::1', 'root', { outcome: 'probe', method: null }),
    ]);
    type Row = Record<string, unknown> & { busiest: Record<string, unknown>[] };
    const { body } = await own.ask<{ networks: Row[]; error: number }>('/api/top/networks');
    assert.equal(body.error, 0);
    assert.deepEqual(
      body.networks.map(({ network, attempts, failed: wrong, probes, hosts, users: tried, addresses, busiest }) => [
        ...[network, attempts, wrong, probes, hosts, tried, addresses],
        busiest.map(({ ip, attempts: each, hosts: met, users: names }) => [ip, each, met, names]),
      ]),
      [
        [
          ...['2001:db8:1:2::/64', 4, 3, 0, 2, 3, 2],
          [
            ['2001:db8:1:2::a', 2, 1, 2],
            ['2001:db8:1:2:ffff::b', 2, 2, 2],
          ],
        ],
        ['192.0.2.1', 2, 2, 0, 1, 1, 1, []],
        ['2001:db8:9::1', 0, 0, 1, 1, 1, 1, []],
      ],
    );
    assert.equal(body.networks[0]?.['firstSeen'], at(60_000));
    assert.equal((await own.ask<{ networks: Row[] }>('/api/top/networks?limit=1')).body.networks.length, 1);
  } finally {
    await own.close();
  }
});

test('GET /api/timeline has every step, also the empty ones, of the whole or of one host', async () => {
  type Timeline = { step: number; points: { at: string; accepted: number; failed: number; probes: number }[] };
  const span = `since=${at(120_000)}&until=${at(-60_000)}`;
  const { step, points } = await ok<Timeline>(`/api/timeline?${span}&step=60s`);
  assert.equal(step, 60);
  assert.deepEqual(
    points.map(({ failed: wrong, probes }) => [wrong, probes]),
    [
      [0, 0],
      [1, 1],
      [1, 0],
    ],
  );
  const relayed = await ok<Timeline>(`/api/timeline?${span}&step=60s&host=relayed`);
  assert.deepEqual(
    relayed.points.map(({ failed: wrong }) => wrong),
    [0, 1, 0],
  );
  assert.equal((await ok<Timeline>(`/api/timeline?since=${at(3 * DAY)}&step=1h`)).step, 3_600);
  assert.equal((await ok<Timeline>(`/api/timeline?since=${at(3 * DAY)}&step=1d`)).step, 86_400);
  assert.equal(
    (await ok<Timeline>('/api/timeline?host=none')).points.every(({ failed: wrong }) => wrong === 0),
    true,
  );
});

test('GET /api/ledger has a row for each agent with sums that fit, and GET /api/alerts a page', async () => {
  const { agents, totals } = await ok<{ agents: Record<string, unknown>[]; totals: Record<string, unknown> }>(
    '/api/ledger',
  );
  for (const name of ['agent', 'host', 'connected', 'stored', 'repeats', 'gaps', 'declaredLost', 'lastSeq', 'state'])
    assert.ok(name in (agents[0] ?? {}), name);
  assert.equal(totals['stored'], agents[0]?.['stored']);
  const { alerts, next } = await ok('/api/alerts?open=true&since=24h&limit=10');
  assert.ok(Array.isArray(alerts));
  assert.equal(next, null);
});

test('a wrong parameter gets 400 and its name', async () => {
  const LISTS = [
    '/api/hosts',
    '/api/events',
    '/api/top/hosts',
    '/api/top/sources',
    '/api/top/users',
    '/api/top/networks',
    '/api/alerts',
    '/api/ledger',
  ];
  const SPANS = [
    '/api/summary',
    '/api/events',
    '/api/top/hosts',
    '/api/top/sources',
    '/api/top/users',
    '/api/top/networks',
    '/api/timeline',
  ];
  const wrong: [path: string, name: string][] = [
    ...LISTS.flatMap((path) =>
      ['0', '1001', '-1', '1.5', 'ten', '', '1e3'].map((v): [string, string] => [`${path}?limit=${v}`, 'limit']),
    ),
    ...SPANS.flatMap((path) =>
      ['since', 'until'].flatMap((name) =>
        ['yesterday', '', '2026-13-01', '24', '5y', '2026-11-23T25:00:00Z', '%00', '99999999999999d'].map(
          (v): [string, string] => [`${path}?${name}=${v}`, name],
        ),
      ),
    ),
    ...['', 'x', '1', '1.2.3', "1.'", '%F0%9F%92%A5'].map((v): [string, string] => [
      `/api/events?cursor=${v}`,
      'cursor',
    ]),
    ['/api/events?outcome=lost', 'outcome'],
    ...['2001:db8::/15', '2001:db8::/640', '2001:db8::/64/64', '203.0.113.0/7', '::ffff:192.0.2.1/64', 'web/64'].map(
      (ip): [string, string] => [`/api/events?ip=${ip}`, 'ip must be an address such as 203.0.113.7, or a network'],
    ),
    ...['999.1.1.1', 'foo', '203.0.113', '::1::', '1.2.3.4%eth0%'].map((ip): [string, string] => [
      `/api/events?ip=${ip}`,
      'ip',
    ]),
    ['/api/events?method=bogus', 'method'],
    ['/api/stream?method=bogus', 'method'],
    ['/api/stream?ip=foo', 'ip'],
    ['/api/stream?hots=web', 'hots'],
    ['/api/summary?since=1h&until=2h', 'since must be before until'],
    ['/api/events?since=2026-02-30', 'since'],
    ['/api/events?since=14880000w', 'since'],
    ['/api/events?until=9999-12-31T23:59-12:00', 'until'],
    ['/blocklist.txt?format=csv', 'format'],
    ['/api/channels?x=1', 'x must be left out: this path takes no parameter'],
    ['/api/events?format=xml', 'format'],
    ['/api/events?host=a&host=b', 'host'],
    [`/api/events?user=${'x'.repeat(1_025)}`, 'user'],
    ['/api/events?usr=root', 'usr'],
    ['/api/timeline?step=5m', 'step'],
    [`/api/timeline?step=60s&since=${at(30 * DAY)}`, 'step'],
    ['/api/alerts?open=maybe', 'open'],
    ['/api/hosts?constructor=1', 'constructor'],
  ];
  for (const [path, name] of wrong) {
    const { status, body } = await served.ask<Fault>(path);
    assert.equal(status, 400, `${path}: ${JSON.stringify(body)}`);
    assert.equal(body.error, 'bad_request', path);
    assert.ok(body.message.includes(name), `${path}: ${body.message}`);
  }
  assert.equal((await served.ask('/api/nothing')).status, 404);
  assert.deepEqual(Object.keys((await served.ask('/api/nothing')).body), ['error', 'message']);
});

test('an address is one source in all its spellings', async () => {
  assert.deepEqual(await users('ip=::ffff:203.0.113.7&user=root'), await users('ip=203.0.113.7&user=root'));
  assert.deepEqual(await users('ip=2001:DB8:0::7'), ['mira']);
});

test('a wrong method on a known path is 405 and says which there are, a wrong body has the shape of every error', async () => {
  for (const [method, path, allow] of [
    ['POST', '/api/hosts', 'GET, HEAD'],
    ['DELETE', '/api/alerts/x', 'GET, HEAD'],
    ['GET', '/api/alerts/x/acknowledge', 'POST'],
    ['PUT', '/metrics', 'GET, HEAD'],
  ] as const) {
    const response = await fetch(`${served.page}${path}`, { method });
    assert.equal(response.status, 405, path);
    assert.equal(response.headers.get('allow'), allow);
    assert.deepEqual(await response.json(), { error: 'method_not_allowed', message: `this path takes ${allow}` });
  }
  const acknowledge = (type: string, body: string): Promise<Response> =>
    fetch(`${served.page}/api/alerts/x/acknowledge`, { method: 'POST', headers: { 'content-type': type }, body });
  for (const [type, body, status, error] of [
    ['text/csv', 'by', 415, 'unsupported_media_type'],
    ['application/json', '{', 400, 'bad_request'],
    ['application/json', '[]', 400, 'bad_request'],
    ['application/json', '{"by":" "}', 400, 'bad_request'],
    ['application/json', '{"by":"mira","to":"x"}', 400, 'bad_request'],
    ['application/json', `{"by":"${'x'.repeat(5_000)}"}`, 413, 'too_large'],
    ['application/json', '{"by":"mira"}', 404, 'not_found'],
  ] as const) {
    const response = await acknowledge(type, body);
    const answer = (await response.json()) as Fault;
    assert.deepEqual(
      [response.status, answer.error, typeof answer.message],
      [status, error, 'string'],
      body.slice(0, 40),
    );
  }
});

test('answers are packed where the client takes it, and no cache keeps what holds names', async () => {
  const path = `${served.page}/api/events?limit=1000`;
  const packed = await fetch(path, { headers: { 'accept-encoding': 'gzip' } });
  assert.equal(packed.headers.get('content-encoding'), 'gzip');
  assert.equal(packed.headers.get('cache-control'), 'no-store');
  const plain = await fetch(path, { headers: { 'accept-encoding': 'identity' } });
  assert.equal(plain.headers.get('content-encoding'), null);
  assert.equal(plain.headers.get('vary'), 'accept-encoding');
  assert.deepEqual(await packed.json(), await plain.json());
});

test('GET /api/stream gives only what its filter takes, from the store and as it comes', async () => {
  const own = new Served();
  await own.open();
  const stop = new AbortController();
  try {
    const one = (user: string, more = {}): SentEvent => ({ ...failed, user, ...more });
    await own.store([one('a'), one('b', { host: 'db' })]);
    const read = async (query: string): Promise<() => string> => {
      const headers = { 'last-event-id': '0' };
      const response = await fetch(`${own.page}/api/stream?${query}`, { headers, signal: stop.signal });
      let text = '';
      const decoder = new TextDecoder();
      void (async () => {
        for await (const chunk of response.body ?? []) text += decoder.decode(chunk as Uint8Array);
      })().catch(() => {});
      return () => text;
    };
    const heard = await Promise.all(
      ['host=db', 'user=c', 'ip=2001:db8::/32', 'outcome=accepted', 'method=publickey', ''].map(read),
    );
    await own.store([
      one('c'),
      one('d', { host: 'db', method: 'publickey' }),
      one('e', { ip: '2001:db8::9', outcome: 'accepted' }),
    ]);
    await until(() => heard.at(-1)?.().includes('"user":"e"') ?? false);
    const names = (): string[] =>
      heard.map((text) =>
        [...text().matchAll(/^event: event\ndata: .*"user":"(\w)"/gm)].map(([, name]) => name).join(''),
      );
    await until(
      () => names().join(' ') === 'bd c e e d abcde',
      () => names().join(' '),
    );
  } finally {
    stop.abort();
    await own.close();
  }
});

test('an answer has 100 rows unless asked for more, and 1,000 at most', async () => {
  await served.store(Array.from({ length: 1_100 }, (_, i) => ({ ...failed, at: at(20 * DAY + i), user: `u${i}` })));
  for (const [path, list] of [
    ['/api/events', 'events'],
    ['/api/top/users', 'users'],
  ] as const)
    for (const [query, rows] of [
      ['', 100],
      ['?limit=1000', 1_000],
    ] as const) {
      let length: number | undefined;
      // Asked for before they were stored: an expensive result is given again for a while.
      await until(
        async () => {
          length = (await ok<Record<string, unknown[]>>(path + query))[list]?.length;
          return length === rows;
        },
        () => `${length} rows, not ${rows}: ${path}${query}`,
      );
    }
});

test('every route that others rely on is described at /api/docs', async () => {
  const { paths } = await ok<{ paths: Record<string, { get?: { summary?: string } }> }>('/api/docs/json');
  for (const path of [
    ...[
      '/api/summary',
      '/api/hosts',
      '/api/events',
      '/api/top/hosts',
      '/api/top/sources',
      '/api/top/users',
      '/api/timeline',
    ],
    ...[
      '/api/alerts',
      '/api/ledger',
      '/api/stream',
      '/api/unknown',
      '/api/gaps',
      '/metrics',
      '/healthz',
      '/readyz',
      '/blocklist.txt',
    ],
  ])
    assert.ok(paths[path]?.get?.summary, path);
  assert.equal((await fetch(`${served.page}/api/docs`)).status, 200);
});

test('with a password everything but the health checks asks for it', async () => {
  const closed = new Served();
  await closed.open({ ALPHASERVER_HTTP_PASSWORD: 'correct horse' });
  try {
    const basic = (password: string) => ({
      authorization: `Basic ${Buffer.from(`anyone:${password}`).toString('base64')}`,
    });
    for (const path of ['/', '/api/summary', '/api/stream', '/metrics', '/blocklist.txt', '/api/docs/json']) {
      const { status, headers } = await fetch(`${closed.page}${path}`);
      assert.equal(status, 401, path);
      assert.match(String(headers.get('www-authenticate')), /^Basic realm="asgard"/);
    }
    for (const wrong of [basic('wrong'), basic(''), { authorization: 'Basic !' }, { authorization: 'Bearer x' }])
      assert.equal((await closed.ask('/api/summary', wrong)).status, 401, JSON.stringify(wrong));
    assert.equal((await closed.ask('/api/summary', basic('correct horse'))).status, 200);
    for (const path of ['/healthz', '/readyz']) assert.equal((await closed.ask(path)).status, 200, path);
  } finally {
    await closed.close();
  }
});

test('when the thread that reads dies, its questions get 503, the next are answered, and storing goes on', async () => {
  const frail = new Served();
  await frail.open();
  const workers: Worker[] = [];
  const made = (message: unknown): void => void workers.push((message as { worker: Worker }).worker);
  try {
    await frail.store([failed]);
    // Only the thread that reads is started by a question.
    subscribe('worker_threads', made);
    assert.equal((await frail.ask('/api/summary')).status, 200);
    const [reading] = workers;
    assert.ok(reading, 'a question starts the thread');
    const asked = Array.from({ length: 40 }, (_, n) => frail.ask<Fault>(`/api/top/users?limit=${n + 1}`));
    // Once the requests are on their way.
    await new Promise((later) => setTimeout(later, 5));
    const [answers] = await Promise.all([Promise.all(asked), reading.terminate(), frail.store([failed])]);
    for (const { status, body } of answers) {
      if (status !== 200) assert.deepEqual([status, body.error], [503, 'unavailable'], JSON.stringify(body));
    }
    await until(async () => (await frail.ask('/api/summary')).body['attempts'] === 2);
  } finally {
    unsubscribe('worker_threads', made);
    await frail.close();
  }
});
