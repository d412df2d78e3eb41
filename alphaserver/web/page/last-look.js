/** The time at which this reader last looked at the page, in this browser. */

const KEY = 'asgard.lookedMs';

const read = () => Number(localStorage.getItem(KEY)) || null;
let lookedMs = read();

/** Gives the end of the look before this one, Unix milliseconds; null at the first. */
export function lastLookMs() {
  return lookedMs;
}

// A page that is closed is hidden first.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) localStorage.setItem(KEY, String(Date.now()));
  else lookedMs = read();
});
