/** What can be wrong between servers and PostgreSQL: connections that are cut, stall or are slow, a full disk, and what no waiting mends. */
import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { sends, sendsAtLast, wrong } from '../alphaserver/detection/agent.ts';
import { Wire } from '../chaos/wire.ts';
import { noPostgres, Postgres } from '../postgres.ts';
import { Pair, type Program } from '../programs.ts';
import { until } from '../until.ts';
import { AgentByHand } from './agent-by-hand.ts';
import { lacking, output } from './machine.ts';

/** A query that gets no answer counts as lost after 15 s, and the connection takes up to 10 s to come back. */
const STALL_LIMIT_MS = 60_000;

const ready = async (pair: Pair): Promise<number> => (await fetch(`http://127.0.0.1:${pair.httpPort}/readyz`)).status;
const totals = async (pair: Pair) =>
  (await pair.api<{ totals: { stored: number; gaps: number } }>('/api/ledger')).totals;

describe('a connection to PostgreSQL', { skip: noPostgres }, () => {
  let postgres: Postgres;
  let wire: Wire;
  let pair: Pair;
  let server: Program;
  let sent = 0;

  before(async () => {
    postgres = await Postgres.start('fsync=off');
    wire = new Wire(postgres.port);
    await wire.open();
    pair = await Pair.make();
    server = await pair.serving({ ALPHASERVER_STORE: postgres.url.replace(`:${postgres.port}`, `:${wire.port}`) });
  });

  after(async () => {
    await pair.close();
    wire.close();
    postgres.close();
  });

  const send = (count: number, how = sends): Promise<void> => {
    sent += count;
    return how(pair.port, wrong(count), sent - count + 1);
  };
  const once = async (): Promise<void> => {
    await until(async () => (await totals(pair)).stored === sent, undefined, STALL_LIMIT_MS);
    assert.equal((await totals(pair)).gaps, 0);
    assert.equal(postgres.sql('SELECT count(*) FROM asgard.events'), String(sent));
  };

  test('that is cut, also in the middle of a query, is made again, and each event is stored once', async () => {
    await send(3);
    for (const inside of [false, true, true]) {
      const late = send(20, sendsAtLast);
      wire.cut(inside);
      await late;
    }
    await once();
    await until(async () => (await ready(pair)) === 200);
  });

  test('that stalls makes the server say so, not ready, and acknowledge nothing; then all goes on', async () => {
    const watched = await AgentByHand.of('heard', pair.port);
    let linesRead = 1_000;
    const heardMs = async (): Promise<number> => {
      linesRead += 1;
      watched.reports({ linesRead });
      const { hosts } = await pair.api<{ hosts: { host: string; lastSeen: string }[] }>('/api/hosts');
      return Date.parse(hosts.find(({ host }) => host === 'heard')?.lastSeen ?? '');
    };
    await until(async () => (await heardMs()) > 0);
    const stalledMs = Date.now();
    wire.stall();
    const late = send(5);
    late.catch(() => {});
    await until(async () => (await ready(pair)) === 503, undefined, STALL_LIMIT_MS);
    assert.match(
      server.output,
      /Nothing is stored: the store cannot write \(.+\): agents keep their events until it can/,
    );
    assert.equal(postgres.sql('SELECT count(*) FROM asgard.events'), String(sent - 5));
    // What agents say of themselves is stored meanwhile: they are not silent.
    await until(async () => (await heardMs()) > stalledMs, undefined, STALL_LIMIT_MS);
    wire.resume();
    await until(async () => (await ready(pair)) === 200, undefined, STALL_LIMIT_MS);
    // A connection that was waiting for too long was cut off: an agent comes back and sends again.
    await late.catch(() => sendsAtLast(pair.port, wrong(5), sent - 4));
    await once();
    await watched.leaves();
  });

  test('that is slow makes everything later, and nothing else', async () => {
    wire.slow(200);
    await send(4);
    await once();
    assert.equal(await ready(pair), 200);
  });
});

describe('a PostgreSQL that refuses', { skip: noPostgres }, () => {
  let postgres: Postgres;

  before(async () => {
    postgres = await Postgres.start('fsync=off');
    const rules = join(postgres.data, 'pg_hba.conf');
    writeFileSync(rules, `host all locked 127.0.0.1/32 scram-sha-256\n${readFileSync(rules, 'utf8')}`);
    postgres.sql("CREATE ROLE locked LOGIN PASSWORD 'right'; CREATE ROLE bare LOGIN; SELECT pg_reload_conf()");
    for (const name of ['foreign', 'newer', 'another', 'revoked']) postgres.sql(`CREATE DATABASE ${name}_log`);
  });

  after(() => postgres.close());

  const url = (user: string, database: string): string => `postgres://${user}@127.0.0.1:${postgres.port}/${database}`;
  const sqlOf = (database: string, text: string): void => {
    output('psql', '-XAtqc', text, url('asgard', database));
  };

  /** Starts a server, which must end at once with code 2 and this one line. */
  async function refused(store: string, why: RegExp): Promise<void> {
    const pair = await Pair.make();
    try {
      const server = pair.server({ ALPHASERVER_STORE: store });
      assert.equal(await server.ended, 2, server.output);
      const lines = server.output
        .trim()
        .split('\n')
        .filter((line) => !line.includes('has fsync = off'));
      assert.equal(lines.length, 1, server.output);
      assert.match(lines[0] ?? '', why);
      assert.doesNotMatch(server.output, /wrong-one/, 'a password is shown nowhere');
    } finally {
      await pair.close();
    }
  }

  test('a wrong password is one line that names the user, and exit code 2', () =>
    refused(
      url('locked:wrong-one', 'postgres'),
      /ALPHASERVER_STORE cannot be used: .*password authentication failed for user "locked"/,
    ));

  test('an unknown user is one line, and exit code 2', () =>
    refused(url('nobody', 'postgres'), /ALPHASERVER_STORE cannot be used: .*role "nobody" does not exist/));

  test('a user that may not make the schema is one line, and exit code 2', () =>
    refused(url('bare', 'postgres'), /ALPHASERVER_STORE cannot be used: .*permission denied for database postgres/));

  test('a user that may not use the tables of another one is one line, and exit code 2', async () => {
    sqlOf('revoked_log', 'CREATE SCHEMA asgard; CREATE TABLE asgard.facts (name text, value text)');
    await refused(
      url('bare', 'revoked_log'),
      /ALPHASERVER_STORE cannot be used: .*permission denied for schema asgard/,
    );
  });

  test('a schema asgard that is something else is one line, and exit code 2', async () => {
    sqlOf('foreign_log', 'CREATE SCHEMA asgard; CREATE TABLE asgard.gods (name text)');
    await refused(url('asgard', 'foreign_log'), /its schema asgard belongs to something else: use another database/);
    sqlOf('another_log', 'CREATE SCHEMA asgard; CREATE TABLE asgard.facts (gods text)');
    await refused(url('asgard', 'another_log'), /its schema asgard belongs to something else: use another database/);
  });

  test('tables of a newer version are one line, and exit code 2', async () => {
    sqlOf(
      'newer_log',
      `CREATE SCHEMA asgard; CREATE TABLE asgard.facts (name text, value text);
      INSERT INTO asgard.facts VALUES ('version', '999')`,
    );
    await refused(url('asgard', 'newer_log'), /its tables are of version 999, newer than this program knows/);
  });
});

test('a full disk of PostgreSQL: servers say so and are not ready, and nothing is lost or doubled once there is room', {
  skip: noPostgres || lacking('a full disk of PostgreSQL', { root: process.getuid?.() === 0 }),
}, async () => {
  const postgres = await Postgres.start('fsync=off');
  const pairs = [await Pair.make(), await Pair.make()] as const;
  const disk = join(postgres.folder, 'small');
  mkdirSync(disk);
  output('mount', '-t', 'tmpfs', '-o', 'size=24m,mode=777', 'tmpfs', disk);
  try {
    const folder = join(disk, 'tables');
    mkdirSync(folder);
    output('chown', 'postgres:', folder);
    postgres.sql(`CREATE TABLESPACE small LOCATION '${folder}'`);
    postgres.sql('CREATE DATABASE tight TABLESPACE small');
    const env = { ALPHASERVER_STORE: postgres.url.replace(/postgres$/, 'tight') };
    const servers = [await pairs[0].serving(env), await pairs[1].serving(env)] as const;
    await sends(pairs[0].port, wrong(3));
    const filler = join(disk, 'filler');
    fill(filler);
    // What is left of pages takes some more.
    const { sent, late } = await sendsUntilFull(pairs[0].port, servers[0], 3);
    assert.match(
      servers[0].output,
      /Nothing is stored: PostgreSQL's disk is full: agents keep their events until there is room/,
    );
    assert.equal(await ready(pairs[0]), 503);
    assert.ok((await totals(pairs[1])).stored < sent);
    rmSync(filler);
    await late.catch(() => sendsAtLast(pairs[0].port, longOnes(), sent - LONG_ONES + 1));
    for (const pair of pairs) {
      await until(async () => (await totals(pair)).stored === sent);
      assert.equal((await totals(pair)).gaps, 0);
      assert.equal(await ready(pair), 200);
    }
    await sends(pairs[1].port, wrong(1), sent + 1);
  } finally {
    for (const pair of pairs) await pair.close();
    postgres.stop();
    output('umount', disk);
    postgres.close();
  }
});

test('a full pg_wal, of which PostgreSQL dies: servers say so and are not ready, and nothing is lost or doubled once it is back', {
  skip: noPostgres || lacking('a full disk of the write-ahead log', { root: process.getuid?.() === 0 }),
}, async () => {
  const postgres = await Postgres.start();
  const pairs = [await Pair.make(), await Pair.make()] as const;
  const disk = join(postgres.folder, 'wal');
  mkdirSync(disk);
  output('mount', '-t', 'tmpfs', '-o', 'size=48m,mode=777', 'tmpfs', disk);
  try {
    postgres.moveWal(disk);
    const env = { ALPHASERVER_STORE: postgres.url };
    const servers = [await pairs[0].serving(env), await pairs[1].serving(env)] as const;
    await sends(pairs[0].port, wrong(3));
    const filler = join(disk, 'filler');
    fill(filler);
    // Until the file that it writes to is full, PostgreSQL needs no other one.
    const { sent, late } = await sendsUntilFull(pairs[0].port, servers[0], 3, () => {
      try {
        postgres.sql('SELECT pg_switch_wal()');
      } catch {
        // It is down already.
      }
    });
    // Whose backend finds the disk full ends all others, which hear no reason.
    assert.match(
      servers[0].output,
      /Nothing is stored: (PostgreSQL's disk is full|the store cannot write \(.+\)): agents keep their events until/,
    );
    for (const pair of pairs) await until(async () => (await ready(pair)) === 503);
    assert.match(readFileSync(join(postgres.folder, 'log'), 'utf8'), /PANIC: .*No space left on device/);
    rmSync(filler);
    await until(() => postgres.revive());
    // A connection that was waiting for too long was cut off: an agent comes back and sends again.
    await late.catch(() => sendsAtLast(pairs[0].port, longOnes(), sent - LONG_ONES + 1));
    for (const pair of pairs) {
      await until(async () => (await totals(pair)).stored === sent, undefined, STALL_LIMIT_MS);
      assert.equal((await totals(pair)).gaps, 0);
      await until(async () => (await ready(pair)) === 200);
    }
    assert.equal(postgres.sql('SELECT count(*) FROM asgard.events'), String(sent));
    await sends(pairs[1].port, wrong(1), sent + 1);
  } finally {
    for (const pair of pairs) await pair.close();
    if (postgres.isRunning) postgres.stop();
    output('umount', disk);
    postgres.close();
  }
});

const LONG_ONES = 100;
const longOnes = () => wrong(LONG_ONES, { user: 'u'.repeat(200) });

/**
 * Sends attempts to a server until it says that it stores nothing: `sent` were before, and are in the end. `late` ends with the last of
 * them. `meanwhile` runs after each time that some were sent.
 */
async function sendsUntilFull(
  port: number,
  server: Program,
  sent: number,
  meanwhile = (): void => {},
): Promise<{ sent: number; late: Promise<void> }> {
  let all = sent;
  let late: Promise<void> = Promise.resolve();
  await until(async () => {
    if (server.output.includes('Nothing is stored')) return true;
    late = sends(port, longOnes(), all + 1);
    late.catch(() => {});
    meanwhile();
    await Promise.race([late, server.says('Nothing is stored')]);
    all += LONG_ONES;
    return false;
  });
  // Within an object, since a promise alone would be waited for.
  return { sent: all, late };
}

/** Fills a disk to its last byte. */
function fill(file: string): void {
  const fd = openSync(file, 'w');
  for (const size of [65_536, 4_096, 1])
    try {
      for (;;) writeSync(fd, Buffer.alloc(size));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
    }
  closeSync(fd);
}
