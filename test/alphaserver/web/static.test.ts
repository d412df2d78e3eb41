/** The page's files: few requests, nothing from elsewhere, and never an old one. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readServerConfig } from '../../../alphaserver/config.ts';
import { Authority, authorityFolder } from '../../../alphaserver/ingest/authority.ts';
import { type Serving, serve } from '../../../alphaserver/server.ts';
import { entryTexts } from '../../../alphaserver/web/agent-entry.ts';
import { writePageModule } from '../../../alphaserver/web/page-module.ts';
import { ASKED_EARLY, STYLES } from '../../../alphaserver/web/static.ts';
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
    assert.deepEqual(named.map((path) => basename(path)).sort(), ['icon.svg', 'main.js']);
    assert.doesNotMatch(html.replace(/<style>.*<\/style>/s, ''), /[{}]/);
    const [folderOf] = /\/page\/[0-9a-f]+/.exec(html) ?? [''];
    const unnamed = ['chart.js', 'pulse-worker.js', 'icon-attack.svg', 'icon-breach.svg', 'icon-unknown.svg'];
    for (const path of [...named, ...unnamed.map((name) => `${folderOf}/${name}`)]) {
      const answer = await get(path);
      assert.equal(answer.status, 200, path);
      assert.equal(answer.headers.get('cache-control'), 'public, max-age=31536000, immutable');
      assert.equal(answer.headers.get('content-encoding'), 'gzip');
    }
  });

  it('say where agents connect, and by which names hosts that join can check the server', async () => {
    const entry = (page: string): string | undefined =>
      /id="welcome"[^>]*?(data-installation[^>]*) hidden>/.exec(page)?.[1];
    const firstSteps = (scheme: string, port: number, names: string): string =>
      `data-installation="checkout" data-scheme="${scheme}" data-port="${port}" data-join-names="${names}"`;
    assert.equal(entry(html), firstSteps('tcp', serving.port, ''));
    const data = mkdtempSync(join(tmpdir(), 'asgard-static-'));
    const authority = new Authority(authorityFolder(data));
    await authority.init('asgard', ['asgard.example', '2001:db8::1', '*.example'], Date.now());
    const config = readServerConfig({
      ALPHASERVER_LISTEN: 'tls://127.0.0.1:0',
      ALPHASERVER_HTTP: 'http://127.0.0.1:0',
      ALPHASERVER_DATA: data,
    });
    const joined = await serve(config, createLogger({ level: 'silent', format: 'plain' }));
    try {
      const page = await (await fetch(`${joined.page}/`)).text();
      assert.equal(entry(page), firstSteps('tls', joined.port, 'asgard.example 2001:db8::1'));
    } finally {
      await joined.stop();
      rmSync(data, { recursive: true });
    }
  });

  it('say that an image serves them where their module was made before the server started', async () => {
    const made = mkdtempSync(join(tmpdir(), 'asgard-static-'));
    const installation = (): string | undefined =>
      entryTexts({ scheme: 'tcp', port: 5_000, joinNames: [] }, made)['installation'];
    assert.equal(installation(), 'checkout');
    await writePageModule(PAGE, made);
    assert.equal(installation(), 'image');
    rmSync(made, { recursive: true });
  });

  it('are few: all modules are one, which asks for nothing but the chart and the worker', async () => {
    const [path = ''] = /\/page\/[0-9a-f]+\/main\.js/.exec(html) ?? [];
    const main = await (await get(path)).text();
    assert.deepEqual(new Set(main.match(/(?<=["'])\.\/[^"']+(?=["'])/g)), new Set(['./chart.js', './pulse-worker.js']));
    // Something of the first module and of the last: strings stay as they are.
    for (const words of ['answer-title', 'No host is watched yet']) assert.ok(main.includes(words), words);
    assert.doesNotMatch(main, /\beval\(|new Function/);
  });

  it('ask early for what the answer is made of, where the address says nothing of what else is wanted', async () => {
    const askedBy = (page: string): string[] =>
      [...page.matchAll(/rel="preload" as="fetch" crossorigin href="([^"]+)"/g)].map(([, path = '']) =>
        path.replaceAll('&amp;', '&'),
      );
    assert.deepEqual(askedBy(html), ASKED_EARLY);
    for (const path of ASKED_EARLY) assert.equal((await get(path)).status, 200, path);
    assert.deepEqual(askedBy(await (await get('/?range=7d')).text()), []);
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
    for (const path of [
      '/page/0/main.js',
      `${folderOf}/answers.d.ts`,
      `${folderOf}/feed.js`,
      `${folderOf}/..%2fserver.ts`,
      '/server.ts',
    ])
      assert.equal((await get(path)).status, 404, path);
  });
});
