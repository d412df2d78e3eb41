/** The page of decisions, with a button that undoes each. */

import { nameGiven } from './acknowledge.js';
import { ask, tell } from './api.js';
import { byId, element, fill, foreign } from './element.js';
import { PAST_TENSE } from './links.js';
import { forOperators } from './session.js';
import { askStanding } from './standing.js';
import { showTab } from './tab.js';
import { fullTime } from './time.js';

/** @import { Decision } from './answers.d.ts' */

const SHOWN = 200;

/**
 * Shows the newest decisions, and those of before that still hold.
 * @param {AbortSignal} [signal]
 */
export async function showDecisions(signal) {
  /** @type {[{ decisions: Decision[], next: string | null }, Decision[]]} */
  const [{ decisions, next }, standing] = await Promise.all([
    ask('/api/decisions', { limit: String(SHOWN) }, signal),
    askStanding(signal),
  ]);
  const oldest = decisions.at(-1)?.id ?? 0;
  const before = next === null ? [] : standing.filter(({ id }) => id < oldest);
  // Another view was opened meanwhile.
  if (byId('decisions').hidden) return;
  showTab('Decisions', null);
  fill(byId('decisions'), [
    element('p', { class: 'back' }, element('a', { href: '/' }, '← Overview')),
    element('h1', { id: 'decisions-title' }, 'Decisions'),
    decisions.length === 0 ? element('p', { class: 'muted' }, 'Nobody has decided anything yet.') : null,
    element('ol', { class: 'decision-list' }, ...[...decisions, ...before].map(rowOf)),
    next === null
      ? null
      : element(
          'p',
          { class: 'muted' },
          `The newest ${SHOWN}, and those of before that still hold; all are at /api/decisions.`,
        ),
  ]);
}

/** @param {Decision} decision */
function rowOf({ id, at, kind, by, why, until, rule, host, source, incident, undoneAt, undoneBy, holds }) {
  const what = [
    rule === null ? [] : [' ', foreign(rule)],
    source === null ? [] : [rule === null ? ' ' : ' for ', ...namesOf(source.split(','))],
    host === null ? [] : [(rule ?? source) ? ' on ' : ' ', ...namesOf(host.split(' '))],
    rule !== null && (source ?? host) === null ? [' on all hosts'] : [],
  ].flat();
  const standing = kind !== 'acknowledge';
  const row = element(
    'li',
    { class: holds ? kind : `${kind} ended` },
    element('time', { datetime: at, title: at }, fullTime(at)),
    element(
      'span',
      {},
      element('strong', {}, foreign(by ?? 'somebody')),
      ` ${PAST_TENSE[kind]}`,
      ...what,
      incident === null ? null : ' ',
      incident === null ? null : element('a', { href: `/?alert=${incident}` }, 'an incident'),
      standing ? (until === null ? ', until it is undone' : `, until ${fullTime(until)}`) : null,
      why === '' ? null : element('span', { class: 'muted' }, ': ', foreign(why)),
      undoneAt === null
        ? null
        : element('span', {}, `. Undone by `, foreign(undoneBy ?? 'somebody'), `, ${fullTime(undoneAt)}`),
    ),
  );
  if (standing && holds) row.append(undoing(id));
  return row;
}

/** Sources or hosts of one decision that its row names. */
const NAMED = 3;

/**
 * Names the first, and all of a long list for whoever asks what it was.
 * @param {readonly string[]} all
 */
function namesOf(all) {
  if (all.length <= NAMED) return [foreign(all.join(', '))];
  const first = foreign(`${all.slice(0, NAMED).join(', ')} and ${all.length - NAMED} more`);
  return [first, ' ', element('details', {}, element('summary', {}, 'all'), foreign(all.join(', ')))];
}

/** @param {number} id */
function undoing(id) {
  const button = element('button', { type: 'button', 'data-key': `undo ${id}` }, 'Undo');
  const problem = element('span', { role: 'alert' });
  button.addEventListener('click', async () => {
    button.disabled = true;
    try {
      await tell(`/api/decisions/${id}/undo`, { ...(await nameGiven()), why: 'undone on the page of decisions' });
    } catch (error) {
      problem.textContent = `Not undone: ${error instanceof Error ? error.message : error}`;
      button.disabled = false;
      return;
    }
    // Where the list cannot be had now, the page asks for it again.
    problem.textContent = 'Undone.';
    await showDecisions().catch(() => {});
  });
  forOperators([button]);
  return element('span', {}, button, problem);
}
