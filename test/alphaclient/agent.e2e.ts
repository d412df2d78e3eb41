import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, mkdirSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { REPORT_TEXT_LIMIT_CHARS } from '../../protocol/report.ts';
import { Attempts, type Ledger } from '../attempts.ts';
import { BACK_LIMIT_MS, Pair } from '../programs.ts';
import { until } from '../until.ts';

let pair: Pair;
let attempts: Attempts;
beforeEach(async () => {
  pair = await Pair.make();
  attempts = new Attempts(pair);
});
afterEach(() => pair.close());

test('a log in which each line stands twice is warned of once, and its logins count once', async () => {
  await pair.serving();
  const agent = pair.agent();
  const messages = ['Failed password for', 'Accepted password for', 'Connection closed by user'].map(
    (words, i) =>
      `Nov 20 10:00:0${i} web sshd[7]: ${words} bob ${i < 2 ? 'from ' : ''}192.0.2.7 port 4711${i < 2 ? ' ssh2' : ''}\n`,
  );
  appendFileSync(pair.logFile, messages.map((message) => message.repeat(2)).join(''));
  await agent.says('Nearly all lines of sshd are in the log twice');
  appendFileSync(
    pair.logFile,
    messages.map((message) => message.replace('10:00:', '10:01:').replace('[7]', '[8]').repeat(2)).join(''),
  );
  await until(async () => (await pair.api<Ledger>('/api/ledger')).totals.stored === 6);
  assert.deepEqual((await pair.events()).map(({ outcome }) => outcome).sort(), [
    'accepted',
    'accepted',
    'failed',
    'failed',
    'failed',
    'failed',
  ]);
  assert.equal(agent.output.split('in the log twice').length, 2);
});

test('attempts are counted once when either side is killed again and again', async () => {
  let server = await pair.serving();
  for (let round = 0; round < 4; round += 1) {
    const agent = pair.agent();
    attempts.write(5);
    await agent.says('Following');
    attempts.write(5);
    if (round % 2 === 0) {
      await server.end('SIGKILL');
      attempts.write(5);
      server = await pair.serving();
    }
    await agent.end('SIGKILL');
    attempts.write(5);
  }
  const agent = pair.agent();
  await attempts.exactlyOnce();
  await server.says(`Processed result: box had ${attempts.count} attempt of ssh session`);
  await attempts.ledgersAgree();
  assert.equal(await agent.end('SIGTERM'), 0);
  await server.says('Client is requesting to quit');
  assert.equal(await server.end('SIGTERM'), 0);
});

test('a log that is renamed or truncated, while the agent runs and while it is down, is read to its end', async () => {
  const server = await pair.serving();
  attempts.write(3);
  let agent = pair.agent();
  await attempts.exactlyOnce();
  renameSync(pair.logFile, `${pair.logFile}.1`);
  attempts.write(2, `${pair.logFile}.1`);
  attempts.write(2);
  await attempts.exactlyOnce();
  await agent.end('SIGKILL');
  attempts.write(2);
  rmSync(`${pair.logFile}.1`);
  renameSync(pair.logFile, `${pair.logFile}.1`);
  attempts.write(2);
  agent = pair.agent();
  await attempts.exactlyOnce();
  copyFileSync(pair.logFile, `${pair.logFile}.1`);
  truncateSync(pair.logFile);
  attempts.write(1);
  await attempts.exactlyOnce();
  await agent.end('SIGTERM');
  await server.end('SIGTERM');
});

test('the agent waits for a missing log, keeps events while the server is down, and status shows both', async () => {
  const agent = pair.agent();
  await agent.says('does not exist yet');
  attempts.write(3);
  await until(async () => {
    const { output } = await pair.command('status');
    return /^events\s+3$/m.test(output) && /^to send\s+3$/m.test(output) && output.includes('caught up, not connected');
  });
  const server = pair.server();
  await server.says('box had 3 attempt', BACK_LIMIT_MS);
  await until(async () => /^to send\s+0$/m.test((await pair.command('status')).output));
  await agent.end('SIGTERM');
  assert.match((await pair.command('status')).output, /^state\s+not running$/m);
});

test('a lost part of the log is reported once: in both logs, in the list of gaps, and on the stream', async () => {
  const server = await pair.serving();
  // The words for the gap are longer than a ping carries of them: they are cut, and the gap is not left out.
  const folder = join(pair.folder, 'f'.repeat(200));
  mkdirSync(folder);
  const log = join(folder, 'sshd.log');
  const started = () => pair.agent({ ALPHACLIENT_LOG: log });
  let agent = started();
  attempts.write(3, log);
  await attempts.exactlyOnce();
  const watching = new AbortController();
  let seen = '';
  const stream = await fetch(`http://127.0.0.1:${pair.httpPort}/api/stream`, { signal: watching.signal });
  const watch = (async () => {
    for await (const piece of stream.body ?? []) seen += Buffer.from(piece).toString();
  })().catch(() => {});
  await agent.end('SIGKILL');
  // Written and deleted while nobody looked.
  appendFileSync(log, 'Failed password for nobody from 192.0.2.7 port 2 ssh2\r\n');
  rmSync(log);
  attempts.write(2, log);
  agent = started();
  await agent.says('Part of the log is lost');
  await server.says('Gap: ');
  await attempts.exactlyOnce();
  await until(() => seen.includes('event: gap'));
  await agent.end('SIGTERM');
  // Sent again on the next connection, and known by then.
  agent = started();
  attempts.write(1, log);
  await attempts.exactlyOnce();
  await agent.end('SIGTERM');
  const { gaps } = await pair.api<{ gaps: { kind: string; host: string; text: string }[] }>('/api/gaps');
  assert.deepEqual(
    gaps.map(({ kind, host }) => [kind, host]),
    [['rotated-away', 'box']],
  );
  assert.equal(gaps[0]?.text.length, REPORT_TEXT_LIMIT_CHARS);
  assert.deepEqual(JSON.parse(/^event: gap\ndata: (.*)$/m.exec(seen)?.[1] ?? ''), gaps[0]);
  assert.equal(server.output.split('Gap: ').length, 2, server.output);
  assert.equal(seen.split('event: gap').length, 2);
  const { totals } = await pair.api<{ totals: { declaredLost: number } }>('/api/ledger');
  assert.equal(totals.declaredLost, 1);
  watching.abort();
  await watch;
});

test('a wrong setting ends both programs with 2, a taken port the server with 1, each in one line', async () => {
  const wrong = pair.agent({ ALPHACLIENT_SERVER: 'nowhere' });
  assert.equal(await wrong.ended, 2);
  assert.match(wrong.output, /^alphaclient: ALPHACLIENT_SERVER=nowhere cannot be used: [^\n]+\n$/);
  const server = pair.server();
  await server.says('Socket now listening');
  const second = pair.server({ ALPHASERVER_DATA: join(pair.folder, 'other'), ALPHASERVER_HTTP: 'off' });
  assert.equal(await second.ended, 1);
  assert.match(second.output, /^Socket created\nBind failed\. Error : .*EADDRINUSE/);
});
