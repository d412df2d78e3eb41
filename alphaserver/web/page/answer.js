/** The first thing on the page: is anything wrong, why, and what to look at. */
import { acknowledgeMany } from './acknowledge.js';
import { count, counted } from './count.js';
import { byId, element, fill, foreign, glyph, say } from './element.js';
import { groupsOf, groupWords, newOf, silenceOf } from './incident-groups.js';
import { lastLookMs } from './last-look.js';
import { filterLink } from './links.js';
import { forOperators } from './session.js';
import { groupSilence } from './steps.js';
import { showTab } from './tab.js';
import { ago, moment } from './time.js';
import { verdictOf } from './verdict.js';
import { addressOf } from './view.js';

/**
 * @import { Amounts } from './answers.d.ts'
 * @import { Group } from './incident-groups.js'
 * @import { Concern, Grounds, Verdict } from './verdict.js'
 * @import { View } from './view.js'
 */

/** Lines of incidents before somebody asks for the rest: the answer keeps its height for so many. And when they have asked. */
const NAMED = 4;
const MOST = 40;
/** Incidents of one group that are named on demand. */
const MEMBERS = 20;
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
  /** Keys of the groups that are unfolded. */
  #open = new Set();

  /**
   * Says the answer. What has not changed is not touched, so that a screen reader does not say it again.
   * @param {Grounds} part
   * @param {View} view
   * @param {number} nowMs
   */
  show(part, view, nowMs) {
    const verdict = verdictOf(part, view, nowMs);
    byId('answer').dataset['state'] = verdict.state;
    byId('answer-glyph').setAttribute('href', `#state-${verdict.state === 'nothing' ? 'unknown' : verdict.state}`);
    say(byId('answer-title'), verdict.title);
    say(byId('answer-why'), verdict.why);
    showTab(verdict.title, verdict.state);
    const fresh = newOf(part.concerns, lastLookMs());
    const looked = lastLookMs();
    say(
      byId('answer-new'),
      fresh > 0 && looked !== null
        ? `${counted(fresh, 'incident')} new since you last looked, ${moment(looked, nowMs)}.`
        : '',
    );
    fill(byId('answer-blind'), blindWords(verdict, view, part.hosts.length));
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
    for (const id of ['answer-new', 'answer-blind', 'because', 'numbers']) fill(byId(id), []);
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
    const groups = groupsOf(concerns);
    const shown = groups.slice(0, this.#all ? MOST : NAMED);
    const again = () => this.#incidents(concerns, view, nowMs);
    const rows = shown.map((group) => this.#group(group, view, nowMs, again));
    if (groups.length > NAMED) {
      const left = groups.slice(NAMED).reduce((sum, { members }) => sum + members.length, 0);
      const words = this.#all ? 'Fewer' : `${counted(left, 'more incident')}`;
      const button = element('button', { type: 'button', 'data-key': 'because-more' }, words);
      button.addEventListener('click', () => {
        this.#all = !this.#all;
        again();
      });
      rows.push(element('li', { class: 'rest' }, button));
    }
    fill(byId('because'), rows);
  }

  /**
   * One incident, or several that are one thing to a person: those are named on demand.
   * @param {Group} group
   * @param {View} view
   * @param {number} nowMs
   * @param {() => void} again
   */
  #group(group, view, nowMs, again) {
    const { lead, members, by, key } = group;
    if (by === 'one') return incidentRow(lead, view, nowMs);
    const { id, severity, summary, closedAt } = lead.alert;
    const open = this.#open.has(key);
    const newest =
      members
        .map(({ alert }) => alert.lastAt)
        .sort()
        .at(-1) ?? lead.alert.lastAt;
    const fresh = newOf(members, lastLookMs());
    const button = element(
      'button',
      { type: 'button', class: 'fold', 'aria-expanded': String(open), 'data-key': key },
      groupWords(group),
    );
    button.addEventListener('click', () => {
      if (open) this.#open.delete(key);
      else this.#open.add(key);
      again();
    });
    const left = members.length - MEMBERS;
    const inside = element(
      'ol',
      { class: 'inside' },
      withKey(acknowledgeAll(members), `acknowledge ${key}`),
      withKey(silenceAll(members), `silence ${key}`),
      ...members.slice(0, MEMBERS).map((one) => incidentRow(one, view, nowMs)),
      left > 0 ? element('li', { class: 'muted' }, `and ${count(left)} more`) : null,
    );
    return element(
      'li',
      { class: `${severity} ${lead.standing}` },
      glyph(severity),
      by === 'rule' ? null : element('a', { href: addressOf(view, { alert: id }) }, foreign(summary)),
      button,
      fresh > 0 ? element('strong', { class: 'new' }, `${count(fresh)} new`) : null,
      when(newest, closedAt, nowMs),
      open ? inside : null,
    );
  }
}

/**
 * Shows that no answer can be given.
 * @param {string} title
 * @param {string} why
 */
function unknown(title, why) {
  byId('answer').dataset['state'] = 'unknown';
  byId('answer-glyph').setAttribute('href', '#state-unknown');
  say(byId('answer-title'), title);
  say(byId('answer-why'), why);
  showTab(title, 'unknown');
}

/**
 * @param {Verdict} verdict
 * @param {View} view
 * @param {number} listed hosts among which those were looked for that can be named
 */
function blindWords({ blind, late, unlisted }, view, listed) {
  const words = [
    ...hostWords('Not watched now', blind, unlisted.blind, view, listed),
    ...hostWords('Not up to date', late, unlisted.late, view, listed),
  ];
  return words.length === 0 ? [] : [element('span', { 'aria-hidden': 'true' }, '◼ '), ...words];
}

/**
 * A sentence that names the first hosts of a list, and counts the others.
 * @param {string} what is said of them
 * @param {Verdict['blind']} hosts
 * @param {number} unlisted how many more there are
 * @param {View} view
 * @param {number} listed
 */
function hostWords(what, hosts, unlisted, view, listed) {
  const named = hosts.slice(0, BLIND_NAMED);
  const others = hosts.length - named.length + unlisted;
  if (named.length + others === 0) return [];
  if (named.length === 0) return [`${what}: ${counted(others, 'host')} beyond the first ${count(listed)} by name. `];
  return [
    `${what}: `,
    ...named.flatMap(({ host, words }, i) => [i > 0 ? ', ' : null, filterLink(view, 'host', host), ` (${words})`]),
    others > 0 ? `, and ${counted(others, 'other host')}. ` : '. ',
  ];
}

/** @param {Amounts} amounts */
function numbers(amounts) {
  return NUMBERS.map(([label, name, outcome]) =>
    element(
      'div',
      { class: outcome },
      element('dt', {}, ...(outcome ? [glyph(outcome)] : []), label),
      element('dd', {}, `${count(amounts[name])}${amounts.atLeast ? '+' : ''}`),
    ),
  );
}

/**
 * Names what stands in a row of buttons that is made anew with each answer, so that who is at it stays there.
 * @param {HTMLElement | null} made
 * @param {string} key
 */
function withKey(made, key) {
  if (made) made.dataset['key'] = key;
  return made;
}

/**
 * A button that acknowledges all of a group that nobody has; null where there is none.
 * @param {readonly Concern[]} members
 */
function acknowledgeAll(members) {
  const open = members.map(({ alert }) => alert).filter(({ acknowledgedAt }) => acknowledgedAt === null);
  if (open.length === 0) return null;
  const button = element('button', { type: 'button' }, `Acknowledge all ${count(open.length)}`);
  const problem = element('span', { role: 'alert' });
  button.addEventListener('click', async () => {
    try {
      await acknowledgeMany(open.map(({ id }) => id));
      button.textContent = 'Acknowledged';
      button.disabled = true;
    } catch (error) {
      problem.textContent = ` Not acknowledged: ${error instanceof Error ? error.message : error}`;
    }
  });
  const row = element('li', { class: 'all' }, button, problem);
  forOperators([row]);
  return row;
}

/**
 * Offers to silence a group; null where one decision could not.
 * @param {readonly Concern[]} members
 */
function silenceAll(members) {
  const what = silenceOf(members);
  return what === null ? null : element('li', { class: 'all' }, groupSilence(what));
}

/**
 * @param {string} at
 * @param {string | null} closedAt
 * @param {number} nowMs
 */
function when(at, closedAt, nowMs) {
  return element('time', { datetime: at, title: at }, `${ago(at, nowMs)}${closedAt === null ? '' : ', over'}`);
}

/**
 * @param {Concern} concern
 * @param {View} view
 * @param {number} nowMs
 */
function incidentRow({ alert, standing, attack }, view, nowMs) {
  return element(
    'li',
    { class: `${alert.severity} ${standing}` },
    glyph(alert.severity),
    element('a', { href: addressOf(view, { alert: alert.id }) }, foreign(alert.summary)),
    newOf([{ alert, standing, attack }], lastLookMs()) > 0 ? element('strong', { class: 'new' }, ' new') : null,
    when(alert.lastAt, alert.closedAt, nowMs),
  );
}
