import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { PATTERNS_LIMIT } from '../../../alphaserver/ingest/host-pattern.ts';
import { HELLO_TIMEOUT_MS } from '../../../protocol/messages.ts';
import { Pair } from '../../programs.ts';

test('a TLS handshake that does not go on is cut off, and logged', async (context) => {
  const pair = await Pair.make();
  context.after(() => pair.close());
  const [cert, key] = [join(pair.folder, 'cert.pem'), join(pair.folder, 'key.pem')];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=x'];
  execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const server = await pair.serving({
    ALPHASERVER_LISTEN: `tls://127.0.0.1:${pair.port}`,
    ALPHASERVER_TLS_CERT: cert,
    ALPHASERVER_TLS_KEY: key,
  });
  const socket = connect(pair.port, '127.0.0.1')
    .on('error', () => {})
    .resume();
  const begunMs = performance.now();
  // The beginning of a ClientHello, and nothing more.
  socket.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
  await once(socket, 'close');
  assert.ok(performance.now() - begunMs >= HELLO_TIMEOUT_MS * 0.9);
  await server.says('TLS with 127.0.0.1 failed: it did not finish the handshake in time');
});

test('patterns of hosts above their limit are refused', async (context) => {
  const pair = await Pair.make();
  context.after(() => pair.close());
  const patterns = 'a,'.repeat(PATTERNS_LIMIT).slice(0, PATTERNS_LIMIT);
  assert.equal((await pair.serverCommand('token', 'add', 'within', '--hosts', `${patterns.slice(0, -1)}a`)).code, 0);
  assert.equal((await pair.serverCommand('token', 'add', 'above', '--hosts', `${patterns}aa`)).code, 2);
});
