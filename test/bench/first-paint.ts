/** Measures the start of a page in a real browser: the first pixels, and the answer. */
import { chromiumPath, type Page, Watched } from '../e2e/browser.ts';
import { firstPaint } from '../e2e/browser-facts.ts';
import { until } from '../until.ts';

const LOADS = 9;

/** Medians of some loads, in milliseconds from when the page was asked for. */
export interface Paints {
  readonly name: string;
  readonly paintMs: number;
  readonly answerMs: number;
}

/** Opens the page by a browser that has never seen it, and by one that has. Null where there is no Chromium. */
export async function firstPaints(base: string): Promise<Paints[] | null> {
  const chromium = chromiumPath();
  if (chromium === null) return null;
  const browser = await Watched.start(chromium, base);
  try {
    const first: Paints[] = [];
    const again: Paints[] = [];
    for (let load = 0; load < LOADS; load++) {
      const page = await browser.open('/');
      first.push(await paintsOf(page));
      await page.reload();
      again.push(await paintsOf(page));
      await browser.closePages();
    }
    return [median('first visit', first), median('another visit', again)];
  } finally {
    await browser.close();
  }
}

async function paintsOf(page: Page): Promise<Paints> {
  let answerMs = 0;
  await until(async () => {
    const marks = await page.evaluate<number[]>(
      "performance.getEntriesByName('answer').map(({ startTime }) => startTime)",
    );
    answerMs = marks[0] ?? 0;
    return answerMs > 0;
  });
  return { name: '', paintMs: await firstPaint(page), answerMs };
}

function median(name: string, all: readonly Paints[]): Paints {
  const middle = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
  return { name, paintMs: middle(all.map((one) => one.paintMs)), answerMs: middle(all.map((one) => one.answerMs)) };
}
