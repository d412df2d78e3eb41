/** Links that set or remove a filter of the view. */
import { element, foreign } from './element.js';
import { fullTime } from './time.js';
import { addressOf, FILTERS } from './view.js';

/**
 * @import { Decision } from './answers.d.ts'
 * @import { View } from './view.js'
 */

const LABELS = { host: 'host', ip: 'source', user: 'user' };

/**
 * Links to the view with this value as a filter.
 * @param {View} view
 * @param {'host' | 'ip' | 'user'} name
 * @param {string} value
 */
export function filterLink(view, name, value) {
  return element('a', { href: addressOf(view, { [name]: value }), class: name }, foreign(value));
}

/**
 * Links to a source, or says that it is unknown, and to the host that it came to.
 * @param {View} view
 * @param {string | null} ip
 * @param {string} host
 */
export function wayLinks(view, ip, host) {
  return element(
    'span',
    { class: 'where' },
    ip === null ? element('span', { class: 'muted' }, 'unknown source') : filterLink(view, 'ip', ip),
    element('span', { class: 'muted' }, ' → '),
    filterLink(view, 'host', host),
  );
}

/** The fingerprint in what sshd logs of a key, which may have its type before it and a certificate's id behind it. */
const FINGERPRINT = /\b(?:SHA256:[\w+/]{43}|(?:MD5:)?(?:[\da-f]{2}:){15}[\da-f]{2})/;

/**
 * Links to the page of a key.
 * @param {View} view
 * @param {string} key as sshd logs it
 */
export function keyLink(view, key) {
  const fingerprint = FINGERPRINT.exec(key)?.[0];
  if (fingerprint === undefined) return element('span', { class: 'key' }, foreign(key));
  return element('a', { class: 'key', href: addressOf(view, { key: fingerprint }) }, foreign(key));
}

/** Decisions that a row of facts names. */
const DECIDED_NAMED = 3;
/** What people did by each kind of decision. */
export const PAST_TENSE = { block: 'blocked', allow: 'allowed', silence: 'silenced', acknowledge: 'acknowledged' };

/**
 * Says which decisions hold, each with who made it and until when, as links to where they are undone.
 * @param {readonly Decision[]} decided
 */
export function decidedLinks(decided) {
  const shown = decided
    .slice(0, DECIDED_NAMED)
    .flatMap(({ kind, rule, by, until }, i) => [
      i > 0 ? '; ' : null,
      element(
        'a',
        { href: '/?decisions' },
        PAST_TENSE[kind],
        rule === null ? null : ` for ${rule}`,
        ' by ',
        foreign(by ?? 'somebody'),
        until === null ? ' until it is undone' : ` until ${fullTime(until)}`,
      ),
    ]);
  return decided.length > DECIDED_NAMED ? [...shown, ` and ${decided.length - DECIDED_NAMED} more`] : shown;
}

/**
 * Lists the filters of the view, each with a link that removes it.
 * @param {View} view
 */
export function filterChips(view) {
  const several = FILTERS.filter((name) => view[name] !== null).length > 1;
  return /** @type {const} */ (['host', 'ip', 'user']).flatMap((name) => {
    const value = view[name];
    if (value === null) return [];
    const out = element('a', { href: addressOf(view, { [name]: null }), class: 'out' }, '×');
    out.setAttribute('aria-label', `Show every ${LABELS[name]} again`);
    // Of several filters, each leads to the page of what it names.
    const alone = addressOf(view, { host: null, ip: null, user: null, [name]: value });
    const shown = several ? element('a', { href: alone }, foreign(value)) : foreign(value);
    return [element('li', {}, element('span', {}, `${LABELS[name]} `), element('strong', {}, shown), out)];
  });
}
