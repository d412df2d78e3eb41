/** Refusals that wait: none for longer than an agent does, and each logged when it is decided. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { IdentityAdmission } from '../../../alphaserver/ingest/admission.ts';
import { FleetBounds } from '../../../alphaserver/ingest/fleet-bounds.ts';
import { GroupCommit } from '../../../alphaserver/ingest/group-commit.ts';
import { Listener } from '../../../alphaserver/ingest/listener.ts';
import { Tokens } from '../../../alphaserver/ingest/tokens.ts';
import { HELLO_DELAY_LIMIT_MS, HELLO_TIMEOUT_MS, type Hello } from '../../../protocol/messages.ts';
import { until } from '../../until.ts';
import { hello } from '../../wire-messages.ts';
import { MemoryStore } from '../memory-store.ts';

/** Lets in who has a token: nobody, unless there are some. */
const guarded = (
  log: { info(text: string): void; warn(text: string): void },
  now = Date.now,
  tokens = new Tokens('/nonexistent'),
): IdentityAdmission =>
  new IdentityAdmission({
    ...{ tokens, joined: null, anonymous: false, needsCertificate: false, bindings: [] },
    ...{ bounds: new FleetBounds({ agents: [], hosts: [] }), log, now },
  });

test('the answer to a wrong token comes while its agent still waits for it, however many there were before', () => {
  const admission = guarded({ info() {}, warn() {} }, () => 0);
  const peer = { address: '192.0.2.1', certificate: null };
  const delays = Array.from({ length: 40 }, () => {
    const answer = admission.admit({ agent: randomUUID(), host: 'h', token: 'wrong', run: null } as Hello, peer);
    return answer.delayMs;
  });
  assert.deepEqual(delays.slice(0, 5), [250, 500, 1_000, 2_000, 4_000]);
  assert.equal(Math.max(...delays), HELLO_DELAY_LIMIT_MS);
  // The time of TCP and TLS is in what the agent waits for.
  assert.ok(HELLO_DELAY_LIMIT_MS <= HELLO_TIMEOUT_MS / 2);
});

async function listening(
  t: TestContext,
  tokens = new Tokens('/nonexistent'),
  told = /the token is not valid/,
): Promise<{ port: number; refusals: () => number }> {
  const logged: string[] = [];
  const say = (line: string): void => void logged.push(line);
  const log = { debug() {}, info: say, warn: say, error: say };
  const ingest = new GroupCommit({ store: new MemoryStore(), log, now: Date.now });
  const listen = { scheme: 'tcp', host: '127.0.0.1', port: 0 } as const;
  const listener = new Listener({
    listen,
    tls: null,
    admission: guarded(log, Date.now, tokens),
    ingest,
    log,
    now: Date.now,
  });
  const port = await listener.open();
  t.after(async () => {
    listener.drain();
    await ingest.close();
    await listener.close();
  });
  return {
    port,
    refusals: () => logged.filter((line) => told.test(line)).length,
  };
}

function guess(
  t: TestContext,
  port: number,
  shown: object = { host: 'h', token: 'wrong' },
): { readonly socket: Socket; readonly got: () => string } {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  t.after(() => socket.destroy());
  let got = '';
  socket.on('data', (bytes: Buffer) => {
    got += bytes;
  });
  socket.write(`${JSON.stringify(hello(randomUUID(), shown))}\n`);
  return { socket, got: () => got };
}

test('a refusal that waits is logged when it is decided, also for a peer that does not wait for it', async (t) => {
  const { port, refusals } = await listening(t);
  for (let guesses = 1; guesses <= 6; guesses += 1) {
    guess(t, port).socket.end();
    await until(
      () => refusals() === guesses,
      () => `${refusals()} refusals are logged`,
      10_000,
    );
  }
});

test('a refusal that is waited for is logged once', async (t) => {
  const { port, refusals } = await listening(t);
  const { socket, got } = guess(t, port);
  await until(() => socket.readableEnded);
  assert.match(got(), /"unauthorized"/);
  assert.equal(refusals(), 1);
});

test('a refusal that does not wait is logged once too, and with its reason', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'admission-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const tokens = new Tokens(folder);
  const token = tokens.add('web', Date.now(), 'one');
  for (const [shown, reason] of [
    [{ host: 'two', token }, /token:web may speak for /],
    [{ host: 'two' }, /a token or a certificate is needed/],
  ] as const) {
    const { port, refusals } = await listening(t, tokens, reason);
    const { socket, got } = guess(t, port, shown);
    await until(() => socket.readableEnded);
    assert.match(got(), reason);
    assert.equal(refusals(), 1, got());
  }
});
