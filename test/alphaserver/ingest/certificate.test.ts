import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { Pair } from '../../programs.ts';
import { until } from '../../until.ts';

/** Makes a certificate of this name that lasts so many days. */
function makeCertificate(folder: string, name: string, days: number): void {
  const made = ['-keyout', join(folder, 'key.new'), '-out', join(folder, 'cert.new')];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', String(days)];
  execFileSync('openssl', ['req', '-x509', ...kind, '-subj', `/CN=${name}`, ...made], { stdio: 'ignore' });
  renameSync(join(folder, 'key.new'), join(folder, 'key.pem'));
  renameSync(join(folder, 'cert.new'), join(folder, 'cert.pem'));
}

async function connected(port: number): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  return socket;
}

test('a certificate is read again on SIGHUP without losing a connection, and a damaged one changes nothing', async (context) => {
  const pair = await Pair.make();
  context.after(() => pair.close());
  makeCertificate(pair.folder, 'first', 10);
  const server = await pair.serving({
    ALPHASERVER_LISTEN: `tls://127.0.0.1:${pair.port}`,
    ALPHASERVER_TLS_CERT: join(pair.folder, 'cert.pem'),
    ALPHASERVER_TLS_KEY: join(pair.folder, 'key.pem'),
  });
  const socket = await connected(pair.port);
  assert.equal(socket.getPeerCertificate().subject.CN, 'first');
  let answers = '';
  socket.on('data', (bytes: Buffer) => {
    answers += bytes.toString();
  });
  socket.write(`${JSON.stringify({ type: 'hello', version: 1, agent: randomUUID(), host: 'h' })}\n`);
  await until(() => answers.includes('welcome'));
  await server.says('cert.pem ends at ');

  makeCertificate(pair.folder, 'second', 90);
  server.child.kill('SIGHUP');
  await server.says('Certificate read again from ');
  const next = await connected(pair.port);
  assert.equal(next.getPeerCertificate().subject.CN, 'second');
  socket.write('{"type":"ping"}\n');
  await until(() => answers.includes('pong'));

  writeFileSync(join(pair.folder, 'cert.pem'), 'damaged');
  server.child.kill('SIGHUP');
  await server.says('Certificate stays as it was: ');
  const last = await connected(pair.port);
  assert.equal(last.getPeerCertificate().subject.CN, 'second');
  for (const one of [socket, next, last]) one.destroy();
});
