/** Elements, made without ever reading text as markup. */
import { escaped, escapedText } from './escaped.js';

/** @typedef {Node | string | null} Child */

/**
 * Makes an element with attributes and children; strings become text, null is left out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | null>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/**
 * Finds the element of the page with this id. Throws when there is none.
 * @param {string} id
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * Makes a glyph of the page's own set; the words next to it say the same.
 * @param {string} name
 */
export function glyph(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#${name}`);
  svg.setAttribute('class', `glyph ${name}`);
  svg.setAttribute('aria-hidden', 'true');
  svg.append(use);
  return svg;
}

/**
 * Shows text that somebody outside may have chosen: on its own for the direction of writing, what is unseen written out.
 * @param {string} text
 */
export function foreign(text) {
  const pieces = escaped(text).map((piece) =>
    piece.escaped ? element('span', { class: 'escaped' }, piece.text) : piece.text,
  );
  return element('bdi', { title: escapedText(text) }, ...pieces);
}

/**
 * Puts children in the place of those there are. What is the same at the beginning and at the end, and rows of the same `data-id`
 * between, stay untouched, so that nobody loses a selection or their place in a long list; whoever had the focus keeps it where the same link is there again, and what was unfolded stays so.
 * @param {Element} parent
 * @param {readonly Child[]} children
 */
export function fill(parent, children) {
  const focused = document.activeElement;
  const key = focused && parent.contains(focused) && focused !== parent ? keyOf(focused) : null;
  const unfolded = new Set([...parent.querySelectorAll('details[open]')].map(keyOf));
  replace(
    parent,
    children.filter((child) => child !== null),
  );
  for (const details of parent.querySelectorAll('details')) if (unfolded.has(keyOf(details))) details.open = true;
  if (key === null || parent.contains(document.activeElement)) return;
  for (const candidate of parent.querySelectorAll('a, button, summary'))
    if (candidate instanceof HTMLElement && keyOf(candidate) === key) {
      candidate.focus({ preventScroll: true });
      return;
    }
}

/**
 * Sets a text where it is another one: a screen reader says what is put into a live region, also where it was there before.
 * @param {Element} place
 * @param {string} words
 */
export function say(place, words) {
  if (place.textContent !== words) place.textContent = words;
}

/**
 * @param {Element} parent
 * @param {readonly (Node | string)[]} wanted
 */
function replace(parent, wanted) {
  const there = [...parent.childNodes];
  const most = Math.min(there.length, wanted.length);
  let head = 0;
  while (head < most && isSame(there[head], wanted[head])) head++;
  let tail = 0;
  while (tail < most - head && isSame(there.at(-1 - tail), wanted.at(-1 - tail))) tail++;
  const old = there.slice(head, there.length - tail);
  const rows = new Map(old.flatMap((node) => (node instanceof HTMLElement ? [[node.dataset['id'], node]] : [])));
  const stays = wanted.slice(head, wanted.length - tail).map((one) => {
    const row = one instanceof HTMLElement && one.dataset['id'] !== undefined ? rows.get(one.dataset['id']) : undefined;
    return row && isSame(row, one) ? row : one;
  });
  const kept = new Set(stays);
  for (const node of old) if (!kept.has(node)) node.remove();
  // Nothing that stays is taken out, not even to be put back: it would lose the focus.
  let next = head === 0 ? parent.firstChild : (there[head - 1]?.nextSibling ?? null);
  for (const one of stays) {
    if (one === next) next = next.nextSibling;
    else parent.insertBefore(typeof one === 'string' ? document.createTextNode(one) : one, next);
  }
}

/**
 * Tells whether one may stay for the other. What has a button may not: what the button does goes with what it was made from.
 * @param {Node | undefined} there
 * @param {Node | string | undefined} wanted
 */
function isSame(there, wanted) {
  if (there === undefined || wanted === undefined) return false;
  if (typeof wanted === 'string') return there instanceof Text && there.data === wanted;
  if (there === wanted) return true;
  return (
    there.isEqualNode(wanted) &&
    !(wanted instanceof Element && (wanted.matches('button') || wanted.querySelector('button')))
  );
}

/** @param {Element} of */
function keyOf(of) {
  return of.getAttribute('href') ?? of.closest('[data-key]')?.getAttribute('data-key') ?? null;
}

/**
 * Makes a list of named facts; one without a value is left out.
 * @param {[string, (Node | string | null)[]][]} rows
 */
export function factList(rows) {
  return element(
    'dl',
    { class: 'facts' },
    ...rows
      .filter(([, values]) => values.length > 0)
      .map(([name, values]) =>
        element(
          'div',
          { class: values.length > 2 ? 'wide' : null },
          element('dt', {}, name),
          element('dd', {}, ...values),
        ),
      ),
  );
}
