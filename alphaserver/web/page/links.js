/** Links that set or remove a filter of the view. */
import { element, foreign } from './element.js';
import { addressOf, FILTERS } from './view.js';

/**
 * @import { View } from './view.js'
 */

const SAID = { host: 'host', ip: 'source', user: 'user' };

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
 * Lists the filters of the view, each with a link that removes it.
 * @param {View} view
 */
export function filterChips(view) {
  const several = FILTERS.filter((name) => view[name] !== null).length > 1;
  return /** @type {const} */ (['host', 'ip', 'user']).flatMap((name) => {
    const value = view[name];
    if (value === null) return [];
    const out = element('a', { href: addressOf(view, { [name]: null }), class: 'out' }, '×');
    out.setAttribute('aria-label', `Show every ${SAID[name]} again`);
    // Of several filters, each leads to the page of what it names.
    const alone = addressOf(view, { host: null, ip: null, user: null, [name]: value });
    const shown = several ? element('a', { href: alone }, foreign(value)) : foreign(value);
    return [element('li', {}, element('span', {}, `${SAID[name]} `), element('strong', {}, shown), out)];
  });
}
