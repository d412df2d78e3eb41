import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { HttpReceiver } from '../notify/receivers.ts';

const MAIN = join(import.meta.dirname, '../../../alphaserver/main.ts');

/** Runs `alphaserver alert ...` in an empty folder. */
function alert(t: TestContext, args: readonly string[], env: Record<string, string>, rules?: object) {
  const cwd = mkdtempSync(join(tmpdir(), 'alert-test-'));
  t.after(() => rmSync(cwd, { recursive: true }));
  if (rules) writeFileSync(join(cwd, 'rules.json'), JSON.stringify(rules, null, 1));
  const given = { PATH: process.env['PATH'], ...(rules ? { ALPHASERVER_RULES: 'rules.json' } : {}), ...env };
  return new Promise<{ code: number; out: string; error: string }>((done) => {
    execFile(process.execPath, [MAIN, 'alert', ...args], { cwd, env: given }, (failure, out, error) =>
      done({ code: failure ? Number(failure.code) : 0, out, error }),
    );
  });
}

test('alert test sends each channel a message that says so, and tells how each fared', async (t) => {
  const http = await new HttpReceiver().open();
  t.after(() => http.close());
  http.answers.push({ status: 200 }, { status: 403, body: 'invalid_token' });
  const channels = { a: { type: 'webhook', url: `${http.url}/a` }, b: { type: 'slack', url: `${http.url}/b` } };
  const { code, out } = await alert(t, ['test'], {}, { channels });
  assert.equal(code, 1);
  assert.match(
    out,
    /^a \(webhook\): delivered in \d+ ms\nb \(slack\): failed: HTTP 403 from http:\/\/127\.0\.0\.1:\d+: invalid_token\n$/,
  );
  assert.equal(JSON.parse(http.received[0]?.body ?? '').test, true);
});

test('ALPHASERVER_WEBHOOK alone is a channel', async (t) => {
  const http = await new HttpReceiver().open();
  t.after(() => http.close());
  const { code, out } = await alert(t, ['test'], { ALPHASERVER_WEBHOOK: `${http.url}/x` });
  assert.equal(code, 0);
  assert.match(out, /^ALPHASERVER_WEBHOOK \(webhook\): delivered in \d+ ms\n$/);
  assert.equal(http.received[0]?.path, '/x');
});

test('no channel, an unknown channel, a mistake in the rules and an unknown command are wrong usage', async (t) => {
  const url = 'http://127.0.0.1:9/';
  const results = [
    await alert(t, ['test'], {}),
    await alert(t, ['test', 'pager'], { ALPHASERVER_WEBHOOK: url }),
    await alert(t, ['test'], {}, { channels: { a: { type: 'slack' } } }),
    await alert(t, ['tset'], {}),
  ];
  for (const { code } of results) assert.equal(code, 2);
  const [none, unknown, mistake, usage] = results.map(({ error }) => error);
  assert.match(none ?? '', /^alphaserver alert test: there is no channel: set ALPHASERVER_WEBHOOK/);
  assert.match(unknown ?? '', /^alphaserver alert test: "pager" is no channel; there are ALPHASERVER_WEBHOOK\n$/);
  assert.match(
    mistake ?? '',
    /^alphaserver alert test: rules\.json:3:\d+: channels\.a must have required property 'url'\n$/,
  );
  assert.match(usage ?? '', /^alphaserver alert: "tset" is no command; did you mean test\?\n$/);
});
