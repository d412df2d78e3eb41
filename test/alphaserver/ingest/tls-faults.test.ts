import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TlsFaults } from '../../../alphaserver/ingest/tls-faults.ts';

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

test('of more than 1,000 faults the one that was logged longest ago is forgotten, and may be logged again', () => {
  const faults = new TlsFaults();
  const line = (peer: number): string | null => faults.line(`peer ${peer}`, new Error('socket hang up'), 0);
  for (let peer = 1; peer <= 1_000; peer += 1) assert.notEqual(line(peer), null);
  assert.equal(line(1), null);
  assert.notEqual(line(1_001), null);
  assert.equal(line(2), null);
  assert.notEqual(line(1), null);
});
