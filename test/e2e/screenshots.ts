/** `npm run screenshots`: pictures of the real page over the demo, for the documents. */
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Demo } from '../demo/demo.ts';
import { chromiumPath, type Look, Watched } from './browser.ts';

const FOLDER = join(import.meta.dirname, '..', '..', 'docs', 'screenshots');
/** A picture in a document is loaded by everyone who reads it. */
const LIMIT_BYTES = 300_000;
/** Until the chart and the live feed have something to show. */
const SETTLE_MS = 6_000;

const PICTURES: readonly (Look & { readonly name: string; readonly path: string; readonly full: boolean })[] = [
  { name: 'light', path: '/?range=7d', scheme: 'light', width: 1_440, height: 1_180, full: false },
  { name: 'dark', path: '/?range=7d', scheme: 'dark', width: 1_440, height: 1_180, full: false },
  { name: 'phone', path: '/?range=7d', scheme: 'light', width: 390, height: 1_500, full: false },
];

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
      for (const { name, path, full, ...look } of PICTURES) {
        const page = await browser.open(path, look);
        await page.waitForTimeout(SETTLE_MS);
        const file = join(FOLDER, `${name}.png`);
        await page.screenshot({ path: file, fullPage: full });
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
