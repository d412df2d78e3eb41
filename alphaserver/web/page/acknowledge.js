/** Who has looked at an incident, or the way to say that one has. */
import { tell } from './api.js';
import { element, foreign, glyph } from './element.js';
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
  const name = element('input', {
    name: 'by',
    autocomplete: 'name',
    required: '',
    maxlength: String(NAME_LIMIT),
    value: localStorage.getItem(NAME_KEY) ?? '',
  });
  const problem = element('span', { role: 'alert' });
  const form = element(
    'form',
    { class: 'acknowledge' },
    element('label', {}, 'Your name ', name),
    element('button', { type: 'submit' }, 'Acknowledge'),
    problem,
  );
  form.addEventListener('submit', (submitted) => {
    submitted.preventDefault();
    const by = name.value.trim();
    localStorage.setItem(NAME_KEY, by);
    tell(`/api/alerts/${encodeURIComponent(id)}/acknowledge`, { by })
      .then(done)
      .catch((error) => {
        problem.textContent = `Not acknowledged: ${error.message}`;
      });
  });
  return form;
}
