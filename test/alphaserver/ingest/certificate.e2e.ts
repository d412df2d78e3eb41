import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, renameSync, writeFileSync } from 'node:fs';
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

/** Makes a certificate that expired years ago. */
function makeExpired(folder: string): void {
  const at = (name: string): string => join(folder, name);
  const section = `[ca]\ndefault_ca=one\n[one]\ndatabase=${at('index')}\nserial=${at('serial')}\nnew_certs_dir=${folder}\n`;
  writeFileSync(
    at('ca.cnf'),
    `${section}default_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n[req]\ndistinguished_name=none\n[none]\n`,
  );
  writeFileSync(at('index'), '');
  writeFileSync(at('serial'), '01\n');
  const openssl = (...args: string[]) =>
    execFileSync('openssl', [...args, '-config', at('ca.cnf')], { stdio: 'ignore' });
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=localhost'];
  openssl('req', '-new', ...kind, '-keyout', at('key.pem'), '-out', at('csr.pem'));
  const signed = ['-selfsign', '-keyfile', at('key.pem'), '-in', at('csr.pem'), '-out', at('cert.pem'), '-notext'];
  openssl('ca', '-batch', ...signed, '-startdate', '20200101000000Z', '-enddate', '20200201000000Z');
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
  await server.says('cert.pem expires at ');

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

test('a certificate that has expired is reported at the start, by the server and by the agent', async (context) => {
  const pair = await Pair.make();
  context.after(() => pair.close());
  makeExpired(pair.folder);
  const [cert, key] = [join(pair.folder, 'cert.pem'), join(pair.folder, 'key.pem')];
  const address = `tls://127.0.0.1:${pair.port}`;
  const server = await pair.serving({
    ALPHASERVER_LISTEN: address,
    ALPHASERVER_TLS_CERT: cert,
    ALPHASERVER_TLS_KEY: key,
  });
  await server.says('cert.pem expired at ');
  const agent = pair.agent({
    ALPHACLIENT_SERVER: address,
    ALPHACLIENT_TLS_CA: cert,
    ALPHACLIENT_TLS_CERT: cert,
    ALPHACLIENT_TLS_KEY: key,
  });
  await agent.says('cert.pem expired at ');
  await until(
    () => /certificate has expired/i.test(agent.output),
    () => agent.output,
  );
});

test('a key that others can read, and an environment without checks of certificates, are refused with exit code 2', async (context) => {
  const pair = await Pair.make();
  context.after(() => pair.close());
  makeCertificate(pair.folder, 'own', 10);
  const [cert, key] = [join(pair.folder, 'cert.pem'), join(pair.folder, 'key.pem')];
  chmodSync(key, 0o644);
  const address = `tls://127.0.0.1:${pair.port}`;
  const settings = { ALPHASERVER_LISTEN: address, ALPHASERVER_TLS_CERT: cert, ALPHASERVER_TLS_KEY: key };
  const server = pair.server(settings);
  assert.equal(await server.ended, 2);
  assert.match(
    server.output,
    /^alphaserver: ALPHASERVER_TLS_KEY=.*key\.pem cannot be used: every user of this machine/m,
  );
  const agent = pair.agent({ ALPHACLIENT_SERVER: address, ALPHACLIENT_TLS_CERT: cert, ALPHACLIENT_TLS_KEY: key });
  assert.equal(await agent.ended, 2);
  assert.match(
    agent.output,
    /^alphaclient: ALPHACLIENT_TLS_KEY=.*key\.pem cannot be used: every user of this machine/m,
  );
  // Debian's group for keys may read one.
  chmodSync(key, 0o640);
  const unchecked = { NODE_TLS_REJECT_UNAUTHORIZED: '0' };
  for (const program of [pair.server({ ...settings, ...unchecked }), pair.agent(unchecked)]) {
    assert.equal(await program.ended, 2);
    assert.match(program.output, /^alpha\w+: NODE_TLS_REJECT_UNAUTHORIZED=0 cannot be used: /m);
  }
  await pair.serving(settings);
});

test('a key that others can read is not taken while the server runs', async (context) => {
  const pair = await Pair.make();
  context.after(() => pair.close());
  makeCertificate(pair.folder, 'first', 90);
  const server = await pair.serving({
    ALPHASERVER_LISTEN: `tls://127.0.0.1:${pair.port}`,
    ALPHASERVER_TLS_CERT: join(pair.folder, 'cert.pem'),
    ALPHASERVER_TLS_KEY: join(pair.folder, 'key.pem'),
  });
  makeCertificate(pair.folder, 'second', 90);
  chmodSync(join(pair.folder, 'key.pem'), 0o604);
  server.child.kill('SIGHUP');
  await server.says('Certificate stays as it was: ');
  assert.match(server.output, /every user of this machine can read or replace it/);
});
