/** Two servers and a browser on each: both pages have the same incident and the same event as it comes, and what is acknowledged on one shows on the other. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { noPostgres, Postgres } from '../postgres.ts';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';
import { AgentByHand } from './agent-by-hand.ts';
import { chromiumPath, type Page, Watched } from './browser.ts';
import { shows } from './browser-facts.ts';
import { lacking } from './machine.ts';

const chromium = chromiumPath();
const SOURCE = '203.0.113.7';
/** Two servers, PostgreSQL and two browsers start on one machine. */
const LIMIT_MS = 60_000;

describe('the pages of two servers', {
  skip: noPostgres || lacking('the pages of two servers', { Chromium: chromium !== null }),
}, () => {
  let postgres: Postgres;
  let pairs: Pair[];
  let browsers: Watched[];
  let agent: AgentByHand;

  before(async () => {
    postgres = await Postgres.start('fsync=off');
    pairs = [await Pair.make(), await Pair.make()];
    for (const pair of pairs) await pair.serving({ ALPHASERVER_STORE: postgres.url });
    agent = await AgentByHand.of('web-01', (pairs[0] as Pair).port);
    await agent.events(...Array.from({ length: 12 }, () => ({ outcome: 'failed' as const, ip: SOURCE, user: 'root' })));
    await agent.events({ outcome: 'accepted', ip: SOURCE, user: 'root', method: 'password' });
    browsers = [];
    for (const pair of pairs)
      browsers.push(await Watched.start(chromium as string, `http://127.0.0.1:${pair.httpPort}`));
  });
  after(async () => {
    for (const browser of browsers ?? []) await browser.close();
    for (const pair of pairs ?? []) await pair.close();
    postgres?.close();
  });

  it('have the same incident, and an acknowledgement in one browser is seen in the other', async () => {
    const [here, there] = (await Promise.all(browsers.map((browser) => browser.open('/')))) as [Page, Page];
    for (const page of [here, there])
      await shows(page, '#because', new RegExp(SOURCE.replaceAll('.', '\\.')), LIMIT_MS);
    const link = async (page: Page): Promise<string | null> =>
      page.locator('#because .unacknowledged a').first().getAttribute('href');
    const incident = await link(here);
    assert.ok(incident);
    await until(async () => (await link(there)) === incident);
    await here.locator('#because .unacknowledged a').first().click();
    await here.getByLabel('Your name').fill('mira');
    await here.getByRole('button', { name: 'Acknowledge' }).click();
    await shows(here, '.acknowledged', /^Acknowledged by mira, /, LIMIT_MS);
    // The other page hears of it by its stream: nobody touches it.
    await until(
      async () => (await there.locator(`#because .unacknowledged a[href="${incident}"]`).count()) === 0,
      () => 'the other page shows the acknowledgement',
      LIMIT_MS,
    );
    await there.goto(new URL(incident, there.url()).href);
    await shows(there, '.acknowledged', /^Acknowledged by mira, /, LIMIT_MS);
  });

  it('show an event that one of them took, both without being asked again', async () => {
    const pages = await Promise.all(browsers.map((browser) => browser.open('/')));
    await agent.events({ outcome: 'failed', ip: '198.51.100.23', user: 'just-now' });
    for (const page of pages) await shows(page, 'body', /just-now/, LIMIT_MS);
    for (const browser of browsers) assert.deepEqual(browser.complaints, []);
  });
});
