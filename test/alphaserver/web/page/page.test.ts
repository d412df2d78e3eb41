/** The page's own thinking, without a browser. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { size } from '../../../../alphaserver/web/page/count.js';
import { escaped, escapedText, SHOWN_LIMIT } from '../../../../alphaserver/web/page/escaped.js';
import { coarser, countsOf, pointsOf, topOf } from '../../../../alphaserver/web/page/event-counts.js';
import { runsOf } from '../../../../alphaserver/web/page/event-list.js';
import { healthOf } from '../../../../alphaserver/web/page/health.js';
import { bySource, networkOf } from '../../../../alphaserver/web/page/network.js';
import { concernsOf, verdictOf } from '../../../../alphaserver/web/page/verdict.js';
import { addressOf, isInView, viewOf } from '../../../../alphaserver/web/page/view.js';

const MINUTE_MS = 60_000;
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
  it('are the first four groups, however an address is written', () => {
    assert.equal(networkOf('2001:db8:bad:7:1:2:3:4'), '2001:db8:bad:7::/64');
    assert.equal(networkOf('2001:db8::1'), '2001:db8::/64');
    assert.equal(networkOf('fe80::1%eth0'), 'fe80::/64');
    assert.equal(networkOf('::1'), '0::/64');
    assert.equal(networkOf('192.0.2.1'), null);
    assert.equal(networkOf('::ffff:192.0.2.1'), null);
    assert.equal(networkOf('nonsense:x'), null);
  });

  it('come together as one source with the sum of its addresses', () => {
    const row = (ip: string, failed: number) => ({
      ip,
      attempts: failed + 1,
      accepted: 1,
      failed,
      probes: 2,
      firstSeen: '2026-11-23T00:00:00.000Z',
      lastSeen: '2026-11-23T01:00:00.000Z',
      hosts: failed,
      users: 1,
    });
    const [first, second] = bySource([row('192.0.2.1', 8), row('2001:db8::1', 5), row('2001:db8::2', 6)]);
    assert.equal(first?.source, '2001:db8::/64');
    assert.deepEqual([first.failed, first.accepted, first.attempts, first.probes, first.hosts], [11, 2, 13, 4, 6]);
    assert.equal(second?.source, '192.0.2.1');
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
    const view = viewOf(new URLSearchParams('range=7d&host=web-1&user=a%26b%3D%3F'));
    assert.equal(view.user, 'a&b=?');
    assert.deepEqual(viewOf(new URL(addressOf(view, {}), 'http://x').searchParams), view);
    assert.equal(addressOf(view, { host: null, user: null, range: '24h' }), '/');
  });

  it('says which events are within the view, those of an IPv6 network too', () => {
    const within = (query: string, ip: string | null): boolean =>
      isInView(viewOf(new URLSearchParams(query)), { host: 'web', ip, user: 'root' });
    assert.ok(within('', null));
    assert.ok(within('ip=2001:db8::1&user=root&host=web', '2001:db8::1'));
    assert.ok(!within('ip=2001:db8::1', '2001:db8::2'));
    assert.ok(within('ip=2001:db8::/64', '2001:db8::2'));
    assert.ok(!within('ip=2001:db8::/64', '2001:db8:0:1::2'));
    assert.ok(!within('ip=2001:db8::/64', null));
    assert.ok(!within('ip=2001:db8::/64&user=mira', '2001:db8::2'));
  });

  it('is taken as far as it makes sense', () => {
    assert.equal(viewOf(new URLSearchParams('range=constructor')).range, '24h');
    const backwards = viewOf(new URLSearchParams('since=2026-11-23T12:00:00Z&until=2026-11-22'));
    assert.equal(backwards.since, null);
    assert.equal(viewOf(new URLSearchParams('since=x&until=y')).until, null);
  });
});

describe('the state of a host', () => {
  const host = (connected: boolean, state: string) =>
    healthOf({ connected, state } as Parameters<typeof healthOf>[0], Date.UTC(2026, 10, 23, 12)).level;

  it('is well only where somebody looks', () => {
    assert.equal(host(true, 'caught up'), 'well');
    assert.equal(host(true, 'behind by 123 bytes'), 'late');
    for (const state of [
      'log missing',
      'log unreadable',
      'outbox full',
      'outbox failing',
      'agent silent since 2026-11-23T10:00:00Z',
    ])
      assert.equal(host(true, state), 'blind', state);
    assert.equal(host(false, 'caught up'), 'blind');
  });
});

describe('the answer in words', () => {
  const NOW_MS = Date.UTC(2026, 10, 23, 12);
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
  const verdict = (because: Alert[], others: Alert[] = [], states: string[] = ['caught up'], query = '') => {
    const amounts = { attempts: 12, accepted: 2, failed: 10, probes: 0, hosts: 1, sources: 1, users: 1 };
    const hosts = states.map((state, i) => ({ host: `h${i + 1}`, connected: true, state }));
    const part = { concerns: concernsOf(because, others), more: false, amounts, hosts } as unknown as Parameters<
      typeof verdictOf
    >[0];
    return verdictOf(part, viewOf(new URLSearchParams(query)), NOW_MS);
  };
  const over = { closedAt: '2026-11-23T11:45:00.000Z' };
  const breakIn = { rule: 'break-in', severity: 'critical' };

  it('is quiet where everybody looks and nothing stands out', () => {
    const { state, title, why, blind } = verdict([], [alert('a', over)]);
    assert.deepEqual([state, title, blind], ['quiet', 'All quiet', []]);
    assert.match(
      why,
      /^2 logins and 10 failed attempts in the last 24 hours, nothing that stands out\. 1 incident .* over\.$/,
    );
  });

  it('tells not looking from quiet', () => {
    const some = verdict([], [], ['caught up', 'log missing']);
    assert.deepEqual([some.state, some.title], ['quiet', 'All quiet on 1 of 2 hosts']);
    assert.deepEqual(some.blind, [{ host: 'h2', words: 'not looking: log missing' }]);
    assert.deepEqual(verdict([], [], ['log missing', 'outbox full']).title, 'No host is watched');
    assert.equal(verdict([], [], ['caught up', 'log missing'], 'host=h2').title, 'Not watched');
    assert.equal(verdict([], [], ['caught up', 'log missing'], 'host=h1').title, 'No incident here');
    assert.equal(verdict([], [], ['log missing'], 'ip=192.0.2.1').title, 'No incident here');
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

  it('names the gravest first, then what goes on, then what is over', () => {
    const because = [alert('open'), alert('grave', { ...breakIn, ...over })];
    const others = [alert('over', over), alert('notice', { severity: 'notice' })];
    assert.deepEqual(
      concernsOf(because, others).map(({ alert: { id } }) => id),
      ['grave', 'open', 'notice', 'over'],
    );
  });
});

describe('the event list of an incident', () => {
  it('has what is alike and in a row together', () => {
    const events = [event(1), event(2), event(3, { outcome: 'accepted' }), event(4)];
    assert.deepEqual(
      runsOf(events).map((run) => run.map(({ id }) => id)),
      [[1, 2], [3], [4]],
    );
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
