/** Tests the countries and networks of sources, from files that the tests make. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { originsFrom } from '../../../service/origin.ts';
import { mmdb } from '../../mmdb.ts';
import { Served } from '../web/served.ts';

const COUNTRIES = mmdb('Test-Country', {
  '203.0.113.0/24': { country: { iso_code: 'DE' } },
  '198.51.100.0/25': { registered_country: { iso_code: 'NL' } },
  '2001:db8:7::/48': { country: { iso_code: 'JP' } },
});
const OPERATORS = mmdb('Test-ASN', {
  '203.0.113.0/28': { autonomous_system_number: 64_500, autonomous_system_organization: 'Example Net' },
});
const nothing = { country: null, network: null, asn: null, organization: null };

let served: Served;
beforeEach(() => {
  served = new Served();
});
afterEach(() => served.close());

const file = (name: string, bytes: Buffer): string => {
  const path = join(served.folder, name);
  writeFileSync(path, bytes);
  return path;
};
const event = (ip: string) => ({
  at: '2026-11-23T19:46:01.123Z',
  outcome: 'failed',
  method: 'password',
  user: 'root',
  ip,
});

test('sources and events have country, network and operator where the files know them', async () => {
  const files = `${file('country.mmdb', COUNTRIES)},${file('asn.mmdb', OPERATORS)}`;
  await served.open({ ALPHASERVER_GEOIP: files });
  await served.store(['203.0.113.7', '203.0.113.99', '2001:db8:7::1', '192.0.2.1'].map(event));
  const german = { ...nothing, country: 'DE' };
  const wanted: Record<string, unknown> = {
    '203.0.113.7': { ...german, network: '203.0.113.0/28', asn: 64_500, organization: 'Example Net' },
    '203.0.113.99': { ...german, network: '203.0.113.0/24' },
    '2001:db8:7::1': { ...nothing, country: 'JP', network: '2001:db8:7::/48' },
    '192.0.2.1': null,
  };
  const { sources } = (await served.ask<{ sources: { ip: string; origin: unknown }[] }>('/api/top/sources')).body;
  assert.deepEqual(Object.fromEntries(sources.map(({ ip, origin }) => [ip, origin])), wanted);
  const { events } = (await served.ask<{ events: { ip: string; origin: unknown }[] }>('/api/events')).body;
  assert.deepEqual(Object.fromEntries(events.map(({ ip, origin }) => [ip, origin])), wanted);
  const csv = await (await fetch(`${served.page}/api/events?format=csv&ip=203.0.113.7`)).text();
  assert.match(csv, /,DE,203\.0\.113\.0\/28,64500,Example Net\r\n$/);
});

test('a damaged file is one error in the log, and sources have no country; the rest works', async () => {
  const cut = file('cut.mmdb', COUNTRIES.subarray(0, COUNTRIES.length / 2));
  await served.open({ ALPHASERVER_GEOIP: cut });
  await served.store([event('203.0.113.7'), event('198.51.100.1')]);
  for (let n = 0; n < 3; n += 1) {
    const { status, body } = await served.ask<{ sources: object[] }>(`/api/top/sources?limit=${n + 1}`);
    assert.equal(status, 200);
    assert.ok(!('origin' in (body.sources[0] as object)));
  }
  assert.equal(served.output.match(/ALPHASERVER_GEOIP=/g)?.length, 1, served.output);
});

test('a file whose damage shows only at a look-up is given up with one error', () => {
  const torn = Buffer.from(COUNTRIES);
  const nodes = Math.floor(torn.indexOf(Buffer.alloc(16)) / 6);
  // Every record points far behind the end of the data.
  torn.fill(0xf0, 0, nodes * 6);
  const errors: string[] = [];
  const originOf = originsFrom(file('torn.mmdb', torn), { error: (text) => void errors.push(text) });
  for (const ip of ['203.0.113.7', '198.51.100.1', null, 'no address'])
    assert.deepEqual(originOf(ip).origin ?? null, null);
  assert.equal(errors.length, 1, errors.join('\n'));
});
