import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countries, originsOrCountries } from '../../service/countries.ts';

test('the country of a source is known out of the box, IPv4 and IPv6', () => {
  const originOf = originsOrCountries(null, { error: (text) => assert.fail(text) });
  const nothing = { network: null, asn: null, organization: null };
  // Google's resolver, and a university's network that has been where it is since 1986.
  assert.deepEqual(originOf('8.8.8.8'), { origin: { country: 'US', ...nothing } });
  assert.deepEqual(originOf('133.1.1.1'), { origin: { country: 'JP', ...nothing } });
  // The resolver again, and the WIDE project, the first to have IPv6 in Japan.
  assert.deepEqual(originOf('2001:4860:4860::8888'), { origin: { country: 'US', ...nothing } });
  assert.deepEqual(originOf('2001:200::1'), { origin: { country: 'JP', ...nothing } });
});

test('nothing is known of private and reserved addresses, and of what is no address', () => {
  const originOf = countries({ error: (text) => assert.fail(text) });
  for (const ip of ['10.0.0.1', '203.0.113.7', '2001:db8::1', 'fe80::1%eth0', 'fc00::1', '::1', 'nonsense', '', null])
    assert.deepEqual(originOf(ip), {}, String(ip));
});
