/** The live feed: events as they are stored, newest first. */
import { byId, element, fill, foreign, glyph } from './element.js';
import { narrowLink } from './links.js';
import { clock, moment } from './time.js';
import { NARROWINGS } from './view.js';

/**
 * @import { Alert, StoredEvent } from './answers.d.ts'
 * @import { View } from './view.js'
 */

/** Events kept on the page. */
const KEPT = 100;
/** How often what has arrived is shown: often enough to be live, seldom enough for a flood not to be a flicker. */
const SHOW_EVERY_MS = 250;
const SAID = { accepted: 'accepted', failed: 'failed', probe: 'probe' };

/** The feed, and the stream it comes by. */
export class Feed {
  /** @type {StoredEvent[]} newest first */
  #events = [];
  /** @type {View} */
  #view;
  #newest = 0;
  #held = 0;
  #paused = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #told;

  /**
   * @param {View} view
   * @param {{ link: (live: boolean) => void, event: () => void, alert: (alert: Alert) => void }} told
   */
  constructor(view, told) {
    this.#view = view;
    this.#told = told;
    const button = byId('pause');
    button.addEventListener('click', () => {
      this.#paused = !this.#paused;
      button.setAttribute('aria-pressed', String(this.#paused));
      this.#show();
    });
    byId('feed-scroll').addEventListener('scroll', () => this.#soon());
  }

  /** Opens the stream. It comes back by itself after a break, and goes on where it was. */
  open() {
    const stream = new EventSource('/api/stream');
    stream.addEventListener('open', () => this.#told.link(true));
    stream.addEventListener('error', () => {
      this.#told.link(false);
      // The browser gives up for good on an answer that is no stream, such as 503 while all places are taken.
      if (stream.readyState === EventSource.CLOSED) setTimeout(() => this.open(), 5_000);
    });
    stream.addEventListener('event', ({ data }) => {
      this.#take(JSON.parse(data));
      this.#told.event();
    });
    stream.addEventListener('alert', ({ data }) => this.#told.alert(JSON.parse(data)));
  }

  /**
   * Begins anew with what is stored, newest first.
   * @param {View} view
   * @param {readonly StoredEvent[]} events
   */
  begin(view, events) {
    const same = NARROWINGS.every((name) => view[name] === this.#view[name]);
    this.#view = view;
    const arrived = same ? this.#events : [];
    const known = new Set(arrived.map(({ id }) => id));
    this.#events = [...arrived, ...events.filter(({ id }) => !known.has(id))]
      .sort((a, b) => b.id - a.id)
      .slice(0, KEPT);
    this.#show();
  }

  /** @param {StoredEvent} event */
  #take(event) {
    if (event.id <= this.#newest) return;
    this.#newest = event.id;
    const { host, ip, user } = this.#view;
    if ((host ?? event.host) !== event.host || (ip ?? event.ip) !== event.ip || (user ?? event.user) !== event.user)
      return;
    this.#events.unshift(event);
    if (this.#events.length > KEPT) this.#events.length = KEPT;
    this.#held += 1;
    this.#soon();
  }

  #soon() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#show();
    }, SHOW_EVERY_MS);
  }

  #show() {
    const button = byId('pause');
    // Whoever has scrolled down reads: nothing moves under their eyes until they are at the top again.
    if (this.#paused || (byId('feed-scroll').scrollTop > 4 && this.#held > 0)) {
      const words = this.#held > 0 ? `Resume, ${this.#held >= KEPT ? `${KEPT} or more` : this.#held} new` : 'Resume';
      button.textContent = this.#paused ? words : 'Pause';
      return;
    }
    this.#held = 0;
    button.textContent = 'Pause';
    const nowMs = Date.now();
    const rows = this.#events.map((event) => eventRow(event, this.#view, nowMs));
    fill(
      byId('feed'),
      rows.length > 0 ? rows : [element('li', { class: 'none' }, 'Nothing yet. What happens shows up here at once.')],
    );
  }
}

/**
 * An event in one row.
 * @param {StoredEvent} event
 * @param {View} view
 * @param {number} nowMs
 */
export function eventRow(event, view, nowMs) {
  const { at, outcome, user, ip, host, method, reason } = event;
  const today = new Date(at).toDateString() === new Date(nowMs).toDateString();
  return element(
    'li',
    { class: outcome, 'data-id': String(event.id) },
    element('time', { datetime: at, title: at }, today ? clock(at) : moment(at, nowMs)),
    element('span', { class: 'outcome' }, glyph(outcome), SAID[outcome]),
    element(
      'span',
      { class: 'who' },
      user === null ? element('span', { class: 'muted' }, 'no user named') : narrowLink(view, 'user', user),
    ),
    element(
      'span',
      { class: 'where' },
      ip === null ? element('span', { class: 'muted' }, 'unknown source') : narrowLink(view, 'ip', ip),
      element('span', { class: 'muted', 'aria-label': 'to' }, ' → '),
      narrowLink(view, 'host', host),
    ),
    element('span', { class: 'how' }, (method ?? reason) ? foreign(method ?? reason ?? '') : null),
  );
}
