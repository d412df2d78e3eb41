/** One incident: what happened, in order, where, and who has looked at it. */
import { ask, tell } from './api.js';
import { counted } from './count.js';
import { byId, element, fill, foreign, glyph } from './element.js';
import { eventRow } from './feed.js';
import { narrowLink } from './links.js';
import { lasting, moment } from './time.js';
import { addressOf } from './view.js';

/**
 * @import { Alert, StoredEvent } from './answers.d.ts'
 * @import { View } from './view.js'
 */

/** How long before the incident opened its story begins: a break-in's failures are up to a day older. */
const BEFORE_MS = 86_400_000;
const EVENTS_LIMIT = 500;
/** So many events of one kind in a row are folded into one line. */
const FOLD_FROM = 4;
const NAME_KEY = 'asgard.name';

/**
 * Shows an incident. Throws an ApiError where it cannot be had.
 * @param {string} id
 * @param {View} view
 * @param {AbortSignal} signal
 */
export async function showIncident(id, view, signal) {
  const place = byId('incident');
  const alert = await alertOf(id, signal);
  if (alert === null) {
    fill(place, [
      back(view),
      element('h1', { id: 'incident-title' }, 'There is no such incident'),
      element('p', {}, 'It may have been deleted after the time that the server keeps them.'),
    ]);
    return;
  }
  document.title = `${alert.rule} · Asgard`;
  const { source, host, user } = alert;
  const fromMs = Date.parse(alert.openedAt) - BEFORE_MS;
  /** @type {{ events: StoredEvent[], next: string | null }} */
  const { events, next } = await ask(
    '/api/events',
    {
      ip: source,
      host: source === null ? host : null,
      user: source === null ? user : null,
      since: new Date(fromMs).toISOString(),
      until: new Date(Date.parse(alert.lastAt) + 1_000).toISOString(),
      limit: String(EVENTS_LIMIT),
    },
    signal,
  );
  const nowMs = Date.now();
  const story = storyOf([...events].reverse(), new Set(alert.evidence.map(Number)), view, nowMs);
  fill(place, [
    back(view),
    element(
      'header',
      { class: alert.severity },
      glyph(alert.severity),
      element('h1', { id: 'incident-title', tabindex: '-1' }, foreign(alert.summary)),
    ),
    facts(alert, view, nowMs),
    acknowledgement(alert, () => showIncident(id, view, signal)),
    element('h2', {}, 'What happened, in order'),
    next === null
      ? null
      : element('p', { class: 'muted' }, `The newest ${counted(events.length, 'event')} of this incident.`),
    events.length === 0
      ? element('p', { class: 'muted' }, 'No single events are stored for it.')
      : element('ol', { class: 'events story' }, ...story),
  ]);
}

/**
 * @param {string} id
 * @param {AbortSignal} signal
 * @returns {Promise<Alert | null>}
 */
async function alertOf(id, signal) {
  /** @type {string | null} */
  let cursor = null;
  do {
    /** @type {{ alerts: Alert[], next: string | null }} */
    const page = await ask('/api/alerts', { limit: '1000', cursor }, signal);
    const found = page.alerts.find((alert) => String(alert.id) === id);
    if (found) return found;
    cursor = page.next;
  } while (cursor !== null);
  return null;
}

/** @param {View} view */
function back(view) {
  return element('p', { class: 'back' }, element('a', { href: addressOf(view, {}) }, '← Overview'));
}

/**
 * @param {Alert} alert
 * @param {View} view
 * @param {number} nowMs
 */
function facts({ rule, severity, host, source, user, openedAt, lastAt, closedAt, count }, view, nowMs) {
  const lastedMs = Date.parse(lastAt) - Date.parse(openedAt);
  /** @type {[string, Node | string | null][]} */
  const rows = [
    ['Rule', rule],
    ['Severity', severity],
    ['Host', host === null ? null : narrowLink(view, 'host', host)],
    ['Source', source === null ? null : narrowLink(view, 'ip', source)],
    ['User', user === null ? null : narrowLink(view, 'user', user)],
    ['Began', element('time', { datetime: openedAt, title: openedAt }, moment(openedAt, nowMs))],
    [
      'Last',
      element(
        'time',
        { datetime: lastAt, title: lastAt },
        `${moment(lastAt, nowMs)}${lastedMs > 60_000 ? `, after ${lasting(lastedMs)}` : ''}`,
      ),
    ],
    ['State', closedAt === null ? 'open' : `over since ${moment(closedAt, nowMs)}`],
    ['Counted', counted(count, 'event')],
  ];
  return element(
    'dl',
    { class: 'facts' },
    ...rows
      .filter(([, value]) => value !== null)
      .map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))),
  );
}

/**
 * @param {Alert} alert
 * @param {() => Promise<void>} again
 */
function acknowledgement({ id, acknowledgedAt, acknowledgedBy }, again) {
  if (acknowledgedAt) {
    return element(
      'p',
      { class: 'acknowledged' },
      glyph('accepted'),
      'Acknowledged by ',
      foreign(acknowledgedBy ?? 'somebody'),
      `, ${moment(acknowledgedAt, Date.now())}`,
    );
  }
  const name = element('input', {
    name: 'by',
    autocomplete: 'name',
    required: '',
    maxlength: '100',
    value: localStorage.getItem(NAME_KEY) ?? '',
  });
  const problem = element('span', { role: 'alert' });
  const form = element(
    'form',
    { class: 'acknowledge' },
    element('label', {}, 'Your name ', name),
    element('button', { type: 'submit' }, 'Acknowledge'),
    problem,
  );
  form.addEventListener('submit', (submitted) => {
    submitted.preventDefault();
    const by = name.value.trim();
    localStorage.setItem(NAME_KEY, by);
    tell(`/api/alerts/${encodeURIComponent(String(id))}/acknowledge`, { by })
      .then(again)
      .catch((error) => {
        problem.textContent = `Not acknowledged: ${error.message}`;
      });
  });
  return form;
}

/**
 * Events in order, runs of one kind folded.
 * @param {readonly StoredEvent[]} events oldest first
 * @param {ReadonlySet<number>} evidence
 * @param {View} view
 * @param {number} nowMs
 */
function storyOf(events, evidence, view, nowMs) {
  /** @type {StoredEvent[][]} */
  const runs = [];
  for (const event of events) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (run && last && kindOf(last) === kindOf(event)) run.push(event);
    else runs.push([event]);
  }
  return runs.flatMap((run) => {
    const rows = run.map((event) => {
      const row = eventRow(event, view, nowMs);
      if (evidence.has(event.id)) row.classList.add('evidence');
      return row;
    });
    const [first] = run;
    const last = run.at(-1);
    if (run.length < FOLD_FROM || !first || !last) return rows;
    const { outcome, user, ip, host } = first;
    return [
      element(
        'li',
        { class: `run ${outcome}` },
        element(
          'details',
          {},
          element(
            'summary',
            {},
            element('time', { datetime: first.at, title: first.at }, moment(first.at, nowMs)),
            element('span', { class: 'outcome' }, glyph(outcome), `${run.length} × ${outcome}`),
            element('span', { class: 'who' }, foreign(user ?? 'no user named')),
            element(
              'span',
              { class: 'where' },
              foreign(ip ?? 'unknown source'),
              element('span', { class: 'muted' }, ' → '),
              foreign(host),
            ),
            element('span', { class: 'how' }, `until ${moment(last.at, nowMs)}`),
          ),
          element('ol', { class: 'events' }, ...rows),
        ),
      ),
    ];
  });
}

/** @param {StoredEvent} event */
function kindOf({ outcome, user, ip, host }) {
  return JSON.stringify([outcome, user, ip, host]);
}
