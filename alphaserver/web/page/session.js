/** The user who is logged in, and the button that ends the session. */
import { ask, toLogin } from './api.js';
import { element, foreign } from './element.js';

/** @typedef {{ name: string | null, role: 'viewer' | 'operator', hasLogin: boolean }} Me */

/** @type {Promise<Me> | null} */
let asked = null;

/** Asks the server who it takes this browser for, until it has answered once. @returns {Promise<Me>} */
export function whoAsks() {
  asked ??= /** @type {Promise<Me>} */ (ask('/api/me', {})).catch((error) => {
    asked = null;
    throw error;
  });
  return asked;
}

/** Takes what only operators may use away from viewers, whom the server would refuse. @param {readonly (Element | null)[]} parts */
export function forOperators(parts) {
  whoAsks().then(
    ({ role }) => {
      if (role === 'viewer') for (const part of parts) part?.remove();
    },
    () => undefined,
  );
}

/** Shows who is logged in and a button that ends the session; nothing where nobody has to log in. @param {HTMLElement} place */
export async function showSession(place) {
  const { name, role, hasLogin } = await whoAsks();
  if (!hasLogin || name === null) return;
  const button = element('button', { type: 'button' }, 'Log out');
  button.addEventListener('click', () => {
    void fetch('/logout', { method: 'POST' }).then(toLogin, () => undefined);
  });
  place.replaceChildren(foreign(name), role === 'viewer' ? ' (viewer) ' : ' ', button);
  place.hidden = false;
}
