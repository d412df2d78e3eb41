/** One incident: what happened, in order, where, and who has looked at it. */
import { acknowledged, acknowledgement } from './acknowledge.js';
import { ApiError, ask } from './api.js';
import { counted } from './count.js';
import { byId, element, factList, fill, foreign, glyph } from './element.js';
import { eventList } from './event-list.js';
import { trustWords } from './health.js';
import { decidedLinks, filterLink } from './links.js';
import { askStanding, isDecidedOf } from './standing.js';
import { stepsFor } from './steps.js';
import { showTab } from './tab.js';
import { lasting, moment } from './time.js';
import { addressOf } from './view.js';

/**
 * @import { AlertWhole, Decision, StoredEvent } from './answers.d.ts'
 * @import { View } from './view.js'
 * @typedef {{ events: readonly StoredEvent[], next: string | null }} Around
 */

/** An incident that took longer than this has a duration. */
const LASTED_FROM_MS = 60_000;
const NAMED = 12;
/** Span before a success in which events are listed: the failures that make it a break-in are up to a day older. */
const BEFORE_MS = 86_400_000;
const AROUND = 1_000;

/** @type {Around} */
const NOTHING = { events: [], next: null };

/** The page of the incident that the view names. */
export class IncidentPage {
  /** @type {AlertWhole | null} */
  #alert = null;
  /** @type {Around} what else happened in its time, and whether there is more */
  #around = NOTHING;
  /** @type {readonly Decision[]} those that hold, about anything */
  #decided = [];
  /** @type {{ id: string, form: HTMLElement, steps: HTMLElement } | null} kept as it is for the alert of this id, or a name half typed would be lost */
  #kept = null;

  /** Shows that it is being looked up. */
  begin() {
    this.#alert = null;
    this.#around = NOTHING;
    this.#kept = null;
    fill(byId('incident'), [element('p', { class: 'muted' }, 'Looking it up')]);
  }

  /**
   * Shows it as it is now. Throws an ApiError where it cannot be had.
   * @param {View} view
   * @param {AbortSignal} signal
   */
  async show(view, signal) {
    // No id looks like this, and without one or with `.` the path would be that of the list.
    if (!/^[\w-]+$/.test(view.alert ?? '')) return missing(view);
    try {
      /** @type {[AlertWhole, readonly Decision[]]} */
      const [alert, decided] = await Promise.all([
        ask(`/api/alerts/${encodeURIComponent(view.alert ?? '')}`, {}, signal),
        askStanding(signal),
      ]);
      this.#decided = decided;
      const { since, until, ip, host, user } = subjectOf(alert);
      // Of a state, such as a silent agent, there are no events.
      if (alert.evidence.length > 0 && (ip ?? user) !== null)
        this.#around = await ask('/api/events', { since, until, ip, host, user, limit: String(AROUND) }, signal);
      this.#alert = alert;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      return missing(view);
    }
    this.#render(view);
  }

  /** @param {View} view */
  #render(view) {
    const alert = this.#alert;
    if (alert === null) return;
    const nowMs = Date.now();
    showTab(alert.rule, null);
    const { form, steps } = this.#keptFor(alert, view);
    fill(byId('incident'), [
      back(view),
      element(
        'header',
        { class: alert.severity },
        glyph(alert.severity),
        element('h1', { id: 'incident-title' }, foreign(alert.summary)),
      ),
      facts(alert, this.#decided, view, nowMs),
      alert.acknowledgedAt ? acknowledged(alert) : form,
      steps,
      element('h2', {}, 'What happened'),
      element('p', { class: 'muted' }, shownOf(alert, this.#around), all(alert, view)),
      alert.events.length === 0 ? null : eventList(inOrder(alert, this.#around), view, nowMs),
      ...partsOf(alert, view),
    ]);
  }

  /**
   * Gives the form and the next steps of an alert, made once while its page is shown.
   * @param {AlertWhole} alert
   * @param {View} view
   */
  #keptFor(alert, view) {
    if (this.#kept?.id === alert.id) return this.#kept;
    const form = acknowledgement(alert.id, (now) => {
      // By the time of the answer another alert may be shown, which this one must not stand for.
      if (this.#kept?.form !== form) return;
      this.#alert = now;
      this.#render(view);
    });
    this.#kept = { id: alert.id, form, steps: stepsFor(alert, () => exportOf(this.#alert ?? alert)) };
    return this.#kept;
  }
}

/**
 * Gives what the next steps copy of it.
 * @param {AlertWhole} alert
 */
function exportOf(alert) {
  const { rule, host, severity, summary, openedAt, lastAt, closedAt, count } = alert;
  const { since, until, ip, user } = subjectOf(alert);
  const filter = Object.entries({ since, until, ip, host, user }).filter(
    /** @returns {entry is [string, string]} */ (entry) => entry[1] !== null,
  );
  const end = closedAt === null ? 'going on' : `${endWords(alert)} ${closedAt}`;
  return {
    text: `${summary}\n${severity}, ${rule}, ${counted(count, 'event')}, from ${openedAt} to ${lastAt}, ${end}`,
    csv: alert.evidence.length === 0 ? null : `/api/events?${new URLSearchParams([...filter, ['format', 'csv']])}`,
  };
}

/**
 * Says what it means that an incident is closed: after a login, whoever got in may be in still. Where retention has deleted the events, a
 * grave one is taken for that.
 * @param {AlertWhole} alert
 */
function endWords({ severity, evidence, events }) {
  const gotIn = events.some(({ outcome }) => outcome === 'accepted');
  const isUnknown = events.length === 0 && evidence.length > 0 && severity === 'critical';
  return gotIn || isUnknown ? 'nothing new since' : 'over since';
}

/**
 * Lists the incidents that a scan of the fleet is made of.
 * @param {AlertWhole} alert
 * @param {View} view
 */
function partsOf({ parts }, view) {
  if (parts.length === 0) return [];
  const rows = parts.map(({ id, severity, summary }) =>
    element('li', {}, glyph(severity), element('a', { href: addressOf(view, { alert: id }) }, foreign(summary))),
  );
  return [element('h2', {}, 'Parts of it'), element('ul', { class: 'parts' }, ...rows)];
}

/** @param {View} view */
function missing(view) {
  showTab('No such incident', null);
  fill(byId('incident'), [
    back(view),
    element('h1', { id: 'incident-title' }, 'There is no such incident'),
    element('p', {}, 'Its time here may be over, or later events made another one of it.'),
  ]);
}

/** @param {View} view */
function back(view) {
  return element('p', { class: 'back' }, element('a', { href: addressOf(view, {}) }, '← Overview'));
}

/**
 * The evidence and what else is known, each event once, oldest first.
 * @param {AlertWhole} alert
 * @param {Around} around
 */
function inOrder({ events }, around) {
  const all = new Map([...events, ...around.events].map((event) => [event.id, event]));
  return [...all.values()].sort((a, b) => (a.at === b.at ? a.id - b.id : a.at < b.at ? -1 : 1));
}

/**
 * @param {AlertWhole} alert
 * @param {Around} around
 */
function shownOf({ events, count }, around) {
  if (events.length === 0) return 'No single events are stored for it. ';
  if (around.next !== null) return `The first few and the newest ${AROUND} events of its time. `;
  return around.events.length === 0 && events.length < count ? `${events.length} of ${counted(count, 'event')}. ` : '';
}

/**
 * Whom or what it is about, and when.
 * @param {AlertWhole} alert
 */
function subjectOf({ severity, source, host, user, openedAt, lastAt, events }) {
  // An IPv6 network is no address that events could be asked for by.
  const ip = source !== null && !source.includes('/') ? source : null;
  const first = [openedAt, ...events.map(({ at }) => at)].sort()[0] ?? openedAt;
  const sinceMs = Date.parse(first) - (severity === 'critical' ? BEFORE_MS : 0);
  const until = new Date(Date.parse(lastAt) + 1_000).toISOString();
  return { since: new Date(sinceMs).toISOString(), until, host, ip, user: ip === null ? user : null };
}

/**
 * The way to everything of its time.
 * @param {AlertWhole} alert
 * @param {View} view
 */
function all(alert, view) {
  const subject = subjectOf(alert);
  const named = subject.ip !== null || subject.host !== null || subject.user !== null;
  return named ? element('a', { href: addressOf(view, subject) }, 'Everything of that time') : null;
}

/**
 * @param {AlertWhole} alert
 * @param {readonly Decision[]} decided
 * @param {View} view
 * @param {number} nowMs
 */
function facts(alert, decided, view, nowMs) {
  const { rule, severity, source, openedAt, lastAt, closedAt, count, late, partOf, more } = alert;
  const lastedMs = Date.parse(lastAt) - Date.parse(openedAt);
  const lasted = lastedMs > LASTED_FROM_MS ? `, after ${lasting(lastedMs)}` : '';
  const network = source?.includes('/') ? [foreign(source), ': '] : [];
  /** @type {[string, (Node | string | null)[]][]} */
  const rows = [
    ['State', [closedAt === null ? 'going on' : `${endWords(alert)} ${moment(closedAt, nowMs)}`]],
    ['Decided', decidedLinks(decided.filter((one) => isDecidedOf(one, { source, host: alert.host, alert })))],
    ['Began', [span(time(openedAt, nowMs), late ? ', read late' : '')]],
    ['Last', [span(time(lastAt, nowMs), lasted)]],
    ['Counted', [counted(count, 'event')]],
    ['Severity', [severity]],
    ['Rule', [rule]],
    ['Log written', alert.evidence.length === 0 ? [] : [trustWords(alert.trust)]],
    [alert.hosts.length === 1 ? 'Host' : 'Hosts', names(view, 'host', alert.hosts)],
    [alert.sources.length === 1 ? 'Source' : 'Sources', [...network, ...names(view, 'ip', alert.sources)]],
    [alert.users.length === 1 ? 'User' : 'Users', names(view, 'user', alert.users)],
    ['And', more ? ['more than are named here'] : []],
    ['Part of', partOf === null ? [] : [element('a', { href: addressOf(view, { alert: partOf }) }, 'a larger one')]],
  ];
  return factList(rows);
}

/** @param {...(Node | string)} children */
function span(...children) {
  return element('span', {}, ...children);
}

/**
 * @param {string} at
 * @param {number} nowMs
 */
function time(at, nowMs) {
  return element('time', { datetime: at, title: at }, moment(at, nowMs));
}

/**
 * @param {View} view
 * @param {'host' | 'ip' | 'user'} kind
 * @param {readonly string[]} values
 */
function names(view, kind, values) {
  const shown = values.slice(0, NAMED).flatMap((value, i) => [i > 0 ? ', ' : null, filterLink(view, kind, value)]);
  return values.length > NAMED ? [...shown, ` and ${values.length - NAMED} more`] : shown;
}
