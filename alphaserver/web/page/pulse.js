/** Watches whether the server answers at all. */

/**
 * Starts to ask for heartbeats.
 * @param {(lostSinceMs: number | null) => void} changed given when the server was last heard of, once it is lost, and null once
 *   it is back
 */
export function watchPulse(changed) {
  const worker = new Worker(new URL('./pulse-worker.js', import.meta.url), { type: 'module' });
  // Any answer is a heartbeat: while a slow server has all connections busy that a browser makes, the worker's question waits for one.
  // But for one of the browser's cache, such as the icon that is shown once the server is lost: nothing was transferred for it.
  new PerformanceObserver((list) => {
    const answered = list
      .getEntries()
      .filter((one) => one instanceof PerformanceResourceTiming && one.responseStatus > 0 && one.transferSize > 0);
    const last = Math.max(...answered.map((one) => one.startTime + one.duration));
    if (answered.length > 0) worker.postMessage(performance.timeOrigin + last);
  }).observe({ type: 'resource' });
  worker.addEventListener('message', ({ data }) => changed(data));
}
