/** Acknowledgements of incidents: who has made one, and the form that makes one. */
import { tell } from './api.js';
import { element, foreign, glyph } from './element.js';
import { whoAsks } from './session.js';
import { NAME_KEY, NAME_LIMIT } from './steps.js';
import { moment } from './time.js';

/** @import { AlertWhole } from './answers.d.ts' */

/** @param {AlertWhole} alert */
export function acknowledged({ acknowledgedAt, acknowledgedBy }) {
  return element(
    'p',
    { class: 'acknowledged' },
    glyph('accepted'),
    'Acknowledged by ',
    foreign(acknowledgedBy ?? 'somebody'),
    acknowledgedAt ? `, ${moment(acknowledgedAt, Date.now())}` : null,
  );
}

/**
 * Makes a form that acknowledges an incident.
 * @param {string} id
 * @param {(alert: AlertWhole) => void} done
 */
export function acknowledgement(id, done) {
  const me = whoAsks();
  const name = element('input', {
    name: 'by',
    autocomplete: 'name',
    required: '',
    maxlength: String(NAME_LIMIT),
    value: localStorage.getItem(NAME_KEY) ?? '',
  });
  const label = element('label', {}, 'Your name ', name);
  const problem = element('span', { role: 'alert' });
  const form = element(
    'form',
    { class: 'acknowledge' },
    label,
    element('button', { type: 'submit' }, 'Acknowledge'),
    problem,
  );
  me.then(
    ({ name: user, role }) => {
      // Who is logged in is who takes care of it, and the server says who that is.
      if (user !== null) label.remove();
      if (role !== 'operator') form.replaceChildren('Operators acknowledge it.');
    },
    () => undefined,
  );
  form.addEventListener('submit', (submitted) => {
    submitted.preventDefault();
    const by = name.value.trim();
    if (label.isConnected) localStorage.setItem(NAME_KEY, by);
    tell(`/api/alerts/${encodeURIComponent(id)}/acknowledge`, label.isConnected ? { by } : {})
      .then(done)
      .catch((error) => {
        problem.textContent = `Not acknowledged: ${error.message}`;
      });
  });
  return form;
}

/**
 * Gives the name of whoever decides, for the server; nothing where it knows who is logged in. Asks where the browser has none.
 * @returns {Promise<{ by?: string }>}
 */
export async function nameGiven() {
  const { name } = await whoAsks();
  if (name !== null) return {};
  const by = localStorage.getItem(NAME_KEY)?.trim() || (prompt('Your name') ?? '').trim();
  if (by === '') throw new Error('a name is needed');
  localStorage.setItem(NAME_KEY, by);
  return { by };
}

/** Ids that the server takes at once. */
const AT_ONCE = 40;

/**
 * Acknowledges many incidents. Asks for the name where the browser has none. Rejects with
 * an ApiError where the server does not take it.
 * @param {readonly string[]} ids
 */
export async function acknowledgeMany(ids) {
  const by = await nameGiven();
  for (let i = 0; i < ids.length; i += AT_ONCE)
    await tell('/api/alerts/acknowledge', { ids: ids.slice(i, i + AT_ONCE).join(','), ...by });
}
