/** Waits for the first paint, which the page's own beginning would hold up. */

/** Longest wait, in milliseconds: some browsers report no paints. */
export const LIMIT_MS = 1_000;

/** Resolves when the page's frame is on the screen, and at once where nobody sees the page: there it is never painted. */
export async function firstPaint() {
  if (document.hidden) return;
  await new Promise((done) => {
    const paints = new PerformanceObserver((list) => {
      if (list.getEntriesByName('first-contentful-paint').length > 0) done(null);
    });
    paints.observe({ type: 'paint', buffered: true });
    setTimeout(done, LIMIT_MS);
  });
}
