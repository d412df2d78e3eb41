/** Texts that attackers choose, on every page, in a real browser: each shows as text, runs no script, and makes no element. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { freePort } from '../free-port.ts';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';
import { AgentByHand } from './agent-by-hand.ts';
import { chromiumPath, type Page, Watched } from './browser.ts';
import { settled, shows, text } from './browser-facts.ts';
import { lacking } from './machine.ts';

const chromium = chromiumPath();
/** Texts, and how each is shown. */
const SHOWN: Readonly<Record<string, string>> = {
  '<img src=x onerror=globalThis.ran=1>': '<img src=x onerror=globalThis.ran=1>',
  '"><script>globalThis.ran=2</script>': '"><script>globalThis.ran=2</script>',
  '<x-made onclick=globalThis.ran=3>': '<x-made onclick=globalThis.ran=3>',
  'javascript:globalThis.ran=4': 'javascript:globalThis.ran=4',
  "';globalThis.ran=5;'": "';globalThis.ran=5;'",
  '&lt;b&gt;': '&lt;b&gt;',
  // What a path cannot hold: steps of it, as they are and encoded.
  '..': '..',
  '%2e%2e': '%2e%2e',
  'admin\u202etoor': 'admin\\u202etoor',
  'zero\u200bwidth': 'zero\\u200bwidth',
  '\u001b[31mred\u0007': '\\u001b[31mred\\u0007',
};
const HOSTILE = Object.keys(SHOWN);
const [IMAGE = '', SCRIPT = '', MADE = ''] = HOSTILE;
/** A host's name has no spaces and no control characters; the rest of it is the agent's to choose. */
const HOST = '"><svg/onload=globalThis.ran=6>';
const LONG = 'x'.repeat(250);
const KEY = `SHA256:${'a+/'.repeat(14)}x`;
/** As sshd names a certificate; whoever signed it chose its id. */
const CERTIFICATE = `ED25519-CERT ${KEY} ID <img/src=x/onerror=globalThis.ran=7> (serial 7) CA ED25519 ${KEY}`;
const SOURCE = '198.51.100.77';
/** A channel's name has letters, digits, `_` and `-` alone: what a program could mistake for something of its own. */
const CHANNELS = ['__proto__', 'constructor', '-globalThis-ran-8-', `${'W'.repeat(64)}`];

/** What no page makes by itself: elements and attributes that only data could have made. */
const MADE_OF_DATA =
  'img, iframe, object, embed, base, x-made, blink, marquee, svg[onload], [onerror], [onload], [onclick], a[href^="javascript:"], script:not([src])';

describe('hostile texts', { skip: lacking('hostile texts', { Chromium: chromium !== null }) }, () => {
  let pair: Pair;
  let browser: Watched;
  let agent: AgentByHand;
  let incidents: { id: string; rule: string; summary: string }[];

  before(async () => {
    pair = await Pair.make();
    const rules = join(pair.folder, 'rules.json');
    // Nobody listens there: the page says that the channel cannot be reached, and by what fault.
    const url = `http://127.0.0.1:${await freePort()}/`;
    const channels = CHANNELS.map((name) => `${JSON.stringify(name)}: ${JSON.stringify({ type: 'webhook', url })}`);
    // As a text: an object that is written here would take one of these names for its prototype.
    const decoys = JSON.stringify({ users: [IMAGE], keys: [] });
    writeFileSync(rules, `{"channels": {${channels.join(', ')}}, "decoys": ${decoys}}`);
    await pair.serving({ ALPHASERVER_RULES: rules });
    agent = await AgentByHand.of(HOST, pair.port);
    await agent.events(
      ...[...HOSTILE, LONG].flatMap((user) => [
        { outcome: 'failed' as const, ip: SOURCE, user, reason: user },
        { outcome: 'probe' as const, ip: SOURCE, user, method: null, reason: user },
      ]),
      { outcome: 'accepted', ip: SOURCE, user: SCRIPT, method: 'publickey', key: CERTIFICATE, reason: MADE },
      { outcome: 'accepted', ip: '198.51.100.78', user: MADE, method: MADE },
    );
    const at = new Date().toISOString();
    const shapes = HOSTILE.map((sample, count) => ({
      shape: sample,
      count: count + 1,
      sample,
      firstAt: at,
      lastAt: at,
    }));
    agent.reports({ linesUnknown: 60 }, { shapes });
    const deciding = { kind: 'block', source: SOURCE, until: '1h', why: IMAGE, by: SCRIPT };
    const decided = await fetch(`http://127.0.0.1:${pair.httpPort}/api/decisions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(deciding),
    });
    assert.equal(decided.status < 300, true, await decided.text());
    await until(async () => {
      incidents = (await pair.api<{ alerts: typeof incidents }>('/api/alerts?limit=100')).alerts;
      return ['break-in', 'decoy', 'user-enumeration'].every((rule) => incidents.some((one) => one.rule === rule));
    });
    browser = await Watched.start(chromium as string, `http://127.0.0.1:${pair.httpPort}`);
  });
  after(async () => {
    await browser?.close();
    await pair?.close();
  });
  afterEach(async () => {
    await browser.closePages();
    assert.deepEqual(browser.complaints.splice(0), []);
    assert.deepEqual(browser.strangers, []);
  });

  /** Opens a page and waits until all of it is there. */
  const open = async (path: string): Promise<Page> => {
    const page = await browser.open(path);
    await settled(page);
    return page;
  };

  /** Leads a page that is open to another address of it, as a link does, without loading it again; waits until all of it is there. */
  const go = async (page: Page, query: Readonly<Record<string, string>>): Promise<void> => {
    await page.evaluate(
      (address) => {
        const { history, dispatchEvent, PopStateEvent } = globalThis as unknown as {
          history: { pushState(state: null, unused: string, address: string): void };
          dispatchEvent(event: object): void;
          PopStateEvent: new (type: string) => object;
        };
        history.pushState(null, '', address);
        dispatchEvent(new PopStateEvent('popstate'));
      },
      `/?${new URLSearchParams(query)}`,
    );
    await settled(page);
  };

  /** Unfolds what can be unfolded, and asserts that nothing on the page was made or run by data. */
  const isText = async (page: Page): Promise<string> => {
    const shown = await page.evaluate(() => {
      const { document: seen } = globalThis as unknown as {
        document: { querySelectorAll(of: string): Iterable<{ open: boolean }>; body: { textContent: string } };
      };
      for (const details of seen.querySelectorAll('details')) details.open = true;
      return seen.body.textContent;
    });
    assert.deepEqual(
      await page
        .locator(MADE_OF_DATA)
        .evaluateAll((found) => found.map((one) => (one as { outerHTML: string }).outerHTML)),
      [],
    );
    assert.equal(await page.evaluate(() => (globalThis as { ran?: number }).ran), undefined);
    // Whatever would not show, or change the order of what follows, is written out.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those that must not be there.
    assert.doesNotMatch(shown, /[\u202a-\u202e\u2066-\u2069\u200b\u0007\u001b]/);
    return shown;
  };

  /** Waits until a page shows all of these, and asserts that they are nothing but text. */
  const showsAsText = async (page: Page, ...wanted: readonly string[]): Promise<void> => {
    let text = '';
    await until(
      async () => {
        text = await isText(page);
        return wanted.every((one) => text.includes(one));
      },
      () => `${wanted.filter((one) => !text.includes(one))} in ${text}`,
    );
  };

  it('show as text on the first page: users, hosts, incidents, channels, lines that nobody understands', async () => {
    const page = await open('/');
    await showsAsText(page, ...Object.values(SHOWN), HOST, ...CHANNELS.map((name) => `notified through ${name}`));
  });

  it('show as text on the page of a host, of a source, and of each user', async () => {
    const page = await open('/');
    for (const query of [{ host: HOST }, { ip: SOURCE }, ...[...HOSTILE, LONG].map((user) => ({ user }))]) {
      await go(page, query as Record<string, string>);
      const [named = ''] = Object.values(query);
      const shown = named === LONG ? 'xxxxx' : (SHOWN[named] ?? named);
      assert.ok((await text(page, '#about-title')).includes(shown), `${shown} has a page`);
      await showsAsText(page, shown);
    }
    // One of them as somebody opens it who is sent a link.
    await showsAsText(await open(`/?${new URLSearchParams({ user: SCRIPT })}`), SCRIPT);
  });

  it('show as text on the page of each incident', async () => {
    const page = await open(`/?alert=${incidents[0]?.id}`);
    for (const { id, rule } of incidents) {
      await go(page, { alert: id });
      await showsAsText(page, 'What happened', rule);
    }
  });

  it('show as text on the page of a key, and in the decisions of people', async () => {
    const page = await open(`/?${new URLSearchParams({ key: KEY })}`);
    await showsAsText(page, KEY, SCRIPT, 'onerror=globalThis.ran=7>');
    await go(page, { decisions: '' });
    await showsAsText(page, IMAGE, SCRIPT);
  });

  it('show as text in what a search suggests', async () => {
    const page = await open('/');
    const known = (): Promise<(string | null)[]> =>
      page.locator('#search-known option').evaluateAll((all) => all.map((one) => one.getAttribute('value')));
    await page.keyboard.press('/');
    await page.keyboard.type('<img');
    for (const value of [`user:${IMAGE}`, `host:${HOST}`])
      await until(
        async () => (await known()).includes(value),
        () => value,
      );
    await isText(page);
  });

  it('that an address names, and nothing knows, show as text too', async () => {
    const page = await open('/');
    for (const hostile of [IMAGE, SCRIPT])
      for (const [name, place, words] of [
        ['host', '#answer-title', /^Nothing is known of this host/],
        ['ip', '#answer', /This cannot be shown\s+ip must be an address/],
        ['user', '#about-title', /^User /],
        ['alert', '#incident', /There is no such incident/],
        ['key', '#key', /This names no key/],
        ['since', '#answer', /This cannot be shown\s+since must be a time/],
        ['range', '#answer', /This cannot be shown\s+range must be a span/],
      ] as const) {
        await go(page, { [name]: hostile });
        // At once: what is there now is this address's.
        assert.match(await text(page, place), words);
        await isText(page);
      }
    // The browser says in its console what the server does not know, or refuses.
    for (const complaint of browser.complaints.splice(0)) assert.match(complaint, /40[04]/);
  });

  it('show as text in the answers that the page of the API gets', async () => {
    const page = await browser.open('/api/docs');
    const events = page.locator('#operations-events-get_api_events');
    await events.locator('.opblock-summary').click();
    await events.getByText('Try it out').click();
    await events.getByText('Execute').click();
    await shows(
      page,
      '#operations-events-get_api_events .live-responses-table',
      /<img src=x onerror=globalThis\.ran=1>/,
    );
    assert.equal(await page.locator('x-made, img[onerror], svg[onload], [onclick]').count(), 0);
    assert.equal(await page.evaluate(() => (globalThis as { ran?: number }).ran), undefined);
  });

  it('lead the page of the API to no other description', async () => {
    const strange = new URLSearchParams({ url: 'http://192.0.2.1/a.json', configUrl: 'http://192.0.2.1/b.json' });
    const page = await browser.open(`/api/docs?${strange}`);
    await page.locator('#swagger-ui > *').first().waitFor();
    // It finds none at all by an address with a query, and says so in its console.
    browser.complaints.splice(0);
  });

  it('lead nowhere from the page before the login', async () => {
    const origin = `http://127.0.0.1:${pair.httpPort}`;
    for (const [to, where] of [
      ['javascript:globalThis.ran=4', '/'],
      ['//192.0.2.1/', '/'],
      ['/\\192.0.2.1/', '/'],
      [`/?${new URLSearchParams({ user: SCRIPT })}`, `/?${new URLSearchParams({ user: SCRIPT })}`],
      // An incident, as older messages to people name it: what stands behind `#` is still there.
      [`/#/incident/${incidents[0]?.id}`, `/#/incident/${incidents[0]?.id}`],
    ] as const) {
      const [path = '', behind] = to.split('#');
      const page = await browser.open(`/login?${new URLSearchParams({ to: path })}${behind ? `#${behind}` : ''}`);
      await page.getByLabel('User name').fill(IMAGE);
      await page.getByLabel('Password').fill(SCRIPT);
      // There are no users here: what the server says about them is hostile first, and then well.
      await page.route('**/login', (route) => route.fulfill({ status: 401, json: { message: IMAGE } }));
      await page.getByRole('button', { name: 'Log in' }).click();
      await shows(page, '#problem', /^<img src=x onerror=globalThis\.ran=1>$/);
      await isText(page);
      await page.unroute('**/login');
      await page.route('**/login', (route) => route.fulfill({ json: {} }));
      await page.getByRole('button', { name: 'Log in' }).click();
      await page.waitForURL(`${origin}${where}`);
      await shows(page, '#foot', /As of/);
      await isText(page);
    }
    for (const complaint of browser.complaints.splice(0)) assert.match(complaint, /401/);
  });
});
