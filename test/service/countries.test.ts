import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countries, originsOrCountries } from '../../service/countries.ts';

test('the country of an IPv4 source is known out of the box', () => {
  const originOf = originsOrCountries(null, { error: (text) => assert.fail(text) });
  const nothing = { network: null, asn: null, organization: null };
  // Google's resolver, and a university's network that has been where it is since 1986.
  assert.deepEqual(originOf('8.8.8.8'), { origin: { country: 'US', ...nothing } });
  assert.deepEqual(originOf('133.1.1.1'), { origin: { country: 'JP', ...nothing } });
});

test('nothing is said of private and reserved addresses, of IPv6, and of what is no address', () => {
  const originOf = countries();
  for (const ip of ['10.0.0.1', '203.0.113.7', '2001:db8::1', 'fe80::1%eth0', 'nonsense', '', null])
    assert.deepEqual(originOf(ip), {}, String(ip));
});
