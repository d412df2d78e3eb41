/** Tests that keep tests from each other's servers. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';

describe('a free port', () => {
  it('is not given to another test while its server is down', async () => {
    const port = await freePort();
    assert.notEqual(await freePort(port), port);
    const file = JSON.stringify(`${import.meta.dirname}/free-port.ts`);
    const ask = `import(${file}).then(async ({ freePort }) => console.log(await freePort(${port})))`;
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', ask]);
    assert.match(stdout, /^\d+\n$/);
    assert.notEqual(Number(stdout), port);
  });

  it('is none that somebody listens on', async (t) => {
    const server = createServer().listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    assert.notEqual(await freePort(port), port);
  });
});
