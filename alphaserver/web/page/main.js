/** The page: reads the address bar, asks, shows, and asks again while somebody looks. */
import { showAnswer } from './answer.js';
import { ask } from './api.js';
import { showBlind } from './blind.js';
import { count } from './count.js';
import { byId, element, fill } from './element.js';
import { Feed } from './feed.js';
import { gather } from './gather.js';
import { showIncident } from './incident.js';
import { Lanes } from './lanes.js';
import { narrowings } from './links.js';
import { Tables } from './tables.js';
import { clock, timeZone } from './time.js';
import { addressOf, isNarrowed, viewOf } from './view.js';
import { showWelcome } from './welcome.js';

/** How old what is shown may get while nothing is heard. */
const REFRESH_MS = 15_000;
/** How soon after an event the counts follow, and how soon after an alert. */
const AFTER_EVENT_MS = 2_000;
const AFTER_ALERT_MS = 300;
const AFTER_FAILURE_MS = 3_000;

let view = viewOf(here());
let asking = new AbortController();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
let dueMs = Infinity;
/** @type {number | null} */
let cutAt = null;

const lanes = new Lanes((fromMs, toMs) =>
  go(addressOf(view, { since: new Date(fromMs).toISOString(), until: new Date(toMs).toISOString() })),
);
const tables = new Tables();
const feed = new Feed(view, {
  link: (live) => {
    const link = byId('link');
    link.className = live ? 'link live' : 'link';
    link.textContent = live ? 'Live' : 'Reconnecting';
    if (live) refreshWithin(0);
  },
  event: () => refreshWithin(AFTER_EVENT_MS),
  alert: () => refreshWithin(AFTER_ALERT_MS),
});

/** The address bar's parameters; `#/incident/ID` is another way to write `?alert=ID`. */
function here() {
  const given = new URLSearchParams(location.search);
  const incident = /^#\/incident\/([^/]+)$/.exec(location.hash);
  if (incident) given.set('alert', decodeURIComponent(incident[1] ?? ''));
  return given;
}

/** @param {string} address */
function go(address) {
  history.pushState(null, '', address);
  look();
  scrollTo({ top: 0 });
  byId('content').focus({ preventScroll: true });
}

/** Shows what the address bar says, from the beginning. */
function look() {
  view = viewOf(here());
  for (const link of document.querySelectorAll('[data-range]')) {
    const range = link.getAttribute('data-range') ?? '';
    link.setAttribute('href', addressOf(view, { range, since: null, until: null }));
    const current = view.since === null && range === view.range;
    if (current) link.setAttribute('aria-current', 'true');
    else link.removeAttribute('aria-current');
  }
  const narrowing = byId('narrowing');
  const alone = view.alert !== null;
  fill(narrowing, [...narrowings(view), ...chosenTime()]);
  narrowing.hidden = alone || narrowing.childElementCount === 0;
  byId('board').dataset['narrowed'] = String(isNarrowed(view));
  byId('answer').hidden = alone;
  byId('board').hidden = alone;
  byId('welcome').hidden = true;
  byId('incident').hidden = !alone;
  if (alone) fill(byId('incident'), [element('p', { class: 'muted' }, 'Looking it up')]);
  void refresh();
}

function chosenTime() {
  if (view.since === null || view.until === null) return [];
  const out = element(
    'a',
    { href: addressOf(view, { since: null, until: null }), class: 'out', 'aria-label': 'Show the usual time again' },
    '×',
  );
  const words = [view.since, view.until].map((at) =>
    new Date(at).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' }),
  );
  return [element('li', {}, element('span', {}, 'time '), element('strong', {}, words.join(' to ')), out)];
}

/** @param {number} ms */
function refreshWithin(ms) {
  const atMs = Date.now() + ms;
  if (atMs >= dueMs) return;
  clearTimeout(timer);
  dueMs = atMs;
  timer = setTimeout(() => void refresh(), ms);
}

async function refresh() {
  clearTimeout(timer);
  dueMs = Infinity;
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  try {
    await (view.alert === null ? board(signal) : showIncident(view.alert, view, signal));
    if (signal.aborted) return;
    foot('');
  } catch (error) {
    if (signal.aborted) return;
    foot(error instanceof Error ? error.message : String(error));
    refreshWithin(AFTER_FAILURE_MS);
  }
  // An incident is read, not watched: it stays as it is while somebody reads.
  if (view.alert === null && !document.hidden) refreshWithin(REFRESH_MS);
}

/** @param {AbortSignal} signal */
async function board(signal) {
  const shown = view;
  const nowMs = Date.now();
  const { host, ip, user } = shown;
  await Promise.all([
    gather(
      shown,
      {
        answer: (part) => {
          showAnswer(part, shown, nowMs);
          welcome(part.hosts.length === 0 && !isNarrowed(shown));
        },
        timeline: (part) => lanes.show(part),
        hosts: (part) => tables.hosts(part, shown, nowMs),
        sources: (rows) => tables.sources(rows, shown),
        users: (rows) => tables.users(rows, shown),
        blind: (part) => showBlind(part, shown, nowMs),
        cut: (at) => {
          cutAt = at;
        },
      },
      signal,
    ),
    ask('/api/events', { host, ip, user, limit: '60' }, signal).then(({ events }) => feed.begin(shown, events)),
  ]);
}

/** @param {boolean} empty */
function welcome(empty) {
  const place = byId('welcome');
  byId('board').hidden = empty || view.alert !== null;
  byId('answer').hidden = empty || view.alert !== null;
  if (empty && place.hidden) {
    showWelcome();
    document.title = 'No host yet · Asgard';
  }
  place.hidden = !empty;
}

/** @param {string} problem */
function foot(problem) {
  const place = byId('foot');
  place.className = problem === '' ? '' : 'problem';
  const cut = cutAt === null || view.alert !== null ? '' : ` Counted from the newest ${count(cutAt)} events.`;
  place.textContent =
    problem === ''
      ? `As of ${clock(Date.now())}, times in ${timeZone}.${cut}`
      : `Cannot refresh: ${problem}. What is shown may be old.`;
}

document.addEventListener('click', (click) => {
  const link = click.target instanceof Element ? click.target.closest('a') : null;
  if (!link || click.button !== 0 || click.ctrlKey || click.metaKey || click.shiftKey || click.altKey) return;
  if (link.origin !== location.origin || link.pathname !== '/' || link.getAttribute('href')?.startsWith('#')) return;
  click.preventDefault();
  go(link.href);
});
addEventListener('popstate', look);
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) refreshWithin(0);
});
look();
feed.open();
