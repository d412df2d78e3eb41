/** Keys that hold for the whole page, and the list of them. */
import { byId } from './element.js';

/**
 * Listens for keys.
 * @param {() => void} withoutLastFilter called by Escape
 */
export function listenForKeys(withoutLastFilter) {
  const keys = /** @type {HTMLDialogElement} */ (byId('keys'));
  const time = byId('time-open');
  byId('keys-open').addEventListener('click', () => keys.showModal());
  for (const link of document.querySelectorAll('.skips a'))
    link.addEventListener('click', (click) => {
      click.preventDefault();
      click.stopPropagation();
      goTo((link.getAttribute('href') ?? '').slice(1));
    });
  /** @type {Record<string, () => void>} */
  const actions = {
    '/': () => byId('search-for').focus(),
    '?': () => keys.showModal(),
    t: () => time.click(),
    c: () => byId('timeline-chart').focus(),
    w: () => byId('in-now-search').focus(),
    l: () => byId('feed-scroll').focus(),
    Escape: withoutLastFilter,
  };
  addEventListener('keydown', (pressed) => {
    const { key, target } = pressed;
    if (pressed.altKey || pressed.ctrlKey || pressed.metaKey || document.querySelector('dialog[open]')) return;
    const isField = target instanceof Element && target.matches('input, textarea, select');
    if (isField && key === 'Escape') /** @type {HTMLElement} */ (target).blur();
    if (isField || !Object.hasOwn(actions, key)) return;
    pressed.preventDefault();
    actions[key]?.();
  });
}

/** @param {string} id */
function goTo(id) {
  const place = byId(id);
  place.focus();
  place.scrollIntoView();
}
