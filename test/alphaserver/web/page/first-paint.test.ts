/** The page begins when it has been painted: before that it would take the processor from whoever paints it. */
import assert from 'node:assert/strict';
import { afterEach, describe, it, mock } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { firstPaint, LIMIT_MS } from '../../../../alphaserver/web/page/first-paint.js';

type Report = (list: { getEntriesByName(name: string): readonly string[] }) => void;
const browser = globalThis as unknown as { document?: { hidden: boolean }; PerformanceObserver: unknown };
const { PerformanceObserver: own } = browser;

/** Puts a browser's page in place of node's globals; returns what reports paints to it. */
function pageThat(document: { hidden: boolean }): (...names: readonly string[]) => void {
  mock.timers.enable({ apis: ['setTimeout'] });
  const reports: Report[] = [];
  browser.document = document;
  browser.PerformanceObserver = class {
    constructor(report: Report) {
      reports.push(report);
    }
    observe(): void {}
  };
  return (...names) => {
    for (const report of reports) report({ getEntriesByName: (name) => names.filter((one) => one === name) });
  };
}

/** Tells whether a promise is resolved by now. */
async function isDone(promise: Promise<void>): Promise<boolean> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  await setImmediate();
  return done;
}

describe('the first paint', () => {
  afterEach(() => {
    mock.timers.reset();
    delete browser.document;
    browser.PerformanceObserver = own;
  });

  it('is there when the browser reports that something of the page is to be seen, not only its ground', async () => {
    const painted = pageThat({ hidden: false });
    const waiting = firstPaint();
    painted('first-paint');
    assert.equal(await isDone(waiting), false);
    painted('first-contentful-paint');
    assert.equal(await isDone(waiting), true);
  });

  it('is not waited for where nobody sees the page', async () => {
    pageThat({ hidden: true });
    assert.equal(await isDone(firstPaint()), true);
  });

  it('is waited for no longer than its limit, where a browser reports none', async () => {
    pageThat({ hidden: false });
    const waiting = firstPaint();
    mock.timers.tick(LIMIT_MS - 1);
    assert.equal(await isDone(waiting), false);
    mock.timers.tick(1);
    assert.equal(await isDone(waiting), true);
  });
});
