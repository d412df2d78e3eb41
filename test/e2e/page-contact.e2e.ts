/** The page when its server is lost, stalls, or falls behind: it never goes on showing an answer that nobody vouches for. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { Pair, type Program } from '../programs.ts';
import { until } from '../until.ts';
import { AgentByHand } from './agent-by-hand.ts';
import { chromiumPath, type Page, Watched } from './browser.ts';
import { settled, shows, text } from './browser-facts.ts';
import { lacking } from './machine.ts';

const chromium = chromiumPath();
/** The promise is 10 s; the rest is for a busy machine to draw it. */
const LOST_LIMIT_MS = 30_000;
/** Nothing is promised of how soon a busy machine is well again. */
const QUIET_LIMIT_MS = 120_000;

describe('the page without its server', {
  skip: lacking('the page’s contact', { Chromium: chromium !== null }),
}, () => {
  let pair: Pair;
  let server: Program;
  let browser: Watched;
  let page: Page;
  let agent: AgentByHand;

  const icon = () => page.locator('link[rel="icon"]').getAttribute('href');
  const login = { outcome: 'accepted', user: 'mira', method: 'publickey', ip: '192.0.2.17' } as const;
  /** The page as it is while the server is there, and well. */
  const isQuiet = async (): Promise<void> => {
    let last = '';
    // All at once: on a busy machine one of them may have been so, and the server late again.
    await until(
      async () => {
        last = [await text(page, '#answer-title'), await text(page, '#link'), await icon()].join();
        return /^All quiet,Live,.*icon\.svg$/.test(last);
      },
      () => last,
      QUIET_LIMIT_MS,
    );
  };
  const isLost = async (): Promise<void> => {
    await shows(page, '#answer-title', /^Not connected since (\d+ \w+ )?\d\d:\d\d$/, LOST_LIMIT_MS);
    await shows(page, '#answer-why', /^What you see is from then\.$/);
    await shows(page, '#link', /^Not connected$/);
    assert.match(await page.title(), /^Not connected since (\d+ \w+ )?\d\d:\d\d · Asgard$/);
    assert.match(String(await icon()), /icon-unknown\.svg$/);
    assert.equal(await page.locator('#answer').getAttribute('data-state'), 'unknown');
  };

  before(async () => {
    pair = await Pair.make();
    server = await pair.serving();
    agent = await AgentByHand.of('web-01', pair.port);
    await agent.events(login);
    browser = await Watched.start(chromium as string, `http://127.0.0.1:${pair.httpPort}`);
    page = await browser.open('/');
    await isQuiet();
  });
  after(async () => {
    await browser?.close();
    await pair?.close();
  });

  it('says within seconds that a stalled server does not answer, and goes on when it does', async () => {
    server.child.kill('SIGSTOP');
    try {
      await isLost();
    } finally {
      server.child.kill('SIGCONT');
    }
    await isQuiet();
  });

  it('goes on saying so, also where the browser has the icon for it already', async () => {
    await page.evaluate(`window.links = []; new MutationObserver(() => links.push(document.getElementById('link').textContent))
      .observe(document.getElementById('link'), { childList: true })`);
    let unanswered = 0;
    page.on('requestfailed', (request) => {
      if (request.url().endsWith('/healthz')) unanswered += 1;
    });
    server.child.kill('SIGSTOP');
    try {
      await isLost();
      // Until then the stream may have been found silent, or a busy server late.
      await page.evaluate('links.length = 0');
      const before = unanswered;
      await until(() => unanswered > before);
      const links = await page.evaluate<string[]>('links');
      assert.ok(
        links.every((words) => words === 'Not connected'),
        links.join(),
      );
    } finally {
      server.child.kill('SIGCONT');
    }
    await isQuiet();
  });

  it('says that it cannot know while the server cannot read its store, and why', async () => {
    // As the server answers then; it goes on answering whether it is alive.
    const body = { error: 'unavailable', message: 'the store cannot be read' };
    await page.route('**/api/summary?**', (route) => route.fulfill({ status: 503, json: body }));
    await agent.events(login);
    await shows(page, '#answer-title', /^Not known since (\d+ \w+ )?\d\d:\d\d$/, 60_000);
    await shows(page, '#answer-why', /^The store cannot be read\. What you see is from then\.$/);
    assert.match(String(await icon()), /icon-unknown\.svg$/);
    assert.equal(await page.locator('#answer').getAttribute('data-state'), 'unknown');
    await page.unroute('**/api/summary?**');
    await shows(page, '#answer-title', /^All quiet$/, 60_000);
  });

  it('says so on the page of an incident, too', async () => {
    await agent.events(...Array.from({ length: 12 }, () => ({ outcome: 'failed', ip: '203.0.113.7' }) as const));
    await shows(page, '#answer-title', /^Under attack$/);
    assert.match(String(await icon()), /icon-attack\.svg$/);
    await page.locator('#because a').first().click();
    await shows(page, '#incident-title', /203\.0\.113\.7/);
    server.child.kill('SIGSTOP');
    try {
      await shows(
        page,
        '#lost',
        /^Not connected since (\d+ \w+ )?\d\d:\d\d: what you see is from then\.$/,
        LOST_LIMIT_MS,
      );
      assert.match(await page.title(), /^Not connected since/);
    } finally {
      server.child.kill('SIGCONT');
    }
    await until(async () => !(await page.locator('#lost').isVisible()));
    await page.goBack();
    await settled(page);
    assert.equal(await text(page, '#answer-title'), 'Under attack');
  });

  it('says that it cannot know while the rules lag behind what is stored', async () => {
    // Whoever holds the lock of alerts.db keeps the alert thread from writing what it finds.
    const other = new DatabaseSync(join(pair.folder, 'server', 'alerts.db'), { timeout: 10_000 });
    other.exec('BEGIN IMMEDIATE');
    try {
      await agent.events(login);
      await until(async () => {
        const answer = await fetch(`http://127.0.0.1:${pair.httpPort}/api/summary`);
        const { state, why } = (await answer.json()) as { state: string; why: string | null };
        return state === 'unknown' && /^The rules are \d+ s behind/.test(why ?? '');
      });
      await shows(page, '#answer-title', /^Not known now$/);
      await shows(page, '#answer-why', /^The rules are \d+ s behind what is stored: there may be more\./);
    } finally {
      other.exec('ROLLBACK');
      other.close();
    }
    await shows(page, '#answer-title', /^(Under attack|All quiet)$/, 90_000);
  });

  it('says within seconds that a killed server is gone, and shows the next one', async () => {
    await server.end('SIGKILL');
    await isLost();
    server = await pair.serving();
    agent = await AgentByHand.of('web-01', pair.port);
    await agent.events({ ...login, ip: '192.0.2.18' });
    await shows(page, '#link', /^Live$/);
    await shows(page, '#feed', /192\.0\.2\.18/);
    await shows(page, '#answer-title', /^(Under attack|All quiet)$/);
  });

  it('goes on saying so in the tab of the page of a key, too', async () => {
    await page.goto(new URL('/?key=SHA256:none', page.url()).href);
    await shows(page, '#key', /Key SHA256:none/);
    let asked = 0;
    page.on('requestfailed', (request) => {
      if (request.url().includes('/api/keys/')) asked += 1;
    });
    await server.end('SIGKILL');
    await shows(page, '#lost', /^Not connected since/, LOST_LIMIT_MS);
    const before = asked;
    await until(() => asked > before, undefined, LOST_LIMIT_MS);
    assert.match(await page.title(), /^Not connected since (\d+ \w+ )?\d\d:\d\d · Asgard$/);
    assert.match(String(await icon()), /icon-unknown\.svg$/);
  });
});
