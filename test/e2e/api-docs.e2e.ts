/** The API's own page in a real browser. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TAGS } from '../../alphaserver/web/api-schema.ts';
import { Served } from '../alphaserver/web/served.ts';
import { chromiumPath, Watched } from './browser.ts';
import { lacking } from './machine.ts';

const chromium = chromiumPath();

test('the page of the API has its groups and its title, and its own policy stops nothing of it', {
  skip: lacking("the API's page", { Chromium: chromium !== null }),
}, async (t) => {
  const served = new Served();
  t.after(() => served.close());
  await served.open();
  const browser = await Watched.start(chromium ?? '', served.page);
  t.after(() => browser.close());
  const page = await browser.open('/api/docs');
  await page.locator('.opblock-tag-section').first().waitFor();
  const groups = await page.locator('.opblock-tag-section h3').allInnerTexts();
  assert.equal(groups.length, Object.keys(TAGS).length);
  assert.match(groups[0] ?? '', /state[\s\S]*Is anything wrong/);
  assert.equal(await page.title(), 'Asgard API');
  const events = page.locator('#operations-events-get_api_events');
  await events.locator('.opblock-summary').click();
  await events.getByText('Try it out').click();
  await events.getByText('Execute').click();
  await events.locator('.live-responses-table').first().waitFor();
  assert.match(await events.locator('.live-responses-table').first().innerText(), /"events": \[\]/);
  assert.deepEqual(browser.complaints, []);
  assert.deepEqual(browser.strangers, []);
});
