/** Secrets in the shared log: encrypted, the same for all servers, and kept over a new password. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seal, unseal } from '../../../alphaserver/shared-log/sealed.ts';
import type { KeptSecret, SecretLog } from '../../../alphaserver/shared-log/shared-log.ts';
import { type LocalSecret, shareSecret } from '../../../alphaserver/shared-log/shared-secrets.ts';

const URL_OF = (password: string): string => `postgres://asgard:${encodeURIComponent(password)}@one:5432,two:5433/db`;

/** A log that keeps one secret, as PostgreSQL does. */
class OneSecret implements SecretLog {
  kept: KeptSecret | null = null;

  async secret(): Promise<KeptSecret | null> {
    return this.kept;
  }

  async keepSecret(_: string, secret: KeptSecret, replaces: string | null): Promise<KeptSecret | null> {
    if (this.kept === null || this.kept.open === replaces) this.kept = secret;
    return this.kept;
  }
}

/** Starts a server with this secret in its folder; gives what it has then, and what it logged. */
async function started(shared: SecretLog, password: string, own: LocalSecret | null, givesWay = true) {
  let has = own;
  const logged: string[] = [];
  const log = { warn: (line: string) => logged.push(line), info: (line: string) => logged.push(line) };
  const write = (secret: LocalSecret): void => {
    has = secret;
  };
  await shareSecret({ name: 'n', title: 'It', read: () => own, write, givesWay }, URL_OF(password), shared, log);
  return { has, logged: logged.join('\n') };
}

const secretOf = (name: string): LocalSecret => ({ open: `open ${name}`, secret: `secret ${name}` });

test('what is sealed opens under its password and name alone, and not when a byte of it was changed', async () => {
  const sealed = await seal('key', 'password', 'authority');
  assert.equal(await unseal(sealed, 'password', 'authority'), 'key');
  assert.equal(await unseal(sealed, 'Password', 'authority'), null);
  assert.equal(await unseal(sealed, 'password', 'session'), null);
  const bytes = Buffer.from(sealed.slice(2), 'base64');
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  assert.equal(await unseal(`1.${bytes.toString('base64')}`, 'password', 'authority'), null);
  assert.equal(await unseal('1.AAAA', 'password', 'authority'), null);
  assert.equal(await unseal('nothing', 'password', 'authority'), null);
  assert.notEqual(await seal('key', 'password', 'authority'), sealed);
});

test('the first server gives its secret, and each other one takes it over', async () => {
  const shared = new OneSecret();
  await started(shared, 'p', secretOf('one'));
  assert.doesNotMatch(JSON.stringify(shared.kept), /secret one/);
  assert.deepEqual((await started(shared, 'p', secretOf('two'))).has, secretOf('one'));
  assert.deepEqual((await started(shared, 'p', null)).has, secretOf('one'));
});

test('a secret that does not give way stays, and the log says that it is another one', async () => {
  const shared = new OneSecret();
  await started(shared, 'p', secretOf('one'));
  const other = await started(shared, 'p', secretOf('two'), false);
  assert.deepEqual(other.has, secretOf('two'));
  assert.match(other.logged, /It is another one here than in the shared log/);
});

test('a server that has the secret seals it anew under a new password; one that has not says so', async () => {
  const shared = new OneSecret();
  await started(shared, 'old', secretOf('one'));
  const early = await started(shared, 'new', null);
  assert.equal(early.has, null);
  assert.match(early.logged, /the shared log has it under another password/);
  assert.match((await started(shared, 'new', secretOf('one'))).logged, /sealed anew/);
  assert.deepEqual((await started(shared, 'new', null)).has, secretOf('one'));
});

test('without a password nothing is shared', async () => {
  const shared = new OneSecret();
  assert.match((await started(shared, '', secretOf('one'))).logged, /has no password to encrypt it with/);
  assert.equal(shared.kept, null);
});
