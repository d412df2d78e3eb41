/** The first thing on the page: is anything wrong, why, and what to look at. */
import { count, counted } from './count.js';
import { byId, element, fill, foreign, glyph } from './element.js';
import { filterLink } from './links.js';
import { showTab } from './tab.js';
import { ago, moment } from './time.js';
import { verdictOf } from './verdict.js';
import { addressOf } from './view.js';

/**
 * @import { Amounts } from './answers.d.ts'
 * @import { Concern, Grounds, Verdict } from './verdict.js'
 * @import { View } from './view.js'
 */

/** Incidents that are named before somebody asks for the rest: the answer keeps its height for so many. */
const NAMED = 4;
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

/** The answer, and whether all of its incidents are shown. */
export class Answer {
  #all = false;

  /**
   * Says the answer. What has not changed is not touched, so that a screen reader does not say it again.
   * @param {Grounds} part
   * @param {View} view
   * @param {number} nowMs
   */
  show(part, view, nowMs) {
    const verdict = verdictOf(part, view, nowMs);
    byId('answer').dataset['state'] = verdict.state;
    byId('answer-glyph').setAttribute('href', `#state-${verdict.state}`);
    say('answer-title', verdict.title);
    say('answer-why', verdict.why);
    showTab(verdict.title, verdict.state);
    fill(byId('answer-blind'), blindWords(verdict, view));
    this.#incidents(part.concerns, view, nowMs);
    fill(byId('numbers'), numbers(part.amounts));
    // For whoever measures how soon the answer is there.
    performance.mark('answer');
  }

  /**
   * Says that what the address bar asks for cannot be answered, and why.
   * @param {string} why
   */
  refuse(why) {
    unknown('This cannot be shown', `${why}.`);
    for (const id of ['answer-blind', 'because', 'numbers']) fill(byId(id), []);
  }

  /**
   * Takes back what is shown: the server cannot be asked any more, so that nothing of it may hold now. The numbers stay.
   * @param {string} what
   * @param {number | null} sinceMs when the last answer was there; null where there was none
   * @param {string} why a sentence, or an empty string
   */
  outdate(what, sinceMs, why) {
    const since = sinceMs === null ? '' : ` since ${moment(sinceMs, Date.now())}`;
    const then = sinceMs === null ? '' : 'What you see is from then.';
    unknown(`${what}${since}`, [why, then].filter((words) => words !== '').join(' '));
  }

  /**
   * @param {readonly Concern[]} concerns in order
   * @param {View} view
   * @param {number} nowMs
   */
  #incidents(concerns, view, nowMs) {
    const shown = this.#all ? concerns : concerns.slice(0, NAMED);
    const rows = shown.map((concern) => incidentRow(concern, view, nowMs));
    if (concerns.length > NAMED) {
      const words = this.#all ? 'Fewer' : `${count(concerns.length - NAMED)} more`;
      const button = element('button', { type: 'button', 'data-key': 'because-more' }, words);
      button.addEventListener('click', () => {
        this.#all = !this.#all;
        this.#incidents(concerns, view, nowMs);
      });
      rows.push(element('li', { class: 'rest' }, button));
    }
    fill(byId('because'), rows);
  }
}

/**
 * Shows that nothing can be said.
 * @param {string} title
 * @param {string} why
 */
function unknown(title, why) {
  byId('answer').dataset['state'] = 'unknown';
  byId('answer-glyph').setAttribute('href', '#state-unknown');
  say('answer-title', title);
  say('answer-why', why);
  showTab(title, 'unknown');
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
 * @param {Verdict} verdict
 * @param {View} view
 */
function blindWords({ blind }, view) {
  if (blind.length === 0) return [];
  const named = blind.slice(0, BLIND_NAMED);
  const others = blind.length - named.length;
  return [
    element('span', { 'aria-hidden': 'true' }, '◼ '),
    'Not watched now: ',
    ...named.flatMap(({ host, words }, i) => [i > 0 ? ', ' : null, filterLink(view, 'host', host), ` (${words})`]),
    others > 0 ? `, and ${counted(others, 'other host')}` : null,
  ];
}

/** @param {Amounts} amounts */
function numbers(amounts) {
  return NUMBERS.map(([said, name, outcome]) =>
    element(
      'div',
      { class: outcome },
      element('dt', {}, ...(outcome ? [glyph(outcome)] : []), said),
      element('dd', {}, `${count(amounts[name])}${amounts.atLeast ? '+' : ''}`),
    ),
  );
}

/**
 * @param {Concern} concern
 * @param {View} view
 * @param {number} nowMs
 */
function incidentRow({ alert, standing }, view, nowMs) {
  return element(
    'li',
    { class: `${alert.severity} ${standing}` },
    glyph(alert.severity),
    element('a', { href: addressOf(view, { alert: alert.id }) }, foreign(alert.summary)),
    element(
      'time',
      { datetime: alert.lastAt, title: alert.lastAt },
      `${ago(alert.lastAt, nowMs)}${alert.closedAt === null ? '' : ', over'}`,
    ),
  );
}
