import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nameInPath } from '../../../../alphaserver/web/page/api.js';
import { networksAround, soughtIn } from '../../../../alphaserver/web/page/search.js';
import { isoTime, localText, timeBack, timeIn } from '../../../../alphaserver/web/page/time.js';
import { rangeIn } from '../../../../alphaserver/web/page/time-range.js';
import { time as serverTime } from '../../../../service/value-parser.ts';

const NOW_MS = new Date(2026, 10, 23, 12, 30).getTime();

describe('what somebody types into the search field', () => {
  const hosts = ['web-1', 'db-1.example.net', 'mail.a.example', 'mail.b.example'];

  it('is an address, a network, a host by its name or its first part, else a user', () => {
    assert.deepEqual(soughtIn('203.0.113.7', hosts), { ip: '203.0.113.7' });
    assert.deepEqual(soughtIn(' 2001:db8::7 ', hosts), { ip: '2001:db8::7' });
    assert.deepEqual(soughtIn('2001:db8:1:2::/64', hosts), { ip: '2001:db8:1:2::/64' });
    assert.deepEqual(soughtIn('203.0.113.7/24', hosts), { ip: '203.0.113.0/24' });
    assert.deepEqual(soughtIn('203.0.*', hosts), { ip: '203.0.0.0/16' });
    assert.deepEqual(soughtIn('source:203.0.113.*', hosts), { ip: '203.0.113.0/24' });
    assert.deepEqual(soughtIn('2001:DB8:0:0::7/33', hosts), { ip: '2001:db8::/33' });
    assert.deepEqual(soughtIn('web-1', hosts), { host: 'web-1' });
    assert.deepEqual(soughtIn('db-1', hosts), { host: 'db-1.example.net' });
    assert.deepEqual(soughtIn('mail', hosts), { user: 'mail' });
    assert.deepEqual(soughtIn('root', hosts), { user: 'root' });
    assert.equal(soughtIn('   ', hosts), null);
  });

  it('is suggested as a network where several sources are in one', () => {
    const sources = ['203.0.113.7', '203.0.113.9', '203.0.7.1', '198.51.100.1', '2001:db8:1:2::/64', '2001:db8:1:3::5'];
    assert.deepEqual(networksAround(sources), ['203.0.0.0/16', '203.0.113.0/24', '2001:db8:1::/48', '2001:db8::/32']);
  });

  it('is what it says it is, whatever it looks like', () => {
    assert.deepEqual(soughtIn('user:web-1', hosts), { user: 'web-1' });
    assert.deepEqual(soughtIn('user: 203.0.113.7', hosts), { user: '203.0.113.7' });
    assert.deepEqual(soughtIn('host:root', hosts), { host: 'root' });
    assert.deepEqual(soughtIn('source:192.0.2.1', hosts), { ip: '192.0.2.1' });
    assert.deepEqual(soughtIn('user:a\nb', hosts), { user: 'a\nb' });
  });
});

describe('a time in an address', () => {
  it('is one that the API takes, and means the same there; words with a number in them are none', () => {
    for (const text of [
      '1970-01-01',
      '2026-11-22',
      '2026-11-22T10:00',
      '2026-11-22T10:00:01.250Z',
      '2026-11-22T10:00:01+01:00',
      '2026-02-30',
      '2026-02-30T10:00Z',
      '2026-11-22T25:00Z',
      '2026-11-22 10:00',
      '0000-01-01T00:00Z',
      '0000-01-01T00:00+14:00',
      '9999-12-31T23:59Z',
      '9999-12-31T23:59-12:00',
      '22 Nov 2026',
      'x 1',
      '<img src=x onerror=globalThis.ran=1>',
      '',
    ])
      assert.equal(isoTime(text), serverTime.parse(text, NOW_MS) ?? null, text);
  });
});

describe('a span back from now in an address', () => {
  it('is one that the API takes, and means the same there', () => {
    for (const text of [
      '15m',
      '24h',
      '7d',
      '1w',
      '90s',
      '01h',
      '10000h',
      '9999w',
      '0h',
      '00d',
      '999999999w',
      '14880000w',
    ])
      assert.equal(timeBack(text, NOW_MS), serverTime.parse(text, NOW_MS) ?? null, text);
    for (const text of ['1', 'h', '1.5h', '-1h', '1e3h', '1h ', '١h', '1234567890s', '1y', 'constructor', ''])
      assert.equal(timeBack(text, NOW_MS), serverTime.parse(text, NOW_MS) ?? null, text);
    assert.equal(timeBack('999999999w', NOW_MS), null);
    assert.notEqual(timeBack('9999w', NOW_MS), null);
  });
});

describe('a name in a path of the API', () => {
  it('is asked for as it is, though a path cannot hold it', () => {
    const asked = (name: string): string => {
      const [path, given] = nameInPath('/api/users', name);
      const { pathname, searchParams } = new URL(`${path}?${new URLSearchParams(given)}`, 'http://x');
      return searchParams.get('name') ?? decodeURIComponent(pathname.replace('/api/users/', ''));
    };
    for (const name of ['root', '.', '..', '...', '%2e', '%2E%2E', 'a/b', '../x', '-', '?name=x', '..;', ' ', '\u202e'])
      assert.equal(asked(name), name);
  });
});

describe('a time that somebody types', () => {
  it('is a date with a time, a date, a time of today, a span back from now, or ISO 8601', () => {
    assert.equal(timeIn('2026-11-20 14:05', NOW_MS), new Date(2026, 10, 20, 14, 5).getTime());
    assert.equal(timeIn('2026-11-20', NOW_MS), new Date(2026, 10, 20).getTime());
    assert.equal(timeIn('09:15', NOW_MS), new Date(2026, 10, 23, 9, 15).getTime());
    assert.equal(timeIn('6h', NOW_MS), NOW_MS - 6 * 3_600_000);
    assert.equal(timeIn('2026-11-20T14:05:00Z', NOW_MS), Date.UTC(2026, 10, 20, 14, 5));
    for (const wrong of [
      'yesterday',
      '14',
      '2026-13-40 10:00',
      '2026-02-30',
      '25:00',
      '',
      '1.5h',
      'T 1Z',
      '0h',
      '999999999w',
    ])
      assert.equal(timeIn(wrong, NOW_MS), null, wrong);
  });

  it('is read as it is written', () => {
    assert.equal(timeIn(localText(NOW_MS), NOW_MS), NOW_MS);
  });

  it('is part of a range that begins before it ends, or gets an error that names what is wrong', () => {
    assert.deepEqual(rangeIn('6h', '', NOW_MS), { range: '6h', since: null, until: null });
    assert.deepEqual(rangeIn('2026-11-20 14:00', '2026-11-20 15:00', NOW_MS), {
      since: new Date(2026, 10, 20, 14).toISOString(),
      until: new Date(2026, 10, 20, 15).toISOString(),
    });
    assert.deepEqual(rangeIn('10:00', 'now', NOW_MS), { since: new Date(2026, 10, 23, 10).toISOString(), until: null });
    assert.match(String(rangeIn('0h', '', NOW_MS)), /^“From” must be a time such as/);
    assert.match(String(rangeIn('nope', '', NOW_MS)), /^“From” must be a time such as/);
    assert.match(String(rangeIn('10:00', 'nope', NOW_MS)), /^“Until” must be a time such as/);
    assert.equal(rangeIn('11:00', '10:00', NOW_MS), '“From” must be before “Until”.');
  });
});
