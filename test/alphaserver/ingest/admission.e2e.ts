import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { Pair } from '../../programs.ts';
import { until } from '../../until.ts';
import { event, hello } from '../../wire-messages.ts';

interface Answer {
  readonly type: string;
  readonly code?: string;
  readonly seq?: number;
  readonly message?: string;
}

/** A server that wants tokens, and the tokens of these names. */
async function guarded(context: TestContext, ...names: readonly (readonly string[])[]) {
  const pair = await Pair.make();
  context.after(() => pair.close());
  const server = await pair.serving({ ALPHASERVER_ANONYMOUS: 'false' });
  const tokens: string[] = [];
  for (const name of names) tokens.push((await pair.serverCommand('token', 'add', ...name)).output.trim());
  return { pair, server, tokens };
}

/** Sends lines and reads answers until the server closes or `enough` answers are there. */
async function exchange(port: number, lines: readonly object[], enough = lines.length): Promise<Answer[]> {
  const socket = connect(port, '127.0.0.1');
  socket.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const answers: Answer[] = [];
  const reader = createInterface({ input: socket });
  reader.on('line', (line) => {
    answers.push(JSON.parse(line) as Answer);
    if (answers.length >= enough) socket.destroy();
  });
  socket.on('error', () => {});
  await once(socket, 'close');
  return answers;
}

test('an agent with a token of its own cannot speak for another agent, whose events go on being stored', async (context) => {
  const { pair, server, tokens } = await guarded(context, ['web-1'], ['thief']);
  const [own = '', thief = ''] = tokens;
  const agent = randomUUID();
  assert.deepEqual(await exchange(pair.port, [hello(agent, { host: 'web-1', token: own }), event(1)]), [
    { type: 'welcome', version: 1, seq: 0, end: 0, accepts: ['end'] },
    { type: 'ack', seq: 1 },
  ]);
  const [answer] = await exchange(pair.port, [hello(agent, { host: 'web-1', token: thief }), event(1_000_000)]);
  assert.partialDeepStrictEqual(answer, { type: 'error', code: 'unauthorized' });
  await server.says('is not let in: this agent belongs to another token or certificate');
  // Also after a restart, and nothing has changed for the rightful one.
  await server.end('SIGKILL');
  await pair.serving({ ALPHASERVER_ANONYMOUS: 'false' });
  assert.partialDeepStrictEqual(await exchange(pair.port, [hello(agent, { host: 'web-1', token: thief })]), [
    { code: 'unauthorized' },
  ]);
  assert.deepEqual(await exchange(pair.port, [hello(agent, { host: 'web-1', token: own }), event(2)]), [
    { type: 'welcome', version: 1, seq: 1, end: 0, accepts: ['end'] },
    { type: 'ack', seq: 2 },
  ]);
});

test('a token speaks for one host; one with a pattern for the hosts that match it, in events too', async (context) => {
  const { pair, tokens } = await guarded(context, ['web-1'], ['collector', '--hosts', 'db-*']);
  const [own = '', collector = ''] = tokens;
  const agent = randomUUID();
  const lines = [hello(agent, { host: 'web-1', token: own }), event(1), event(2, { host: 'db-1' })];
  const answers = await exchange(pair.port, lines);
  assert.partialDeepStrictEqual(
    answers.find(({ type }) => type === 'error'),
    { code: 'unauthorized' },
  );
  // The refusal does not wait for the commit of what came before.
  let hosts: string[] = [];
  await until(
    async () => {
      hosts = (await pair.events()).map((stored) => (stored as unknown as { host: string }).host);
      return hosts.length > 0;
    },
    () => 'what came before is stored',
  );
  assert.deepEqual(hosts, ['web-1']);
  const other = randomUUID();
  assert.partialDeepStrictEqual(
    await exchange(pair.port, [hello(other, { host: 'db-0', token: collector }), event(1, { host: 'db-1' })]),
    [{ type: 'welcome' }, { type: 'ack', seq: 1 }],
  );
});

test('a second agent of one token ends the first, which is a clone when it comes back', async (context) => {
  const { pair, server, tokens } = await guarded(context, ['web-1']);
  const [first, second] = [randomUUID(), randomUUID()];
  for (const agent of [first, second, first]) {
    const [answer] = await exchange(pair.port, [hello(agent, { host: 'web-1', token: tokens[0] ?? '' })], 1);
    assert.partialDeepStrictEqual(answer, { type: 'welcome' });
  }
  await server.says(`New agent ${second} of token:web-1: ${first} ends`);
  await server.says(`Two agents use token:web-1 in turns: ${first} is back, and ${second} ends`);
});

test('wrong tokens are answered later each time, and a right one beside them at once', async (context) => {
  const { pair, tokens } = await guarded(context, ['web-1']);
  const guess = async (): Promise<number> => {
    const begun = performance.now();
    const answers = await exchange(pair.port, [hello(randomUUID(), { host: 'x', token: 'guess' })]);
    assert.partialDeepStrictEqual(answers, [{ code: 'unauthorized' }]);
    return performance.now() - begun;
  };
  // The bounds are from below alone: the third wrong guess waits for four times the first one's time.
  const waits = [await guess(), await guess(), await guess()];
  assert.ok((waits[0] as number) >= 250 && (waits[1] as number) >= 500 && (waits[2] as number) >= 1_000, waits.join());
  // The next one waits for four seconds, within which the right one has to be welcomed.
  await guess();
  const pending = exchange(pair.port, [hello(randomUUID(), { host: 'x', token: 'guess' })]);
  let isAnswered = false;
  void pending.then(() => {
    isAnswered = true;
  });
  const [answer] = await exchange(pair.port, [hello(randomUUID(), { host: 'web-1', token: tokens[0] ?? '' })], 1);
  assert.partialDeepStrictEqual(answer, { type: 'welcome' });
  assert.equal(isAnswered, false, 'the guess beside it still waits');
  await pending;
});

test('a token file that is damaged while the server runs ends nothing', async (context) => {
  const { pair, server, tokens } = await guarded(context, ['web-1']);
  const agent = randomUUID();
  assert.partialDeepStrictEqual(
    await exchange(pair.port, [hello(agent, { host: 'web-1', token: tokens[0] ?? '' })], 1),
    [{ type: 'welcome' }],
  );
  writeFileSync(join(pair.folder, 'server', 'tokens.json'), 'not JSON');
  await server.says('Tokens stay as they were: ');
  assert.partialDeepStrictEqual(
    await exchange(pair.port, [hello(agent, { host: 'web-1', token: tokens[0] ?? '' })], 1),
    [{ type: 'welcome' }],
  );
});
