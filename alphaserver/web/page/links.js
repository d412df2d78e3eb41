/** Links that narrow everything to one host, source or user, or that open an incident. */
import { element, foreign } from './element.js';
import { addressOf } from './view.js';

/**
 * @import { View } from './view.js'
 */

const SAID = { host: 'host', ip: 'source', user: 'user' };

/**
 * A value that narrows the view to it.
 * @param {View} view
 * @param {'host' | 'ip' | 'user'} name
 * @param {string} value
 */
export function narrowLink(view, name, value) {
  return element('a', { href: addressOf(view, { [name]: value }), class: name }, foreign(value));
}

/**
 * What the view is narrowed to, each with a way out of it.
 * @param {View} view
 */
export function narrowings(view) {
  return /** @type {const} */ (['host', 'ip', 'user']).flatMap((name) => {
    const value = view[name];
    if (value === null) return [];
    const out = element('a', { href: addressOf(view, { [name]: null }), class: 'out' }, '×');
    out.setAttribute('aria-label', `Show every ${SAID[name]} again`);
    return [element('li', {}, element('span', {}, `${SAID[name]} `), element('strong', {}, foreign(value)), out)];
  });
}
