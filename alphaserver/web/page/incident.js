/** One incident: what happened, in order, where, and who has looked at it. */
import { acknowledged, acknowledgement } from './acknowledge.js';
import { ApiError, ask } from './api.js';
import { counted } from './count.js';
import { byId, element, fill, foreign, glyph } from './element.js';
import { narrowLink } from './links.js';
import { story } from './story.js';
import { lasting, moment } from './time.js';
import { addressOf } from './view.js';

/**
 * @import { AlertWhole } from './answers.d.ts'
 * @import { View } from './view.js'
 */

/** Shown longer than this, a wave has lasted. */
const LASTED_FROM_MS = 60_000;
const NAMED = 12;

/** The page of the incident that the view names. */
export class IncidentPage {
  /** @type {AlertWhole | null} */
  #alert = null;
  /** @type {HTMLElement | null} kept as it is while the page is shown anew, or a name half typed would be lost */
  #form = null;

  /** Shows that it is being looked up. */
  begin() {
    this.#alert = null;
    this.#form = null;
    fill(byId('incident'), [element('p', { class: 'muted' }, 'Looking it up')]);
  }

  /**
   * Shows it as it is now. Throws an ApiError where it cannot be had.
   * @param {View} view
   * @param {AbortSignal} signal
   */
  async show(view, signal) {
    try {
      this.#alert = await ask(`/api/alerts/${encodeURIComponent(view.alert ?? '')}`, {}, signal);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      document.title = 'No such incident · Asgard';
      fill(byId('incident'), [
        back(view),
        element('h1', { id: 'incident-title' }, 'There is no such incident'),
        element('p', {}, 'It may have been deleted after the time that the server keeps them.'),
      ]);
      return;
    }
    this.#render(view);
  }

  /** @param {View} view */
  #render(view) {
    const alert = this.#alert;
    if (alert === null) return;
    const nowMs = Date.now();
    document.title = `${alert.rule} · Asgard`;
    this.#form ??= acknowledgement(alert.id, (now) => {
      this.#alert = now;
      this.#render(view);
    });
    fill(byId('incident'), [
      back(view),
      element(
        'header',
        { class: alert.severity },
        glyph(alert.severity),
        element('h1', { id: 'incident-title' }, foreign(alert.summary)),
      ),
      facts(alert, view, nowMs),
      alert.acknowledgedAt ? acknowledged(alert) : this.#form,
      element('h2', {}, 'What happened, in order'),
      element('p', { class: 'muted' }, shownOf(alert), all(alert, view)),
      alert.events.length === 0 ? null : story(alert.events, view, nowMs),
      ...partsOf(alert, view),
    ]);
  }
}

/**
 * What a scan of the fleet is made of.
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
function back(view) {
  return element('p', { class: 'back' }, element('a', { href: addressOf(view, {}) }, '← Overview'));
}

/** @param {AlertWhole} alert */
function shownOf({ events, count }) {
  if (events.length === 0) return 'No single events are stored for it. ';
  return events.length < count ? `${events.length} of its ${counted(count, 'event')}, the first and the last. ` : '';
}

/**
 * The way to everything that happened in the incident's time to whom or from where it is about.
 * @param {AlertWhole} alert
 * @param {View} view
 */
function all({ source, host, user, openedAt, lastAt, events }, view) {
  const address = source !== null && !source.includes('/') ? source : null;
  if (address === null && host === null && user === null) return null;
  const since = [openedAt, ...events.map(({ at }) => at)].sort()[0] ?? openedAt;
  const until = new Date(Date.parse(lastAt) + 1_000).toISOString();
  const href = addressOf(view, { host, ip: address, user: address === null ? user : null, since, until });
  return element('a', { href }, 'Everything of that time');
}

/**
 * @param {AlertWhole} alert
 * @param {View} view
 * @param {number} nowMs
 */
function facts(alert, view, nowMs) {
  const { rule, severity, source, openedAt, lastAt, closedAt, count, late, partOf, more } = alert;
  const lastedMs = Date.parse(lastAt) - Date.parse(openedAt);
  const lasted = lastedMs > LASTED_FROM_MS ? `, after ${lasting(lastedMs)}` : '';
  const network = source?.includes('/') ? [foreign(source), ': '] : [];
  /** @type {[string, (Node | string | null)[]][]} */
  const rows = [
    ['State', [closedAt === null ? 'going on' : `over since ${moment(closedAt, nowMs)}`]],
    ['Began', [time(openedAt, nowMs), late ? ', read late' : null]],
    ['Last', [time(lastAt, nowMs), lasted]],
    ['Counted', [counted(count, 'event')]],
    ['Severity', [severity]],
    ['Rule', [rule]],
    [alert.hosts.length === 1 ? 'Host' : 'Hosts', names(view, 'host', alert.hosts)],
    [alert.sources.length === 1 ? 'Source' : 'Sources', [...network, ...names(view, 'ip', alert.sources)]],
    [alert.users.length === 1 ? 'User' : 'Users', names(view, 'user', alert.users)],
    ['Beyond these', more ? ['more were touched than are named'] : []],
    ['Part of', partOf === null ? [] : [element('a', { href: addressOf(view, { alert: partOf }) }, 'a larger one')]],
  ];
  return element(
    'dl',
    { class: 'facts' },
    ...rows
      .filter(([, values]) => values.length > 0)
      .map(([name, values]) => element('div', {}, element('dt', {}, name), element('dd', {}, ...values))),
  );
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
  const shown = values.slice(0, NAMED).flatMap((value, i) => [i > 0 ? ', ' : null, narrowLink(view, kind, value)]);
  return values.length > NAMED ? [...shown, ` and ${values.length - NAMED} more`] : shown;
}
