/** Losses that several servers survive: of the one that delivers notifications, and of PostgreSQL's primary. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MIGRATIONS } from '../../alphaserver/shared-log/postgres-schema.ts';
import { sends, sendsAtLast, wrong } from '../alphaserver/detection/agent.ts';
import { HttpReceiver } from '../alphaserver/notify/receivers.ts';
import { noPostgres, Postgres } from '../postgres.ts';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';

test('one server delivers each notification; when it is killed another one does', { skip: noPostgres }, async () => {
  const postgres = await Postgres.start();
  const pairs = [await Pair.make(), await Pair.make()] as const;
  const http = await new HttpReceiver().open();
  try {
    const env = { ALPHASERVER_STORE: postgres.url, ALPHASERVER_WEBHOOK: `${http.url}/hook` };
    const servers = [await pairs[0].serving(env), await pairs[1].serving(env)] as const;
    const delivered = (pair: Pair) =>
      pair
        .api<{ channels: { delivered: number }[] }>('/api/channels')
        .then(({ channels }) => channels[0]?.delivered ?? 0);
    await sends(pairs[0].port, wrong(10));
    await until(() => http.received.length === 1);
    await until(async () => (await delivered(pairs[0])) + (await delivered(pairs[1])) === 1);
    const leader = (await delivered(pairs[0])) === 1 ? 0 : 1;
    await servers[leader].end('SIGKILL');
    const other = pairs[1 - leader] as Pair;
    await sends(other.port, [...wrong(10), ...wrong(10, { ip: '198.51.100.7' })]);
    await until(() => http.received.length === 2);
    assert.match(http.received[1]?.body ?? '', /198\.51\.100\.7/);
    await until(async () => (await delivered(other)) === 1);
    const { channels } = await other.api<{ channels: { waiting: number }[] }>('/api/channels');
    assert.equal(channels[0]?.waiting, 0);
  } finally {
    http.close();
    for (const pair of pairs) await pair.close();
    postgres.close();
  }
});

test('the primary is lost and its synchronous standby promoted: nothing acknowledged is missing', {
  skip: noPostgres,
}, async () => {
  const primary = await Postgres.start();
  const standby = await primary.standby('two');
  const pair = await Pair.make();
  try {
    primary.sql(`ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (two)'`);
    primary.sql('SELECT pg_reload_conf()');
    await until(() => primary.sql(`SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'`) === '1');
    const url = primary.url.replace(`:${primary.port}`, `:${primary.port},127.0.0.1:${standby.port}`);
    const server = await pair.serving({ ALPHASERVER_STORE: url });
    await sends(pair.port, wrong(7));
    primary.stop();
    const late = sendsAtLast(pair.port, wrong(12));
    await server.says('Nothing is stored');
    standby.promote();
    await late;
    await until(async () => (await pair.events()).length === 12);
    assert.equal(standby.sql('SELECT count(*) FROM asgard.events'), '12');
    await until(async () => (await fetch(`http://127.0.0.1:${pair.httpPort}/readyz`)).status === 200);
  } finally {
    await pair.close();
    standby.close();
    primary.close();
  }
});

test('an old primary that comes back is not written to: servers refuse it, also after a restart, and go on with the new one', {
  skip: noPostgres,
}, async () => {
  const old = await Postgres.start();
  const promoted = await old.standby('two');
  const pair = await Pair.make();
  const other = await Pair.make();
  try {
    const env = {
      ALPHASERVER_STORE: old.url.replace(`:${old.port}`, `:${old.port},127.0.0.1:${promoted.port}`),
    };
    const ready = async (): Promise<number> => (await fetch(`http://127.0.0.1:${pair.httpPort}/readyz`)).status;
    const events = (postgres: Postgres): string => postgres.sql('SELECT count(*) FROM asgard.events');
    let server = await pair.serving(env);
    await sends(pair.port, wrong(3));
    await until(() => promoted.sql('SELECT pg_last_wal_replay_lsn()') >= old.sql('SELECT pg_current_wal_lsn()'));
    old.stop();
    promoted.promote();
    await sendsAtLast(pair.port, wrong(5));
    assert.equal(events(promoted), '5');

    // The new one is away for a moment, and the old one takes writes again.
    promoted.stop();
    old.resume();
    await until(async () => (await ready()) === 503);
    const late = sends(pair.port, wrong(7)).catch(() => {});
    await server.says(
      'it is an old primary: its timeline is 1, and this server has seen 2. Stop it, and make it a standby of the new one',
    );
    await server.end('SIGTERM');
    await late;
    server = pair.server(env);
    await server.says(`Waiting for ${env.ALPHASERVER_STORE.replace('asgard@', '')}`);
    await server.says('it is an old primary: its timeline is 1');
    assert.equal(events(old), '3');

    // Now both take writes.
    promoted.resume();
    await until(() =>
      ready().then(
        (status) => status === 200,
        () => false,
      ),
    );
    await sends(pair.port, wrong(7));
    await other.serving(env);
    await sends(other.port, wrong(9));
    assert.equal(events(promoted), '9');
    assert.equal(events(old), '3');
    for (const one of [pair, other]) await until(async () => (await one.events()).length === 9);
    assert.equal(await ready(), 200);
  } finally {
    await pair.close();
    await other.close();
    promoted.close();
    old.close();
  }
});

test('a server that was down during a promotion and reaches the old primary alone acknowledges nothing there, and goes on with the new one', {
  skip: noPostgres,
}, async () => {
  const old = await Postgres.start();
  const promoted = await old.standby('two');
  const [away, other] = [await Pair.make(), await Pair.make()];
  try {
    old.sql(`ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (two)'`);
    old.sql('SELECT pg_reload_conf()');
    await until(() => old.sql(`SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'`) === '1');
    const env = { ALPHASERVER_STORE: old.url.replace(`:${old.port}`, `:${old.port},127.0.0.1:${promoted.port}`) };
    await away.serving(env);
    await sends(away.port, wrong(3));
    await away.end();
    promoted.stop();
    old.stop();
    promoted.resume();
    promoted.promote();
    await other.serving(env);
    await sends(other.port, wrong(5));
    await other.end();
    promoted.stop();

    // The old one alone: whoever missed the promotion has no reason to refuse it, but no commit of it ends.
    old.resume();
    const server = await away.serving(env);
    await server.says('none is connected: nothing is stored until one is');
    let isAcknowledged = false;
    const late = sends(away.port, wrong(7)).then(
      () => {
        isAcknowledged = true;
      },
      // It waited too long, and sends the same once more below.
      () => {},
    );
    await server.says('Nothing is stored');
    const isReady = (pair: Pair) =>
      fetch(`http://127.0.0.1:${pair.httpPort}/readyz`).then(({ status }) => status === 200);
    assert.equal(await isReady(away), false);
    assert.equal(old.sql('SELECT count(*) FROM asgard.events'), '3');
    assert.equal(isAcknowledged, false);
    promoted.resume();
    await until(() => isReady(away));
    await late;
    await sends(away.port, wrong(7));
    await until(async () => (await away.events()).length === 7);
    assert.equal(promoted.sql('SELECT count(*) FROM asgard.events'), '7');
    assert.equal(old.sql('SELECT count(*) FROM asgard.events'), '3');
  } finally {
    for (const pair of [away, other]) await pair.close();
    promoted.close();
    old.close();
  }
});

test('a standby that commits wait for and that is not there is logged at the start', { skip: noPostgres }, async () => {
  const postgres = await Postgres.start('fsync=off');
  const pair = await Pair.make();
  try {
    postgres.sql(`ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (two)'`);
    postgres.sql('SELECT pg_reload_conf()');
    const server = pair.server({ ALPHASERVER_STORE: postgres.url });
    await server.says('fsync = off');
    await server.says('none is connected: nothing is stored until one is');
  } finally {
    await pair.close();
    postgres.close();
  }
});

test('a log that has lost what it acknowledged is not gone on with', { skip: noPostgres }, async () => {
  const postgres = await Postgres.start('fsync=off');
  const pair = await Pair.make();
  try {
    const env = { ALPHASERVER_STORE: postgres.url };
    const server = await pair.serving(env);
    await sends(pair.port, wrong(3));
    const position = Number(postgres.sql('SELECT max(position) FROM asgard.appends'));
    // As a standby has it that was promoted without the last commits.
    postgres.sql(`DELETE FROM asgard.events; DELETE FROM asgard.appends; UPDATE asgard.agents SET last_seq = 0;
      UPDATE asgard.head SET position = ${position - 2}, event = 0`);
    const late = sends(pair.port, wrong(4)).catch(() => {});
    await server.says('the shared log lacks what this server has');
    assert.equal((await fetch(`http://127.0.0.1:${pair.httpPort}/readyz`)).status, 503);
    await server.end('SIGTERM');
    await late;
    const again = pair.server(env);
    assert.equal(await again.ended, 2);
    assert.match(again.output, /the folder is ahead of the log/);
  } finally {
    await pair.close();
    postgres.close();
  }
});

test('a log of the first version of the tables is brought up to date, and gone on with', {
  skip: noPostgres,
}, async () => {
  const postgres = await Postgres.start('fsync=off');
  const pair = await Pair.make();
  try {
    postgres.sql(readFileSync(join(import.meta.dirname, '../fixtures/stores/shared-log-1.sql'), 'utf8'));
    await pair.serving({ ALPHASERVER_STORE: postgres.url, ALPHASERVER_RETENTION: '36500d' });
    await sends(pair.port, wrong(3), 1, '00000000-0000-4000-8000-000000000001');
    let totals = { stored: 0, repeats: 0, gaps: 0 };
    await until(async () => {
      totals = (await pair.api<{ totals: typeof totals }>('/api/ledger')).totals;
      return totals.stored === 3;
    });
    assert.deepEqual([totals.repeats, totals.gaps], [2, 0]);
    assert.equal(postgres.sql("SELECT value FROM asgard.facts WHERE name = 'version'"), String(MIGRATIONS.length));
  } finally {
    await pair.close();
    postgres.close();
  }
});
