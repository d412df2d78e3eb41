/** Headless Chromium as a person's browser: new, empty, and on a network that has nothing but this machine. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
];
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const AXE = join(import.meta.dirname, '..', '..', 'node_modules', 'axe-core', 'axe.min.js');
/** The machine's interfaces changed, as they do when containers start: Chromium breaks off what is under way. */
const NETWORK_CHANGED = 'ERR_NETWORK_CHANGED';
/** Number of loads of a page for one measurement. */
const LOADS = 5;

export type { Page } from 'playwright-core';

/** The Chromium of this machine, or null. */
export function chromiumPath(): string | null {
  return PLACES.find((path) => existsSync(path)) ?? null;
}

/** The window and colours of a page. */
export interface Look {
  readonly scheme?: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
  /** Device pixels for one of the page's. */
  readonly scale?: number;
  /** The browser's time zone, as `Asia/Tokyo`; left out: the machine's. */
  readonly zone?: string;
}

/** A browser, and what its pages complained about or asked of others. */
export class Watched {
  /** Errors on the console, uncaught exceptions, answers of 400 and above, dialogs. */
  readonly complaints: string[] = [];
  /** Requests to any host but the server's. */
  readonly strangers: string[] = [];
  readonly #browser: Browser;
  readonly #origin: string;
  readonly #contexts: BrowserContext[] = [];
  #interrupted = false;

  private constructor(browser: Browser, origin: string) {
    this.#browser = browser;
    this.#origin = new URL(origin).origin;
  }

  /** Starts a browser for the pages of one server. */
  static async start(executablePath: string, origin: string): Promise<Watched> {
    return new Watched(await chromium.launch({ executablePath, args: FLAGS }), origin);
  }

  /** Opens a page in a profile of its own. */
  async open(path: string, look: Look = {}): Promise<Page> {
    const { scheme = 'light', width = 1_440, height = 900, scale = 1, zone } = look;
    const context = await this.#browser.newContext({
      viewport: { width, height },
      colorScheme: scheme,
      deviceScaleFactor: scale,
      reducedMotion: 'reduce',
      locale: 'en-GB',
      ...(zone !== undefined && { timezoneId: zone }),
    });
    this.#contexts.push(context);
    const page = await context.newPage();
    this.#watch(page);
    for (let load = 1; load <= LOADS; load++) {
      this.#interrupted = false;
      await page.goto(new URL(path, this.#origin).href, { waitUntil: 'load' });
      if (!this.#interrupted) break;
    }
    return page;
  }

  #watch(page: Page): void {
    const complain = (text: string): void => {
      if (text.includes(NETWORK_CHANGED)) this.#interrupted = true;
      else this.complaints.push(text);
    };
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complain(`${message.type()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => complain(`exception: ${error.message}`));
    page.on('dialog', (dialog) => {
      complain(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('response', (response) => {
      if (response.status() >= 400) complain(`${response.status()} ${response.url()}`);
    });
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (url.protocol.startsWith('http') && url.origin !== this.#origin) this.strangers.push(request.url());
    });
  }

  /** Closes every page that is open, the browser stays. */
  async closePages(): Promise<void> {
    for (const context of this.#contexts.splice(0)) {
      // A handler that fetches an answer itself would fail as the page goes.
      for (const page of context.pages()) await page.unrouteAll({ behavior: 'ignoreErrors' });
      await context.close();
    }
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}

interface AxeResults {
  readonly passes: readonly unknown[];
  readonly violations: readonly {
    id: string;
    help: string;
    nodes: readonly { html: string; failureSummary: string }[];
  }[];
}

/** Gives the faults that axe-core finds in a page, one line each: the rule, what it wants, and where. Throws when it found nothing to look at. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(readFileSync(AXE, 'utf8'));
  const { violations: found, passes } = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(options: object): Promise<AxeResults> } }).axe.run({
      rules: { 'target-size': { enabled: true } },
    }),
  );
  if (passes.length < 10) throw new Error(`axe-core looked at next to nothing: ${passes.length} rules passed`);
  return found.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${help}: ${html} ${failureSummary}`),
  );
}
