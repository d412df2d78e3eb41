/**
 * The page in Chromium over the large demo: five hundred hosts and a thousand incidents, made by real agents and the real rules. How
 * soon its first pixels and its answer are there, beside a plain text of the same server, which is what this browser on this machine
 * takes at least.
 */
import { Demo } from '../demo/demo.ts';
import { until } from '../until.ts';
import { type BenchRow, ms, number } from './figures.ts';
import { firstPaints, textPaint } from './first-paint.ts';

const INCIDENTS = 1_000;
const JUDGED_LIMIT_MS = 60_000;

/** Rows of the table. */
export async function run(): Promise<BenchRow[]> {
  const demo = await Demo.start({ seed: 1, large: true, live: false });
  try {
    await demo.past();
    let incidents = 0;
    await until(
      async () => {
        incidents = await countIncidents(demo.page);
        return incidents >= INCIDENTS;
      },
      () => `${incidents} incidents of the last 24 hours`,
      JUDGED_LIMIT_MS,
    );
    const { hosts } = (await (await fetch(`${demo.page}/api/hosts?limit=1000`)).json()) as { hosts: unknown[] };
    const rows = [
      { name: 'hosts and incidents on the page', value: `${hosts.length}, ${number(incidents)}`, note: '' },
    ];
    const paints = await firstPaints(demo.page);
    if (paints === null) return [...rows, { name: 'the page in Chromium', value: '', note: 'left out: no Chromium' }];
    const plain = await textPaint(demo.page);
    for (const { name, paintMs, contentMs, longestMs, answerMs, transferredKiB, requests } of paints)
      rows.push(
        {
          name: `page in Chromium, ${name}: first paint`,
          value: ms(paintMs),
          note: `${(paintMs / plain).toFixed(2)} times that of a plain text, ${ms(plain)}; longest ${ms(longestMs)}; words after ${ms(contentMs)}`,
        },
        {
          name: `page in Chromium, ${name}: the answer`,
          value: ms(answerMs),
          note: `${number(transferredKiB)} KiB in ${requests} requests until then`,
        },
      );
    return rows;
  } finally {
    await demo.stop();
  }
}

async function countIncidents(page: string): Promise<number> {
  let [counted, cursor] = [0, ''];
  do {
    const answer = await fetch(`${page}/api/alerts?since=24h&limit=1000${cursor && `&cursor=${cursor}`}`);
    const { alerts, next } = (await answer.json()) as { alerts: unknown[]; next: string | null };
    counted += alerts.length;
    cursor = next ?? '';
  } while (cursor !== '');
  return counted;
}
