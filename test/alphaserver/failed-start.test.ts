/** A start that fails closes what it opened: the next one does not take the store for one whose server was killed. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { DEFAULT_SETTINGS } from '../../alphaserver/alert-config/settings.ts';
import { readServerConfig } from '../../alphaserver/config.ts';
import { serve } from '../../alphaserver/server.ts';
import { openStorage } from '../../alphaserver/storage.ts';
import { createLogger } from '../../service/logger.ts';
import { noPostgres, Postgres } from '../postgres.ts';

const folder = mkdtempSync(join(tmpdir(), 'asgard-start-'));
const taken = createServer();
let port = 0;

before(async () => {
  await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
  ({ port } = taken.address() as { port: number });
});
after(() => {
  taken.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts a server on a data folder; other settings than these are as in `more`. */
function start(data: string, more: Record<string, string>) {
  const config = readServerConfig({
    ALPHASERVER_LISTEN: 'tcp://127.0.0.1:0',
    ALPHASERVER_HTTP: 'http://127.0.0.1:0',
    ALPHASERVER_DATA: data,
    ALPHASERVER_ANONYMOUS: 'true',
    ...more,
  });
  return serve(config, createLogger({ level: 'silent', format: 'plain' }), DEFAULT_SETTINGS);
}

/** Fails where the store in a folder was not closed in good order. */
async function wasClosed(data: string): Promise<void> {
  assert.equal(existsSync(join(data, 'running')), false);
  const store = openStorage(data);
  assert.equal(store.unclean, false);
  await store.close();
}

for (const [setting, scheme] of [
  ['ALPHASERVER_LISTEN', 'tcp'],
  ['ALPHASERVER_HTTP', 'http'],
] as const)
  test(`a start for which the port of ${setting} is taken closes its store`, async () => {
    const data = join(folder, setting);
    // Again: the first start makes the store, the second one finds it.
    for (let times = 0; times < 2; times += 1)
      await assert.rejects(
        start(data, { [setting]: `${scheme}://127.0.0.1:${port}` }),
        /Bind failed\. Error : .*EADDRINUSE/,
      );
    await wasClosed(data);
    const serving = await start(data, {});
    await serving.stop();
    await wasClosed(data);
  });

test('a start that fails after a kill leaves the check of the whole store to the next one', async () => {
  const data = join(folder, 'killed');
  await (await start(data, {})).stop();
  writeFileSync(join(data, 'running'), '');
  await assert.rejects(start(data, { ALPHASERVER_LISTEN: `tcp://127.0.0.1:${port}` }), /EADDRINUSE/);
  assert.equal(existsSync(join(data, 'running')), true);
  const store = openStorage(data);
  assert.equal(store.unclean, true);
  store.events.checked();
  await store.close();
  await wasClosed(data);
});

test('a start that cannot use the alerts closes its store', async () => {
  const data = join(folder, 'alerts');
  await (await start(data, {})).stop();
  writeFileSync(join(data, 'alerts.db'), 'no database'.repeat(1_000));
  await assert.rejects(start(data, {}), /alerts/);
  await wasClosed(data);
});

test('a start of one of several servers, for which a port is taken, closes its store too', {
  skip: noPostgres,
}, async (context) => {
  const postgres = await Postgres.start('fsync=off');
  context.after(() => postgres.close());
  const data = join(folder, 'shared');
  for (const [setting, scheme] of [
    ['ALPHASERVER_LISTEN', 'tcp'],
    ['ALPHASERVER_HTTP', 'http'],
  ] as const) {
    await assert.rejects(
      start(data, { ALPHASERVER_STORE: postgres.url, [setting]: `${scheme}://127.0.0.1:${port}` }),
      /Bind failed\. Error : .*EADDRINUSE/,
    );
    await wasClosed(data);
  }
});
