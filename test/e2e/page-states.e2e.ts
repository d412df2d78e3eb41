/** The page over a real server whose agents say what each test wants: what people see of it, in a real browser. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { freePort } from '../free-port.ts';
import type { Program } from '../programs.ts';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';
import { AgentByHand, failures } from './agent-by-hand.ts';
import { chromiumPath, type Page, Watched } from './browser.ts';
import { settled, shows, text } from './browser-facts.ts';
import { lacking } from './machine.ts';

const chromium = chromiumPath();
/** In this order: each test begins with what those before it have made happen. */
describe('the page', { skip: lacking('the page’s states', { Chromium: chromium !== null }) }, () => {
  let pair: Pair;
  let server: Program;
  let settings: Record<string, string>;
  let browser: Watched;
  let page: Page;
  let agent: AgentByHand;

  before(async () => {
    pair = await Pair.make();
    // Nobody listens there: no message can be delivered.
    settings = { ALPHASERVER_WEBHOOK: `http://127.0.0.1:${await freePort()}/` };
    server = await pair.serving(settings);
    browser = await Watched.start(chromium as string, `http://127.0.0.1:${pair.httpPort}`);
    page = await browser.open('/');
  });
  after(async () => {
    await browser?.close();
    await pair?.close();
  });
  afterEach(() => {
    assert.deepEqual(browser.complaints.splice(0), []);
    assert.deepEqual(browser.strangers, []);
  });

  it('says the next step to whoever has no host yet, and shows the first one by itself', async () => {
    await shows(page, 'h1', /No host is watched yet/);
    assert.match(
      await text(page, '#welcome'),
      new RegExp(`ALPHACLIENT_SERVER=tcp://127\\.0\\.0\\.1:${pair.port} npm run -s alphaclient`),
    );
    agent = await AgentByHand.of('web-01', pair.port);
    await agent.events({ outcome: 'accepted', user: 'mira', method: 'publickey', ip: '192.0.2.17' });
    await shows(page, '#answer-title', /^All quiet$/);
    await shows(page, '#answer-why', /^1 login and 0 failed attempts in the last 24 hours, nothing that stands out\.$/);
    assert.equal(await page.title(), 'All quiet · Asgard');
  });

  it('says that somebody attacks, while it happens', async () => {
    await agent.events(...failures(12, '203.0.113.7'));
    await shows(page, '#answer-title', /^Under attack$/);
    await shows(page, '#because', /203\.0\.113\.7 tried to log in 1\d times on web-01/);
    assert.equal(await page.title(), 'Under attack · Asgard');
  });

  it('says that nobody can be notified of it', async () => {
    await shows(
      page,
      '#faults',
      /^Nobody is notified through ALPHASERVER_WEBHOOK since (\d+ \w+ )?\d\d:\d\d, \d+ incidents? waiting: .+/,
    );
  });

  it('says that somebody got in, above everything else', async () => {
    await agent.events({ outcome: 'accepted', ip: '203.0.113.7', user: 'root' });
    await shows(page, '#answer-title', /^Someone got in$/);
    const [first = ''] = await page.locator('#because li').allInnerTexts();
    assert.match(first, /203\.0\.113\.7/);
    assert.equal(await page.locator('#because li').first().getAttribute('class'), 'critical unacknowledged');
  });

  it('takes a break-in back when somebody has acknowledged it, and keeps who and when', async () => {
    while ((await page.locator('#because .unacknowledged').count()) > 0) {
      await page.locator('#because .unacknowledged a').first().click();
      await page.getByLabel('Your name').fill('mira <b>');
      await page.getByRole('button', { name: 'Acknowledge' }).click();
      await shows(page, '.acknowledged', /^Acknowledged by mira <b>, (\d+ \w+ )?\d\d:\d\d$/);
      await page.reload();
      await shows(page, '.acknowledged', /^Acknowledged by mira <b>, (\d+ \w+ )?\d\d:\d\d$/);
      await page.getByRole('link', { name: 'Overview' }).click();
      await settled(page);
    }
    await shows(page, '#answer-title', /^Under attack$/);
  });

  it('tells not looking from quiet: how each host is, and how many are watched', async () => {
    const other = await AgentByHand.of('db-01', pair.port);
    await other.events({ outcome: 'accepted', user: 'mira', method: 'publickey', ip: '192.0.2.17' });
    const row = '#hosts tr:has-text("db-01") .health';
    await shows(page, row, /watching$/);
    for (const [report, words] of [
      [{ state: 'behind', behindBytes: 1_234_567 }, /behind by 1\.2 MB/],
      [{ state: 'log missing' }, /not looking: log missing/],
      [{ state: 'outbox full' }, /not looking: outbox full/],
    ] as const) {
      other.reports(report);
      // A heartbeat is written within a second, and the page asks as soon as it is loaded: what it shows is what was known then.
      await until(async () => {
        const { hosts } = await pair.api<{ hosts: { host: string; state: string | null }[] }>('/api/hosts?limit=1000');
        return hosts.some(({ host, state }) => host === 'db-01' && state?.startsWith(report.state));
      });
      await page.reload();
      await settled(page);
      await shows(page, row, words);
      const late = /Not up to date: db-01 \(behind by 1\.2 MB\)\./;
      assert.equal(late.test(await text(page, '#answer-blind')), report.state === 'behind');
    }
    await shows(page, '#answer-blind', /Not watched now: db-01 \(not looking: outbox full\)/);
    // As in a fleet of which the page lists the first hosts alone.
    await page.route('**/api/hosts?**', async (route) => {
      const answer = await route.fetch();
      const { hosts } = (await answer.json()) as { hosts: { host: string }[] };
      const json = { hosts: hosts.filter(({ host }) => host !== 'db-01'), next: 'web-01' };
      await route.fulfill({ response: answer, json });
    });
    await page.reload();
    await shows(page, '#answer-blind', /Not watched now: 1 host beyond the first \d+ by name\./);
    await page.unroute('**/api/hosts?**');
    await page.goto(new URL('/?host=db-01', page.url()).href);
    await shows(page, '#answer-title', /^Not watched$/);
    await other.leaves();
    await page.reload();
    await shows(page, row, /not connected/);
    await page.goto(new URL('/', page.url()).href);
  });

  it('shows what is lost as something that happened, at once and after a reload', async () => {
    const gap = {
      id: 1,
      at: new Date().toISOString(),
      kind: 'deleted',
      text: 'sshd.log.1 was deleted',
      bytes: 52_000,
      lines: null,
    };
    await shows(page, '#link', /^Live$/);
    agent.reports({ declaredLost: 1 }, { gaps: [gap] });
    await shows(page, '#feed .gap', /lost\s+web-01\s+sshd\.log\.1 was deleted\s+52 kB/);
    await shows(page, '#gaps', /web-01: sshd\.log\.1 was deleted, 52 kB/);
    await page.reload();
    await shows(page, '#feed .gap', /sshd\.log\.1 was deleted/);
  });

  it('shows lines that nobody understands', async () => {
    const at = new Date().toISOString();
    const shape = {
      shape: 'auth-policy: verdict=<*>',
      count: 41,
      sample: 'auth-policy: verdict=<b>no</b>',
      firstAt: at,
      lastAt: at,
    };
    agent.reports({ linesUnknown: 41 }, { shapes: [shape] });
    await page.reload();
    await shows(page, '#unknown', /41\s+auth-policy: verdict=<\*>/);
    await page.locator('#unknown summary').click();
    await shows(page, '#unknown', /For example auth-policy: verdict=<b>no<\/b>/);
    await agent.events(...failures(1, '203.0.113.9'));
    await shows(page, '#feed', /203\.0\.113\.9/);
    // Asked again since: what is unfolded stays so.
    await shows(page, '#foot', /As of/);
    await until(async () => (await text(page, '#numbers .failed dd')) === '13');
    assert.ok(await page.locator('#unknown details').evaluate((details) => (details as { open?: boolean }).open));
  });

  it('says which country a source is in, where the server knows', async () => {
    await page.route('**/api/top/networks?**', async (route) => {
      const answer = await route.fetch();
      const { networks, error } = (await answer.json()) as { networks: object[]; error: number };
      const origin = { country: 'NL', network: '203.0.113.0/24' };
      await route.fulfill({ response: answer, json: { networks: networks.map((row) => ({ ...row, origin })), error } });
    });
    await page.reload();
    await shows(page, '#sources', /203\.0\.113\.7 NL/);
    await page.unroute('**/api/top/networks?**');
  });

  it('shows hostile names as text, with what does not show written out', async () => {
    const names = {
      '<img src=x onerror=alert(1)>': '<img src=x onerror=alert(1)>',
      '\u001b[2J\u001b[31mroot': '\\u001b[2J\\u001b[31mroot',
      'admin\u202etoor': 'admin\\u202etoor',
      'a\u200bb': 'a\\u200bb',
      '"><script>alert(2)</script>': '"><script>alert(2)</script>',
      ' ': '\\u0020',
      '': '(empty)',
      'javascript:alert(3)': 'javascript:alert(3)',
    };
    const events = Object.keys(names).flatMap((user) => failures(1, '198.51.100.77', { user }));
    await agent.events(...events);
    for (const place of ['#feed', '#users'])
      for (const shown of Object.values(names))
        await until(
          async () => (await page.locator(`${place} bdi`).allTextContents()).includes(shown),
          () => `${place} shows ${shown}`,
        );
    assert.equal(await page.locator('#feed img, #users img, #users script, #because img').count(), 0);
    // Each is a filter for itself, through the address bar and back.
    for (const [user, shown] of Object.entries(names)) {
      await page.goto(new URL(`/?${new URLSearchParams({ user })}`, page.url()).href);
      await shows(page, '#filters strong', new RegExp(`^${shown.replaceAll(/[\\[\](){}.+*?^$|]/g, '\\$&')}$`));
      await until(async () => (await text(page, '#numbers .failed dd')) === '1');
    }
    await page.goto(new URL('/', page.url()).href);
  });

  it('holds still while the feed is paused, and while somebody reads further down', async () => {
    await shows(page, '#feed', /198\.51\.100\.77/);
    const button = page.locator('#pause');
    await button.focus();
    await page.keyboard.press('Space');
    assert.equal(await button.getAttribute('aria-pressed'), 'true');
    const before = await page.locator('#feed').innerText();
    await agent.events(...failures(3, '198.51.100.90'));
    await shows(page, '#pause', /^Resume, 3 new$/);
    assert.equal(await page.locator('#feed').innerText(), before);
    await page.keyboard.press('Space');
    await shows(page, '#feed', /198\.51\.100\.90/);
    await page.locator('#feed-scroll').evaluate((scroll) => {
      (scroll as { scrollTop?: number }).scrollTop = 200;
    });
    const reading = await page.locator('#feed').innerText();
    await agent.events(...failures(1, '198.51.100.91'));
    await until(async () => /198\.51\.100\.91/.test(await page.locator('#sources').innerText()));
    assert.equal(await page.locator('#feed').innerText(), reading);
    await page.locator('#feed-scroll').evaluate((scroll) => {
      (scroll as { scrollTop?: number }).scrollTop = 0;
    });
    await shows(page, '#feed', /198\.51\.100\.91/);
  });

  it('goes on beside a viewer that takes nothing, who is dropped', async () => {
    const stuck = connect(pair.httpPort, '127.0.0.1');
    await once(stuck, 'connect');
    stuck.on('error', () => {});
    stuck.pause();
    stuck.write('GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    const viewers = async () => {
      const answer = await fetch(`http://127.0.0.1:${pair.httpPort}/metrics`);
      return Number(/^asgard_viewers (\d+)$/m.exec(await answer.text())?.[1]);
    };
    await until(async () => (await viewers()) === 2);
    // More than the network between the two holds by itself.
    const long = 'x'.repeat(1_000);
    for (let batch = 0; batch < 12; batch++)
      await agent.events(...failures(1_000, '198.51.100.92').map((event) => ({ ...event, reason: long })));
    await agent.events(...failures(1, '198.51.100.93'));
    // The page takes twelve megabytes before it.
    await shows(page, '#feed', /198\.51\.100\.93/, 90_000);
    await until(
      async () => (await viewers()) === 1,
      () => 'the viewer is dropped',
      60_000,
    );
    await agent.events(...failures(1, '198.51.100.94'));
    await shows(page, '#feed', /198\.51\.100\.94/);
    stuck.destroy();
  });

  it('says that who got in is in still, though nothing new came and somebody has looked at it', async () => {
    const ip = '203.0.113.9';
    // Longer ago than an incident stays open.
    const at = new Date(Date.now() - 40 * 60_000).toISOString();
    await agent.events(...failures(12, ip, { at }), { outcome: 'accepted', at, ip, user: 'root' });
    let breakIns: { id: string; rule: string; source: string | null; closedAt: string | null }[] = [];
    await until(async () => {
      const { alerts } = await pair.api<{ alerts: typeof breakIns }>('/api/alerts?limit=1000');
      breakIns = alerts.filter(({ rule, source }) => source === ip && ['break-in', 'root-password'].includes(rule));
      return breakIns.length === 2 && breakIns.every(({ closedAt }) => closedAt !== null);
    });
    await page.goto(new URL(`/?ip=${ip}`, page.url()).href);
    await shows(page, '#answer-title', /^Someone got in$/);
    await shows(page, '#answer-why', /1 session is still open\.$/);
    await fetch(`http://127.0.0.1:${pair.httpPort}/api/alerts/acknowledge`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ids: breakIns.map(({ id }) => id).join(','), by: 'mira' }),
    });
    await page.reload();
    await shows(page, '#answer-title', /^Still in$/);
    await shows(page, '#answer-why', /, nothing new since (\d+ \w+ )?\d\d:\d\d\. 1 session is still open\.$/);
    assert.equal(await page.title(), 'Still in · Asgard');
    await page.goto(new URL(`/?alert=${breakIns[0]?.id}`, page.url()).href);
    await shows(page, '#incident', /State\s+nothing new since/);
  });

  it('says that an incident is silenced, and on the pages of it and of its source until when and by whom', async () => {
    const ip = '203.0.113.30';
    const decide = (body: object) =>
      fetch(`http://127.0.0.1:${pair.httpPort}/api/decisions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ source: ip, why: 'a test', by: 'bob', ...body }),
      });
    await decide({ kind: 'silence', until: '30d' });
    await decide({ kind: 'block', until: '1h' });
    await agent.events(...failures(12, ip), { outcome: 'accepted', ip, user: 'root' });
    let id: string | undefined;
    await until(async () => {
      const { alerts } = await pair.api<{ alerts: { id: string; rule: string; source: string | null }[] }>(
        '/api/alerts',
      );
      id = alerts.find(({ rule, source }) => source === ip && rule === 'break-in')?.id;
      return id !== undefined;
    });
    const decided = /Decided\s+blocked by bob until .+ 2\d{3}, .+; silenced by bob until .+ 2\d{3}, /;
    await page.goto(new URL(`/?ip=${ip}`, page.url()).href);
    await shows(page, '#answer-title', /^Still in$/);
    await shows(page, '#answer-why', /[2-9] incidents are silenced\. 1 session is still open\.$/);
    await shows(page, '#about', decided);
    await page.goto(new URL(`/?alert=${id}`, page.url()).href);
    await shows(page, '#incident', decided);
    await page
      .locator('#incident .facts')
      .getByRole('link', { name: /silenced by bob/ })
      .click();
    await shows(page, '#decisions', /bob silenced 203\.0\.113\.30/);
    await page.goto(new URL('/', page.url()).href);
    await shows(page, '#answer-why', /[2-9] incidents are silenced\./);
    await settled(page);
  });

  it('says when the server is gone, and goes on by itself when it is back', async () => {
    await server.end('SIGTERM');
    await shows(page, '#link', /Reconnecting|Not connected/);
    await shows(page, '#foot', /Cannot refresh: .*What is shown may be old/);
    server = await pair.serving(settings);
    agent = await AgentByHand.of('web-01', pair.port);
    await agent.events(...failures(1, '198.51.100.95'));
    await shows(page, '#link', /^Live$/);
    await shows(page, '#feed', /198\.51\.100\.95/);
    await shows(page, '#foot', /As of/);
    // The browser's own words for a server that is not there.
    const others = browser.complaints
      .splice(0)
      .filter(
        (output) =>
          !/ERR_(CONNECTION_REFUSED|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE|CONNECTION_RESET)/.test(output),
      );
    assert.deepEqual(others, []);
  });
});
