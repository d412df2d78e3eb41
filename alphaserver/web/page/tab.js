/** The tab's title and icon, which show while the page itself does not. */

/** @import { FleetState } from './answers.d.ts' */

const icon = /** @type {HTMLLinkElement} */ (document.querySelector('link[rel="icon"]'));
const QUIET_ICON = icon.href;

/**
 * Shows an answer in the tab. What is quiet, over, unheard of, or has no state has the plain icon.
 * @param {string} title
 * @param {FleetState | 'over' | 'nothing' | null} state
 */
export function showTab(title, state) {
  document.title = `${title} · Asgard`;
  const wanted =
    state === null || state === 'quiet' || state === 'over' || state === 'nothing'
      ? QUIET_ICON
      : QUIET_ICON.replace(/icon\.svg$/, `icon-${state}.svg`);
  if (icon.href !== wanted) icon.href = wanted;
}
