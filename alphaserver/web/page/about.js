/** The page of one host, source or user: what is known of it, whatever time is looked at. */
import { count, counted } from './count.js';
import { countryName } from './country.js';
import { byId, element, factList, fill, foreign, glyph } from './element.js';
import { escapedText } from './escaped.js';
import { healthWords, releaseWords, trustWords } from './health.js';
import { decidedLinks, filterLink, keyLink } from './links.js';
import { widerNetwork } from './network.js';
import { isDecidedOf } from './standing.js';
import { stepsFor } from './steps.js';
import { ago, isUtc, moment } from './time.js';
import { addressOf } from './view.js';

/**
 * @import { About as Known, Alert, Decision, Logins } from './answers.d.ts'
 * @import { View } from './view.js'
 */

const LOGINS_SHOWN = 8;
const INCIDENTS_SHOWN = 6;
/** A login that was never there before is new for so long, in milliseconds, where something older is known. */
const NEW_MS = 7 * 86_400_000;
const HOURS = 24;

/** The panel, and the next steps in it, which stay as they are while it is shown anew. */
export class About {
  #title = '';
  /** @type {HTMLElement | null} */
  #steps = null;
  /** @type {Known | null} */
  #about = null;

  /**
   * Shows what is known of the one thing that a view is filtered by, or nothing.
   * @param {Known | null} about
   * @param {readonly Decision[]} decided that hold
   * @param {View} view
   * @param {number} nowMs
   */
  show(about, decided, view, nowMs) {
    const place = byId('about');
    place.hidden = about === null;
    this.#about = about;
    if (about === null) {
      // What they say was done may be undone by the time that they are shown again.
      this.#steps = null;
      return fill(place, []);
    }
    const { kind, value } = nameOf(about);
    if (this.#steps === null || this.#title !== `${kind} ${value}`)
      this.#steps = stepsFor({ source: about.ip ?? null, host: about.host ?? null, rule: null }, () =>
        exportOf(this.#about ?? about),
      );
    this.#title = `${kind} ${value}`;
    fill(place, [
      element('h2', { id: 'about-title' }, `${kind} `, foreign(value)),
      facts(about, decided, view, nowMs),
      this.#steps,
      ...loginsOf(about, view, nowMs),
      ...incidentsOf(about, view, nowMs),
    ]);
  }
}

/** @param {Known} about */
function nameOf({ host, ip, user }) {
  if (host !== undefined) return { kind: 'Host', value: host };
  if (ip === undefined) return { kind: 'User', value: user ?? '' };
  return { kind: ip.includes('/') ? 'Network' : 'Source', value: ip };
}

/**
 * Gives what the next steps copy of it.
 * @param {Known} about
 */
function exportOf(about) {
  const { host, ip, user, failed, accepted, probes, firstSeen, lastSeen } = about;
  const filter = Object.entries({ host, ip, user }).filter(
    /** @returns {entry is [string, string]} */ (entry) => entry[1] !== undefined,
  );
  const span = firstSeen === null ? '' : `, from ${firstSeen} to ${lastSeen}`;
  return {
    text: `${escapedText(nameOf(about).value)}: ${failed} failed, ${accepted} accepted, ${probes} probes${span}`,
    csv: `/api/events?${new URLSearchParams([...filter, ['format', 'csv']])}`,
  };
}

/**
 * @param {Known} about
 * @param {readonly Decision[]} decided
 * @param {View} view
 * @param {number} nowMs
 */
function facts(about, decided, view, nowMs) {
  const { watched, origin, firstSeen, lastSeen, attempts, accepted, failed, probes, more, trust } = about;
  const least = more ? 'at least ' : '';
  const subject = { source: about.ip ?? null, host: about.host ?? null, alert: null };
  const own = decided.filter((one) => isDecidedOf(one, subject));
  const wider = about.ip === undefined ? null : widerNetwork(about.ip);
  /** @type {[string, (Node | string | null)[]][]} */
  const rows = [
    ['Watched', watched ? [healthWords(watched, nowMs)] : []],
    ['Decided', decidedLinks(own)],
    ['sshd', watched ? [foreign(releaseWords(watched))] : []],
    ['In', about.ip === undefined ? [] : [origin ? originWords(origin) : 'country not known']],
    ['Wider network', wider === null ? [] : [filterLink(view, 'ip', wider)]],
    ['First seen', firstSeen === null ? [] : [more ? 'before ' : '', time(firstSeen, nowMs)]],
    ['Last seen', lastSeen === null ? [] : [time(lastSeen, nowMs)]],
    ['Attempts', [`${least}${count(attempts)}: ${count(failed)} failed, ${count(accepted)} accepted`]],
    ['Probes', [`${least}${count(probes)}`]],
    ['Ever got in', about.ip === undefined ? [] : [gotIn(about)]],
    ['Log written', lastSeen === null ? [] : [trustWords(trust)]],
    ['Logins by hour', about.user === undefined || accepted === 0 ? [] : [hours(about.hours)]],
    ['Hosts', about.host === undefined ? names(about.hosts, view, 'host') : []],
    ['Addresses', about.ip?.includes('/') ? names(about.sources, view, 'ip') : []],
    ['Sources', about.ip === undefined ? names(about.sources, view, 'ip') : []],
    ['Users', about.user === undefined ? names(about.users, view, 'user') : []],
  ];
  return factList(rows);
}

/** @param {NonNullable<Known['origin']>} origin */
function originWords({ country, network, asn, organization }) {
  const operator = organization ?? (asn === null ? null : `AS${asn}`);
  return foreign([country && countryName(country), network, operator].filter((words) => Boolean(words)).join(', '));
}

/** @param {Known} about */
function gotIn({ logins, accepted, more }) {
  if (logins.length > 0) return element('strong', {}, `yes, ${counted(accepted, 'time')}`);
  return more ? 'not as far as is known' : 'never';
}

/** Limit of the names of each kind. */
const NAMED = 5;

/**
 * @param {Known['hosts']} ranks
 * @param {View} view
 * @param {'host' | 'ip' | 'user'} kind
 */
function names(ranks, view, kind) {
  if (ranks.length === 0) return [];
  const shown = ranks.slice(0, NAMED).flatMap(({ value }, i) => [i > 0 ? ', ' : '', filterLink(view, kind, value)]);
  return ranks.length > NAMED ? [...shown, ` and ${ranks.length - NAMED} more`] : shown;
}

/**
 * Draws logins by the hour of the day as a row of bars, with a label in words.
 * @param {readonly number[]} utcHours
 */
function hours(utcHours) {
  const shift = isUtc ? 0 : Math.round(-new Date().getTimezoneOffset() / 60);
  const local = utcHours.map((_, hour) => utcHours[(hour - shift + HOURS) % HOURS] ?? 0);
  const most = Math.max(1, ...local);
  const busy = local.flatMap((logins, hour) => (logins > 0 ? [`${logins} at ${hour}`] : []));
  const bars = local.map((logins) => {
    const bar = element('span', { class: logins === 0 ? 'none' : null });
    bar.style.height = `${Math.max(6, (100 * logins) / most)}%`;
    return bar;
  });
  return element('span', { class: 'hours', role: 'img', 'aria-label': `Logins by hour: ${busy.join(', ')}` }, ...bars);
}

/**
 * Lists who logs in, from where and by what; those used last come first.
 * @param {Known} about
 * @param {View} view
 * @param {number} nowMs
 */
function loginsOf(about, view, nowMs) {
  if (about.logins.length === 0) return [];
  const knownSince = about.firstSeen === null ? nowMs : Date.parse(about.firstSeen);
  const rows = about.logins.slice(0, LOGINS_SHOWN).map((login) => {
    const first = Date.parse(login.firstUsed);
    const isNew = nowMs - first < NEW_MS && first - knownSince > NEW_MS;
    return loginRow(login, isNew, view, nowMs);
  });
  const rest = about.logins.length - rows.length;
  return [
    element('h3', {}, 'Who logs in'),
    element('ul', { class: 'logins' }, ...rows),
    rest > 0 ? element('p', { class: 'muted' }, `and ${counted(rest, 'more combination')}`) : null,
  ];
}

/**
 * @param {Logins} login
 * @param {boolean} isNew
 * @param {View} view
 * @param {number} nowMs
 */
function loginRow({ user, host, ip, method, key, logins, lastUsed }, isNew, view, nowMs) {
  return element(
    'li',
    {},
    glyph('accepted'),
    user === null ? 'no user' : filterLink(view, 'user', user),
    ip === null ? ' from an unknown source' : ' from ',
    ip === null ? null : filterLink(view, 'ip', ip),
    ' on ',
    filterLink(view, 'host', host),
    method === null ? null : element('span', { class: 'muted' }, ' by ', foreign(method)),
    key === null ? null : element('span', { class: 'muted' }, ' ', keyLink(view, key)),
    element('span', { class: 'muted' }, `, ${counted(logins, 'time')}, last ${ago(lastUsed, nowMs)}`),
    isNew ? element('strong', { class: 'new' }, ' new') : null,
  );
}

/**
 * @param {Known} about
 * @param {View} view
 * @param {number} nowMs
 */
function incidentsOf({ incidents }, view, nowMs) {
  if (incidents.length === 0) return [];
  const rows = incidents.slice(0, INCIDENTS_SHOWN).map((alert) => incidentRow(alert, view, nowMs));
  const rest = incidents.length - rows.length;
  return [
    element('h3', {}, 'Incidents'),
    element('ul', { class: 'parts' }, ...rows),
    rest > 0 ? element('p', { class: 'muted' }, `and ${counted(rest, 'older one')}`) : null,
  ];
}

/**
 * @param {Alert} alert
 * @param {View} view
 * @param {number} nowMs
 */
function incidentRow({ id, severity, summary, lastAt, closedAt }, view, nowMs) {
  return element(
    'li',
    {},
    glyph(severity),
    element('a', { href: addressOf(view, { alert: id }) }, foreign(summary)),
    element('span', { class: 'muted' }, ` ${moment(lastAt, nowMs)}${closedAt === null ? '' : ', over'}`),
  );
}

/**
 * @param {string} at
 * @param {number} nowMs
 */
function time(at, nowMs) {
  return element('time', { datetime: at, title: at }, moment(at, nowMs));
}
