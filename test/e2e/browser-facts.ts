/** What a browser knows of a page, asked in its own words: the types here know no browser. */
import type { Page } from './browser.ts';

/** When the first pixels were there, in milliseconds from when the page was asked for; 0 when the browser does not say. */
export async function firstPaint(page: Page): Promise<number> {
  const times = await page.evaluate<number[]>(
    "performance.getEntriesByType('paint').map(({ startTime }) => startTime)",
  );
  return times[0] ?? 0;
}

/** How wide the page is, and how wide what it is seen through. */
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

/** How much things moved by themselves so far: the sum of the browser's layout shifts. */
export function shift(page: Page): Promise<number> {
  return page.evaluate<number>(`new Promise((done) => {
    new PerformanceObserver((list) => done(list.getEntries().reduce((sum, { value }) => sum + value, 0)))
      .observe({ type: 'layout-shift', buffered: true });
    setTimeout(() => done(0), 500);
  })`);
}
