/** The first thing on the page: is anything wrong, why, and what to look at. */
import { count, counted } from './count.js';
import { byId, element, fill, foreign, glyph } from './element.js';
import { healthOf } from './health.js';
import { ago } from './time.js';
import { addressOf, isNarrowed, RANGES } from './view.js';

/**
 * @import { Alert, HostView, Summary } from './answers.d.ts'
 * @import { View } from './view.js'
 */

const WORDS = { quiet: 'All quiet', attack: 'Under attack', breach: 'Someone got in' };
const WORDS_NARROWED = { ...WORDS, quiet: 'No incident here' };
const RANK = { critical: 0, warning: 1, notice: 2 };
/** Incidents that are named; the rest is counted. */
const NAMED = 6;
const BLIND_NAMED = 3;
const NUMBERS = /** @type {const} */ ([
  ['Attempts', 'attempts', null],
  ['Failed', 'failed', 'failed'],
  ['Accepted', 'accepted', 'accepted'],
  ['Probes', 'probes', 'probe'],
  ['Hosts', 'hosts', null],
  ['Sources', 'sources', null],
  ['Users', 'users', null],
]);

/**
 * Says the answer. What has not changed is not touched, so that a screen reader does not say it again.
 * @param {{ summary: Summary, hosts: readonly HostView[] }} part
 * @param {View} view
 * @param {number} nowMs
 */
export function showAnswer({ summary, hosts }, view, nowMs) {
  const because = [...summary.because].sort((a, b) => rank(a) - rank(b) || (a.lastAt < b.lastAt ? 1 : -1));
  const answer = byId('answer');
  answer.dataset['state'] = summary.state;
  byId('answer-glyph').setAttribute('href', `#${summary.state}`);
  const words = (isNarrowed(view) ? WORDS_NARROWED : WORDS)[summary.state];
  say('answer-title', words);
  say('answer-why', why(summary, because, hosts, view, nowMs));
  document.title = `${words} · Asgard`;
  fill(byId('because'), incidents(because, view, nowMs));
  fill(
    byId('numbers'),
    NUMBERS.map(([said, name, outcome]) =>
      element(
        'div',
        { class: outcome },
        element('dt', {}, ...(outcome ? [glyph(outcome)] : []), said),
        element('dd', {}, count(summary[name])),
      ),
    ),
  );
}

/**
 * Grave first, then what goes on, then what is over; the same kind by severity.
 * @param {Alert} alert
 */
function rank(alert) {
  const { severity, closedAt } = alert;
  return isGrave(alert) ? -1 : RANK[severity] + (closedAt === null ? 0 : 3);
}

/** @param {Alert} alert */
function isGrave({ severity, acknowledgedAt }) {
  return severity === 'critical' && !acknowledgedAt;
}

/**
 * @param {string} id
 * @param {string} words
 */
function say(id, words) {
  const place = byId(id);
  if (place.textContent !== words) place.textContent = words;
}

/**
 * @param {Summary} summary
 * @param {readonly Alert[]} because
 * @param {readonly HostView[]} hosts
 * @param {View} view
 * @param {number} nowMs
 */
function why(summary, because, hosts, view, nowMs) {
  const when =
    view.since !== null ? 'in the time chosen' : `in ${RANGES[/** @type {keyof typeof RANGES} */ (view.range)].said}`;
  const critical = because.filter(isGrave).length;
  const open = because.filter((alert) => alert.closedAt === null && !isGrave(alert)).length;
  const over = because.length - critical - open;
  const sentences = [];
  const logins = summary.accepted === 0 ? 'No login' : counted(summary.accepted, 'login');
  const happened = `${logins} and ${counted(summary.failed, 'failed attempt')} ${when}`;
  if (summary.state === 'breach')
    sentences.push(
      `${counted(critical, 'critical incident')} to look at now${open > 0 ? `, ${count(open)} more going on` : ''}.`,
    );
  else if (summary.state === 'attack') sentences.push(`${counted(open, 'incident')} going on; no break-in is known.`);
  else if (summary.attempts + summary.probes === 0) sentences.push(`Nothing happened ${when}.`);
  else if (!isNarrowed(view)) sentences.push(`${happened}, nothing that stands out.`);
  if (isNarrowed(view) && summary.attempts > 0) sentences.push(`${happened}.`);
  if (over > 0) sentences.push(`${counted(over, 'incident')} ${when} ${over === 1 ? 'is' : 'are'} over.`);
  const blind = hosts.filter((host) => healthOf(host, nowMs).level === 'blind').map(({ host }) => host);
  if (blind.length > 0 && !isNarrowed(view)) {
    const named = blind.slice(0, BLIND_NAMED).join(', ');
    sentences.push(
      `Not watched at the moment: ${named}${blind.length > BLIND_NAMED ? ` and ${counted(blind.length - BLIND_NAMED, 'other host')}` : ''}.`,
    );
  }
  return sentences.join(' ');
}

/**
 * @param {readonly Alert[]} because
 * @param {View} view
 * @param {number} nowMs
 */
function incidents(because, view, nowMs) {
  const rows = because
    .slice(0, NAMED)
    .map((alert) =>
      element(
        'li',
        { class: alert.closedAt === null || isGrave(alert) ? alert.severity : `${alert.severity} over` },
        glyph(alert.severity),
        element('a', { href: addressOf(view, { alert: String(alert.id) }) }, foreign(alert.summary)),
        element(
          'time',
          { datetime: alert.lastAt, title: alert.lastAt },
          `${ago(alert.lastAt, nowMs)}${alert.closedAt === null ? '' : ', over'}`,
        ),
      ),
    );
  if (because.length > NAMED) rows.push(element('li', { class: 'rest' }, `and ${count(because.length - NAMED)} more`));
  return rows;
}
