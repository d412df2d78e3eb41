/** The list of live events on the page, over a real server: what it holds after a break, after an error, and in which order. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { Pair, type Program } from '../programs.ts';
import { until } from '../until.ts';
import { AgentByHand } from './agent-by-hand.ts';
import { chromiumPath, type Page, Watched } from './browser.ts';
import { settled, shows } from './browser-facts.ts';
import { lacking } from './machine.ts';
import { StreamProxy } from './stream-proxy.ts';

const chromium = chromiumPath();
/** Rows that the list keeps, and those that it begins with. */
const KEPT = 100;
const FIRST = 60;

describe('the list of live events', {
  skip: lacking('the list of live events', { Chromium: chromium !== null }),
}, () => {
  let pair: Pair;
  let server: Program;
  let stream: StreamProxy;
  let browser: Watched;
  let agent: AgentByHand;
  /** Events so far; each is of a user of its own, `u1` and so on. */
  let stored = 0;

  const asked = async (): Promise<string> =>
    (await fetch(`http://127.0.0.1:${pair.httpPort}/api/events?limit=${FIRST}`)).text();
  /** Stores so many events, and waits until no answer of before is given any more. */
  const happen = async (number: number): Promise<void> => {
    await agent.events(...Array.from({ length: number }, () => ({ outcome: 'failed' as const, user: `u${++stored}` })));
    await until(async () => JSON.parse(await asked()).events[0]?.user === `u${stored}`);
  };
  const users = (page: Page): Promise<string> =>
    page.evaluate<string>("[...document.querySelectorAll('#feed .who')].map((who) => who.textContent).join(' ')");
  const newest = (number: number): string => Array.from({ length: number }, (_, back) => `u${stored - back}`).join(' ');
  const lists = async (page: Page, wanted: string): Promise<void> => {
    let last = '';
    await until(
      async () => {
        last = await users(page);
        return last === wanted;
      },
      () => `the list has ${last}, not ${wanted}`,
    );
  };
  const viewers = async (): Promise<number> => {
    const answer = await fetch(`${stream.origin}/metrics`);
    return Number(/^asgard_viewers (\d+)$/m.exec(await answer.text())?.[1]);
  };
  const hides = async (page: Page, hidden: boolean): Promise<void> => {
    await page.evaluate(`Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${hidden} });
      document.dispatchEvent(new Event('visibilitychange'))`);
    await until(async () => (await viewers()) === (hidden ? 0 : 1));
  };

  before(async () => {
    pair = await Pair.make();
    server = await pair.serving();
    agent = await AgentByHand.of('web-01', pair.port);
    await happen(FIRST);
    stream = await StreamProxy.before(pair.httpPort);
    browser = await Watched.start(chromium as string, stream.origin);
  });
  after(async () => {
    await browser?.close();
    stream?.close();
    await pair?.close();
  });
  afterEach(async () => {
    await browser.closePages();
    await until(async () => (await viewers()) === 0);
    assert.deepEqual(browser.complaints.splice(0), []);
  });

  const live = async (): Promise<Page> => {
    const page = await browser.open('/');
    await settled(page);
    await shows(page, '#link', /^Live$/);
    await lists(page, newest(FIRST));
    return page;
  };
  const full = async (): Promise<Page> => {
    const page = await live();
    await happen(KEPT - FIRST);
    await lists(page, newest(KEPT));
    return page;
  };

  it('has the newest first after a time in which nobody looked, and goes on so', async () => {
    const page = await full();
    await hides(page, true);
    await happen(20);
    await hides(page, false);
    await lists(page, newest(KEPT));
    await happen(1);
    await lists(page, newest(KEPT));
  });

  it('takes what an answer that was shared with others did not have yet', async () => {
    const page = await full();
    for (const [happened, left] of [
      [5, KEPT],
      // Between that answer and the next one are some that neither has.
      [FIRST + 5, FIRST],
    ] as const) {
      const shared = await asked();
      await hides(page, true);
      await happen(happened);
      let answers = 0;
      await page.route(/\/api\/events/, (route) =>
        answers++ === 0 ? route.fulfill({ contentType: 'application/json', body: shared }) : route.continue(),
      );
      await hides(page, false);
      await lists(page, newest(left));
      assert.ok(answers > 1);
      await page.unroute(/\/api\/events/);
    }
  });

  it('has an event once that comes after the answer which has it', async () => {
    const page = await live();
    stream.hold();
    await happen(1);
    await page.locator('[data-range="1h"]').click();
    await lists(page, newest(FIRST + 1));
    stream.release();
    await happen(1);
    await lists(page, newest(FIRST + 2));
  });

  it('ends where events of that time are missing, and does not go on below them', async () => {
    const page = await full();
    await hides(page, true);
    await happen(FIRST + 5);
    await hides(page, false);
    await lists(page, newest(FIRST));
    await happen(1);
    await lists(page, newest(FIRST + 1));
  });

  it('asks again where the events of another host could not be had', async () => {
    const other = await AgentByHand.of('db-02', pair.port);
    await other.events({ outcome: 'failed', user: 'before' });
    await happen(KEPT);
    const page = await live();
    let answers = 0;
    await page.route(/\/api\/events\?.*limit=60/, (route) =>
      answers++ < 2 ? route.fulfill({ status: 503, json: { error: 'busy', message: 'busy' } }) : route.continue(),
    );
    await page.locator('#hosts a', { hasText: 'db-02' }).click();
    await lists(page, 'before');
    assert.ok(answers > 2);
    assert.ok(browser.complaints.splice(0).every((words) => words.includes('503')));
    await other.events({ outcome: 'failed', user: 'after' });
    await lists(page, 'after before');
  });

  it('has what comes while the events of another host are on their way', async () => {
    const other = await AgentByHand.of('db-03', pair.port);
    await other.events({ outcome: 'failed', user: 'first' });
    await happen(KEPT);
    const page = await live();
    const { promise: comes, resolve: come } = Promise.withResolvers<void>();
    await page.route(/\/api\/events\?.*limit=60/, async (route) => {
      const response = await route.fetch();
      await comes;
      await route.fulfill({ response });
    });
    const answered = page.waitForResponse(/limit=60/);
    await page.locator('#hosts a', { hasText: 'db-03' }).click();
    await shows(page, '#feed', /^Looking it up$/);
    await other.events({ outcome: 'failed', user: 'second' });
    await lists(page, 'second');
    come();
    await answered;
    await lists(page, 'second first');
    // The list of the next test begins with events of this agent alone.
    await happen(KEPT);
  });

  it('opens the stream anew where the network lost it without a word, and has what came meanwhile', async () => {
    const page = await live();
    const before = stream.given.length;
    await until(() => stream.given.slice(before).includes('event: heartbeat\n'));
    stream.hold();
    await happen(1);
    await lists(page, newest(FIRST + 1));
    await shows(page, '#link', /^Live$/);
    await happen(1);
    await lists(page, newest(FIRST + 2));
  });

  it('keeps the place of who moves in it by keys, though as many rows leave it as come', async () => {
    const page = await full();
    const place = (): Promise<string> =>
      page.evaluate<string>(
        "document.activeElement.closest('#feed > li')?.querySelector('.who').textContent ?? 'lost'",
      );
    for (const key of ['l', 'ArrowDown', 'ArrowDown']) await page.keyboard.press(key);
    const row = `u${stored - 1}`;
    assert.equal(await place(), row);
    await happen(1);
    await lists(page, newest(KEPT));
    assert.equal(await place(), row);
    await page.keyboard.press('ArrowRight');
    await happen(1);
    await lists(page, newest(KEPT));
    assert.equal(await place(), row);
    await page.keyboard.press('ArrowDown');
    assert.equal(await place(), `u${stored - 4}`);
  });

  it('has the events of another store that is put in the place of the one before, whether a browser or the page comes back to it', async () => {
    const page = await full();
    for (const isHidden of [false, true]) {
      if (isHidden) await hides(page, true);
      await server.end('SIGTERM');
      rmSync(join(pair.folder, 'server'), { recursive: true });
      server = await pair.serving();
      agent = await AgentByHand.of('web-01', pair.port);
      stored = 0;
      if (isHidden) {
        await happen(1);
        await hides(page, false);
      } else {
        await until(async () => (await viewers()) === 1);
        await happen(1);
      }
      await lists(page, newest(1));
      await happen(2);
      await lists(page, newest(3));
    }
    // What a browser says of requests that found no server.
    browser.complaints.splice(0);
  });
});
