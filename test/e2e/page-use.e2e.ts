/** The page as somebody uses it by keyboard, by what they type, and on a phone, over a real server. */
import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { LIMIT_MS } from '../../alphaserver/web/page/first-paint.js';
import { ASKED_EARLY } from '../../alphaserver/web/static.ts';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';
import { AgentByHand, failures } from './agent-by-hand.ts';
import { chromiumPath, type Page, violations, Watched } from './browser.ts';
import { address, settled, shows, text, widths } from './browser-facts.ts';
import { lacking } from './machine.ts';

const chromium = chromiumPath();
const PHONE = { width: 390, height: 844 };
const LONG_HOST = `${'h'.repeat(60)}.`.repeat(4).concat('example.net');

describe('the page in use', { skip: lacking('the page in use', { Chromium: chromium !== null }) }, () => {
  let pair: Pair;
  let browser: Watched;
  let agent: AgentByHand;

  const open = async (path: string, look = {}): Promise<Page> => {
    const page = await browser.open(path, look);
    await settled(page);
    return page;
  };
  const focused = (page: Page) => page.locator(':focus');

  before(async () => {
    pair = await Pair.make();
    await pair.serving();
    agent = await AgentByHand.of('web-01', pair.port);
    await agent.events({ outcome: 'accepted', user: 'mira', method: 'publickey', ip: '192.0.2.17' });
    await agent.events(...failures(12, '203.0.113.7'));
    const long = await AgentByHand.of(LONG_HOST, pair.port);
    await long.events(...failures(1, '203.0.113.9'));
    await long.leaves();
    browser = await Watched.start(chromium as string, `http://127.0.0.1:${pair.httpPort}`);
  });
  after(async () => {
    await browser?.close();
    await pair?.close();
  });
  afterEach(async () => {
    await browser.closePages();
    // Of what nothing is known there is no page; the browser says so in its console.
    const others = browser.complaints
      .splice(0)
      .filter((words) => !/404 .*\/api\/(hosts|sources|users)\/|status of 404/.test(words));
    assert.deepEqual(others, []);
    assert.deepEqual(browser.strangers, []);
  });

  it('says what it cannot answer, and of what nothing is known', async () => {
    const answerOf = async (query: string): Promise<string> => {
      const page = await browser.open(`/?${query}`);
      await until(async () => (await text(page, '#answer-title')) !== 'Looking');
      const words = `${await text(page, '#answer-title')} ${await text(page, '#answer-why')}`;
      const state = await page.locator('#answer').getAttribute('data-state');
      assert.equal(state, words.startsWith('Nothing is known') ? 'nothing' : 'unknown', query);
      await browser.closePages();
      return words;
    };
    assert.match(await answerOf('ip=foo'), /^This cannot be shown ip must be an address/);
    browser.complaints.splice(0);
    assert.match(await answerOf('since=2026-11-23T10:00:00Z&until=2026-11-22T10:00:00Z'), /since must be before until/);
    assert.match(await answerOf('host=nope'), /^Nothing is known of this host/);
    assert.match(await answerOf('user=nobody'), /^Nothing is known of this user/);
    const page = await open('/?user=nobody');
    assert.match(await text(page, '#numbers'), /^Attempts\s+0\s[\s\S]*Users\s+0$/);
    await page.goto(new URL('/?key=nonsense', page.url()).href);
    await shows(
      page,
      '#key',
      /Key nonsense\s+This names no key: the fingerprint must be a key's fingerprint such as SHA256:/,
    );
    await page.goto(new URL('/?key=', page.url()).href);
    await shows(page, '#key', /The address names no key\./);
    await page.goto(new URL('/?alert=', page.url()).href);
    await shows(page, '#incident', /There is no such incident/);
    assert.ok(browser.complaints.every((words) => /40[04]/.test(words)));
    browser.complaints.splice(0);
    await page.goto(new URL('/?since=7d', page.url()).href);
    await settled(page);
    assert.equal(await page.locator('[data-range="7d"]').getAttribute('aria-current'), 'true');
  });

  it('uses what it asked for before its module was there, and asks for nothing twice', async () => {
    const page = await browser.open('about:blank');
    // What is asked later is the page's own refresh.
    await page.addInitScript(`new MutationObserver((_, observer) => {
      if (!/As of/.test(document.getElementById('foot')?.textContent)) return;
      window.answeredMs = performance.now();
      observer.disconnect();
    }).observe(document, { childList: true, characterData: true, subtree: true })`);
    await page.goto(`http://127.0.0.1:${pair.httpPort}/`);
    await settled(page);
    const asked = await page.evaluate<
      { path: string; isOfRefresh: boolean }[]
    >(`performance.getEntriesByType('resource')
      .map(({ name, startTime }) => ({ url: new URL(name), isOfRefresh: startTime >= answeredMs }))
      .map(({ url, isOfRefresh }) => ({ path: url.pathname + url.search, isOfRefresh }))`);
    for (const early of ASKED_EARLY)
      assert.equal(asked.filter(({ path, isOfRefresh }) => path === early && !isOfRefresh).length, 1, early);
    assert.deepEqual(
      asked
        .filter(({ path }) => path.endsWith('.js'))
        .map(({ path }) => basename(path))
        .sort(),
      ['chart.js', 'main.js', 'pulse-worker.js'],
    );
  });

  it('runs nothing before it has been painted: whoever paints it has the processor', async () => {
    const page = await open('/');
    const {
      paintMs = 0,
      thereMs = 0,
      begunMs = 0,
    } = await page.evaluate<Record<string, number>>(`(() => {
      const all = performance.getEntriesByType('resource');
      const { startTime: paintMs } = performance.getEntriesByName('first-contentful-paint')[0];
      const { responseEnd: thereMs } = all.find(({ name }) => name.endsWith('/main.js'));
      const own = all.filter(({ name }) => /chart\\.js$|\\/api\\/unknown$/.test(name));
      return { paintMs, thereMs, begunMs: Math.min(...own.map(({ startTime }) => startTime)) };
    })()`);
    assert.ok(paintMs > 0);
    // On a machine that paints nothing for so long it begins without.
    assert.ok(begunMs >= Math.min(paintMs, thereMs + LIMIT_MS), `${begunMs}, painted at ${paintMs}`);
  });

  it('is not made wider by a host name of 255 characters, and can be touched on a phone', async () => {
    for (const path of ['/', `/?host=${LONG_HOST}`, '/?ip=203.0.113.7']) {
      const page = await open(path, PHONE);
      await shows(page, '#answer-title', /\S/);
      const { inner, outer } = await widths(page);
      assert.ok(inner <= outer, `${path} is ${inner} wide on ${outer}`);
      assert.deepEqual(await violations(page), [], path);
      await browser.closePages();
    }
  });

  it('shows the attacked host whole in the live list, on a small phone and behind the longest address', async () => {
    await agent.events(...failures(1, '2001:db8:1111:2222:3333:4444:5555:6666'), ...failures(1, '198.18.119.239'));
    for (const look of [{ width: 320, height: 640 }, {}]) {
      const page = await open('/', look);
      await shows(page, '#feed', /2001:db8:1111:2222:3333:4444:5555:6666 → web-01/);
      const cut = await page.evaluate<string[]>(`[...document.querySelectorAll('#feed .where')]
        .filter((place) => place.scrollWidth > place.clientWidth || place.scrollHeight > place.clientHeight)
        .map((place) => place.textContent)`);
      assert.deepEqual(cut, []);
      const { inner, outer } = await widths(page);
      assert.ok(inner <= outer, `${inner} wide on ${outer}`);
      await browser.closePages();
    }
  });

  it('has a page for a host, a source and a user, which says what is known of it at any time', async () => {
    const page = await open('/?host=web-01');
    await shows(page, '#about h2', /^Host web-01$/);
    await shows(
      page,
      '#about',
      /Watched\s+watching[\s\S]*Who logs in\s+mira from 192\.0\.2\.17 on web-01 by publickey, 1 time/,
    );
    await page.locator('#about .logins .user').click();
    assert.equal(address(page), '?host=web-01&user=mira');
    await settled(page);
    assert.equal(await page.locator('#about').isVisible(), false);
    await page.locator('#filters a', { hasText: 'mira' }).click();
    assert.equal(address(page), '?user=mira');
    await shows(page, '#about', /User mira[\s\S]*Logins by hour/);
    await page.goto(new URL('/?ip=203.0.113.7&range=15m', page.url()).href);
    await shows(
      page,
      '#about',
      /Source 203\.0\.113\.7[\s\S]*Ever got in\s+never[\s\S]*Incidents[\s\S]*tried to log in 12 times on web-01/,
    );
    assert.deepEqual(await violations(page), []);
  });

  it('leads to the next steps: blocks a source until a time, says who and why, and undoes it as easily', async () => {
    const blocklist = async (): Promise<string> =>
      (await fetch(`http://127.0.0.1:${pair.httpPort}/blocklist.txt`)).text();
    const page = await open('/?ip=203.0.113.7');
    await page.getByRole('button', { name: 'Block it' }).click();
    await page.locator('.decide select').selectOption('7d');
    await page.getByLabel('because').fill('guesses <b>root</b>');
    await page.getByLabel('Your name').fill('mira');
    await page.getByRole('button', { name: 'Block', exact: true }).click();
    await shows(page, '.decided', /^Blocked 203\.0\.113\.7 until \d+ \w+ \d{4}, \d\d:\d\d\./);
    assert.match(await blocklist(), /^203\.0\.113\.7$/m);
    await page.getByRole('link', { name: 'All decisions' }).click();
    await shows(page, '.decision-list li', /mira blocked 203\.0\.113\.7, until .*: guesses <b>root<\/b>/);
    assert.deepEqual(await violations(page), []);
    await page.locator('.decision-list').getByRole('button', { name: 'Undo' }).click();
    await shows(page, '.decision-list .ended', /Undone by mira/);
    assert.doesNotMatch(await blocklist(), /203\.0\.113\.7/);
    await page.keyboard.press('Escape');
    await settled(page);
    assert.equal(address(page), '');
  });

  it('has the same steps on the page of an incident, and its events in a few lines', async () => {
    const many = Array.from({ length: 60 }, (_, i) => ({
      outcome: 'failed' as const,
      ip: `198.51.100.${20 + (i % 7)}`,
      user: 'admin',
    }));
    await agent.events(...many, ...many);
    const page = await open('/');
    await until(async () => {
      const answer = await fetch(`http://127.0.0.1:${pair.httpPort}/api/alerts`);
      const { alerts } = (await answer.json()) as { alerts: { rule: string }[] };
      return alerts.some(({ rule }) => rule === 'distributed' || rule === 'brute-force');
    });
    await shows(page, '#because', /\d+ incidents of brute-force by \d+ sources/);
    await page.goto(new URL('/?ip=198.51.100.20', page.url()).href);
    await page.locator('#about .parts a').first().click();
    await shows(page, '#incident', /What happened/);
    assert.ok((await page.locator('.event-list > li').count()) <= 6);
    const line = page.locator('.event-list summary').first();
    await line.click();
    await shows(page, '.event-list details[open] li', /admin/);
    await page.getByRole('button', { name: 'Silence this source' }).click();
    await page.getByLabel('because').fill('ours');
    await page.locator('.decide').getByLabel('Your name').fill('mira');
    await page.getByRole('button', { name: 'Silence', exact: true }).click();
    await shows(page, '.decided', /^Silenced incidents of 198\.51\.100\.20 on all hosts until/);
    await page.locator('.decided button').click();
    await shows(page, '.decided', /^Undone\.$/);
    assert.match((await page.getByRole('link', { name: 'Events as CSV' }).getAttribute('href')) ?? '', /format=csv/);
    assert.deepEqual(await violations(page), []);
  });

  it('shows who is in now, on the page of a host, a source and a user, too', async () => {
    for (const path of ['/', '/?host=web-01', '/?ip=192.0.2.17', '/?user=mira']) {
      const page = await open(path);
      await shows(
        page,
        '#in-now',
        /mira\s+192\.0\.2\.17 → web-01\s+for \d+ (s|min), since (\d+ \w+ )?\d\d:\d\d, by publickey\s+by the log alone/,
      );
      await browser.closePages();
    }
    const page = await open('/?ip=203.0.113.7');
    await shows(page, '#in-now', /^Nobody, as far as/);
    await agent.events({ outcome: 'accepted', user: 'late', method: 'password', ip: '192.0.2.18', port: 50_001 });
    await page.goto(new URL('/', page.url()).href);
    await shows(page, '#in-now', /late\s+192\.0\.2\.18/);
  });

  it('says the answer and how many are in to a screen reader when they change, not at each refresh', async () => {
    const page = await open('/');
    await shows(page, '#answer-blind', /Not watched now: h+/);
    await page.evaluate(`window.said = [];
      for (const place of document.querySelectorAll('[aria-live], [role="status"], [role="alert"]')) {
        let before = place.textContent;
        new MutationObserver(() => {
          if (place.textContent === before) said.push(place.id + ' says again: ' + before);
          before = place.textContent;
        }).observe(place, { childList: true, characterData: true, subtree: true });
      }`);
    const answers = (): Promise<number> => page.evaluate<number>("performance.getEntriesByName('answer').length");
    const sessions = { outcome: 'accepted', user: 'mira', method: 'publickey', ip: '192.0.2.17' } as const;
    for (let refresh = 0; refresh < 3; refresh++) {
      const before = await answers();
      await agent.events(...failures(1, '192.0.2.21', { user: 'guest' }));
      await until(async () => (await answers()) > before);
    }
    // Rows of who is in come after the answer.
    const inNow = await text(page, '#in-now-count');
    await agent.events({ ...sessions, port: 50_002 });
    await until(async () => (await text(page, '#in-now-count')) !== inNow);
    assert.deepEqual(await page.evaluate<string[]>('said'), []);
    // For how long a host has been silent changes each minute.
    assert.equal(await page.locator('[aria-live] #answer-blind').count(), 0);
  });

  it('has a page for a key: who used it, where and from where', async () => {
    const key = `SHA256:${'a+/'.repeat(14)}x`;
    await agent.events({
      outcome: 'accepted',
      user: 'keyed',
      method: 'publickey',
      ip: '192.0.2.19',
      key: `ED25519 ${key}`,
    });
    const page = await open('/?user=keyed');
    await page.locator('#about a.key').click();
    assert.equal(new URL(page.url()).searchParams.get('key'), key);
    await shows(page, '#key', /Type\s+ED25519[\s\S]*keyed on web-01 from 192\.0\.2\.19, 1 time/);
    assert.deepEqual(await violations(page), []);
    await page.keyboard.press('Escape');
    await settled(page);
    assert.equal(address(page), '?user=keyed');
  });

  it('shows rows of a filtered view in the order of time, whenever they were stored', async () => {
    const page = await open('/?ip=198.51.100.5');
    const at = (agoMs: number) => new Date(Date.now() - agoMs).toISOString();
    await shows(page, '#link', /^Live$/);
    const minutes = [3, 30, 10, 20];
    for (const ago of minutes) await agent.events(...failures(1, '198.51.100.5', { at: at(ago * 60_000) }));
    await until(async () => (await page.locator('#feed time').count()) === minutes.length);
    const times = await page.locator('#feed time').evaluateAll((all) => all.map((one) => String(one)));
    assert.equal(times.length, minutes.length);
    const shown = [];
    for (let i = 0; i < minutes.length; i++)
      shown.push(await page.locator('#feed time').nth(i).getAttribute('datetime'));
    assert.deepEqual(shown, shown.toSorted().toReversed());
  });

  it('leads by keys to the list of live events and through it, in one stop of the Tab key', async () => {
    const page = await open('/');
    await shows(page, '#feed', /web-01/);
    await page.keyboard.press('l');
    assert.equal(await focused(page).getAttribute('id'), 'feed-scroll');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    assert.equal(
      await page
        .locator('#feed li')
        .nth(1)
        .evaluate((row) => row === row.ownerDocument?.activeElement),
      true,
    );
    await page.keyboard.press('ArrowRight');
    assert.match((await focused(page).getAttribute('class')) ?? '', /user|ip|host/);
    await page.keyboard.press('Tab');
    assert.equal(await focused(page).evaluate((one) => one.closest('#feed') === null), true);
    await page.keyboard.press('l');
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    assert.match(address(page), /^\?(user|ip|host)=/);
    await page.keyboard.press('Escape');
    assert.equal(address(page), '');
  });

  it('has links that skip to each part', async () => {
    const page = await open('/');
    for (let i = 0; i < 4; i++) await page.keyboard.press('Tab');
    assert.equal(await focused(page).innerText(), 'Skip to hosts');
    await page.keyboard.press('Enter');
    assert.equal(await focused(page).getAttribute('id'), 'hosts-panel');
    await page.keyboard.press('Tab');
    assert.match((await focused(page).getAttribute('href')) ?? '', /^\/\?host=/);
    assert.equal(address(page), '');
  });

  it('lists the keys that do something, and no other', async () => {
    const listed = async (path: string): Promise<string[]> => {
      const page = await open(path);
      await page.keyboard.press('?');
      const keys = page.locator('#keys dt:visible');
      await keys.first().waitFor();
      const all = await keys.allInnerTexts();
      await browser.closePages();
      return all;
    };
    const always = ['/', 't', 'Escape', '?'];
    assert.deepEqual(await listed('/?decisions'), always);
    assert.deepEqual(
      (await listed('/')).filter((key) => key !== 'w'),
      ['/', 't', 'Escape', 'c', 'l', '?'],
    );
  });

  it('has no link that skips to a part which is not there', async () => {
    for (const path of ['/?decisions', '/?key=', '/?alert=', '/?ip=foo']) {
      const page = await browser.open(path);
      await until(async () => (await page.locator('#content').getAttribute('aria-busy')) === 'false');
      await page.keyboard.press('Tab');
      assert.equal(await focused(page).innerText(), 'Skip to the content', path);
      await page.keyboard.press('Tab');
      assert.equal(await focused(page).innerText(), 'Asgard', path);
      await browser.closePages();
    }
    assert.ok(browser.complaints.splice(0).every((words) => /40[04]/.test(words)));
  });

  it('marks a time on the chart by keys', async () => {
    // The four minutes that are marked hold a failure, however long the tests before took.
    await agent.events(...failures(1, '203.0.113.7'));
    const page = await open('/?range=1h');
    await page.locator('.series canvas').nth(2).waitFor();
    await page.keyboard.press('c');
    await page.keyboard.press('End');
    // Shortly after midnight the marked time began on the day before, which is named.
    await shows(page, '.marked', /^(\d+ \w+ )?\d\d:\d\d to (\d+ \w+ )?\d\d:\d\d: /);
    for (let i = 0; i < 3; i++) await page.keyboard.press('Shift+ArrowLeft');
    await shows(page, '.marked', /[1-9]\d* failed, \d+ accepted, 0 probes$/);
    await page.keyboard.press('Enter');
    assert.match(address(page), /^\?since=.+&until=/);
    await settled(page);
    await page.keyboard.press('Escape');
    assert.equal(address(page), '');
  });

  it('finds a host, a source and a user by one field, with suggestions', async () => {
    const page = await open('/');
    for (const [typed, wanted] of [
      ['web-01', '?host=web-01'],
      ['203.0.113.7', '?ip=203.0.113.7'],
      ['mira', '?user=mira'],
      ['user:web-01', '?user=web-01'],
    ] as const) {
      await page.keyboard.press('/');
      assert.equal(await focused(page).getAttribute('id'), 'search-for');
      await page.keyboard.type(typed);
      await page.keyboard.press('Enter');
      await until(
        () => address(page) === wanted,
        () => `${address(page)} instead of ${wanted}`,
      );
      await settled(page);
    }
    const known = (): Promise<(string | null)[]> =>
      page.locator('#search-known option').evaluateAll((all) => all.map((one) => one.getAttribute('value')));
    for (const value of ['host:web-01', 'source:203.0.113.7', 'user:root'])
      await until(
        async () => (await known()).includes(value),
        () => value,
      );
  });

  it('leads to a network by what is typed, which says what it tried, and leads to the wider one', async () => {
    const page = await open('/');
    await page.keyboard.press('/');
    await page.keyboard.type('203.0.113.*');
    await page.keyboard.press('Enter');
    await until(() => address(page) === '?ip=203.0.113.0/24');
    await settled(page);
    await shows(page, '#about-title', /^Network 203\.0\.113\.0\/24$/);
    await shows(page, '#about .facts', /Addresses\s+203\.0\.113\.7/);
    await shows(page, '#about .facts', /Users\s+root/);
    await page.locator('#about').getByRole('link', { name: '203.0.0.0/16' }).click();
    await shows(page, '#about-title', /^Network 203\.0\.0\.0\/16$/);
    assert.deepEqual(await violations(page), []);
  });

  it('finds who is in by keys alone', async () => {
    const page = await open('/');
    await page.keyboard.press('w');
    assert.equal(await focused(page).getAttribute('id'), 'in-now-search');
    await page.keyboard.type('nobody');
    await shows(page, '#in-now', /^Nobody who is in now matches “nobody”\.$/);
    await page.keyboard.press('Escape');
    await page.keyboard.type('mira 192.0.2.0/24');
    await shows(page, '#in-now-count', /^\d+ of \d+$/);
    await page.keyboard.press('ArrowDown');
    assert.equal(await focused(page).innerText(), 'mira');
    await page.keyboard.press('Enter');
    await until(() => address(page) === '?user=mira');
  });

  it('silences a group of incidents by one decision, which the log of decisions has and undoes', async () => {
    for (const last of [61, 62, 63, 64, 65]) await agent.events(...failures(12, `198.51.100.${last}`));
    const page = await open('/');
    const group = page.locator('#because .fold', { hasText: /incidents of brute-force by \d+ sources/ });
    await group.click();
    const silence = page.getByRole('button', { name: /^Silence \d+ sources$/ });
    const before = await silence.innerText();
    await silence.focus();
    await agent.events(...failures(12, '198.51.100.66'));
    await until(async () => (await silence.innerText()) !== before);
    assert.equal(await focused(page).innerText(), await silence.innerText());
    await silence.click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('because').fill('a scan that we know');
    const name = dialog.getByLabel('Your name');
    if ((await name.inputValue()) === '') await name.fill('mira');
    assert.deepEqual(await violations(page), []);
    await dialog.getByRole('button', { name: 'Silence', exact: true }).click();
    await shows(page, 'dialog .decided', /^Silenced incidents of \d+ sources until /);
    await dialog.getByRole('link', { name: 'All decisions' }).click();
    await shows(page, '#decisions li:first-child', /mira silenced brute-force for .*198\.51\.100\.\d+.* and \d+ more/s);
    await page.locator('#decisions li').first().getByRole('button', { name: 'Undo' }).click();
    await shows(page, '#decisions li:first-child', /Undone by mira/);
  });

  it('silences incidents that have no source by their rule, on all hosts where they are on several', async () => {
    const other = await AgentByHand.of('db-01', pair.port);
    for (const user of ['ubuntu', 'oracle', 'test', 'git'])
      for (let last = 1; last <= 12; last += 1) {
        const event = failures(1, `198.51.100.${100 + last}`, { user });
        await (last % 2 === 0 ? agent : other).events(...event);
      }
    await until(async () => {
      const { alerts } = await pair.api<{ alerts: { rule: string }[] }>('/api/alerts?limit=100');
      return alerts.filter(({ rule }) => rule === 'distributed').length > 3;
    });
    const page = await open('/');
    if (await page.locator('#because .rest').isVisible()) await page.locator('#because .rest button').click();
    await page.locator('#because .fold', { hasText: /incidents of distributed/ }).click();
    await page.getByRole('button', { name: 'Silence distributed on all hosts' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('because').fill('a botnet that we know');
    const name = dialog.getByLabel('Your name');
    if ((await name.inputValue()) === '') await name.fill('mira');
    await dialog.getByRole('button', { name: 'Silence', exact: true }).click();
    await shows(page, 'dialog .decided', /^Silenced incidents of distributed on all hosts until /);
    await dialog.getByRole('button', { name: 'Undo' }).click();
    await shows(page, 'dialog .decided', /^Undone\.$/);
    await dialog.getByRole('button', { name: 'Close' }).click();
    await page.goto(new URL('/?decisions', page.url()).href);
    await shows(page, '#decisions li:first-child', /mira silenced distributed on all hosts, until .*Undone by mira/);
    await other.leaves();
  });

  it('has no target below 24 pixels of height in the answer', async () => {
    const page = await open('/');
    const heights = await page
      .locator('#because a, #because button')
      .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().height));
    assert.ok(heights.length > 1 && heights.every((height) => height >= 24), String(heights));
  });

  it('takes a range of time that is typed, and says what is wrong with one', async () => {
    const page = await open('/');
    await page.keyboard.press('t');
    await shows(page, '#time-zone', /^Times are in \S+\./);
    await page.getByRole('textbox', { name: 'From' }).fill('25:00');
    await page.keyboard.press('Enter');
    await shows(page, '#time-problem', /^“From” must be a time such as 2026-11-23 14:00/);
    await page.getByRole('textbox', { name: 'From' }).fill('2026-11-20 14:00');
    await page.getByRole('textbox', { name: 'Until' }).fill('2026-11-20 15:00');
    await page.keyboard.press('Enter');
    assert.match(address(page), /^\?since=2026-11-\d\dT\d\d:00:00.000Z&until=2026-11-\d\dT\d\d:00:00.000Z$/);
    await shows(page, '#filters', /20 Nov 2026, 14:00 to 20 Nov 2026, 15:00/);
    await shows(page, '#numbers', /^Attempts\s+0\b/);
  });

  it('shows times in local time or in UTC, and says which', async () => {
    const page = await open('/');
    await shows(page, '#foot', /times in \S+\.$/);
    await page.getByRole('button', { name: 'Show UTC' }).click();
    await shows(page, '#foot', /times in UTC\.$/);
    await page.getByRole('button', { name: 'Show local time' }).click();
    await page.getByRole('button', { name: 'Show UTC' }).waitFor();
  });

  it('marks the days of UTC on the axis where they begin in UTC', async () => {
    const page = await open('/?range=7d', { zone: 'Asia/Tokyo' });
    await page.addInitScript(`{
      const { fillText } = CanvasRenderingContext2D.prototype;
      globalThis.drawn = [];
      CanvasRenderingContext2D.prototype.fillText = function (words, x, ...more) {
        globalThis.drawn.push([words, x]);
        return fillText.call(this, words, x, ...more);
      };
    }`);
    await page.getByRole('button', { name: 'Show UTC' }).click();
    const days = async () =>
      (await page.evaluate<[string, number][]>('globalThis.drawn ?? []')).filter(([words]) =>
        /^[A-Z]\w\w \d/.test(words),
      );
    await until(async () => (await days()).length > 0);
    const [, x = 0] = (await days()).at(-1) ?? [];
    await page.locator('#timeline-chart .last .u-wrap').hover({ position: { x, y: 20 } });
    await shows(page, '#timeline-chart figure:last-of-type output', / from .*\b00:00$/);
  });

  it('says its keys', async () => {
    const page = await open('/');
    await page.keyboard.press('?');
    await shows(page, '#keys', /Escape\s+take the last filter away/);
    assert.deepEqual(await violations(page), []);
    await page.keyboard.press('Escape');
    await until(async () => !(await page.locator('#keys').isVisible()));
  });
});
