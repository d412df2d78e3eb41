/** What an agent says of a server that it cannot reach over TLS, and whose certificates it trusts. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { dialer, type TlsFiles } from '../../../alphaclient/uplink/connect.ts';
import { connectionFault } from '../../../alphaclient/uplink/connection-fault.ts';
import { freePort } from '../../free-port.ts';
import { Pair } from '../../programs.ts';

const folder = mkdtempSync(join(tmpdir(), 'tls-'));
const at = (name: string): string => join(folder, name);
const NO_FILES: TlsFiles = { caFile: null, certFile: null, keyFile: null };

before(() => {
  for (const [name, names] of Object.entries({ own: 'IP:127.0.0.1', other: 'DNS:asgard.example' }))
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
        .concat(['-subj', `/CN=${name}`, '-addext', `subjectAltName=${names}`])
        .concat(['-keyout', at(`${name}.key`), '-out', at(`${name}.crt`)]),
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Connects to a server as an agent with these files does. Resolves with the words for the error, or with `connected`. */
async function outcomeOf(server: Server | number, files: TlsFiles = NO_FILES, host = '127.0.0.1'): Promise<string> {
  if (typeof server !== 'number') await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const port = typeof server === 'number' ? server : (server.address() as AddressInfo).port;
  const { socket, faultOf } = dialer([{ scheme: 'tls', host, port }], files)(0);
  try {
    return await new Promise((done) => {
      socket.once('error', (error) => done(faultOf(error)));
      socket.once('data', () => done('connected'));
      socket.once('close', () => done('closed'));
    });
  } finally {
    socket.destroy();
    if (typeof server !== 'number') server.close();
  }
}

/** A server over TLS that greets whoever it lets in. */
const tlsServer = (name: string, more: TlsOptions = {}): Server =>
  createTlsServer({ cert: readFileSync(at(`${name}.crt`)), key: readFileSync(at(`${name}.key`)), ...more }, (socket) =>
    socket.on('error', () => {}).write('hello'),
  );

test('a certificate that nobody known has signed asks for ALPHACLIENT_TLS_CA, or says that it is of another CA', async () => {
  assert.match(
    await outcomeOf(tlsServer('own')),
    /signed by no CA that this host trusts: set ALPHACLIENT_TLS_CA to the PEM/,
  );
  assert.match(
    await outcomeOf(tlsServer('own'), { ...NO_FILES, caFile: at('other.crt') }),
    /not signed by the CA in ALPHACL/,
  );
  assert.equal(await outcomeOf(tlsServer('own'), { ...NO_FILES, caFile: at('own.crt') }), 'connected');
});

test('files that cannot be looked at leave in use what was read before', async () => {
  const [caFile, link] = [at('linked.crt'), at('link.crt')];
  symlinkSync(at('own.crt'), link);
  symlinkSync(link, caFile);
  const server = tlsServer('own');
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const dial = dialer([{ scheme: 'tls', host: '127.0.0.1', port }], { ...NO_FILES, caFile });
  rmSync(link);
  symlinkSync(link, link);
  assert.throws(() => statSync(caFile, { throwIfNoEntry: false }), { code: 'ELOOP' });
  const { socket } = dial(0);
  await once(socket, 'secureConnect');
  socket.destroy();
  server.close();
});

test('a certificate of another name says which names it has', async () => {
  const words = await outcomeOf(tlsServer('other'), { ...NO_FILES, caFile: at('other.crt') });
  assert.match(words, /its certificate is for DNS:asgard\.example, and not for 127\.0\.0\.1/);
});

test('a server that wants a certificate of the agent says so in words', async () => {
  const server = tlsServer('own', { requestCert: true, rejectUnauthorized: true, ca: readFileSync(at('own.crt')) });
  const words = await outcomeOf(server, { ...NO_FILES, caFile: at('own.crt') });
  assert.match(words, /set ALPHACLIENT_TLS_CERT and ALPHACLIENT_TLS_KEY|closed the connection during the handshake/);
});

test('a server without TLS, one that hangs up, and none at all are distinguished', async () => {
  const plain = createServer((socket) => socket.on('error', () => {}).end('{"type":"error"}\n'));
  assert.match(await outcomeOf(plain), /it speaks no TLS; tcp:\/\/ may be meant/);
  const silent = createServer((socket) => socket.destroy());
  assert.match(await outcomeOf(silent), /closed the connection during the handshake/);
  assert.match(await outcomeOf(await freePort()), /^nothing listens there \(ECONNREFUSED\)$/);
});

test('what has no words of its own keeps its code, and an error of the agent its message', () => {
  const address = { scheme: 'tls', host: 'h', port: 1 };
  const fault = (code: string): string =>
    connectionFault(Object.assign(new Error('raw text'), { code }), address, NO_FILES);
  assert.equal(fault('ERR_SSL_UNHEARD_OF'), 'the connection failed (ERR_SSL_UNHEARD_OF)');
  assert.match(fault('CERT_HAS_EXPIRED'), /has expired, or this host's clock is wrong/);
  assert.match(fault('ENOTFOUND'), /there is no host of this name/);
  assert.equal(
    connectionFault(new Error('the server sent nothing for 45 s'), address, NO_FILES),
    'the server sent nothing for 45 s',
  );
});

test("an agent without a CA trusts those of the system's store", async (t) => {
  const pair = await Pair.make();
  t.after(() => pair.close());
  await pair.serving({
    ALPHASERVER_LISTEN: `tls://127.0.0.1:${pair.port}`,
    ALPHASERVER_TLS_CERT: at('own.crt'),
    ALPHASERVER_TLS_KEY: at('own.key'),
  });
  const settings = { ALPHACLIENT_SERVER: `tls://127.0.0.1:${pair.port}` };
  const stranger = pair.agent(settings);
  await stranger.says('set ALPHACLIENT_TLS_CA to the PEM file of its CA');
  await stranger.end('SIGKILL');
  // OpenSSL's own variable for the system's store.
  await pair.agent({ ...settings, SSL_CERT_FILE: at('own.crt') }).says('Connected to tls://');
});
