import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { alphaclient } from '../../../alphaclient/commands/commands.ts';
import { runProgram } from '../../../service/command-line.ts';

async function run(args: readonly string[], input = ''): Promise<{ code: number; out: string; err: string }> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const printed = { out: '', err: '' };
  stdout.on('data', (chunk) => {
    printed.out += chunk;
  });
  stderr.on('data', (chunk) => {
    printed.err += chunk;
  });
  const io = { stdout, stderr, stdin: Readable.from([Buffer.from(input)]), env: {}, nowMs: Date.now() };
  const code = await runProgram(alphaclient(io), ['explain', ...args], io);
  return { code, ...printed };
}

const FAILED = 'Nov 20 10:00:00 web sshd[12]: Failed password for invalid user x from 192.0.2.4 port 22 ssh2';

describe('explain', () => {
  it('names the message, its fields and the event of a line', async () => {
    const { code, out } = await run([FAILED]);
    equal(code, 0);
    match(out, /^message +failed: Failed \{method\} for /m);
    match(out, /^fields +method "password", user "x", invalidUser true, ip "192\.0\.2\.4", port 22$/m);
    match(out, /^event +\{"line":1,.*"outcome":"failed"/m);
  });

  it('takes the line in one argument or in many', async () => {
    equal((await run(FAILED.split(' '))).out, (await run([FAILED])).out);
  });

  it('says why there is no event', async () => {
    match((await run(['Nov 20 10:00:00 web CRON[1]: x'])).out, /none: not written by sshd/);
    match((await run(['Nov 20 10:00:00 web sshd[1]: Frobnicated'])).out, /counted as unknown/);
    match((await run(['Nov 20 10:00:00 web sshd[1]: User child is on pid 7'])).out, /says nothing about an attempt/);
    match((await run(['{"MESSAGE":"x","SYSLOG_IDENTIFIER":"sshd","_EXE":"/usr/bin/logger"}'])).out, /another program/);
    match((await run(['hello'])).out, /no message of sshd/);
  });

  it('tells what is counted as unknown without a prefix from what is, and what came before a message from the message', async () => {
    match((await run(['[noon] sshd[1]: Failed password'])).out, /counted as unknown/);
    match((await run(['{"text":"sshd[1]: Failed password"}'])).out, /counted as unknown/);
    const failed = 'Failed password for bob from 192.0.2.4 port 22 ssh2\r';
    const before = 'x sshd[1]: y';
    const { out } = await run([], `Server listening on :: port 22.\r\n${before}\n${failed}\nFrobnicated\r\n`);
    match(out, /^event +\{"line":3,.*"user":"bob"/m);
    match(out, /Frobnicated.*none: counted as unknown/s);
  });

  it('says what a line becomes when nothing follows it, and reads lines together', async () => {
    const open = 'Nov 20 10:00:00 web sshd[1]: Invalid user bob from 192.0.2.4 port 22';
    match((await run([open])).out, /^if it ends here \{.*"outcome":"probe"/m);
    const { out } = await run(
      [],
      `${open}\nNov 20 10:00:01 web sshd[1]: Connection closed by invalid user bob 192.0.2.4 port 22 [preauth]\n`,
    );
    match(out, /\{"line":2,.*"outcome":"probe","method":null,"user":"bob"/);
  });

  it('shows nothing of a line that would move the cursor', async () => {
    ok(!(await run([FAILED.replace('user x', 'user \u001b[2J')])).out.includes('\u001b'));
  });

  it('shows names as scan does, and no character of a line that would move the cursor', async () => {
    const hostile = FAILED.replace('user x', 'user J\u00f6rg\u001b[31m\u202e');
    const { out } = await run([hostile]);
    match(out, /^fields .*user "J\u00f6rg\\u001b\[31m\\u202e"/m);
    match(out, /^event .*"user":"J\u00f6rg\\u001b\[31m\\u202e"/m);
    ok(!out.includes('\u001b') && !out.includes('\u202e'));
  });

  it('explains as JSON for programs, one object a line', async () => {
    const { code, out } = await run(['--json', '-'], `${FAILED.replace('user x', 'user J\u00f6rg')}\nhello\n`);
    equal(code, 0);
    const [first, second] = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const { line, message, fields, events, eventAtEnd, reason, unknown } = first;
    equal(message.name, 'failed');
    deepEqual([line, fields.user, eventAtEnd, reason, unknown], [1, 'J\u00f6rg', null, null, false]);
    deepEqual([events.length, events[0].user, events[0].outcome], [1, 'J\u00f6rg', 'failed']);
    deepEqual([second.message, second.events, second.text], [null, [], 'hello']);
  });

  it('ends silently when nobody reads any more', async () => {
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    stdout.once('data', () => stdout.destroy());
    async function* endless(): AsyncGenerator<string> {
      for (;;) yield `${FAILED}\n`.repeat(100);
    }
    const io = { stdout, stderr, stdin: Readable.from(endless()), env: {}, nowMs: Date.now() };
    equal(await runProgram(alphaclient(io), ['explain'], io), 0);
    equal(stderr.read(), null);
  });

  it('without a line says so and exits with 2', async () => {
    const { code, err } = await run([]);
    equal(code, 2);
    match(err, /^alphaclient explain: LINE is missing/);
  });
});
