/** The events of an incident by host, source and outcome, their rows on demand. */
import { count, counted } from './count.js';
import { element, foreign, glyph } from './element.js';
import { eventRow } from './rows.js';
import { moment } from './time.js';

/**
 * @import { StoredEvent } from './answers.d.ts'
 * @import { View } from './view.js'
 */

/** Lines of the summary; what is more is on demand. */
const LINES = 5;
/** Users that a line names. */
const USERS_NAMED = 2;
/** Rows of one line that are shown on demand, the oldest first. */
const ROWS = 100;

/**
 * Puts events of one host, source and outcome together, in the order of the first of each. Pure.
 * @param {readonly StoredEvent[]} events oldest first
 * @returns {StoredEvent[][]}
 */
export function groupsOf(events) {
  /** @type {Map<string, StoredEvent[]>} */
  const groups = new Map();
  for (const event of events) {
    const key = JSON.stringify([event.host, event.ip, event.outcome]);
    const group = groups.get(key);
    if (group) group.push(event);
    else groups.set(key, [event]);
  }
  return [...groups.values()];
}

/**
 * @param {readonly StoredEvent[]} events oldest first
 * @param {View} view
 * @param {number} nowMs
 */
export function eventList(events, view, nowMs) {
  const groups = groupsOf(events);
  // What got in is never among what is left out.
  const first = new Set([...groups].sort((a, b) => weight(b) - weight(a)).slice(0, LINES));
  const [shown, rest] = [groups.filter((group) => first.has(group)), groups.filter((group) => !first.has(group))];
  const line = (/** @type {StoredEvent[]} */ group) => lineOf(group, view, nowMs);
  return element('ol', { class: 'events event-list' }, ...shown.map(line), rest.length > 0 ? restOf(rest, line) : null);
}

/** @param {readonly StoredEvent[]} group */
function weight(group) {
  return group[0]?.outcome === 'accepted' ? Infinity : group.length;
}

/**
 * @param {readonly StoredEvent[]} group
 * @param {View} view
 * @param {number} nowMs
 */
function lineOf(group, view, nowMs) {
  const [first, last] = [group[0], group.at(-1)];
  if (!first || !last || first === last) return eventRow(/** @type {StoredEvent} */ (first), view, nowMs);
  const { outcome, ip, host } = first;
  return element(
    'li',
    { class: `run ${outcome}` },
    onDemand(
      `line ${first.id}`,
      [
        element('time', { datetime: first.at, title: first.at }, moment(first.at, nowMs)),
        element('span', { class: 'outcome' }, glyph(outcome), `${count(group.length)} × ${outcome}`),
        element('span', { class: 'who' }, ...whoOf(group)),
        element(
          'span',
          { class: 'where' },
          ip === null ? 'unknown source' : foreign(ip),
          element('span', { class: 'muted' }, ' → '),
          foreign(host),
        ),
        element('span', { class: 'how' }, `until ${moment(last.at, Date.parse(first.at))}`),
      ],
      () =>
        element(
          'ol',
          { class: 'events' },
          ...group.slice(0, ROWS).map((event) => eventRow(event, view, nowMs)),
          group.length > ROWS ? element('li', { class: 'none' }, `and ${count(group.length - ROWS)} more`) : null,
        ),
    ),
  );
}

/** @param {readonly StoredEvent[]} group */
function whoOf(group) {
  const users = [...new Set(group.map(({ user }) => user))];
  const named = users
    .slice(0, USERS_NAMED)
    .flatMap((user, i) => [i > 0 ? ', ' : '', user === null ? 'no user' : foreign(user)]);
  return users.length > USERS_NAMED ? [...named, ` and ${users.length - USERS_NAMED} more`] : named;
}

/**
 * @param {readonly StoredEvent[][]} groups
 * @param {(group: StoredEvent[]) => HTMLElement} line
 */
function restOf(groups, line) {
  const events = groups.reduce((sum, group) => sum + group.length, 0);
  const words = `${counted(events, 'more event')} of ${counted(groups.length, 'other source or host', 'other sources or hosts')}`;
  return element(
    'li',
    { class: 'run rest' },
    onDemand('rest', [element('span', { class: 'who' }, words)], () =>
      element('ol', { class: 'events' }, ...groups.slice(0, ROWS).map(line)),
    ),
  );
}

/**
 * Makes a part whose content is made when it is opened.
 * @param {string} key
 * @param {readonly Node[]} summary
 * @param {() => HTMLElement} content
 */
function onDemand(key, summary, content) {
  const details = element('details', { 'data-key': key }, element('summary', {}, ...summary));
  details.addEventListener('toggle', () => {
    if (details.open && details.childElementCount === 1) details.append(content());
  });
  return details;
}
