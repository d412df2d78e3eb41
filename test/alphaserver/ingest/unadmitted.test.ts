import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TlsFaults } from '../../../alphaserver/ingest/tls-faults.ts';
import { UNADMITTED_LIMIT, UNADMITTED_PER_ADDRESS_LIMIT, Unadmitted } from '../../../alphaserver/ingest/unadmitted.ts';

test('an address holds as many connections as its limit, an IPv6 network like one address', () => {
  const unadmitted = new Unadmitted();
  for (let port = 1; port <= UNADMITTED_PER_ADDRESS_LIMIT; port++)
    assert.equal(unadmitted.enter(`[2001:db8::${port}]:${port}`, `2001:db8::${port}`), true);
  assert.equal(unadmitted.enter('[2001:db8::1]:9999', '2001:db8::1'), false);
  assert.equal(unadmitted.enter('192.0.2.1:1', '192.0.2.1'), true);
  unadmitted.leave('[2001:db8::1]:1');
  unadmitted.leave('[2001:db8::1]:1');
  assert.equal(unadmitted.enter('[2001:db8::1]:9999', '2001:db8::1'), true);
  assert.equal(unadmitted.enter('[2001:db8::1]:9998', '2001:db8::1'), false);
});

test('all addresses together hold as many connections as the limit', () => {
  const unadmitted = new Unadmitted();
  const address = (i: number): string => `10.0.${i >> 8}.${i & 255}`;
  for (let i = 0; i < UNADMITTED_LIMIT; i++) assert.equal(unadmitted.enter(`${address(i)}:1`, address(i)), true);
  assert.equal(unadmitted.enter('192.0.2.1:1', '192.0.2.1'), false);
  unadmitted.leave(`${address(7)}:1`);
  assert.equal(unadmitted.size, UNADMITTED_LIMIT - 1);
  assert.equal(unadmitted.enter('192.0.2.1:1', '192.0.2.1'), true);
});

test('a failed handshake is put into words, once an hour for a peer and a fault', () => {
  const faults = new TlsFaults();
  const fault = (code: string) => Object.assign(new Error('0:error:SSL routines'), { code });
  assert.equal(
    faults.line('192.0.2.1', fault('ERR_SSL_WRONG_VERSION_NUMBER'), 0),
    'TLS with 192.0.2.1 failed: it speaks no TLS; an agent needs tls:// in ALPHACLIENT_SERVER',
  );
  assert.equal(faults.line('192.0.2.1', fault('ERR_SSL_WRONG_VERSION_NUMBER'), 1), null);
  assert.match(
    faults.line('192.0.2.1', new Error('socket hang up'), 1) ?? '',
    /closed the connection during the handshake$/,
  );
  assert.match(faults.line('192.0.2.2', fault('ERR_SSL_WRONG_VERSION_NUMBER'), 1) ?? '', /no TLS/);
  assert.match(faults.line('192.0.2.1', fault('ERR_SSL_WRONG_VERSION_NUMBER'), 3_600_000) ?? '', /no TLS/);
  assert.equal(
    faults.line('192.0.2.1', fault('ERR_SSL_X'), 0),
    'TLS with 192.0.2.1 failed: the handshake failed (ERR_SSL_X)',
  );
});
