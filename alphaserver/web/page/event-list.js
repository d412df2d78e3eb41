/** What happened, in order: events in rows, runs of one kind folded. */
import { element, foreign, glyph } from './element.js';
import { eventRow } from './rows.js';
import { moment } from './time.js';

/**
 * @import { StoredEvent } from './answers.d.ts'
 * @import { View } from './view.js'
 */

/** So many events of one kind in a row are folded into one line. */
const FOLD_FROM = 4;

/**
 * Events of one kind that follow each other. Pure.
 * @param {readonly StoredEvent[]} events oldest first
 * @returns {StoredEvent[][]}
 */
export function runsOf(events) {
  /** @type {StoredEvent[][]} */
  const runs = [];
  for (const event of events) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (run && last && kindOf(last) === kindOf(event)) run.push(event);
    else runs.push([event]);
  }
  return runs;
}

/** @param {StoredEvent} event */
function kindOf({ outcome, user, ip, host }) {
  return JSON.stringify([outcome, user, ip, host]);
}

/**
 * @param {readonly StoredEvent[]} events oldest first
 * @param {View} view
 * @param {number} nowMs
 */
export function eventList(events, view, nowMs) {
  const rows = runsOf(events).flatMap((run) => {
    const own = run.map((event) => eventRow(event, view, nowMs));
    return run.length < FOLD_FROM ? own : [folded(run, own, nowMs)];
  });
  return element('ol', { class: 'events event-list' }, ...rows);
}

/**
 * @param {readonly StoredEvent[]} run
 * @param {readonly HTMLElement[]} rows
 * @param {number} nowMs
 */
function folded(run, rows, nowMs) {
  const first = /** @type {StoredEvent} */ (run[0]);
  const last = /** @type {StoredEvent} */ (run.at(-1));
  const { outcome, user, ip, host } = first;
  return element(
    'li',
    { class: `run ${outcome}` },
    element(
      'details',
      { 'data-key': `run ${first.id}` },
      element(
        'summary',
        {},
        element('time', { datetime: first.at, title: first.at }, moment(first.at, nowMs)),
        element('span', { class: 'outcome' }, glyph(outcome), `${run.length} × ${outcome}`),
        element('span', { class: 'who' }, user === null ? 'no user' : foreign(user)),
        element(
          'span',
          { class: 'where' },
          ip === null ? 'unknown source' : foreign(ip),
          element('span', { class: 'muted' }, ' → '),
          foreign(host),
        ),
        element('span', { class: 'how' }, `until ${moment(last.at, Date.parse(first.at))}`),
      ),
      element('ol', { class: 'events' }, ...rows),
    ),
  );
}
