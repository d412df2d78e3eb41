/** Measures the start of a page in a real browser: the first pixels, and the answer. */
import { chromiumPath, type Page, Watched } from '../e2e/browser.ts';
import { firstPaint, settled } from '../e2e/browser-facts.ts';
import { until } from '../until.ts';
import { quantile } from './figures.ts';

const LOADS = 9;

/** Some loads, in milliseconds from when the page was asked for. */
export interface Paints {
  readonly name: string;
  /** Medians. */
  readonly paintMs: number;
  /** The first paint that shows more than the ground. */
  readonly contentMs: number;
  readonly answerMs: number;
  readonly longestMs: number;
  /** What came over the network until the answer, in a load: medians. */
  readonly transferredKiB: number;
  readonly requests: number;
}

type Load = Pick<Paints, 'paintMs' | 'contentMs' | 'answerMs' | 'transferredKiB' | 'requests'>;

/**
 * Opens the page by a browser that has never seen it, and by one that has: once it is all there, and at once when its answer is there,
 * where what the page still does for the visit before takes the processor from the next one. Null where there is no Chromium.
 */
export async function firstPaints(base: string): Promise<Paints[] | null> {
  const chromium = chromiumPath();
  if (chromium === null) return null;
  const browser = await Watched.start(chromium, base);
  try {
    const first: Load[] = [];
    const again: Load[] = [];
    const meanwhile: Load[] = [];
    for (let load = 0; load < LOADS; load++) {
      const page = await browser.open('/');
      first.push(await loadOf(page));
      await settled(page);
      await page.reload();
      again.push(await loadOf(page));
      await page.reload();
      meanwhile.push(await loadOf(page));
      await browser.closePages();
    }
    return [summed('first visit', first), summed('another visit', again), summed('a reload amid that', meanwhile)];
  } finally {
    await browser.close();
  }
}

/** Gives the median of the first paint of a short text by the same server: no page can be faster in this browser. */
export async function textPaint(base: string): Promise<number> {
  const browser = await Watched.start(chromiumPath() ?? '', base);
  try {
    const times: number[] = [];
    for (let load = 0; load < LOADS; load++) {
      const page = await browser.open('/healthz');
      await until(async () => (await firstPaint(page)) > 0);
      times.push(await firstPaint(page));
      await browser.closePages();
    }
    return quantile(times, 0.5);
  } finally {
    await browser.close();
  }
}

async function loadOf(page: Page): Promise<Load> {
  let answerMs = 0;
  await until(async () => {
    const marks = await page.evaluate<number[]>(
      "performance.getEntriesByName('answer').map(({ startTime }) => startTime)",
    );
    answerMs = marks[0] ?? 0;
    return answerMs > 0;
  });
  const sizes = await page.evaluate<number[]>(
    `performance.getEntries().filter((one) => 'transferSize' in one && one.responseEnd <= ${answerMs})
      .map(({ transferSize }) => transferSize).filter((size) => size > 0)`,
  );
  return {
    paintMs: await firstPaint(page),
    contentMs: await page.evaluate<number>("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"),
    answerMs,
    transferredKiB: sizes.reduce((sum, size) => sum + size, 0) / 1_024,
    requests: sizes.length,
  };
}

function summed(name: string, loads: readonly Load[]): Paints {
  const all = (of: keyof Load): number[] => loads.map((load) => load[of]);
  const median = (of: keyof Load): number => quantile(all(of), 0.5);
  return {
    name,
    paintMs: median('paintMs'),
    contentMs: median('contentMs'),
    answerMs: median('answerMs'),
    longestMs: Math.max(...all('paintMs')),
    transferredKiB: median('transferredKiB'),
    requests: median('requests'),
  };
}
