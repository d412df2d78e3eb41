/** The page's own thinking, without a browser. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SOURCE_SKETCH } from '../../../../alphaserver/rollups/schema.ts';
import { ESTIMATED_FROM, estimated, size } from '../../../../alphaserver/web/page/count.js';
import { escaped, escapedText, SHOWN_LIMIT } from '../../../../alphaserver/web/page/escaped.js';
import { coarser, countsOf, networksOf, pointsOf, topOf } from '../../../../alphaserver/web/page/event-counts.js';
import { groupsOf as eventGroups } from '../../../../alphaserver/web/page/event-list.js';
import { healthWords } from '../../../../alphaserver/web/page/health.js';
import {
  isWithin,
  networkOf,
  networkText,
  readNetwork,
  widerNetwork,
} from '../../../../alphaserver/web/page/network.js';
import { moment } from '../../../../alphaserver/web/page/time.js';
import { concernsOf, verdictOf } from '../../../../alphaserver/web/page/verdict.js';
import {
  addressOf,
  isInView,
  timeParameters,
  timeSpan,
  timeWords,
  viewOf,
} from '../../../../alphaserver/web/page/view.js';
import {
  isWithin as serverIsWithin,
  networkOf as serverNetworkOf,
  readNetwork as serverReadNetwork,
} from '../../../../service/ip-network.ts';
import { Random } from '../../../demo/random.ts';

const MINUTE_MS = 60_000;
const NOW_MS = Date.UTC(2026, 10, 23, 12);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const event = (id: number, more: object = {}) =>
  ({
    id,
    at: new Date(Date.UTC(2026, 10, 23, 12) + id * 20_000).toISOString(),
    storedAt: '2026-11-23T19:46:01.200Z',
    agent: 'a',
    host: 'h1',
    outcome: 'failed',
    method: 'password',
    user: 'root',
    invalidUser: false,
    ip: '192.0.2.1',
    port: 1,
    ...more,
  }) as Parameters<typeof countsOf>[0][number];

describe('text from outside', () => {
  it('is shown as it is where it is harmless, in any script', () => {
    for (const text of ['root', '<b>x</b>', 'jürgen', 'ユーザー', 'مدير', "a' or '1'='1", 'a b'])
      assert.equal(escapedText(text), text);
  });

  it('has what does not show, or steers how the rest shows, written out', () => {
    assert.equal(escapedText('admin\u202etoor'), 'admin\\u202etoor');
    assert.equal(escapedText('\u001b[31mroot'), '\\u001b[31mroot');
    assert.equal(escapedText('a\u200bb\u00adc\u00a0d'), 'a\\u200bb\\u00adc\\u00a0d');
    assert.equal(escapedText('\u{e0041}'), '\\u{e0041}');
    assert.equal(escapedText(' root '), '\\u0020root\\u0020');
    assert.equal(escapedText('\ud800'), '\\ud800');
    assert.equal(escapedText(''), '(empty)');
  });

  it('tells what was written out from the same characters in the name', () => {
    assert.deepEqual(escaped('\\u202e'), [{ text: '\\u202e', escaped: false }]);
    assert.deepEqual(escaped('\u202e'), [{ text: '\\u202e', escaped: true }]);
  });

  it('is bounded', () => {
    assert.equal(escapedText('x'.repeat(SHOWN_LIMIT + 7)), `${'x'.repeat(SHOWN_LIMIT)} and 7 more`);
  });
});

describe('IPv6 networks', () => {
  it('are those that the server knows, however an address is written', () => {
    const random = new Random(SEED);
    const group = (): string => (random.chance(0.4) ? '0' : random.whole(1, 0xffff).toString(16));
    const given = ['fe80::1%eth0', '::1', '192.0.2.1', '::ffff:192.0.2.1', 'nonsense:x', '', '2001:DB8::1', '::'];
    for (let i = 0; i < 2_000; i += 1) {
      const groups = Array.from({ length: 8 }, group);
      given.push(groups.join(':'), groups.join(':').replace(/(^|:)0(:0)+(:|$)/, '::'));
    }
    for (const ip of given) assert.equal(networkOf(ip), serverNetworkOf(ip), `${ip} (SEED=${SEED})`);
  });

  it('of any length are those that the server reads, and hold the same addresses', () => {
    const random = new Random(SEED);
    const group = (): string => (random.chance(0.5) ? '0' : random.whole(0, 3).toString(16));
    const address = (): string =>
      random.chance(0.5)
        ? `203.0.${random.whole(0, 3)}.${random.whole(0, 256)}`
        : `2001:${Array.from({ length: 7 }, group).join(':')}`.replace(/:0(:0)+(:|$)/, '::');
    for (const wrong of ['', '/', '1.2.3.4/', '1.2.3.4/8/8', '::ffff:1.2.3.4/96', '10.0.0.0/7', '2001::/15'])
      assert.equal(readNetwork(wrong), serverReadNetwork(wrong), wrong);
    for (let i = 0; i < 2_000; i += 1) {
      const given = `${address()}/${random.whole(0, 129)}`;
      const [own, server] = [readNetwork(given), serverReadNetwork(given)];
      assert.equal(own && networkText(own), server?.text ?? null, `${given} (SEED=${SEED})`);
      if (server === null) continue;
      for (const other of [address(), address(), `${address()}/64`, '::ffff:203.0.1.7', 'nonsense'])
        assert.equal(isWithin(server.text, other), serverIsWithin(server, other), `${given} ${other} (SEED=${SEED})`);
    }
  });

  it('are reached from a source, each wider than the one before', () => {
    for (const [source, wider] of [
      ['203.0.113.7', '203.0.113.0/24'],
      ['203.0.113.0/24', '203.0.0.0/16'],
      ['203.0.0.0/12', '203.0.0.0/8'],
      ['203.0.0.0/8', null],
      ['2001:db8:1:2::3', '2001:db8:1:2::/64'],
      ['2001:db8:1:2::/64', '2001:db8:1::/48'],
      ['2001:db8::/32', null],
      ['unknown', null],
    ] as const)
      assert.equal(widerNetwork(source), wider, source);
  });
});

describe('counts over events', () => {
  const events = [
    event(1),
    event(2, { user: 'git', outcome: 'accepted' }),
    event(3, { user: null, outcome: 'probe' }),
    event(10),
  ];

  it('are those of each outcome, and of each value', () => {
    assert.deepEqual(countsOf(events), { attempts: 3, accepted: 1, failed: 2, probes: 1 });
    assert.deepEqual(
      topOf(events, 'user').map(({ user, attempts }) => [user, attempts]),
      [
        ['root', 2],
        ['git', 1],
      ],
    );
  });

  it('have the addresses of one IPv6 network as one source, with the busiest of them', () => {
    const rows = networksOf([
      event(1, { ip: '2001:db8::a', user: 'root' }),
      event(2, { ip: '2001:db8::b', user: 'git', host: 'h2' }),
      event(3, { ip: '2001:db8::b', user: 'root' }),
      event(4, { ip: '2001:db8:1::c' }),
      event(5),
      event(6, { ip: null }),
    ]);
    assert.deepEqual(
      rows.map(({ network, attempts, hosts, users, addresses, busiest }) => [
        ...[network, attempts, hosts, users, addresses],
        busiest.map(({ ip, attempts: each }) => [ip, each]),
      ]),
      [
        [
          ...['2001:db8::/64', 3, 2, 2, 2],
          [
            ['2001:db8::b', 2],
            ['2001:db8::a', 1],
          ],
        ],
        ['2001:db8:1::c', 1, 1, 1, 1, []],
        ['192.0.2.1', 1, 1, 1, 1, []],
      ],
    );
  });

  it('by time keep every event and every empty step, and stay the same when steps are put together', () => {
    const fromMs = Date.UTC(2026, 10, 23, 12);
    const points = pointsOf(events, { fromMs, toMs: fromMs + 10 * MINUTE_MS }, MINUTE_MS);
    assert.equal(points.length, 10);
    const wide = coarser(points, 5 * MINUTE_MS);
    assert.deepEqual(
      wide.map(({ failed, accepted, probes }) => [failed, accepted, probes]),
      [
        [2, 1, 1],
        [0, 0, 0],
      ],
    );
  });
});

describe('the address bar', () => {
  it('says a view and is read back as the same view', () => {
    const view = viewOf(new URLSearchParams('range=7d&host=web-1&user=a%26b%3D%3F'), NOW_MS);
    assert.equal(view.user, 'a&b=?');
    assert.deepEqual(viewOf(new URL(addressOf(view, {}), 'http://x').searchParams, NOW_MS), view);
    assert.equal(addressOf(view, { host: null, user: null, range: '24h' }), '/');
  });

  it('says which events are within the view, those of an IPv6 network too', () => {
    const within = (query: string, ip: string | null): boolean =>
      isInView(viewOf(new URLSearchParams(query), NOW_MS), { host: 'web', ip, user: 'root' });
    assert.ok(within('', null));
    assert.ok(within('ip=2001:db8::1&user=root&host=web', '2001:db8::1'));
    assert.ok(!within('ip=2001:db8::1', '2001:db8::2'));
    assert.ok(within('ip=2001:db8::/64', '2001:db8::2'));
    assert.ok(!within('ip=2001:db8::/64', '2001:db8:0:1::2'));
    assert.ok(!within('ip=2001:db8::/64', null));
    assert.ok(!within('ip=2001:db8::/64&user=mira', '2001:db8::2'));
  });

  it('takes a time as the API does: a span back from now, a time until now, and one between two times', () => {
    const view = (query: string) => viewOf(new URLSearchParams(query), NOW_MS);
    const span = (query: string) => timeSpan(view(query), NOW_MS);
    assert.deepEqual(span('since=7d'), span('range=7d'));
    assert.deepEqual(span('since=90s'), { fromMs: NOW_MS - 90_000, toMs: NOW_MS });
    assert.deepEqual(span('since=2d&until=1h'), { fromMs: NOW_MS - 172_800_000, toMs: NOW_MS - 3_600_000 });
    assert.equal(timeWords(view('range=10000h')), 'the last 10000 hours');
    assert.deepEqual(span('range=3h'), { fromMs: NOW_MS - 10_800_000, toMs: NOW_MS });
    assert.equal(timeWords(view('range=1d')), 'the last day');
    const since = '2026-11-23T11:00:00Z';
    assert.deepEqual(span(`since=${since}`), { fromMs: Date.parse(since), toMs: NOW_MS });
    assert.deepEqual(timeParameters(view(`since=${since}`)), { since: '2026-11-23T11:00:00.000Z' });
    assert.equal(addressOf(view(`since=${since}&host=a`), { host: null }), '/?since=2026-11-23T11%3A00%3A00.000Z');
    assert.deepEqual(span(`since=2026-11-22&until=${since}`), {
      fromMs: Date.parse('2026-11-22'),
      toMs: Date.parse(since),
    });
  });

  it('says what of a time cannot be used, and shows nothing else in its place', () => {
    const fault = (query: string) => viewOf(new URLSearchParams(query), NOW_MS).fault;
    assert.match(fault('range=constructor') ?? '', /^range must be a span .* and not constructor$/);
    assert.match(fault('range=0h') ?? '', /^range /);
    assert.match(fault('range=999999999w') ?? '', /^range /);
    assert.equal(fault('since=1h&until=2d'), 'since must be before until');
    assert.equal(fault('since=2026-11-23T12:00:00Z&until=2026-11-22'), 'since must be before until');
    assert.match(fault('since=x&until=2026-11-22') ?? '', /^since must be a time .* and not x$/);
    assert.match(fault('until=2026-11-22') ?? '', /^since must be a time .* and not left out$/);
    assert.match(fault('since=2026-11-22&until=y') ?? '', /^until must be a time .* and not y$/);
    assert.equal(fault('range=7d&host=web'), null);
  });
});

describe('the state of a host', () => {
  it('is shown in words, with what the agent reports where nobody looks', () => {
    const words = (state: string, coverage: string, connected = true): string =>
      healthWords({ connected, state, coverage } as Parameters<typeof healthWords>[0], NOW_MS);
    assert.equal(words('caught up', 'live'), 'watching');
    assert.equal(words('behind by 1200 bytes', 'late'), 'behind by 1.2 kB');
    assert.equal(words('unknown', 'late'), 'connected, no report yet');
    assert.equal(words('log missing', 'blind'), 'not looking: log missing');
    assert.equal(words('caught up', 'blind', false), 'not connected');
    assert.equal(words('agent silent since 2026-11-23T10:00:00Z', 'blind', false), 'silent for 2 h');
    assert.equal(words('a state of later', 'blind'), 'not looking: a state of later');
  });
});

describe('the answer in words', () => {
  type Alert = Parameters<typeof concernsOf>[0][number];
  const alert = (id: string, more: object = {}) =>
    ({
      id,
      rule: 'brute-force',
      severity: 'warning',
      openedAt: '2026-11-23T11:00:00.000Z',
      lastAt: '2026-11-23T11:30:00.000Z',
      closedAt: null,
      acknowledgedAt: null,
      acknowledgedBy: null,
      ...more,
    }) as Alert;
  const BLIND = ['log missing', 'outbox full'];
  /** What is shown of incidents that count, of others, and of hosts in these states. */
  const verdict = (
    ...[because, others = [], states = ['caught up'], query = '', more = {}, grounds = {}]: [
      Alert[],
      Alert[]?,
      string[]?,
      string?,
      object?,
      object?,
    ]
  ) => {
    const amounts = { attempts: 12, accepted: 2, failed: 10, probes: 0, hosts: 1, sources: 1, users: 1, ...more };
    const hosts = states.map((state, i) => {
      const coverage = BLIND.includes(state) ? 'blind' : state.startsWith('behind') ? 'late' : 'live';
      return { host: `h${i + 1}`, connected: true, state, coverage };
    });
    const blind = hosts.filter(({ coverage }) => coverage === 'blind').length;
    const late = hosts.filter(({ coverage }) => coverage === 'late').length;
    const critical = because.some(({ severity, acknowledgedAt }) => severity === 'critical' && acknowledgedAt === null);
    const quiet = blind + late === hosts.length ? 'unknown' : 'quiet';
    const fleet = {
      state: critical ? 'breach' : because.length > 0 ? 'attack' : quiet,
      coverage: { live: hosts.length - blind - late, late, blind },
    };
    const concerns = concernsOf(because, others);
    const past = query === '' ? null : { ...amounts, where: ['h1'] };
    const rest = { more: false, doubt: null, past, known: false, sessions: [], decided: [], ...grounds };
    const part = { concerns, amounts, hosts, fleet: query === '' ? fleet : null, ...rest };
    return verdictOf(
      part as unknown as Parameters<typeof verdictOf>[0],
      viewOf(new URLSearchParams(query), NOW_MS),
      NOW_MS,
    );
  };
  const over = { closedAt: '2026-11-23T11:45:00.000Z' };
  const breakIn = { rule: 'break-in', severity: 'critical', trust: 'journal', evidence: [1] };

  it('is quiet where everybody looks and nothing stands out', () => {
    const { state, title, why, blind } = verdict([], [alert('a', over)]);
    assert.deepEqual([state, title, blind], ['quiet', 'All quiet', []]);
    assert.match(
      why,
      /^2 logins and 10 failed attempts in the last 24 hours\. 1 incident in the last 24 hours is over\.$/,
    );
    assert.match(verdict([]).why, /^2 logins and 10 failed attempts in the last 24 hours, nothing that stands out\.$/);
  });

  it('tells not looking from quiet', () => {
    const some = verdict([], [], ['caught up', 'log missing']);
    assert.deepEqual([some.state, some.title], ['quiet', 'All quiet on 1 of 2 hosts']);
    assert.deepEqual(some.blind, [{ host: 'h2', words: 'not looking: log missing' }]);
    const none = verdict([], [], ['log missing', 'outbox full']);
    assert.deepEqual([none.state, none.title], ['unknown', 'No host is watched']);
    const unwatched = verdict([], [], ['caught up', 'log missing'], 'host=h2');
    assert.deepEqual([unwatched.state, unwatched.title], ['unknown', 'Not watched']);
    assert.equal(verdict([], [], ['caught up', 'log missing'], 'host=h1').title, 'No incident here');
    assert.equal(verdict([], [], ['log missing'], 'ip=192.0.2.1').title, 'No incident here');
  });

  it('tells quiet from a log that is not read up to now', () => {
    const behind = 'behind by 5400000000 bytes';
    const some = verdict([], [], ['caught up', behind, 'log missing']);
    assert.deepEqual([some.state, some.title], ['quiet', 'All quiet on 1 of 3 hosts']);
    assert.deepEqual(some.late, [{ host: 'h2', words: 'behind by 5.4 GB' }]);
    const none = verdict([], [], [behind, behind]);
    assert.deepEqual([none.state, none.title], ['unknown', 'No host is up to date']);
    assert.equal(verdict([], [], [behind, 'log missing']).title, 'No host is up to date');
    const one = verdict([], [], ['caught up', behind], 'host=h2');
    assert.deepEqual([one.state, one.title], ['unknown', 'Not up to date']);
    assert.equal(verdict([], [], ['caught up', behind], 'host=h1').title, 'No incident here');
    // What is known stays: the delay hides no attack.
    assert.equal(verdict([alert('a')], [], [behind]).title, 'Under attack');
  });

  it('does not call quiet what nothing is known of', () => {
    const nothing = { attempts: 0, accepted: 0, failed: 0, probes: 0 };
    const of = (query: string, more = {}) => {
      const { state, title } = verdict([], [], ['caught up'], query, more);
      return [state, title];
    };
    assert.deepEqual(of('host=nope'), ['nothing', 'Nothing is known of this host']);
    assert.deepEqual(of('ip=192.0.2.77', nothing), ['nothing', 'Nothing is known of this source']);
    assert.deepEqual(of('user=nobody', nothing), ['nothing', 'Nothing is known of this user']);
    assert.deepEqual(of('host=h1', nothing), ['quiet', 'No incident here']);
  });

  it('says what somebody did whose incident is over, and not that there was nothing', () => {
    const { state, title, why } = verdict([], [alert('a', over)], undefined, 'ip=192.0.2.1', {
      ...{ accepted: 0, failed: 3_171 },
    });
    assert.deepEqual([state, title], ['over', `Over since ${moment('2026-11-23T11:45:00.000Z', NOW_MS)}`]);
    const [from, to] = ['2026-11-23T11:00:00.000Z', '2026-11-23T11:30:00.000Z'].map((at) => moment(at, NOW_MS));
    const since = moment('2026-11-23T11:45:00.000Z', NOW_MS);
    assert.equal(why, `3,171 failed logins on h1 from ${from} to ${to}, over since ${since}.`);
    assert.equal(
      verdict([], [alert('a', { ...over, severity: 'notice' })], undefined, 'ip=192.0.2.1').title,
      'No incident here',
    );
  });

  it('says that an intruder is still in, though nothing new came and somebody has looked at it', () => {
    const seen = { acknowledgedAt: '2026-11-23T11:50:00.000Z', acknowledgedBy: 'mira' };
    const past = alert('a', { ...breakIn, ...over, ...seen, source: '203.0.113.9', host: 'h1', user: 'root' });
    const begun = '2026-11-23T11:20:00.000Z';
    const session = { ip: '203.0.113.9', host: 'h1', user: 'root', followed: true, since: begun };
    const of = (query: string, ...sessions: object[]) => verdict([], [past], undefined, query, {}, { sessions });
    const since = moment('2026-11-23T11:45:00.000Z', NOW_MS);
    for (const query of ['ip=203.0.113.9', 'host=h1', 'user=root']) {
      const { state, title, why } = of(query, session);
      assert.deepEqual([state, title], ['attack', 'Still in'], query);
      assert.match(why, new RegExp(`, nothing new since ${since}\\. 1 session is still open\\.$`));
      assert.equal(of(query).title, `Over since ${since}`);
    }
    // Who else is in on the host, comes from elsewhere, or has come since the incident, is no intruder.
    const later = { since: '2026-11-23T11:46:00.000Z' };
    for (const more of [{ ip: '192.0.2.17' }, { host: 'h2' }, { user: 'mira' }, { ip: null }, later])
      assert.equal(of('host=h1', { ...session, ...more }).state, 'over', JSON.stringify(more));
    const perhaps = of('ip=203.0.113.9', { ...session, followed: false });
    assert.equal(perhaps.title, 'Perhaps still in');
    assert.match(perhaps.why, / 1 session may still be open\.$/);
    // A network that the incident names has its addresses.
    const wide = { ...past, source: '2001:db8:0:7::/64' } as Alert;
    const inside = { ...session, ip: '2001:db8:0:7::1' };
    assert.equal(verdict([], [wide], undefined, 'host=h1', {}, { sessions: [inside] }).title, 'Still in');
    // One that is silenced, and open.
    const silenced = { ...past, closedAt: null } as Alert;
    const quiet = verdict([], [silenced], undefined, 'ip=203.0.113.9', {}, { sessions: [session] });
    assert.deepEqual([quiet.state, quiet.title], ['attack', 'Still in']);
    assert.match(of('', session, session).why, /\. 2 sessions of critical incidents are still open\.$/);
    const unseen = { ...past, acknowledgedAt: null } as Alert;
    assert.match(
      verdict([unseen], [], undefined, '', {}, { sessions: [session] }).why,
      /to look at now\. 1 session of/,
    );
  });

  it('says that an incident is silenced, and not that it is to be looked at or that nothing stands out', () => {
    const decided = [{ kind: 'silence', rule: null, host: null, source: '203.0.113.0/24', holds: true }];
    const critical = alert('a', { ...breakIn, source: '203.0.113.9' });
    for (const one of [critical, { ...critical, ...over }] as Alert[]) {
      const { state, title, why } = verdict([], [one], undefined, '', {}, { decided });
      assert.deepEqual([state, title], ['quiet', 'All quiet']);
      assert.equal(why, '2 logins and 10 failed attempts in the last 24 hours. 1 incident is silenced.');
    }
    const here = verdict([], [critical], undefined, 'ip=203.0.113.9', {}, { decided });
    assert.equal(here.title, 'Silenced');
    assert.match(here.why, / 1 incident is silenced\.$/);
    const others = [{ ...critical, source: '198.51.100.1' } as Alert];
    assert.match(verdict([], others, undefined, '', {}, { decided }).why, /^1 incident to look at; /);
  });

  it('gives no green light that the server cannot vouch for', () => {
    const doubt = 'The rules are 14 s behind what is stored';
    const { state, title, why } = verdict(
      [],
      [],
      undefined,
      '',
      {},
      { doubt, fleet: { state: 'unknown', coverage: { live: 1, late: 0, blind: 0 } } },
    );
    assert.deepEqual([state, title], ['unknown', 'Not known now']);
    assert.match(why, /^The rules are 14 s behind what is stored: there may be more\. /);
    assert.equal(verdict([], [], undefined, 'ip=192.0.2.1', {}, { doubt }).state, 'unknown');
    assert.equal(verdict([], [alert('a', over)], undefined, 'ip=192.0.2.1', {}, { doubt }).state, 'unknown');
    assert.equal(verdict([alert('a', breakIn)], [], undefined, '', {}, { doubt }).title, 'Someone got in');
  });

  it('is an attack while one goes on, and not for what is merely worth a look', () => {
    assert.equal(verdict([alert('a')]).title, 'Under attack');
    assert.equal(verdict([], [alert('a', { rule: 'agent-silent' })]).state, 'quiet');
    assert.match(verdict([], [alert('a', { rule: 'agent-silent' })]).why, /1 incident to look at/);
  });

  it('is a break-in until somebody has acknowledged it, though it be over', () => {
    assert.equal(verdict([alert('a'), alert('b', breakIn)]).title, 'Someone got in');
    assert.equal(verdict([alert('b', { ...breakIn, ...over })]).title, 'Someone got in');
    const seen = { acknowledgedAt: '2026-11-23T11:50:00.000Z', acknowledgedBy: 'mira' };
    assert.equal(verdict([], [alert('b', { ...breakIn, ...over, ...seen })]).title, 'All quiet');
  });

  it('does not deny a break-in that somebody has acknowledged', () => {
    const seen = { ...breakIn, acknowledgedAt: '2026-11-23T11:50:00.000Z', acknowledgedBy: 'mira' };
    const going = (others: Alert[]) => verdict([alert('a')], others).why;
    assert.match(
      going([alert('b', { ...seen, ...over })]),
      /^1 incident going on; 1 critical incident is acknowledged\. /,
    );
    assert.match(
      going(['b', 'c'].map((id) => alert(id, { ...seen, ...over }))),
      /^1 incident going on; 2 critical incidents are acknowledged\. /,
    );
    assert.equal(going([]), '1 incident going on; no break-in is to be looked at.');
    // One that is silenced, or that nobody has looked at for a week.
    assert.match(going([alert('b', { ...breakIn, ...over })]), /^1 incident going on\. /);
    assert.match(
      verdict([], [alert('b', { ...seen, ...over })]).why,
      /^2 logins and 10 failed attempts in the last 24 hours\. /,
    );
  });

  it('is a break-in by a log that can be forged where no better log says so', () => {
    const forged = alert('a', { ...breakIn, trust: 'forgeable' });
    assert.equal(verdict([forged]).title, 'Someone got in (forgeable log)');
    assert.equal(verdict([forged, alert('b', breakIn)]).title, 'Someone got in');
    assert.equal(verdict([forged, alert('b', { ...breakIn, evidence: [], trust: null })]).title, 'Someone got in');
  });

  it('names those to look at first, then open ones, then those that are over', () => {
    const because = [alert('open'), alert('critical', { ...breakIn, ...over })];
    const others = [alert('over', over), alert('notice', { severity: 'notice' })];
    assert.deepEqual(
      concernsOf(because, others).map(({ alert: { id } }) => id),
      ['critical', 'open', 'notice', 'over'],
    );
  });
});

describe('the event list of an incident', () => {
  it('has what is of one host, source and outcome together, in the order of the first', () => {
    const events = [
      event(1),
      event(2, { user: 'x' }),
      event(3, { outcome: 'accepted' }),
      event(4),
      event(5, { host: 'h2' }),
    ];
    assert.deepEqual(
      eventGroups(events).map((group) => group.map(({ id }) => id)),
      [[1, 2, 4], [3], [5]],
    );
  });
});

describe('a moment', () => {
  it('has the year where it is so far away that another one could be meant', () => {
    const DAY_MS = 86_400_000;
    const of = (days: number): string => moment(NOW_MS + days * DAY_MS, NOW_MS);
    assert.match(of(0), /^\d\d:\d\d$/);
    assert.match(of(-299), /^\d+ Jan \d\d:\d\d$/);
    assert.match(of(-301), /^\d+ Jan 2026, \d\d:\d\d$/);
    assert.match(of(-400), /^\d+ Oct 2025, \d\d:\d\d$/);
    assert.match(of(301), /^\d+ Sept? 2027, \d\d:\d\d$/);
    assert.match(moment(Date.UTC(2025, 11, 30, 12), Date.UTC(2026, 0, 2, 12)), /^\d+ Dec \d\d:\d\d$/);
  });
});

describe('different hosts and users of a source', () => {
  it('are called an estimate from where the server estimates them', () => {
    assert.equal(ESTIMATED_FROM, SOURCE_SKETCH);
    assert.deepEqual([127, 128, 1_311].map(estimated), ['127', 'about 128', 'about 1,311']);
  });
});

describe('sizes', () => {
  it('are in a unit that people read', () => {
    assert.deepEqual([0, 512, 1_200, 98_765, 3_000_000_000].map(size), [
      '0 bytes',
      '512 bytes',
      '1.2 kB',
      '99 kB',
      '3 GB',
    ]);
  });
});
