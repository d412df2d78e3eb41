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
const CHANNEL = 'a-channel';

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
    const settings = { channels: { [CHANNEL]: { type: 'webhook', url } }, decoys: { users: [IMAGE], keys: [] } };
    writeFileSync(rules, JSON.stringify(settings));
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
    await until(
      async () =>
        (await page.locator('#content').getAttribute('aria-busy')) === 'false' &&
        (await page.locator('#answer-title').innerText()) !== 'Looking',
    );
    return page;
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

  it('show as text on the first page: users, hosts, incidents, lines that nobody understands', async () => {
    const page = await open('/');
    let text = '';
    await until(
      async () => {
        text = await isText(page);
        return [...Object.values(SHOWN), HOST].every((one) => text.includes(one));
      },
      () => text,
    );
  });

  it('show as text on the page of a host, of a source, and of each user', async () => {
    for (const query of [{ host: HOST }, { ip: SOURCE }, ...[...HOSTILE, LONG].map((user) => ({ user }))]) {
      const page = await open(`/?${new URLSearchParams(query)}`);
      const [named = ''] = Object.values(query);
      const expected = named === LONG ? 'xxxxx' : (SHOWN[named] ?? named);
      let text = '';
      await until(
        async () => {
          text = await isText(page);
          return text.includes(expected);
        },
        () => `${expected} in ${text}`,
      );
      await browser.closePages();
    }
  });

  it('show as text on the page of each incident', async () => {
    for (const { id, rule } of incidents) {
      const page = await browser.open(`/?alert=${id}`);
      let text = '';
      await until(
        async () => {
          text = await isText(page);
          return text.includes('What happened') && text.includes(rule);
        },
        () => `${rule} in ${text}`,
      );
      await browser.closePages();
    }
  });

  it('show as text on the page of a key, and in the decisions of people', async () => {
    const ofKey = await browser.open(`/?${new URLSearchParams({ key: KEY })}`);
    let text = '';
    await until(
      async () => {
        text = await isText(ofKey);
        return [KEY, SCRIPT, 'onerror=globalThis.ran=7>'].every((one) => text.includes(one));
      },
      () => text,
    );
    const decisions = await browser.open('/?decisions');
    await until(
      async () => {
        text = await isText(decisions);
        return text.includes(IMAGE) && text.includes(SCRIPT);
      },
      () => text,
    );
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
    for (const text of [IMAGE, SCRIPT])
      for (const name of ['host', 'ip', 'user', 'alert', 'since', 'range']) {
        const page = await browser.open(`/?${new URLSearchParams({ [name]: text })}`);
        // Which of them speaks depends on what the address is wrong about.
        await until(
          async () => {
            const said = await page
              .locator('#answer-title, #incident, #key, #about, #faults, [role="alert"]')
              .allInnerTexts();
            return said.some((words) => !['', 'Looking'].includes(words.trim()));
          },
          () => `${name}=${text}`,
        );
        await isText(page);
        await browser.closePages();
      }
    // The browser says in its console what the server does not know, or refuses.
    for (const complaint of browser.complaints.splice(0)) assert.match(complaint, /40[04]/);
  });
});
