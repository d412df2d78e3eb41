/** Asks a browser about a page by scripts that are texts: the types here know no browser. */
import { until } from '../until.ts';
import type { Page } from './browser.ts';

/** Gives the time of the first pixels, in milliseconds from when the page was asked for; 0 when the browser does not say. */
export async function firstPaint(page: Page): Promise<number> {
  const times = await page.evaluate<number[]>(
    "performance.getEntriesByType('paint').map(({ startTime }) => startTime)",
  );
  return times[0] ?? 0;
}

/** Gives the width of the page, and of its window. */
export async function widths(page: Page): Promise<{ inner: number; outer: number }> {
  const [inner = 0, outer = 0] = await page.evaluate<number[]>(
    '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
  );
  return { inner, outer };
}

/** The colour behind everything, as `rgb(...)`. */
export function background(page: Page): Promise<string> {
  return page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor');
}

/** Gives the sum of the browser's layout shifts so far. */
export function shift(page: Page): Promise<number> {
  return page.evaluate<number>(`new Promise((done) => {
    new PerformanceObserver((list) => done(list.getEntries().reduce((sum, { value }) => sum + value, 0)))
      .observe({ type: 'layout-shift', buffered: true });
    setTimeout(() => done(0), 500);
  })`);
}

/** Waits until all of the view that the address names is there, and nothing of the one before it. */
export async function settled(page: Page): Promise<void> {
  await until(
    async () =>
      (await page.locator('#content').getAttribute('aria-busy')) === 'false' &&
      /As of/.test(await text(page, '#foot')) &&
      !((await page.locator('#answer').isVisible()) && (await text(page, '#answer-title')) === 'Looking'),
    () => 'everything has been answered',
  );
}

/** Gives the text of what a selector names, as it is shown, without the space around it. */
export async function text(page: Page, selector: string): Promise<string> {
  return (await page.locator(selector).innerText()).trim();
}

/** Gives the query of a page's address, as a person reads it. */
export function address(page: Page): string {
  return decodeURIComponent(new URL(page.url()).search);
}

/** Waits until the text of what a selector names is as wanted, for at most `limitMs`; else fails with the text that is there. */
export async function shows(page: Page, selector: string, wanted: RegExp, limitMs?: number): Promise<void> {
  let last = '';
  await until(
    async () => {
      last = (await page.locator(selector).allInnerTexts()).join('\n');
      return wanted.test(last);
    },
    () => `${selector} shows ${wanted}, not ${last}`,
    limitMs,
  );
}
