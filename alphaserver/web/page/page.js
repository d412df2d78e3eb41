/** The page: reads the address bar, asks, shows, and asks again while somebody looks. */
import { About } from './about.js';
import { Answer } from './answer.js';
import { ApiError, ask } from './api.js';
import { count, sentence } from './count.js';
import { showCoverage } from './coverage.js';
import { showDecisions } from './decisions.js';
import { byId, element, fill, say } from './element.js';
import { showFaults } from './faults.js';
import { Feed } from './feed.js';
import { InNow } from './in-now.js';
import { IncidentPage } from './incident.js';
import { showKey } from './key-page.js';
import { listenForKeys } from './keyboard.js';
import { filterChips } from './links.js';
import { loadBoard } from './load-board.js';
import { watchPulse } from './pulse.js';
import { Refresh, SHARED_MS } from './refresh.js';
import { Search } from './search.js';
import { showSession } from './session.js';
import { showTab } from './tab.js';
import { Tables } from './tables.js';
import { changeZone, clock, fullTime, moment, otherZone, zoneName } from './time.js';
import { offerTimeRange } from './time-range.js';
import { TimelineChart } from './timeline-chart.js';
import { addressOf, FILTERS, isBoard, isFiltered, viewOf } from './view.js';
import { showWelcome } from './welcome.js';

/**
 * @import { StoredEvent } from './answers.d.ts'
 * @import { View } from './view.js'
 */

/** Delays after which the counts follow an event, and an alert. */
const AFTER_EVENT_MS = 2_000;
const AFTER_ALERT_MS = 300;
/** Events that the feed begins with. */
const FEED_EVENTS = 60;

let view = viewOf(here(), Date.now());
/** Time since which the server has not answered at all, Unix milliseconds; null while it does. */
/** @type {number | null} */
let lostSinceMs = null;
/** When that was noticed, and when an answer was shown last: one that came since is not taken back. */
let noticedMs = 0;
let shownMs = 0;
let isLive = false;
let filling = new AbortController();
/** The view whose events the feed has begun with: until it is the one that is looked at, each refresh asks for them. */
/** @type {View | null} */
let filled = null;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let fillAgain;
/** Time of the last answer about a view, Unix milliseconds. */
/** @type {number | null} */
let answeredMs = null;
const about = new About();
const inNow = new InNow();
const answer = new Answer();
const incident = new IncidentPage();
const chart = new TimelineChart((fromMs, toMs) =>
  go(addressOf(view, { since: new Date(fromMs).toISOString(), until: new Date(toMs).toISOString() })),
);
const tables = new Tables();
new Search(() => view, go);
const refresh = new Refresh(async (signal) => {
  const shown = view;
  try {
    await show(shown, signal);
  } finally {
    if (shown === view) byId('content').setAttribute('aria-busy', 'false');
  }
}, foot);
const feed = new Feed(view, {
  link: (live) => {
    isLive = live;
    showLink();
    // What came between the first question and the stream, or during a break.
    clearTimeout(fillAgain);
    if (live) void fillFeed();
  },
  event: () => {
    if (isBoard(view)) refresh.within(AFTER_EVENT_MS);
  },
  alert: ({ id }) => {
    if (isBoard(view) || view.alert === id) refresh.changed(AFTER_ALERT_MS);
  },
});

/** The address bar's parameters; `#/incident/ID`, as older messages to people have it, is another way to write `?alert=ID`. */
function here() {
  const given = new URLSearchParams(location.search);
  const named = /^#\/incident\/([\w-]+)$/.exec(location.hash);
  if (named) given.set('alert', named[1] ?? '');
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
  view = viewOf(here(), Date.now());
  for (const link of document.querySelectorAll('[data-range]')) {
    const range = link.getAttribute('data-range') ?? '';
    link.setAttribute('href', addressOf(view, { range, since: null, until: null }));
    if (view.since === null && range === view.range) link.setAttribute('aria-current', 'true');
    else link.removeAttribute('aria-current');
  }
  const filters = byId('filters');
  const alone = !isBoard(view);
  fill(filters, [...filterChips(view), ...chosenTime()]);
  filters.hidden = alone || filters.childElementCount === 0;
  byId('board').dataset['filtered'] = String(isFiltered(view));
  byId('board').dataset['about'] = view.ip !== null || view.user !== null ? 'somebody' : 'hosts';
  byId('answer').hidden = alone;
  byId('board').hidden = alone;
  byId('welcome').hidden = true;
  byId('faults').hidden = true;
  about.show(null, [], view, Date.now());
  feed.look(view);
  byId('incident').hidden = view.alert === null || view.key !== null || view.decisions;
  byId('decisions').hidden = !view.decisions;
  byId('key').hidden = view.key === null || view.decisions;
  showCut(null);
  // Until the first answers about this view are all there, the page shows the last view's.
  byId('content').setAttribute('aria-busy', 'true');
  if (view.decisions || view.key !== null)
    fill(byId(view.decisions ? 'decisions' : 'key'), [element('p', { class: 'muted' }, 'Looking it up')]);
  else if (alone) incident.begin();
  refresh.anew();
}

/**
 * Asks for the events that the feed begins with, and lets go of the question before: it may be from before a break. Asks again after a
 * while, since the answer may be one that others had before.
 * @param {boolean} isWhole no answer is given any more that lacks the newest
 */
async function fillFeed(isWhole = false) {
  const shown = view;
  const { host, ip, user } = shown;
  clearTimeout(fillAgain);
  filling.abort();
  filling = new AbortController();
  filled = null;
  const { signal } = filling;
  try {
    /** @type {{ events: StoredEvent[], next: string | null }} */
    const { events, next } = await ask('/api/events', { host, ip, user, limit: String(FEED_EVENTS) }, signal);
    if (shown !== view || signal.aborted) return;
    feed.begin(events, next !== null, isWhole);
    filled = shown;
    if (!isWhole) fillAgain = setTimeout(() => void fillFeed(true), SHARED_MS);
  } catch {
    // Without a stream the next refresh asks again, or the next stream.
    if (isLive && !document.hidden && !signal.aborted) fillAgain = setTimeout(() => void fillFeed(), SHARED_MS);
  }
}

function chosenTime() {
  if (view.since === null) return [];
  const out = element(
    'a',
    { href: addressOf(view, { since: null, until: null }), class: 'out', 'aria-label': 'Show the usual time again' },
    '×',
  );
  const words = [view.since, view.until].map((at) => (at === null ? 'now' : fullTime(at)));
  return [element('li', {}, element('span', {}, 'time '), element('strong', {}, words.join(' to ')), out)];
}

/**
 * Asks for what a view shows, and shows it.
 * @param {View} shown
 * @param {AbortSignal} signal
 */
function show(shown, signal) {
  if (shown.decisions) return showDecisions(signal);
  if (shown.key !== null) return showKey(shown, signal);
  return shown.alert === null ? board(shown, signal) : incident.show(shown, signal);
}

/**
 * @param {View} shown
 * @param {AbortSignal} signal
 */
async function board(shown, signal) {
  const nowMs = Date.now();
  // An answer that was cut off is null, and one of another view is not to be drawn over this one's.
  /** @type {<Part extends unknown[]>(draw: (...part: Part) => void) => (...part: Part) => void} */
  const drawn =
    (draw) =>
    (...part) => {
      if (shown === view && !signal.aborted) draw(...part);
    };
  try {
    if (shown.fault !== null) return refuse(shown.fault);
    const loaded = loadBoard(
      shown,
      {
        answer: drawn((part) => {
          answer.show(part, shown, nowMs);
          shownMs = Date.now();
          welcome(part.hosts.length === 0 && !isFiltered(shown));
        }),
        about: drawn((part, decided) => about.show(part, decided, shown, nowMs)),
        timeline: drawn((part) => chart.show(part)),
        hosts: drawn((part) => tables.hosts(part, shown, nowMs)),
        sources: drawn((rows) => tables.sources(rows, shown)),
        users: drawn((rows) => tables.users(rows, shown)),
        blind: drawn((part) => {
          showCoverage(part, shown, nowMs);
          feed.lost(part.gaps);
        }),
        sessions: drawn((part) => inNow.show(part, shown, nowMs)),
        faults: drawn(showFaults),
        cut: drawn(showCut),
      },
      signal,
    );
    // What the answer is made of comes first: a browser asks six things at a time.
    if (filled !== shown) void fillFeed();
    await loaded;
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 400) throw error;
    if (shown === view) refuse(error.message);
  } finally {
    byId('board').dataset['ready'] = 'true';
  }
}

/**
 * Shows why a view cannot be, in place of all else.
 * @param {string} why
 */
function refuse(why) {
  answer.refuse(why);
  byId('board').hidden = true;
}

/** @param {{ events: number, since: string } | null} cut */
function showCut(cut) {
  const place = byId('cut');
  place.hidden = cut === null;
  if (cut)
    place.textContent = `The chart and the lists below count the newest ${count(cut.events)} events, since ${moment(cut.since, Date.now())}.`;
}

/** @param {boolean} empty */
function welcome(empty) {
  const place = byId('welcome');
  byId('board').hidden = empty || !isBoard(view);
  byId('answer').hidden = empty || !isBoard(view);
  if (empty) {
    if (place.hidden) showWelcome();
    showTab('No host yet', null);
  }
  place.hidden = !empty;
}

/** Says how the page and the server are connected. */
function showLink() {
  const link = byId('link');
  link.className = isLive && lostSinceMs === null ? 'link live' : 'link';
  say(link, lostSinceMs !== null ? 'Not connected' : isLive ? 'Live' : 'Reconnecting');
  byId('lost').hidden = lostSinceMs === null || isBoard(view);
  const words = lostSinceMs === null ? '' : `Not connected since ${moment(lostSinceMs, Date.now())}: `;
  say(byId('lost'), words === '' ? '' : `${words}what you see is from then.`);
  if (lostSinceMs === null) return;
  answer.outdate('Not connected', lostSinceMs, '');
}

/** Leaves an incident, or takes the filter away that comes last: the time first, then as they are shown. */
function withoutLastFilter() {
  if (!isBoard(view)) return go(addressOf(view, {}));
  if (view.since !== null) return go(addressOf(view, { since: null, until: null }));
  const last = FILTERS.findLast((name) => view[name] !== null);
  if (last !== undefined) go(addressOf(view, { [last]: null }));
}

watchPulse((sinceMs) => {
  const wasLostMs = lostSinceMs;
  lostSinceMs = sinceMs;
  showLink();
  if (sinceMs !== null) {
    noticedMs = Date.now();
    return;
  }
  if (isBoard(view) && shownMs < noticedMs) answer.outdate('Not known', wasLostMs, 'Connected again, and asking.');
  refresh.again();
});

/** @param {string} problem */
function foot(problem) {
  if (problem === '') answeredMs = Date.now();
  else if (lostSinceMs === null && isBoard(view)) answer.outdate('Not known', answeredMs, `${sentence(problem)}.`);
  const place = byId('foot');
  place.className = problem === '' ? '' : 'problem';
  place.textContent =
    problem === ''
      ? `As of ${clock(Date.now())}, times in ${zoneName}.`
      : `Cannot refresh: ${problem}. What is shown may be old.`;
}

document.addEventListener('click', (click) => {
  const link = click.target instanceof Element ? click.target.closest('a') : null;
  if (!link || click.button !== 0 || click.ctrlKey || click.metaKey || click.shiftKey || click.altKey) return;
  if (link.origin !== location.origin || link.pathname !== '/' || link.getAttribute('href')?.startsWith('#')) return;
  click.preventDefault();
  go(link.href);
});
listenForKeys(withoutLastFilter);
offerTimeRange(() => view, go);
byId('zone').textContent = `Show ${otherZone}`;
byId('zone').addEventListener('click', changeZone);
addEventListener('popstate', look);
// A page that nobody sees gives its place at the stream to others, and asks seldom.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) feed.close();
  else {
    feed.open();
    refresh.within(0);
  }
});
look();
if (!document.hidden) feed.open();
void showSession(byId('session')).catch(() => undefined);
// An incident behind `#` has the plain address, which asks early for the board: taken, or the browser would complain.
if (!isBoard(view))
  for (const link of document.querySelectorAll('link[rel="preload"]'))
    void fetch(link.getAttribute('href') ?? '').catch(() => undefined);
