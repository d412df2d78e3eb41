/** Codes, certificates and who is let in by them: the parts of joining without processes around them. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { connect } from 'node:tls';
import { alphaserver } from '../../../alphaserver/cli/commands.ts';
import { Authority, authorityFolder } from '../../../alphaserver/ingest/authority.ts';
import { GroupCommit } from '../../../alphaserver/ingest/group-commit.ts';
import { codeName, JoinCodes, requestDigest } from '../../../alphaserver/ingest/join-codes.ts';
import { JoinedHosts } from '../../../alphaserver/ingest/joined-hosts.ts';
import { type Joined, Joining, letIn } from '../../../alphaserver/ingest/joining.ts';
import { Listener } from '../../../alphaserver/ingest/listener.ts';
import { encodeJoinCode, readJoinCode } from '../../../protocol/join-code.ts';
import { makeRequest, REQUEST_LIMIT_CHARS } from '../../../service/certificates.ts';
import { runProgram } from '../../../service/command-line.ts';
import { Text } from '../../text.ts';
import { until } from '../../until.ts';
import { MemoryStore } from '../memory-store.ts';
import { Served } from '../web/served.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

let folder: string;
let authority: Authority;
let codes: JoinCodes;
let hosts: JoinedHosts;
let joining: Joining;
let nowMs: number;
let logged: string[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-joining-'));
  nowMs = Date.now();
  logged = [];
  authority = new Authority(authorityFolder(folder));
  await authority.init('server', ['asgard.example', '192.0.2.1', '2001:db8::1'], nowMs);
  codes = new JoinCodes(folder);
  hosts = new JoinedHosts(folder);
  const log = { info: (text: string) => logged.push(text), warn: (text: string) => logged.push(text) };
  const claim = async (code: string, joined: Joined): Promise<void> => letIn(codes, hosts, code, joined);
  joining = new Joining({ authority, codes, hosts, claim, log, now: () => nowMs });
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Makes a code as `alphaserver enroll` does. */
function codeFor(name: string | null, count = 1): string {
  const secret = codes.make({ name, hosts: null, count, endsMs: nowMs + HOUR_MS }, nowMs);
  return encodeJoinCode({ fingerprint: authority.fingerprint(), secret });
}

async function enroll(code: string, host: string, csr?: string) {
  const request = csr ?? (await makeRequest(host)).request;
  return joining.enroll({ type: 'enroll', version: 1, code, csr: request, host }, '192.0.2.7');
}

/** Runs `alphaserver certs`. */
async function certs(...args: string[]): Promise<{ code: number; text: string }> {
  const io = { stdout: new Text(), stderr: new Text(), env: { ALPHASERVER_DATA: folder }, nowMs };
  const code = await runProgram(alphaserver(io), ['certs', ...args], io);
  return { code, text: io.stdout.text + io.stderr.text };
}

const refusal = async (answer: ReturnType<Joining['enroll']>): Promise<string> =>
  ((await answer) as { message?: string }).message ?? 'let in';

test('a code of one name lets one host in, by that name [P16]', async () => {
  const code = codeFor('web-01');
  const answer = await enroll(code, 'whatever');
  assert.ok('certificate' in answer);
  const certificate = new X509Certificate(answer.certificate);
  assert.equal(certificate.subject, 'CN=web-01');
  assert.ok(certificate.verify(new X509Certificate(answer.ca).publicKey));
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2'], 'it serves clients, and no server');
  assert.equal(await refusal(enroll(code, 'web-01')), 'the code was used already');
  assert.ok(logged.includes('Host web-01 has joined from 192.0.2.7'));
});

test('a host whose answer was lost gets it again for the same request', async () => {
  const code = codeFor('web-01');
  const { request } = await makeRequest('web-01');
  const joinedAt = (): number | null | undefined => hosts.list()[0]?.joinedMs;
  await enroll(code, 'web-01', request);
  const first = joinedAt();
  nowMs += 5_000;
  assert.ok('certificate' in (await enroll(code, 'web-01', request)));
  assert.equal(joinedAt(), first);
});

test('a host that was revoked gets no certificate for a repeat of its request, nor by a new one of the same code', async () => {
  for (const [name, count] of [
    ['web-01', 1],
    [null, 3],
  ] as const) {
    const code = codeFor(name, count);
    const { request } = await makeRequest('web-01');
    assert.ok('certificate' in (await enroll(code, 'web-01', request)));
    nowMs += 60_000;
    // By the command, in a process of its own; no second goes by in which the server looks for changes.
    assert.equal(new JoinedHosts(folder).revoke('web-01', nowMs), true);
    nowMs += 60_000;
    const why = 'its certificate was revoked: alphaserver enroll web-01 lets it join again';
    assert.equal(await refusal(enroll(code, 'web-01', request)), why);
    assert.equal(await refusal(enroll(code, 'web-01')), name === null ? why : 'the code was used already');
    assert.equal(hosts.isTaken('web-01'), false);
    nowMs += 1_000;
  }
  const again = await enroll(codeFor('web-01'), 'web-01');
  assert.ok('certificate' in again);
  assert.equal(
    hosts.fault({ name: 'web-01', fromMs: Date.parse(new X509Certificate(again.certificate).validFrom) }),
    null,
  );
});

test('a host that another one followed by its name gets no certificate for a repeat of its request', async () => {
  const code = codeFor('web-01');
  const { request } = await makeRequest('web-01');
  await enroll(code, 'web-01', request);
  nowMs += 60_000;
  const rebuilt = codeFor('web-01');
  const { request: next } = await makeRequest('web-01');
  assert.ok('certificate' in (await enroll(rebuilt, 'web-01', next)));
  nowMs += 60_000;
  const why = 'another host has joined as web-01 since: alphaserver enroll web-01 lets it join again';
  assert.equal(await refusal(enroll(code, 'web-01', request)), why);
  assert.ok('certificate' in (await enroll(rebuilt, 'web-01', next)), 'the one that followed may repeat its own');
});

test('a certificate that a server made before it knew of the revocation is not let in', async () => {
  await enroll(codeFor('web-01'), 'web-01');
  const shown = { name: 'web-01', fromMs: Math.floor(nowMs / 1_000) * 1_000 };
  nowMs += 60_000;
  hosts.revoke('web-01', nowMs);
  assert.equal(hosts.fault({ name: 'web-01', fromMs: nowMs + 60_000 }), 'its certificate was revoked');
  const { request } = await makeRequest('web-01');
  assert.equal(await refusal(joining.renew(request, shown)), 'its certificate was revoked');
});

test('a crash after a code was used and before its host was noted leaves a repeat that lets the host in', async () => {
  await enroll(codeFor('web-01'), 'web-01');
  nowMs += 60_000;
  hosts.revoke('web-01', nowMs);
  nowMs += 60_000;
  const code = codeFor('web-01');
  const { request } = await makeRequest('web-01');
  const { secret } = readJoinCode(code) as { secret: Buffer };
  codes.use(codeName(secret), { name: 'web-01', request: requestDigest(request), joinedMs: nowMs }, hosts);
  nowMs += 60_000;
  const answer = await enroll(code, 'web-01', request);
  assert.ok('certificate' in answer);
  assert.equal(hosts.isTaken('web-01'), true);
});

test('a use that an earlier version noted without its time may be repeated until its name is revoked', async () => {
  const code = codeFor('web-01');
  const { request } = await makeRequest('web-01');
  await enroll(code, 'web-01', request);
  const { secret } = readJoinCode(code) as { secret: Buffer };
  const file = join(folder, 'codes', `${codeName(secret)}.json`);
  const kept = JSON.parse(readFileSync(file, 'utf8')) as { used: { name: string; request: string }[] };
  writeFileSync(file, JSON.stringify({ ...kept, used: kept.used.map(({ name, request }) => ({ name, request })) }));
  nowMs += 60_000;
  assert.ok('certificate' in (await enroll(code, 'web-01', request)));
  nowMs += 60_000;
  hosts.revoke('web-01', nowMs);
  nowMs += 60_000;
  assert.match(await refusal(enroll(code, 'web-01', request)), /^its certificate was revoked: /);
});

test('a code that cannot be read is not taken for a wrong one, nor what is to be noted in it for noted', async () => {
  const code = codeFor('web-01');
  const { secret } = readJoinCode(code) as { secret: Buffer };
  const file = join(folder, 'codes', `${codeName(secret)}.json`);
  renameSync(file, `${file}.aside`);
  mkdirSync(file);
  await assert.rejects(enroll(code, 'web-01'), { code: 'EISDIR' });
  assert.throws(() => codes.use(codeName(secret), { name: 'web-01', request: 'x' }, hosts), { code: 'EISDIR' });
  rmdirSync(file);
  renameSync(`${file}.aside`, file);
  assert.ok('certificate' in (await enroll(code, 'web-01')));
});

test('hosts that joined and cannot be read keep the server from starting', () => {
  writeFileSync(join(folder, 'joined'), 'no folder');
  assert.throws(() => new JoinedHosts(folder), /joined cannot be read: ENOTDIR/);
});

test('a code for several hosts gives each its own name, none twice, and ends with its count', async () => {
  const code = codeFor(null, 2);
  assert.ok('certificate' in (await enroll(code, 'web-01')));
  assert.match(await refusal(enroll(code, 'web-01')), /^a host web-01 has joined already: alphaserver enroll web-01/);
  assert.ok('certificate' in (await enroll(code, 'web-02')));
  assert.equal(await refusal(enroll(code, 'web-03')), 'the code was used 2 times already');
});

test('two hosts that show one code at the same moment do not both get in', async () => {
  const code = codeFor(null);
  const answers = await Promise.all([enroll(code, 'web-01'), enroll(code, 'web-02')]);
  assert.equal(answers.filter((answer) => 'certificate' in answer).length, 1);
});

test('a host that may not join is logged once, with its name, whether its answer waits or not', async (context) => {
  const log = { debug() {}, info() {}, ...{ warn: (text: string) => logged.push(text) }, error() {} };
  const ingest = new GroupCommit({ store: new MemoryStore(), log, now: Date.now });
  const { server, serverKey, ca } = authority.files;
  const listener = new Listener({
    listen: { scheme: 'tls', host: '127.0.0.1', port: 0 },
    tls: { certFile: server, keyFile: serverKey, clientCaFile: ca },
    admission: {
      admit: () => assert.fail('no hello is sent'),
      changed: () => false,
      mayStay: () => true,
      eventHost: () => ({ delayMs: 0 }),
    },
    ...{ joining, ingest, log, now: Date.now },
  });
  const port = await listener.open();
  context.after(async () => {
    listener.drain();
    await ingest.close();
    await listener.close();
  });
  const used = codeFor('web-01');
  assert.ok('certificate' in (await enroll(used, 'web-01')));
  const wrong = encodeJoinCode({ fingerprint: authority.fingerprint(), secret: Buffer.alloc(16) });
  const { request } = await makeRequest('web-02');
  for (const [code, reason] of [
    [used, 'the code was used already'],
    [wrong, 'the code is wrong'],
  ] as const) {
    logged.length = 0;
    const socket = connect({ port, host: '127.0.0.1', ca: readFileSync(ca), servername: 'asgard.example' });
    context.after(() => socket.destroy());
    socket.write(`${JSON.stringify({ type: 'enroll', version: 1, code, csr: request, host: 'web-02' })}\n`);
    let got = '';
    for await (const chunk of socket) got += chunk;
    assert.match(got, /"unauthorized"/);
    assert.deepEqual(logged, [`Host web-02 from 127.0.0.1 may not join: ${reason}`]);
  }
});

test('a late code says until when it was good, and a wrong one is answered later each time', async () => {
  const code = codeFor('web-01');
  nowMs += HOUR_MS;
  assert.match(await refusal(enroll(code, 'web-01')), /^the code was good until 20/);
  const wrong = encodeJoinCode({ fingerprint: authority.fingerprint(), secret: Buffer.alloc(16) });
  const delays = [];
  for (const guess of [wrong, 'no code', wrong])
    delays.push(((await enroll(guess, 'web-01')) as { delayMs: number }).delayMs);
  assert.deepEqual(delays, [250, 500, 1_000]);
  assert.equal(await refusal(enroll(wrong, 'web-01')), 'the code is wrong');
});

test('a code of another server is refused, and one that ended long ago is removed', async () => {
  const other = encodeJoinCode({ fingerprint: Buffer.alloc(16), secret: Buffer.alloc(16) });
  assert.equal(await refusal(enroll(other, 'web-01')), 'the code is not one of this server');
  const code = codeFor('web-01');
  nowMs += 8 * DAY_MS;
  codeFor('web-02');
  assert.equal(await refusal(enroll(code, 'web-01')), 'the code is wrong');
});

test('a request that cannot be signed uses up no code', async () => {
  const code = codeFor('web-01');
  assert.match(await refusal(enroll(code, 'web-01', '-----BEGIN NOTHING')), /it is no request for a certificate/);
  const long = `-----BEGIN ${'x'.repeat(REQUEST_LIMIT_CHARS)}`;
  assert.match(await refusal(enroll(code, 'web-01', long)), /at most 8192 characters/);
  assert.ok('certificate' in (await enroll(code, 'web-01')));
});

test('a name that no certificate can have is refused in words', async () => {
  for (const name of ['a/b', '../x', '-x', '.x', 'x'.repeat(65)])
    assert.match(await refusal(enroll(codeFor(null), name)), /^its name must be 1 to 64 letters/, name);
  assert.ok('certificate' in (await enroll(codeFor(null), 'x'.repeat(64))));
});

test('who joins anew by a name ends the certificates before, and so does revoking; renewing does not', async () => {
  await enroll(codeFor('web-01'), 'web-01');
  const first = { name: 'web-01', fromMs: Math.floor(nowMs / 1_000) * 1_000 };
  nowMs += 10_000;
  assert.ok('certificate' in (await joining.renew((await makeRequest('web-01')).request, first)));
  assert.equal(hosts.fault(first), null);
  await enroll(codeFor('web-01'), 'web-01');
  assert.equal(hosts.fault(first), 'another host has joined as web-01 since');
  assert.equal(hosts.changed(), true);
  const second = { name: 'web-01', fromMs: Math.floor(nowMs / 1_000) * 1_000 };
  assert.equal(hosts.fault(second), null);
  // By the command, in a process of its own.
  nowMs += 10_000;
  assert.equal(new JoinedHosts(folder).revoke('web-01', nowMs), true);
  assert.equal(hosts.changed(), true);
  assert.equal(hosts.fault(second), 'its certificate was revoked');
  assert.equal(hosts.isTaken('web-01'), false);
  assert.equal(new JoinedHosts(folder).fault(second), 'its certificate was revoked', 'after a restart too');
});

test('a list of revoked certificates that is damaged while the server runs leaves those revoked that were', () => {
  hosts.joined('web-01', null, nowMs);
  hosts.revoke('web-01', nowMs + 1_000);
  const serving = new JoinedHosts(folder, (message) => logged.push(message));
  const revoked = { name: 'web-01', fromMs: nowMs };
  for (const damage of ['{"version":1,"rev', 'null', '{}', '{"revoked":{"web-01":"soon"}}']) {
    writeFileSync(join(folder, 'revoked.json'), damage);
    assert.equal(serving.changed(), false);
    assert.match(logged.pop() ?? '', /revoked\.json cannot be read: /);
    assert.equal(serving.fault(revoked), 'its certificate was revoked');
    // At a start nothing is known that could stay in force.
    assert.throws(() => new JoinedHosts(folder), /revoked\.json cannot be read: /);
  }
});

test('a certificate whose host the server does not know is let in: the store may be a restored backup', () => {
  assert.equal(hosts.fault({ name: 'web-09', fromMs: nowMs }), null);
});

test('after a restore the certificate of a host that joined since the backup is revoked like any other', async () => {
  await enroll(codeFor('web-09'), 'web-09');
  const certificate = { name: 'web-09', fromMs: Math.floor(nowMs / 1_000) * 1_000 };
  rmSync(join(folder, 'joined'), { recursive: true });
  const serving = new JoinedHosts(folder);
  assert.equal(serving.fault(certificate), null);
  nowMs += 10_000;
  const revoked = await certs('revoke', 'web-09');
  assert.equal(revoked.code, 0, revoked.text);
  assert.match(revoked.text, /^No host web-09 is known to have joined; [^\n]*\n$/);
  assert.equal(serving.changed(), true);
  assert.equal(serving.fault(certificate), 'its certificate was revoked');
  const renewed = { name: 'web-09', fromMs: nowMs + 1_000 };
  assert.equal(serving.fault(renewed), 'its certificate was revoked', 'by a renewal of that second too');
  assert.match((await certs('list')).text, /^web-09\tnot known\trevoked /);
  assert.partialDeepStrictEqual(JSON.parse((await certs('list', '--json')).text), {
    hosts: [{ name: 'web-09', joinedAt: null, revokedAt: new Date(nowMs).toISOString() }],
  });
  nowMs += 10_000;
  assert.ok('certificate' in (await enroll(codeFor('web-09'), 'web-09')));
  assert.equal(new JoinedHosts(folder).fault({ name: 'web-09', fromMs: nowMs }), null, 'it joins again by a new code');
});

test('a name that no certificate has, or no authority, is not revoked', async () => {
  assert.equal((await certs('revoke', '../web-09')).code, 1);
  rmSync(join(folder, 'certs'), { recursive: true });
  assert.equal((await certs('revoke', 'web-09')).code, 1);
  assert.equal(existsSync(join(folder, 'revoked.json')), false);
});

test('more names for the server keep the authority, the names before, and end in a certificate with all of them', async () => {
  const before = readFileSync(authority.files.ca, 'utf8');
  const made = await authority.init('server', ['other.example'], nowMs);
  assert.equal(made.isNewAuthority, false);
  assert.equal(readFileSync(authority.files.ca, 'utf8'), before);
  assert.deepEqual(authority.serverNames(), ['other.example', 'asgard.example', '192.0.2.1', '2001:db8::1']);
  assert.ok(readFileSync(authority.files.server, 'utf8').endsWith(before), 'agents that join find the authority there');
});

test('the name to type for the server is one that leads to it from another host, where its certificate has such a name', async () => {
  for (const [given, typed] of [
    ['localhost,mon1,127.0.0.1,::1,192.0.2.1', 'mon1'],
    ['localhost.localdomain,127.0.1.1,*.corp.example,mon1.corp.example', 'mon1.corp.example'],
    ['localhost,127.0.0.1,::1,2001:db8::1', '[2001:db8::1]'],
    ['mon1,asgard.example', 'mon1'],
    ['localhost.example,127.0.0.1', 'localhost.example'],
    ['localhost,127.0.0.1', 'localhost'],
  ] as const) {
    const own = join(folder, given);
    const env = {
      ALPHASERVER_DATA: own,
      ALPHASERVER_LISTEN: 'tls://0.0.0.0:5000',
      ALPHASERVER_HTTP: 'https://0.0.0.0:80',
    };
    await new Authority(authorityFolder(own)).init('server', given.split(','), nowMs);
    const io = { stdout: new Text(), stderr: new Text(), env, nowMs };
    assert.equal(await runProgram(alphaserver(io), ['enroll', 'web-01'], io), 0, io.stderr.text);
    assert.ok(io.stderr.text.endsWith(` alphaclient join ${typed}:5000 CODE\n`), io.stderr.text);
    await runProgram(alphaserver(io), ['user', 'add', 'vera', '--role', 'viewer'], io);
    assert.ok(io.stdout.text.endsWith(` https://${typed}:80/\n`), io.stdout.text);
  }
});

test("the server's own certificate is made anew 30 days before it ends, and not earlier", async () => {
  const endsMs = authority.serverEndsMs();
  assert.equal(await authority.renewServer('server', endsMs - 31 * DAY_MS), false);
  assert.equal(await authority.renewServer('server', endsMs - 29 * DAY_MS), true);
  assert.ok(authority.serverEndsMs() > endsMs);
  assert.deepEqual(authority.serverNames(), ['asgard.example', '192.0.2.1', '2001:db8::1']);
});

for (const agentsHave of ['no certificate', 'a foreign certificate', 'one of another authority'] as const)
  test(`the page's own certificate is renewed and its names are the page's where agents have ${agentsHave}`, async (context) => {
    const served = new Served();
    context.after(() => served.close());
    const ofPage = new Authority(authorityFolder(join(served.folder, 'store')));
    const ofAgents = new Authority(join(served.folder, 'agents'));
    const leftMs = (one: Authority): number => one.serverEndsMs() - Date.now();
    for (const one of [ofPage, ofAgents]) {
      await one.init('server', ['127.0.0.1', 'asgard.example'], Date.now() - 380 * DAY_MS);
      assert.ok(leftMs(one) < 30 * DAY_MS);
    }
    // Without the key it can only be shown.
    if (agentsHave === 'a foreign certificate') rmSync(ofAgents.files.caKey);
    const forAgents = {
      ALPHASERVER_LISTEN: 'tls://127.0.0.1:0',
      ALPHASERVER_TLS_CERT: ofAgents.files.server,
      ALPHASERVER_TLS_KEY: ofAgents.files.serverKey,
      ALPHASERVER_TLS_CLIENT_CA: ofAgents.files.ca,
    };
    await served.open({
      ALPHASERVER_HTTP: 'https://127.0.0.1:0',
      ...(agentsHave === 'no certificate' ? {} : forAgents),
    });
    const renewed = agentsHave === 'one of another authority' ? [ofPage, ofAgents] : [ofPage];
    await until(() => renewed.every((one) => leftMs(one) > 390 * DAY_MS));
    const asked = get(`${served.page}/healthz`, { ca: ofPage.certificate(), headers: { host: 'asgard.example' } });
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    answer.resume();
    assert.equal(answer.statusCode, 200);
  });
