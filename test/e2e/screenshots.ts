/** `npm run screenshots`: pictures of the real page over the demo, for the documents. */
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Demo } from '../demo/demo.ts';
import { until } from '../until.ts';
import { chromiumPath, type Look, type Page, Watched } from './browser.ts';

const FOLDER = join(import.meta.dirname, '..', '..', 'docs', 'screenshots');
/** A picture in a document is loaded by everyone who reads it. */
const LIMIT_BYTES = 200_000;
const OVERVIEW = '/?range=7d';
/** The source that got in. */
const BREAKER = '203.0.113.66';

const PICTURES: readonly (Look & { readonly name: string; readonly path: string })[] = [
  { name: 'light', path: OVERVIEW, scheme: 'light', width: 1_360, height: 850 },
  { name: 'dark', path: OVERVIEW, scheme: 'dark', width: 1_360, height: 850 },
  { name: 'phone', path: OVERVIEW, scheme: 'light', width: 390, height: 844 },
  { name: 'incident', path: '', scheme: 'light', width: 1_000, height: 700 },
  { name: 'source', path: `${OVERVIEW}&ip=${BREAKER}`, scheme: 'light', width: 1_360, height: 850 },
];

/** Waits until all of a page is there, the chart too. */
async function settled(page: Page): Promise<void> {
  await page.getByText(/^As of /).waitFor();
  if (await page.locator('#timeline-chart').isVisible()) await page.locator('.series canvas').nth(2).waitFor();
}

/** The page of the incident that everybody should look at. */
async function gravest(demo: Demo): Promise<string> {
  let id = '';
  await until(async () => {
    const answer = await fetch(`${demo.page}/api/summary`);
    const { state, because } = (await answer.json()) as { state: string; because: { id: string }[] };
    id = because[0]?.id ?? '';
    return state === 'breach';
  });
  return `/?alert=${id}`;
}

async function main(): Promise<void> {
  const chromium = chromiumPath();
  if (chromium === null) {
    process.stderr.write('screenshots: no Chromium found; install the package chromium\n');
    process.exit(1);
  }
  const demo = await Demo.start({ seed: 1 });
  try {
    await demo.past();
    const browser = await Watched.start(chromium, demo.page);
    try {
      mkdirSync(FOLDER, { recursive: true });
      const incident = await gravest(demo);
      for (const { name, path, ...look } of PICTURES) {
        const page = await browser.open(path === '' ? incident : path, look);
        await settled(page);
        const file = join(FOLDER, `${name}.png`);
        await page.screenshot({ path: file });
        const { size } = statSync(file);
        process.stdout.write(`${file} ${size} bytes\n`);
        if (size > LIMIT_BYTES) process.exitCode = 1;
        await browser.closePages();
      }
    } finally {
      await browser.close();
    }
  } finally {
    await demo.stop();
  }
}

await main();
