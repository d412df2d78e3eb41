/** Watches whether the server answers at all. */

/**
 * Starts to ask for signs of life.
 * @param {(lostSinceMs: number | null) => void} changed given when the server was last heard of, once it is lost, and null once
 *   it is back
 */
export function watchPulse(changed) {
  const worker = new Worker(new URL('./pulse-worker.js', import.meta.url), { type: 'module' });
  worker.addEventListener('message', ({ data }) => changed(data));
}
