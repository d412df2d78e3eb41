/** The page over the demo, as somebody sees it who opens it: in a real browser, light and dark, from phone to wall. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { Demo } from '../demo/demo.ts';
import { PEOPLE } from '../demo/fleet.ts';
import { login } from '../demo/logged-connection.ts';
import { Random } from '../demo/random.ts';
import { until } from '../until.ts';
import { chromiumPath, type Look, type Page, violations, Watched } from './browser.ts';
import { address, background, firstPaint, settled, shift, text, widths } from './browser-facts.ts';
import { lacking } from './machine.ts';

const chromium = chromiumPath();
const SEED = 1;
/** Scale of the demo's week: enough for each kind of incident. */
const SCALE = 0.3;
/** The numbers of a span that slides would change while a test looks at them: this one begins at one moment. */
const SINCE = new Date(Date.now() - 6 * 86_400_000).toISOString();
/** Far above the second in which an event should be there: a busy machine is no defect. */
const LIVE_LIMIT_MS = 20_000;
const LOOKS: readonly (Look & { readonly name: string })[] = [
  { name: 'light', scheme: 'light' },
  { name: 'dark', scheme: 'dark' },
  { name: 'a phone', scheme: 'light', width: 390, height: 844 },
  { name: 'a small phone in the dark', scheme: 'dark', width: 320, height: 640 },
  { name: 'a screen on the wall', scheme: 'dark', width: 2_560, height: 1_440 },
];
/** The pages that axe-core checks; the ones that are left out differ from these in width alone. */
const EXAMINED: Readonly<Record<string, number>> = { light: 4, dark: 2, 'a phone': 2 };

describe('the page over the demo', { skip: lacking('the page', { Chromium: chromium !== null }) }, () => {
  let demo: Demo;
  let browser: Watched;
  const random = new Random(SEED);

  /** Opens a page and waits until all of it is there. */
  const open = async (path: string, look?: Look): Promise<Page> => {
    const page = await browser.open(path, look);
    await settled(page);
    return page;
  };
  const incident = async (rule: string): Promise<string> => {
    const answer = await fetch(`${demo.page}/api/alerts?limit=1000`);
    const { alerts } = (await answer.json()) as { alerts: { id: string; rule: string }[] };
    const found = alerts.find((alert) => alert.rule === rule);
    assert.ok(found, `there is a ${rule}`);
    return found.id;
  };

  before(async () => {
    demo = await Demo.start({ seed: SEED, scale: SCALE, live: false });
    await demo.past();
    await until(async () => {
      const { state } = (await (await fetch(`${demo.page}/api/summary`)).json()) as { state: string };
      return state === 'breach';
    });
    browser = await Watched.start(chromium as string, demo.page);
  });
  after(async () => {
    await browser?.close();
    await demo?.stop();
  });
  afterEach(async () => {
    await browser.closePages();
    assert.deepEqual(browser.complaints.splice(0), []);
    assert.deepEqual(browser.strangers, []);
  });

  it('answers first: somebody got in, where, and who is not watched', async () => {
    const page = await open('/');
    assert.equal(await text(page, '#answer-title'), 'Someone got in');
    assert.match(await text(page, '#because'), /^203\.0\.113\.66 got in on db-2 as backup/);
    assert.match(await text(page, '#answer-blind'), /Not watched now: build-7/);
    const order = await page.locator('h1:visible, h2:visible').allInnerTexts();
    assert.deepEqual(order, [
      'Someone got in',
      'Over time',
      'Live',
      'Hosts',
      'In now',
      'Sources',
      'Users',
      'Not understood',
      'Known to be missing',
    ]);
    assert.match(await text(page, '#hosts tr:first-child'), /build-7\s+◼ (not connected|silent for)/);
    assert.match(await text(page, '#sources'), /2001:db8:bad:7::\/64\s+\d+ addresses/);
    assert.match(await text(page, '#unknown'), /auth-policy: verdict/);
    assert.match(
      (await page.locator('.series.failed .plot').getAttribute('aria-label')) ?? '',
      /^Failed: [\d,]+, most of them/,
    );
    assert.equal(await page.locator('.series canvas').count(), 3);
  });

  for (const [what, column, parameter] of [
    ['a host', '#hosts', 'host'],
    ['a source', '#sources', 'ip'],
    ['a user', '#users', 'user'],
  ] as const)
    it(`filters everything by ${what}, keeps it in the address bar, over a reload and back`, async () => {
      const page = await open(`/?since=${SINCE}`);
      const all = await text(page, '#numbers');
      // It names the time, which is chosen, alone.
      const unfiltered = await text(page, '#filters');
      const link = page.locator(`${column} th a`).nth(1);
      const value = await link.innerText();
      await link.click();
      assert.equal(address(page), `?since=${SINCE}&${parameter}=${value}`);
      await settled(page);
      assert.ok((await text(page, '#filters')).includes(value));
      assert.ok(!unfiltered.includes(value));
      const filtered = await text(page, '#numbers');
      assert.notEqual(filtered, all);
      await until(async () => {
        const feed = await page.locator(`#feed .${parameter}`).allInnerTexts();
        return feed.length > 0 && feed.every((each) => each === value);
      });

      await page.reload();
      await settled(page);
      assert.equal(await text(page, '#numbers'), filtered);

      await page.locator('[data-range="7d"]').click();
      assert.equal(address(page), `?range=7d&${parameter}=${value}`);
      await page.locator('[data-range="24h"]').click();
      assert.equal(address(page), `?${parameter}=${value}`);
      for (let i = 0; i < 3; i++) await page.goBack();
      assert.equal(address(page), `?since=${SINCE}`);
      await settled(page);
      assert.equal(await text(page, '#numbers'), all);
      assert.equal(await text(page, '#filters'), unfiltered);
    });

  it('counts a filtered view as the server does', async () => {
    const page = await open(`/?since=${SINCE}&user=root`);
    const answer = await fetch(`${demo.page}/api/top/users?since=${SINCE}&limit=1000`);
    const { users } = (await answer.json()) as { users: { user: string; failed: number }[] };
    const root = users.find(({ user }) => user === 'root');
    assert.equal(await text(page, '#numbers .failed dd'), root?.failed.toLocaleString('en-US'));
    assert.equal(await page.locator('#cut').isVisible(), (root?.failed ?? 0) > 5_000);
  });

  it('unfolds an IPv6 network into its addresses', async () => {
    const page = await open('/');
    await page.locator('#sources .fold').click();
    assert.match(await page.locator('#sources .inside').first().innerText(), /2001:db8:bad:7:/);
    await page.locator('#sources .inside a').first().click();
    assert.match(address(page), /ip=2001:db8:bad:7:/);
  });

  it('filters everything by an IPv6 network, its events as they come too', async () => {
    const page = await open('/');
    await page.locator('#sources tr:has(.fold) a').first().click();
    assert.equal(address(page), '?ip=2001:db8:bad:7::/64');
    await until(async () => (await text(page, '#filters')).includes('2001:db8:bad:7::/64'));
    await until(async () => {
      const sources = await page.locator('#feed .ip').allInnerTexts();
      return new Set(sources).size > 1 && sources.every((source) => source.startsWith('2001:db8:bad:7:'));
    });
    await page.reload();
    await settled(page);
    assert.match(await text(page, '#filters'), /2001:db8:bad:7::\/64/);
  });

  it('shows what happens as it happens', async (t) => {
    const page = await open('/');
    await until(async () => (await text(page, '#link')) === 'Live');
    const watched = `203.0.113.${random.whole(100, 200)}`;
    const shown = page.locator('#feed a', { hasText: watched }).first().waitFor({ timeout: LIVE_LIMIT_MS });
    const writtenMs = performance.now();
    demo.write(login(random, { atMs: Date.now(), host: 'web-1', ip: watched }, PEOPLE[0], 'publickey', 1_000));
    await shown;
    t.diagnostic(`from log line to page: ${Math.round(performance.now() - writtenMs)} ms`);
    assert.match(await text(page, '#feed li:first-child'), new RegExp(`accepted[^]*${PEOPLE[0].user}[^]*${watched}`));
  });

  it('gives each incident a page of its own, with what happened, in order, and where', async () => {
    const page = await open('/');
    await page.locator('#because a').first().click();
    await until(async () => /203\.0\.113\.66 got in on db-2/.test(await text(page, '#incident')));
    assert.match(address(page), /^\?alert=[0-9a-f]+$/);
    assert.equal(await page.locator('#answer').isVisible(), false);
    const [before, first] = await page.locator('.event-list > li').allInnerTexts();
    assert.match(before ?? '', /28 × failed\s+backup\s+203\.0\.113\.66 → db-2/);
    assert.match(first ?? '', /accepted\s+backup\s+203\.0\.113\.66 → db-2/);
    await page.getByRole('link', { name: 'Everything of that time' }).click();
    assert.match(address(page), /ip=203\.0\.113\.66/);
    await settled(page);
    assert.equal(await text(page, '#numbers .failed dd'), '28');
    await page.goBack();
    await page.goBack();
    await settled(page);
    assert.equal(await text(page, '#answer-title'), 'Someone got in');
  });

  it('opens an incident by the link that older messages to people have', async () => {
    const page = await browser.open(`/#/incident/${await incident('break-in')}`);
    await until(async () => /What happened/.test(await text(page, '#incident')));
    await page.getByRole('link', { name: 'Overview' }).click();
    await settled(page);
    assert.equal(await text(page, '#answer-title'), 'Someone got in');
    assert.equal(new URL(page.url()).hash, '');
  });

  it('can be used without a mouse', async () => {
    const page = await open('/');
    await page.keyboard.press('Tab');
    assert.equal(await page.locator(':focus').innerText(), 'Skip to the content');
    await page.keyboard.press('Enter');
    assert.equal(await page.locator(':focus').getAttribute('id'), 'content');
    await page.keyboard.press('Tab');
    assert.match((await page.locator(':focus').getAttribute('href')) ?? '', /^\/\?(host|alert)=/);
    const host = page.locator('#hosts a', { hasText: 'web-2' });
    await host.focus();
    await page.keyboard.press('Enter');
    assert.equal(address(page), '?host=web-2');
    assert.equal(await page.locator(':focus').getAttribute('id'), 'content');
  });

  for (const { name, ...look } of LOOKS)
    it(`stays where it is when its data comes, on ${name}`, async (t) => {
      const page = await browser.open('/', look);
      await settled(page);
      const moved = await shift(page);
      t.diagnostic(`layout shift: ${moved.toFixed(3)}`);
      // The makers of browsers call 0.1 good.
      assert.ok(moved < 0.05, `things moved by ${moved}`);
    });

  it('is dark where people like it dark', async () => {
    const page = await open('/', { scheme: 'dark' });
    const ground = await background(page);
    const [red = 255] = (/\d+/.exec(ground) ?? []).map(Number);
    assert.ok(red < 40, ground);
  });

  for (const { name, ...look } of LOOKS)
    it(`fits ${name}: nothing sticks out, nothing keeps anybody from using it`, async (t) => {
      const paths = ['/?range=7d', `/?alert=${await incident('break-in')}`, '/?user=root', '/?host=build-7'];
      for (const [i, path] of paths.entries()) {
        const page = await browser.open(path, look);
        if (path.includes('alert')) await until(async () => /What happened/.test(await text(page, '#incident')));
        else await settled(page);
        const { inner, outer } = await widths(page);
        assert.ok(inner <= outer, `${path} is ${inner} wide on ${outer}`);
        if (i < (EXAMINED[name] ?? 0)) assert.deepEqual(await violations(page), [], path);
        t.diagnostic(`${path}: first paint after ${Math.round(await firstPaint(page))} ms`);
        await browser.closePages();
      }
    });
});
