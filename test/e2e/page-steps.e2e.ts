/** The next steps on the pages of incidents and sources, in a browser over a real server: whom they act on, and what they copy. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';
import { AgentByHand, failures } from './agent-by-hand.ts';
import { chromiumPath, type Page, Watched } from './browser.ts';
import { settled, shows, text } from './browser-facts.ts';
import { lacking } from './machine.ts';

const chromium = chromiumPath();
const FIRST = '203.0.113.7';
const SECOND = '203.0.113.8';
/** The end of the time that a link to events is about. */
const untilOf = (href: string | null): string => new URL(href ?? '', 'http://any').searchParams.get('until') ?? '';

describe('the next steps', { skip: lacking('the next steps', { Chromium: chromium !== null }) }, () => {
  let pair: Pair;
  let browser: Watched;
  let agent: AgentByHand;

  const alertOf = async (source: string): Promise<string> => {
    let id = '';
    await until(async () => {
      const answer = await fetch(`http://127.0.0.1:${pair.httpPort}/api/alerts`);
      const { alerts } = (await answer.json()) as { alerts: { id: string; source: string | null }[] };
      id = alerts.find((alert) => alert.source === source)?.id ?? '';
      return id !== '';
    });
    return id;
  };
  const open = async (path: string): Promise<Page> => {
    const page = await browser.open(path);
    await settled(page);
    return page;
  };
  /** Goes to another view in the same page, as a link does. */
  const goTo = (page: Page, query: string): Promise<unknown> =>
    page.evaluate(`history.pushState(null, '', '/?${query}'); dispatchEvent(new PopStateEvent('popstate'))`);
  /** Holds back the answers of a path until the function that it gives is called. */
  const hold = async (page: Page, path: string): Promise<() => void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    await page.route(`**${path}`, async (route) => {
      await promise;
      await route.continue();
    });
    return resolve;
  };

  before(async () => {
    pair = await Pair.make();
    await pair.serving();
    agent = await AgentByHand.of('web-01', pair.port);
    await agent.events(...failures(12, FIRST), ...failures(12, SECOND, { user: 'bob' }));
    browser = await Watched.start(chromium as string, `http://127.0.0.1:${pair.httpPort}`);
  });
  after(async () => {
    await browser?.close();
    await pair?.close();
  });
  afterEach(async () => {
    await browser.closePages();
    assert.deepEqual(browser.complaints.splice(0), []);
  });

  it('act on the incident that is shown, although the answer about another one comes late', async () => {
    const [first, second] = [await alertOf(FIRST), await alertOf(SECOND)];
    const page = await open(`/?alert=${first}`);
    const acknowledge = await hold(page, '/acknowledge');
    const show = await hold(page, `/api/alerts/${second}`);
    await page.locator('#incident input[name=by]').fill('mira');
    const late = page.waitForResponse((response) => response.url().endsWith('/acknowledge'));
    await page.locator('#incident').getByRole('button', { name: 'Acknowledge' }).click();
    await goTo(page, `alert=${second}`);
    acknowledge();
    await (await late).finished();
    // What the page does with the answer is done before the next timer of the page.
    await page.evaluate('new Promise((done) => setTimeout(done))');
    assert.equal(await text(page, '#incident'), 'Looking it up');
    show();
    await shows(page, '#incident-title', new RegExp(SECOND));
    assert.equal(await page.locator('#incident .acknowledged').count(), 0);
    await page.getByRole('button', { name: 'Block it' }).click();
    await shows(page, '#incident .step form', new RegExp(SECOND));
  });

  it('copy what the page shows now', async () => {
    const id = await alertOf(FIRST);
    const page = await open(`/?alert=${id}`);
    await page.evaluate('navigator.clipboard.writeText = async (words) => { globalThis.copied = words; }');
    const rows = page.getByRole('link', { name: 'Events as CSV' });
    const lastAt = new Date(Date.now() + 60_000).toISOString();
    // The rules take up to a minute to count more events of an open incident.
    await page.route(`**/api/alerts/${id}`, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...(await response.json()), count: 42, lastAt } });
    });
    // The page asks again when somebody comes back to it.
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
    await shows(page, '#incident', /Counted\s+42 events/);
    await page.getByRole('button', { name: 'Copy for a ticket' }).click();
    await until(async () => /, 42 events, /.test(await page.evaluate<string>('globalThis.copied')));
    await rows.focus();
    assert.ok(untilOf(await rows.getAttribute('href')) > lastAt);
  });

  it('make one decision of a form that is submitted twice', async () => {
    const page = await open(`/?ip=${SECOND}`);
    const steps = page.locator('#about .steps');
    await steps.getByRole('button', { name: 'Allow it' }).click();
    await steps.locator('input[name=why]').fill('twice');
    await steps.locator('input[name=by]').fill('mira');
    const decide = await hold(page, '/api/decisions');
    let sent = 0;
    page.on('request', (request) => {
      if (request.method() === 'POST' && request.url().endsWith('/api/decisions')) sent += 1;
    });
    await page.evaluate(`{
      const button = document.querySelector('#about .steps form button[type=submit]');
      button.click();
      button.click();
    }`);
    await until(() => sent > 0);
    decide();
    await steps.locator('.decided').waitFor();
    assert.equal(sent, 1);
    await steps.getByRole('button', { name: 'Undo' }).click();
    await shows(page, '#about .steps', /Undone\./);
  });

  it('do not say of a source that it is blocked once that was undone elsewhere', async () => {
    const page = await open(`/?ip=${SECOND}`);
    const steps = page.locator('#about .steps');
    await steps.getByRole('button', { name: 'Block it' }).click();
    await steps.locator('input[name=why]').fill('a test');
    await steps.locator('input[name=by]').fill('mira');
    await steps.getByRole('button', { name: 'Block', exact: true }).click();
    await steps.getByRole('link', { name: 'All decisions' }).click();
    await page.locator('#decisions').getByRole('button', { name: 'Undo' }).click();
    await shows(page, '#decisions', /Undone by mira/);
    await page.goBack();
    await settled(page);
    await steps.waitFor();
    assert.equal(await steps.locator('.decided').count(), 0);
  });

  const undo = (page: Page) => page.locator('#decisions').getByRole('button', { name: 'Undo' });
  /** Opens the page of decisions, with one that holds. */
  const decided = async (): Promise<Page> => {
    const page = await open('/');
    await page.evaluate(`fetch('/api/decisions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ kind: 'block', source: '203.0.113.9', until: '1h', why: 'a test', by: 'mira' }),
    })`);
    await page.evaluate("localStorage.setItem('asgard.name', 'mira')");
    return page;
  };

  it('are not offered to a viewer', async () => {
    const page = await decided();
    const me = { name: 'vera', role: 'viewer', hasLogin: true };
    await page.route('**/api/me', (route) => route.fulfill({ json: me }));
    await page.goto(new URL('/?decisions', page.url()).href);
    await shows(page, '#decisions', /mira blocked 203\.0\.113\.9/);
    await shows(page, '#session', /vera \(viewer\)/);
    await until(async () => (await undo(page).count()) === 0);
  });

  it('are taken although the server could not say at first who asks', async () => {
    const page = await decided();
    let refused = 0;
    await page.route('**/api/me', (route) => {
      refused += 1;
      return route.fulfill({ status: 503, json: { error: 'busy', message: 'a test' } });
    });
    await page.goto(new URL('/?decisions', page.url()).href);
    await undo(page).first().waitFor();
    await until(() => refused > 0);
    await page.unroute('**/api/me');
    await undo(page).first().click();
    await shows(page, '#decisions li:first-child', /Undone by mira/);
    assert.ok(browser.complaints.splice(0).every((words) => words.includes('503')));
  });
});
