/** Two servers on one PostgreSQL have one authority, the same codes, joined hosts and users, and forget the same. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { noPostgres, Postgres } from '../postgres.ts';
import { Pair, Program } from '../programs.ts';
import { until } from '../until.ts';

const PASSWORD = 'a password of the database';

describe('two servers with one authority', { skip: noPostgres }, () => {
  let postgres: Postgres;
  let one: Pair;
  let two: Pair;
  const settings = (pair: Pair): Record<string, string> => ({
    ALPHASERVER_LISTEN: `tls://127.0.0.1:${pair.port}`,
    ALPHASERVER_DATA: join(pair.folder, 'server'),
    ALPHASERVER_ANONYMOUS: 'false',
    ALPHASERVER_STORE: postgres.url.replace('asgard@', `asgard:${encodeURIComponent(PASSWORD)}@`),
  });
  const command = async (pair: Pair, ...args: string[]): Promise<string> => {
    const program = pair.add(new Program('alphaserver/main.ts', settings(pair), args));
    assert.equal(await program.ended, 0, program.output);
    return program.output;
  };
  /** Runs `alphaclient join` with a state folder of its own. */
  const joins = async (pair: Pair, name: string, code: string): Promise<{ code: number | null; output: string }> => {
    const env = { ALPHACLIENT_STATE: join(pair.folder, name), ALPHACLIENT_LOG: pair.logFile, ALPHACLIENT_NAME: name };
    const program = pair.add(new Program('alphaclient/main.ts', env, ['join', `127.0.0.1:${pair.port}`]));
    program.child.stdin?.end(`${code}\n`);
    return { code: await program.ended, output: program.output };
  };
  const fileOf = (pair: Pair, ...path: string[]): string => readFileSync(join(pair.folder, 'server', ...path), 'utf8');
  /** Makes a code on one server, and waits until the other one has it too. */
  const enroll = async (...args: string[]): Promise<string> => {
    const code = (await command(one, 'enroll', ...args)).split('\n')[0] ?? '';
    const filesOf = (pair: Pair) =>
      readdirSync(join(pair.folder, 'server', 'codes'))
        .sort()
        .join();
    await until(() => existsSync(join(two.folder, 'server', 'codes')) && filesOf(one) === filesOf(two));
    return code;
  };

  before(async () => {
    postgres = await Postgres.start('fsync=off');
    one = await Pair.make();
    two = await Pair.make();
    for (const pair of [one, two]) writeFileSync(pair.logFile, '');
  });

  after(async () => {
    await one.close();
    await two.close();
    postgres.close();
  });

  test('certs init makes one authority for both, and PostgreSQL has its key encrypted alone', async () => {
    assert.match(await command(one, 'certs', 'init'), /Made a certificate authority/);
    assert.match(await command(two, 'certs', 'init'), /The certificate authority in .* stays/);
    assert.equal(fileOf(two, 'certs', 'ca.pem'), fileOf(one, 'certs', 'ca.pem'));
    assert.equal(fileOf(two, 'certs', 'ca-key.pem'), fileOf(one, 'certs', 'ca-key.pem'));
    const kept = postgres.sql('SELECT * FROM asgard.secrets');
    assert.match(kept, /BEGIN CERTIFICATE/);
    assert.doesNotMatch(kept, /PRIVATE KEY/);
    await Promise.all([one.serving(settings(one)), two.serving(settings(two))]);
  });

  test('a host joins at another server than the one that made its code, and a certificate is good at both', async () => {
    const joined = await joins(two, 'web-01', await enroll('web-01'));
    assert.equal(joined.code, 0, joined.output);
    await until(async () => /^web-01\t/m.test(await command(one, 'certs', 'list')));
    const env = {
      ALPHACLIENT_STATE: join(two.folder, 'web-01'),
      ALPHACLIENT_LOG: two.logFile,
      ALPHACLIENT_SERVER: `tls://127.0.0.1:${one.port}`,
    };
    const agent = two.add(new Program('alphaclient/main.ts', env, ['run']));
    await agent.says('Connected to tls://127.0.0.1:');
    await command(two, 'certs', 'revoke', 'web-01');
    await agent.says('its token or certificate is not valid any more');
    await agent.end('SIGTERM');
    assert.match(await command(two, 'certs', 'revoke', 'web-09'), /^No host web-09 is known to have joined;/m);
    await until(() => fileOf(one, 'revoked.json').includes('"web-09"'));
  });

  test('a code for one host lets in one, although two ask two servers at once', async () => {
    const code = await enroll('--count', '1');
    const both = await Promise.all([joins(one, 'a', code), joins(two, 'b', code)]);
    assert.deepEqual(both.map((each) => each.code).sort(), [0, 1], JSON.stringify(both));
    assert.match(both.find((each) => each.code === 1)?.output ?? '', /the code was used already/);
  });

  test('what is forgotten at one server is forgotten at both, unless its agent is connected to the other one', async () => {
    const hosts = async (pair: Pair) =>
      (await pair.api<{ hosts: { host: string }[] }>('/api/hosts')).hosts.map(({ host }) => host);
    const code = await enroll('db-01');
    assert.equal((await joins(two, 'db-01', code)).code, 0);
    const env = { ALPHACLIENT_STATE: join(two.folder, 'db-01'), ALPHACLIENT_LOG: two.logFile };
    writeFileSync(
      two.logFile,
      'Nov 23 19:46:01 h sshd[4711]: Failed password for root from 192.0.2.1 port 50022 ssh2\n',
    );
    const agent = two.add(new Program('alphaclient/main.ts', env, ['run']));
    await until(async () => (await hosts(one)).includes('db-01') && (await hosts(two)).includes('db-01'));
    assert.match(await tried(two, 'forget', 'host', 'db-01'), /its agent .* is connected; stop it first/);
    await agent.end('SIGTERM');
    await until(async () => /forgot host db-01/.test(await tried(one, 'forget', 'host', 'db-01')));
    await until(async () => !(await hosts(one)).includes('db-01') && !(await hosts(two)).includes('db-01'));
  });

  test('who logs in at one server is logged in at the other, and who logs out there is out at both', async () => {
    const added = await command(one, 'user', 'add', 'ada', '--role', 'viewer');
    const [, password] = /^Password: (.*)$/m.exec(added) ?? [];
    await until(() => existsSync(join(two.folder, 'server', 'users.json')));
    const url = (pair: Pair, path: string) => `http://127.0.0.1:${pair.httpPort}${path}`;
    const login = await fetch(url(one, '/login'), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user: 'ada', password }),
    });
    assert.equal(login.status, 200, await login.text());
    const cookie = (login.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    await until(async () => (await fetch(url(two, '/api/summary'))).status === 401);
    assert.equal((await fetch(url(two, '/api/summary'), { headers: { cookie } })).status, 200);
    await fetch(url(two, '/logout'), { method: 'POST', headers: { cookie } });
    for (const pair of [two, one])
      await until(async () => (await fetch(url(pair, '/api/summary'), { headers: { cookie } })).status === 401);
  });

  async function tried(pair: Pair, ...args: string[]): Promise<string> {
    const program = pair.add(new Program('alphaserver/main.ts', settings(pair), args));
    await program.ended;
    return program.output;
  }
});
