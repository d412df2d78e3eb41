import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { ask, Mailbox } from '../../service/mailbox.ts';
import { until } from '../until.ts';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mailbox-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('each request gets its own answer, and no file stays', async (t) => {
  const folder = folderOf(t);
  const mailbox = new Mailbox(folder, (request) => ({ value: request }));
  t.after(() => mailbox.close());
  const requests = Array.from({ length: 5 }, (_, i) => ({ i }));
  const answers = await Promise.all(requests.map((request) => ask(folder, request)));
  assert.deepEqual(
    answers,
    requests.map((value) => ({ value })),
  );
  assert.deepEqual(readdirSync(join(folder, 'requests')), []);
  assert.equal(statSync(join(folder, 'requests')).mode & 0o777, 0o700);
});

test('without a process that answers, a command says so', async (t) => {
  const folder = folderOf(t);
  assert.ok('fault' in (await ask(folder, {})));
  mkdirSync(join(folder, 'requests'));
  assert.match(String(Object.values(await ask(folder, {}, 300))), /^the server has not answered within 0\.3 s$/);
  assert.deepEqual(readdirSync(join(folder, 'requests')), []);
});

test('a request that is damaged or too long is refused, and what a crash left behind is removed', async (t) => {
  const folder = folderOf(t);
  const left = join(folder, 'requests', '00000000-0000-0000-0000-000000000000.request');
  mkdirSync(join(folder, 'requests'));
  writeFileSync(left, '{"i":1}');
  const heard: unknown[] = [];
  const mailbox = new Mailbox(folder, (request) => {
    heard.push(request);
    return { value: null };
  });
  t.after(() => mailbox.close());
  assert.ok(!existsSync(left));
  const answer = left.replace('.request', '.answer');
  writeFileSync(left, '{"i":');
  await until(() => existsSync(answer));
  assert.ok('fault' in (await ask(folder, 'x'.repeat(70_000))));
  assert.deepEqual(heard, []);
});
