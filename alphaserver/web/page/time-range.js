/** A range of time that somebody types. */
import { byId } from './element.js';
import { localText, timeBack, timeIn, zoneName } from './time.js';
import { addressOf, timeSpan } from './view.js';

/** @import { View } from './view.js' */

/**
 * The changes of a view that two typed texts mean, or what is wrong with them in a sentence.
 * @param {string} since
 * @param {string} until empty: now
 * @param {number} nowMs
 * @returns {Partial<View> | string}
 */
export function rangeIn(since, until, nowMs) {
  const [from, to] = [since.trim(), until.trim()];
  const open = to === '' || to === 'now';
  if (open && timeBack(from, nowMs) !== null) return { range: from, since: null, until: null };
  const [fromMs, toMs] = [timeIn(from, nowMs), open ? nowMs : timeIn(to, nowMs)];
  const wanted = 'a time such as 2026-11-23 14:00 or 14:00, or a span back from now such as 6h';
  if (fromMs === null) return `“From” must be ${wanted}.`;
  if (toMs === null) return `“Until” must be ${wanted}.`;
  if (fromMs >= toMs) return '“From” must be before “Until”.';
  return { since: new Date(fromMs).toISOString(), until: open ? null : new Date(toMs).toISOString() };
}

/**
 * Opens the form by its button.
 * @param {() => View} view what is looked at
 * @param {(address: string) => void} go
 */
export function offerTimeRange(view, go) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('time-range'));
  const form = /** @type {HTMLFormElement} */ (byId('time-form'));
  const field = (/** @type {string} */ name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
  byId('time-zone').textContent = `Times are in ${zoneName}. A span such as 6h goes back from now.`;
  byId('time-open').addEventListener('click', () => {
    const { fromMs } = timeSpan(view(), Date.now());
    const { until } = view();
    field('since').value = localText(fromMs);
    field('until').value = until === null ? '' : localText(Date.parse(until));
    byId('time-problem').textContent = '';
    dialog.showModal();
  });
  byId('time-close').addEventListener('click', () => dialog.close());
  form.addEventListener('submit', (submitted) => {
    const range = rangeIn(field('since').value, field('until').value, Date.now());
    if (typeof range !== 'string') return go(addressOf(view(), range));
    submitted.preventDefault();
    byId('time-problem').textContent = range;
  });
}
