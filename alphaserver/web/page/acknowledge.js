/** Who has looked at an incident, or the way to say that one has. */
import { tell } from './api.js';
import { element, foreign, glyph } from './element.js';
import { whoAsks } from './session.js';
import { moment } from './time.js';

/** @import { AlertWhole } from './answers.d.ts' */

/** Where the browser keeps the name, so that it is asked for once. */
const NAME_KEY = 'asgard.name';
/** As long as the server takes it. */
const NAME_LIMIT = 100;

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
 * A form that says so to the server.
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
