/** The next steps of whoever looks after hosts: block, allow, silence, copy. Each decision says until when and why. */
import { tell } from './api.js';
import { counted } from './count.js';
import { element, foreign } from './element.js';
import { forOperators, whoAsks } from './session.js';
import { fullTime } from './time.js';

/**
 * @typedef {object} Subject what the steps are about; null where it is not known
 * @property {string | null} source an address or a network
 * @property {string | null} host
 * @property {string | null} rule
 *
 * @typedef {object} Export what is copied of it, as it is now
 * @property {string} text what a ticket says, without the link
 * @property {string | null} csv the address of its events as CSV
 */

/** Key under which the browser keeps the name, so that it is asked for once. */
export const NAME_KEY = 'asgard.name';
/** Limits of the server, in characters. */
export const NAME_LIMIT = 100;
const WHY_LIMIT = 500;
const UNTIL = /** @type {const} */ ([
  ['1h', '1 hour'],
  ['24h', '24 hours'],
  ['7d', '7 days'],
  ['30d', '30 days'],
]);
const DID = { block: 'Blocked', allow: 'Allowed', silence: 'Silenced' };

/**
 * Makes the next steps, which stay while their page is shown anew: what they copy is asked for at the click.
 * @param {Subject} subject
 * @param {() => Export} exported
 * @returns {HTMLElement}
 */
export function stepsFor({ source, host, rule }, exported) {
  const place = element('div', { class: 'step' });
  const open = (/** @type {HTMLElement} */ form) => {
    place.replaceChildren(form);
    form.querySelector('input')?.focus();
  };
  const button = (/** @type {string} */ words, /** @type {() => void} */ act) => {
    const made = element('button', { type: 'button' }, words);
    made.addEventListener('click', act);
    return made;
  };
  const deciding = [
    source === null ? null : button('Block it', () => open(decision('block', { source }, [source]))),
    source === null ? null : button('Allow it', () => open(decision('allow', { source }, [source]))),
    source === null
      ? null
      : button(`Silence this ${source.includes('/') ? 'network' : 'source'}`, () =>
          open(decision('silence', { source, rule }, ['incidents of', source, 'on all hosts'])),
        ),
    host === null
      ? null
      : button('Silence this host', () => open(decision('silence', { host, rule }, ['incidents of', host]))),
  ];
  const { csv } = exported();
  const rows = csv === null ? null : element('a', { href: csv, download: '' }, 'Events as CSV');
  // Every way to use a link, the middle button and the context menu too, comes after one of these.
  for (const before of ['pointerdown', 'focus', 'click'])
    rows?.addEventListener(before, () => rows.setAttribute('href', exported().csv ?? ''));
  const buttons = [
    ...deciding,
    button('Copy a link', () => void copy(location.href, place)),
    button('Copy for a ticket', () => void copy(`${exported().text}\n${location.href}`, place)),
    rows,
  ];
  forOperators(deciding);
  return element('section', { class: 'steps', 'aria-label': 'Next steps' }, element('p', {}, ...buttons), place);
}

/**
 * Offers to silence what a group of incidents has in common, by one decision that stands in a dialog of its own: the list behind it
 * may be shown anew at any time.
 * @param {{ source: string | null, host: string | null, rule: string | null }} what several sources have commas between, hosts spaces
 * @returns {HTMLElement}
 */
export function groupSilence({ source, host, rule }) {
  const names = source?.split(',') ?? host?.split(' ') ?? [];
  const noun = source === null ? 'host' : names.every((name) => name.includes('/')) ? 'network' : 'source';
  const some = names.length === 1 ? (names[0] ?? '') : counted(names.length, noun);
  const words = source === null ? `${rule ?? 'all'} on ${names.length === 0 ? 'all hosts' : some}` : some;
  const made = element('button', { type: 'button' }, 'Silence ', foreign(words));
  made.addEventListener('click', () => {
    const close = element('button', { type: 'button' }, 'Close');
    const dialog = element(
      'dialog',
      { class: 'silence', 'aria-label': `Silence ${words}` },
      element('h2', {}, 'Silence ', foreign(words)),
      element(
        'p',
        { class: 'muted' },
        `Such incidents notify nobody and do not count for the answer${host === null ? ', on all hosts' : ''}.`,
      ),
      names.length < 2 ? null : element('p', { class: 'named' }, foreign(names.join(', '))),
      decision('silence', { source, host, rule }, ['incidents of', words]),
      element('p', {}, close),
    );
    close.addEventListener('click', () => dialog.close());
    // A link in it leads to another view, which must not stand behind it.
    dialog.addEventListener(
      'click',
      ({ target }) => target instanceof Element && target.closest('a') && dialog.close(),
    );
    dialog.addEventListener('close', () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  });
  forOperators([made]);
  return made;
}

/**
 * Makes a form that decides. What it decided then stands in its place, with a button that undoes it.
 * @param {keyof typeof DID} kind
 * @param {Record<string, string | null>} what
 * @param {readonly (string | null)[]} about in words
 */
function decision(kind, what, about) {
  const name = element('input', { name: 'by', autocomplete: 'name', required: '', maxlength: String(NAME_LIMIT) });
  name.value = localStorage.getItem(NAME_KEY) ?? '';
  const why = element('input', { name: 'why', autocomplete: 'off', required: '', maxlength: String(WHY_LIMIT) });
  const until = element(
    'select',
    { name: 'until', 'aria-label': 'Until when' },
    ...(kind === 'allow' ? [element('option', { value: '' }, 'until it is undone')] : []),
    ...UNTIL.map(([span, words]) => element('option', { value: span }, `for ${words}`)),
  );
  const label = element('label', {}, 'Your name ', name);
  const rule = what['rule'] ?? null;
  const rules = element(
    'select',
    { name: 'rule', 'aria-label': 'Which incidents' },
    element('option', { value: rule ?? '' }, `only ${rule}`),
    element('option', { value: '' }, 'of every rule'),
  );
  // Who is logged in is who decides, and the server says who that is.
  whoAsks().then(
    ({ name: user }) => user !== null && label.remove(),
    () => undefined,
  );
  const problem = element('span', { role: 'alert' });
  const words = about.filter((word) => word !== null).flatMap((word) => [' ', foreign(word)]);
  const verb = kind.charAt(0).toUpperCase() + kind.slice(1);
  const submit = element('button', { type: 'submit' }, verb);
  const form = element(
    'form',
    { class: 'decide' },
    element('span', {}, verb, ...words, ' '),
    // A silence of every rule is for some sources or hosts.
    rule !== null && kind === 'silence' && (what['source'] ?? what['host']) ? rules : null,
    until,
    element('label', {}, 'because ', why),
    label,
    submit,
    problem,
  );
  form.addEventListener('submit', async (submitted) => {
    submitted.preventDefault();
    // Submitted twice it would be two decisions, of which one is undone.
    submit.disabled = true;
    const by = label.isConnected ? name.value.trim() : '';
    if (by !== '') localStorage.setItem(NAME_KEY, by);
    const given = Object.entries({
      ...what,
      ...(rule !== null && { rule: rules.value }),
      kind,
      why: why.value,
      by,
      until: until.value,
    });
    try {
      /** @type {{ made: { id: number, until: string | null } | null }} */
      const { made } = await tell('/api/decisions', Object.fromEntries(given.filter(([, value]) => value)));
      if (made) form.replaceWith(decided(DID[kind], words, made, by));
    } catch (error) {
      problem.textContent = `Not done: ${error instanceof Error ? error.message : error}`;
      submit.disabled = false;
    }
  });
  return form;
}

/**
 * @param {string} did
 * @param {readonly (Node | string)[]} words
 * @param {{ id: number, until: string | null }} made
 * @param {string} by
 */
function decided(did, words, { id, until }, by) {
  const place = element(
    'p',
    { class: 'decided', role: 'status' },
    did,
    ...words.map((word) => (typeof word === 'string' ? word : word.cloneNode(true))),
    until === null ? ', until it is undone. ' : ` until ${fullTime(until)}. `,
  );
  const undo = element('button', { type: 'button' }, 'Undo');
  undo.addEventListener('click', async () => {
    undo.disabled = true;
    try {
      await tell(`/api/decisions/${id}/undo`, { ...(by === '' ? {} : { by }), why: 'undone at once' });
      place.textContent = 'Undone.';
    } catch (error) {
      place.append(` Not undone: ${error instanceof Error ? error.message : error}`);
      undo.disabled = false;
    }
  });
  place.append(undo, ' ', element('a', { href: '/?decisions' }, 'All decisions'));
  return place;
}

/**
 * Copies a text; where the browser gives no clipboard (a page over plain HTTP), shows it to be copied.
 * @param {string} text
 * @param {HTMLElement} place
 */
async function copy(text, place) {
  try {
    await navigator.clipboard.writeText(text);
    place.replaceChildren(element('p', { role: 'status' }, 'Copied.'));
  } catch {
    const area = element('textarea', { readonly: '', rows: '4', 'aria-label': 'To be copied' }, text);
    place.replaceChildren(area);
    area.select();
  }
}
