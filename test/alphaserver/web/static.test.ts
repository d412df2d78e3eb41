/** The page's files: few requests, nothing from elsewhere, and never an old one. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readServerConfig } from '../../../alphaserver/config.ts';
import { type Serving, serve } from '../../../alphaserver/server.ts';
import { STYLES } from '../../../alphaserver/web/static.ts';
import { createLogger } from '../../../service/logger.ts';

const PAGE = join(import.meta.dirname, '..', '..', '..', 'alphaserver', 'web', 'page');

describe('the page’s files', () => {
  let folder: string;
  let serving: Serving;
  let html: string;
  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${serving.page}${path}`, { headers });

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'asgard-static-'));
    const config = readServerConfig({
      ALPHASERVER_LISTEN: 'tcp://127.0.0.1:0',
      ALPHASERVER_HTTP: 'http://127.0.0.1:0',
      ALPHASERVER_DATA: folder,
      ALPHASERVER_ANONYMOUS: 'true',
    });
    serving = await serve(config, createLogger({ level: 'silent', format: 'plain' }));
    html = await (await get('/')).text();
  });
  after(async () => {
    await serving.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('wait for no other request: every rule stands in the page, which lets in these styles alone', async () => {
    assert.doesNotMatch(html, /rel="stylesheet"/);
    const [, styles = ''] = /<style>([^<]*)<\/style>/.exec(html) ?? [];
    assert.ok(styles.includes('.u-select'));
    const there = readdirSync(PAGE).filter((name) => name.endsWith('.css'));
    assert.deepEqual(there.filter((name) => !STYLES.some((path) => basename(path) === name)).sort(), []);
    for (const name of there) assert.ok(styles.includes(readFileSync(join(PAGE, name), 'utf8')), name);
    const policy = (await get('/')).headers.get('content-security-policy') ?? '';
    const hash = createHash('sha256').update(styles).digest('base64');
    assert.ok(policy.includes(`style-src 'self' 'sha256-${hash}'`), policy);
    assert.doesNotMatch(policy, /unsafe/);
  });

  it('are all there under the addresses that the page names, kept by the browser for good, and packed', async () => {
    const named = [...html.matchAll(/(?:href|src)="(\/page\/[^"]+)"/g)].map(([, path = '']) => path);
    assert.ok(named.length > 10);
    assert.doesNotMatch(html.replace(/<style>.*<\/style>/s, ''), /[{}]/);
    for (const path of named) {
      const answer = await get(path);
      assert.equal(answer.status, 200, path);
      assert.equal(answer.headers.get('cache-control'), 'public, max-age=31536000, immutable');
      assert.equal(answer.headers.get('content-encoding'), 'gzip');
    }
    const modules = readdirSync(PAGE).filter((name) => name.endsWith('.js'));
    for (const name of modules) assert.ok(named.some((path) => path.endsWith(`/${name}`)));
  });

  it('are the same for a client that cannot unpack', async () => {
    const plain = await get('/', { 'accept-encoding': 'identity' });
    assert.equal(plain.headers.get('content-encoding'), null);
    assert.equal(await plain.text(), html);
  });

  it('are asked for again by the page alone, which answers that nothing has changed', async () => {
    const first = await get('/');
    assert.equal(first.headers.get('cache-control'), 'no-cache');
    const again = await get('/', { 'if-none-match': first.headers.get('etag') ?? '' });
    assert.equal(again.status, 304);
  });

  it('are no way to other files', async () => {
    const [folderOf] = /\/page\/[0-9a-f]+/.exec(html) ?? [''];
    for (const path of ['/page/0/main.js', `${folderOf}/answers.d.ts`, `${folderOf}/..%2fserver.ts`, '/server.ts'])
      assert.equal((await get(path)).status, 404, path);
  });
});
