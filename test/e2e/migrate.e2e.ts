/** An embedded store is copied to the shared log: a server on that log answers as the embedded one did. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { sends, wrong } from '../alphaserver/detection/agent.ts';
import { comparable, oldAnswers, unpackOldStore } from '../old-store.ts';
import { noPostgres, Postgres } from '../postgres.ts';
import { Pair, Program } from '../programs.ts';
import { until } from '../until.ts';

/** Keeps what the store holds, whatever day it is. */
const FOR_EVER = { ALPHASERVER_RETENTION: '36500d' };
const KEY = `ED25519 SHA256:${'a'.repeat(43)}`;
const AGENT = '5f0c1f6e-9d0b-4c57-8a25-0d8f3f6a7c12';

test('a store that is copied while its server runs, killed, and copied again answers as before', {
  skip: noPostgres,
}, async () => {
  const postgres = await Postgres.start('fsync=off');
  const pair = await Pair.make();
  const other = await Pair.make();
  try {
    const folder = join(pair.folder, 'server');
    unpackOldStore(folder);
    const embedded = await pair.serving(FOR_EVER);
    await until(async () => typeof (await pair.api<{ error?: unknown }>('/api/top/sources')).error !== 'string');
    const killed = new Program('alphaserver/main.ts', { ALPHASERVER_DATA: folder }, ['migrate', '--to', postgres.url]);
    await until(() => Number(copiedEvents(postgres)) > 0);
    await killed.end('SIGKILL');
    assert.equal((await pair.serverCommand('migrate', '--to', postgres.url)).code, 0);
    const [gone = ''] = await hostsOf(pair);
    assert.match((await pair.serverCommand('forget', 'host', gone)).output, /^forgot agent .*\nforgot host .*\n$/);
    await sends(pair.port, wrong(4), 1, AGENT);
    const login = { secondsAgo: 1, outcome: 'accepted', method: 'publickey', key: KEY } as const;
    await sends(pair.port, [login, { ...login, user: 'ada' }], 5, AGENT);
    const answers = new Map<string, unknown>();
    const keys = await pair.api<{ keys: object[] }>('/api/keys');
    assert.equal(keys.keys.length, 1);
    answers.set('/api/keys', keys);
    for (const path of Object.keys(oldAnswers()))
      if (!path.startsWith('/api/alerts')) answers.set(path, comparable(path, await pair.api(path)));
    const events = await pair.api<{ events: object[] }>('/api/events?limit=1000');
    const hosts = await hostsOf(pair);
    assert.ok(hosts.length > 1 && !hosts.includes(gone));
    await embedded.end('SIGTERM');
    const last = await pair.serverCommand('migrate', '--to', postgres.url);
    assert.match(last.output, /Copied 6 events and \d+ decisions/);
    const shared = await other.serving({ ...FOR_EVER, ALPHASERVER_STORE: postgres.url });
    for (const [path, before] of answers) {
      let answer: { readonly error?: unknown } = {};
      await until(
        async () => {
          answer = await other.api(path);
          return typeof answer.error !== 'string';
        },
        () => `${path}\n${shared.output}`,
      );
      assert.deepEqual(comparable(path, answer), before, path);
    }
    assert.deepEqual(await other.api('/api/events?limit=1000'), events);
    assert.deepEqual(await hostsOf(other), hosts);
    await sends(other.port, wrong(8), 1, AGENT);
    const ofAgent = async (): Promise<string> => {
      const { agents } = await other.api<{ agents: { agent: string; stored: number; gaps: number }[] }>('/api/ledger');
      return agents
        .filter(({ agent }) => agent === AGENT)
        .map(({ stored, gaps }) => `${stored} ${gaps}`)
        .join();
    };
    await until(async () => (await ofAgent()) === '8 0');
    const foreign = await pair.serverCommand('migrate', '--to', postgres.url);
    assert.match(foreign.output, /a server uses the copy already, so that it is complete/);
  } finally {
    await pair.close();
    await other.close();
    postgres.close();
  }
});

test('a log that was not copied from this store is not touched', { skip: noPostgres }, async () => {
  const postgres = await Postgres.start('fsync=off');
  const pair = await Pair.make();
  const other = await Pair.make();
  try {
    await other.serving({ ALPHASERVER_STORE: postgres.url });
    const embedded = await pair.serving();
    await sends(pair.port, wrong(1));
    await embedded.end('SIGTERM');
    const refused = await pair.serverCommand('migrate', '--to', postgres.url);
    assert.equal(refused.code, 1);
    assert.match(
      refused.output,
      /cannot be copied to postgres:\/\/127\.0\.0\.1:\d+\/postgres: it has a log already, which was not copied from here/,
    );
    assert.match(
      (await pair.serverCommand('migrate')).output,
      /alphaserver migrate: --to is missing: an address such as postgres:/,
    );
  } finally {
    await pair.close();
    await other.close();
    postgres.close();
  }
});

const hostsOf = async (pair: Pair): Promise<string[]> =>
  (await pair.api<{ hosts: { host: string }[] }>('/api/hosts')).hosts.map(({ host }) => host);

function copiedEvents(postgres: Postgres): string {
  try {
    return postgres.sql("SELECT value FROM asgard.facts WHERE name = 'copiedEvent'");
  } catch {
    // The tables are not there yet.
    return '0';
  }
}
