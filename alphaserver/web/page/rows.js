/** Rows of events, in the live feed and in the list of an incident. */
import { counted, size } from './count.js';
import { element, foreign, glyph } from './element.js';
import { trustWords } from './health.js';
import { filterLink, wayLinks } from './links.js';
import { clock, isSameDay, moment } from './time.js';

/**
 * @import { StoredGap, StoredEvent } from './answers.d.ts'
 * @import { View } from './view.js'
 */

/**
 * @param {string} at
 * @param {number} nowMs
 */
function timeOf(at, nowMs) {
  return element('time', { datetime: at, title: at }, isSameDay(at, nowMs) ? clock(at) : moment(at, nowMs));
}

/**
 * Makes the row of an event.
 * @param {StoredEvent} event
 * @param {View} view
 * @param {number} nowMs
 */
export function eventRow(event, view, nowMs) {
  const { at, outcome, user, ip, host, method, reason, trust } = event;
  return element(
    'li',
    { class: outcome, 'data-id': String(event.id) },
    timeOf(at, nowMs),
    element('span', { class: 'outcome' }, glyph(outcome), outcome),
    element(
      'span',
      { class: 'who' },
      user === null ? element('span', { class: 'muted' }, 'no user') : filterLink(view, 'user', user),
    ),
    wayLinks(view, ip, host),
    element(
      'span',
      { class: 'how' },
      (method ?? reason) ? foreign(method ?? reason ?? '') : null,
      trust === 'forgeable' ? element('span', { class: 'forgeable', title: trustWords(trust) }, ' forgeable') : null,
    ),
  );
}

/**
 * Makes the row of a part of a log that was lost: it stands where events are missing.
 * @param {StoredGap} gap
 * @param {View} view
 * @param {number} nowMs
 */
export function gapRow(gap, view, nowMs) {
  return element(
    'li',
    { class: 'gap' },
    timeOf(gap.at, nowMs),
    element('span', { class: 'outcome' }, glyph('warning'), 'lost'),
    element('span', { class: 'who' }, filterLink(view, 'host', gap.host)),
    element('span', { class: 'where' }, foreign(gap.text)),
    element('span', { class: 'how' }, gapSize(gap)),
  );
}

/**
 * Says how much is missing, as far as it is known.
 * @param {StoredGap} gap
 */
export function gapSize({ events, lines, bytes }) {
  if (events !== null) return counted(events, 'event');
  if (lines !== null) return counted(lines, 'line');
  return bytes === null ? null : size(bytes);
}
