/** The live feed: events as they are stored, and parts of logs as they turn out to be lost, newest first. */
import { byId, element, fill } from './element.js';
import { moveByKeys, oneStop } from './row-keys.js';
import { eventRow, gapRow } from './rows.js';
import { FILTERS, isFiltered, isInView } from './view.js';

/**
 * @import { Alert, StoredGap, StoredEvent } from './answers.d.ts'
 * @import { View } from './view.js'
 */

/** Rows kept on the page. */
const KEPT = 100;
/** Interval at which what has arrived is shown: often enough to be live, seldom enough for a flood not to be a flicker. */
const SHOW_EVERY_MS = 250;
/** Wait before a stream that the browser gave up is opened anew. */
const AGAIN_MS = 5_000;
/** The server sends a heartbeat every 4 s: a stream that is without a message for this long has lost two, and is dead. */
const SILENT_MS = 9_000;

/** The feed, and the stream it comes by. */
export class Feed {
  /** @type {StoredEvent[]} */
  #events = [];
  /** @type {StoredGap[]} */
  #gaps = [];
  /** @type {View} */
  #view;
  #newest = 0;
  /** The newest event held when the stream was opened or the view changed, until what is stored is there; null where none is missing since. */
  /** @type {number | null} */
  #heldTo = null;
  /** The newest event of an answer that may be one of before, until one is there that is not: behind it some may be missing. 0 where none is. */
  #answeredTo = 0;
  /** True from a change of the view until what is stored is there: what is held are those of the view before that are in this one. */
  #isOther = false;
  #held = 0;
  #paused = false;
  #shownMs = -SHOW_EVERY_MS;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {EventSource | null} */
  #stream = null;
  /** Runs from each message of a stream that has heartbeats. */
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #silence;
  #listeners;

  /**
   * @param {View} view
   * @param {{ link: (live: boolean) => void, event: () => void, alert: (alert: Alert) => void }} listeners `event`: one that
   *   the view is about, or a gap
   */
  constructor(view, listeners) {
    this.#view = view;
    this.#listeners = listeners;
    const button = byId('pause');
    button.addEventListener('click', () => {
      this.#paused = !this.#paused;
      button.setAttribute('aria-pressed', String(this.#paused));
      this.#show();
    });
    byId('feed-scroll').addEventListener('scroll', () => this.#soon());
    moveByKeys(byId('feed-scroll'));
  }

  /** Opens the stream. It comes back by itself after a break, and goes on where it was; one that falls silent is opened anew. */
  open() {
    this.close();
    const stream = new EventSource('/api/stream');
    this.#stream = stream;
    stream.addEventListener('open', () => {
      // A stream that is opened anew begins with what comes: what was stored since is missing until somebody asks.
      this.#heldTo ??= this.#events[0]?.id ?? 0;
      this.#listeners.link(true);
    });
    stream.addEventListener('error', () => {
      clearTimeout(this.#silence);
      this.#listeners.link(false);
      // The browser gives up for good on an answer that is no stream, such as 503 while all places are taken.
      if (stream.readyState === EventSource.CLOSED)
        setTimeout(() => {
          if (this.#stream === stream) this.open();
        }, AGAIN_MS);
    });
    // A server of before sends none that a page hears: its silence says nothing.
    let hasHeartbeat = false;
    const heard = () => {
      clearTimeout(this.#silence);
      if (!hasHeartbeat) return;
      this.#silence = setTimeout(() => {
        this.#listeners.link(false);
        this.open();
      }, SILENT_MS);
    };
    /** @type {(kind: string, take: (data: string) => void) => void} */
    const on = (kind, take) =>
      stream.addEventListener(kind, ({ data }) => {
        heard();
        take(data);
      });
    on('heartbeat', (data) => {
      hasHeartbeat = true;
      heard();
      const { newest = Infinity } = JSON.parse(data);
      if (newest < Math.max(this.#newest, this.#events[0]?.id ?? 0)) this.#beginOther();
    });
    on('event', (data) => this.#take(JSON.parse(data)));
    on('gap', (data) => {
      this.lost([JSON.parse(data)]);
      this.#arrived();
    });
    on('session', () => this.#listeners.event());
    on('alert', (data) => this.#listeners.alert(JSON.parse(data)));
  }

  /** Drops what is held, which is of another store than the stream, and has what is stored asked for. */
  #beginOther() {
    this.#events = [];
    this.#gaps = [];
    this.#newest = 0;
    this.#heldTo = 0;
    this.#answeredTo = 0;
    this.#show();
    this.#listeners.link(true);
  }

  /** Closes the stream. */
  close() {
    clearTimeout(this.#silence);
    this.#stream?.close();
    this.#stream = null;
  }

  /**
   * Takes another view: of what is held, that which is in it stays.
   * @param {View} view
   */
  look(view) {
    const same = FILTERS.every((name) => view[name] === this.#view[name]);
    this.#view = view;
    if (same) return;
    this.#heldTo = this.#events[0]?.id ?? 0;
    this.#isOther = true;
    this.#events = this.#events.filter((event) => isInView(view, event));
    byId('feed-scroll').scrollTop = 0;
    this.#render();
  }

  /**
   * Begins anew with what is stored. Where events may be missing between that and what was held before, what was held is dropped:
   * the list ends there, and has no hole.
   * @param {readonly StoredEvent[]} events those of the view that are newest by their time, asked for since the stream was opened
   * @param {boolean} more there are older ones
   * @param {boolean} isWhole the answer is of after the one before it; else it may be one of before, in which the newest are missing
   */
  begin(events, more, isWhole) {
    const heldTo = this.#heldTo ?? this.#answeredTo;
    const isOther = this.#isOther;
    this.#heldTo = null;
    this.#answeredTo = isWhole ? 0 : Math.max(0, ...events.map(({ id }) => id));
    this.#isOther = false;
    const oldest = events.at(-1);
    const isHole = more && (isOther || (oldest?.id ?? 0) > heldTo);
    const held = this.#events.filter(({ id, at }) => !(isHole && id <= heldTo && at < (oldest?.at ?? '')));
    this.#events = newestOf([...held, ...events]);
    if (isOther) this.#render();
    else this.#show();
  }

  /**
   * Takes what is known to be lost.
   * @param {readonly StoredGap[]} gaps
   */
  lost(gaps) {
    const before = this.#gaps.length;
    this.#gaps = unique([...this.#gaps, ...gaps], ({ id }) => String(id))
      .sort((a, b) => a.id - b.id)
      .slice(-KEPT);
    if (this.#gaps.length !== before) this.#show();
  }

  /** @param {StoredEvent} event */
  #take(event) {
    if (event.id <= this.#newest) return;
    this.#newest = event.id;
    // The answer about what is stored may have it already.
    if (!isInView(this.#view, event) || this.#events.some(({ id }) => id === event.id)) return;
    this.#events = newestOf([event, ...this.#events]);
    this.#arrived();
  }

  #arrived() {
    this.#held += 1;
    this.#soon();
    this.#listeners.event();
  }

  #soon() {
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined;
        this.#shownMs = performance.now();
        this.#show();
      },
      Math.max(0, this.#shownMs + SHOW_EVERY_MS - performance.now()),
    );
  }

  #show() {
    const button = byId('pause');
    // Whoever has scrolled down reads: nothing moves under their eyes until they are at the top again.
    if (this.#paused || (byId('feed-scroll').scrollTop > 4 && this.#held > 0)) {
      const words = this.#held > 0 ? `Resume, ${this.#held >= KEPT ? `${KEPT} or more` : this.#held} new` : 'Resume';
      button.textContent = this.#paused ? words : 'Pause';
      return;
    }
    this.#render();
  }

  #render() {
    this.#held = 0;
    byId('pause').textContent = this.#paused ? 'Resume' : 'Pause';
    const rows = this.#rows();
    fill(
      byId('feed'),
      rows.length > 0
        ? rows
        : [
            element(
              'li',
              { class: 'none' },
              this.#isOther ? 'Looking it up' : 'Nothing yet. What happens shows up here at once.',
            ),
          ],
    );
  }

  /**
   * Events by the order in which they were stored, as they arrive; in a filtered view by when they happened, since old logs that
   * are read late come in order there. A gap stands before what came after it was found.
   */
  #rows() {
    const nowMs = Date.now();
    const { host, ip, user } = this.#view;
    const timeOf = isFiltered(this.#view) ? 'at' : 'storedAt';
    const inOrder = (/** @type {StoredEvent} */ a, /** @type {StoredEvent} */ b) =>
      timeOf === 'storedAt' || a.at === b.at ? b.id - a.id : a.at < b.at ? 1 : -1;
    const events = [...this.#events].sort(inOrder).slice(0, KEPT);
    const oldest = events.length < KEPT ? '' : (events.at(-1)?.[timeOf] ?? '');
    const gaps = this.#gaps.filter(
      (gap) => ip === null && user === null && (host ?? gap.host) === gap.host && gap.at >= oldest,
    );
    return [
      ...events.map((event) => ({ at: event[timeOf], row: eventRow(event, this.#view, nowMs) })),
      ...gaps.map((gap) => ({ at: gap.at, row: gapRow(gap, this.#view, nowMs) })),
    ]
      .sort((a, b) => (a.at === b.at ? 0 : a.at < b.at ? 1 : -1))
      .map(({ row }) => oneStop(row));
  }
}

/**
 * Gives the newest of these by the order in which they were stored, newest first: as many as are kept, each once.
 * @param {readonly StoredEvent[]} events
 */
function newestOf(events) {
  return unique(events, ({ id }) => String(id))
    .sort((a, b) => b.id - a.id)
    .slice(0, KEPT);
}

/**
 * @template T
 * @param {readonly T[]} given
 * @param {(one: T) => string} key
 */
function unique(given, key) {
  return [...new Map(given.map((one) => [key(one), one])).values()];
}
