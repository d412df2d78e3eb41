/** The page of one key: who used it, where and from where. */
import { ApiError, ask } from './api.js';
import { counted } from './count.js';
import { byId, element, factList, fill, foreign } from './element.js';
import { filterLink } from './links.js';
import { showTab } from './tab.js';
import { ago, fullTime } from './time.js';
import { addressOf } from './view.js';

/**
 * @import { KeyWhole } from './answers.d.ts'
 * @import { View } from './view.js'
 */

/** Uses that are listed, those used last first. */
const SHOWN = 100;

/**
 * Shows what is known of the key that the view names.
 * @param {View} view
 * @param {AbortSignal} signal
 */
export async function showKey(view, signal) {
  const fingerprint = view.key ?? '';
  const back = element('p', { class: 'back' }, element('a', { href: addressOf(view, {}) }, '← Overview'));
  const title = element('h1', { id: 'key-title' }, 'Key ', foreign(fingerprint));
  const key = await known(fingerprint, signal);
  // Not before there is an answer: while the server is lost, the tab says that.
  showTab('Key', null);
  const shown = typeof key === 'string' ? [element('p', { class: 'muted' }, key)] : contents(key, view);
  fill(byId('key'), [back, title, ...shown]);
}

/**
 * Gives what is known of a key, or a sentence that says why there is nothing.
 * @param {string} fingerprint
 * @param {AbortSignal} signal
 * @returns {Promise<KeyWhole | string>}
 */
async function known(fingerprint, signal) {
  // Without a name, or with `.`, the path would be that of the list.
  if (/^\.{0,2}$/.test(fingerprint)) return 'The address names no key.';
  try {
    return await ask(`/api/keys/${encodeURIComponent(fingerprint)}`, {}, signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return 'Nothing is known of this key.';
    if (error instanceof ApiError && error.status === 400) return `This names no key: the ${error.message}.`;
    throw error;
  }
}

/**
 * @param {KeyWhole} key
 * @param {View} view
 */
function contents({ type, certificate, firstUsed, lastUsed, logins, uses }, view) {
  const nowMs = Date.now();
  /** @type {[string, string][]} */
  const facts = [
    ['Type', type ?? 'not known'],
    ['First used', fullTime(firstUsed)],
    ['Last used', fullTime(lastUsed)],
    ['Logins', counted(logins, 'login')],
  ];
  if (certificate) facts.push(['Certificate', `${certificate.id}, serial ${certificate.serial}, by ${certificate.ca}`]);
  const rows = uses
    .slice(0, SHOWN)
    .map(({ user, host, ip, lastUsed: last, logins: times }) =>
      element(
        'li',
        {},
        user === null ? 'no user' : filterLink(view, 'user', user),
        ' on ',
        filterLink(view, 'host', host),
        ip === null ? ' from an unknown source' : ' from ',
        ip === null ? null : filterLink(view, 'ip', ip),
        element('span', { class: 'muted' }, `, ${counted(times, 'time')}, last ${ago(last, nowMs)}`),
      ),
    );
  return [
    factList(facts.map(([name, value]) => [name, [foreign(value)]])),
    element('h2', {}, 'Who used it'),
    element('ul', { class: 'parts' }, ...rows),
    uses.length > SHOWN ? element('p', { class: 'muted' }, `and ${counted(uses.length - SHOWN, 'older use')}`) : null,
  ];
}
