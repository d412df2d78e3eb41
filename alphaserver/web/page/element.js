/** Elements, made without ever reading text as markup. */
import { escaped, escapedText } from './escaped.js';

/** @typedef {Node | string | null} Child */

/**
 * An element with attributes and children; strings become text, null is left out.
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
 * The element of the page with this id. Throws when there is none.
 * @param {string} id
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * A glyph of the page's own set, said by the words beside it.
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
 * Text that somebody outside may have chosen: on its own for the direction of writing, what is unseen written out.
 * @param {string} text
 */
export function foreign(text) {
  const pieces = escaped(text).map((piece) =>
    piece.escaped ? element('span', { class: 'escaped' }, piece.text) : piece.text,
  );
  return element('bdi', { title: escapedText(text) }, ...pieces);
}

/**
 * Puts children in the place of those there are. Whoever had the focus keeps it where the same link is there again.
 * @param {Element} parent
 * @param {readonly Child[]} children
 */
export function fill(parent, children) {
  const focused = document.activeElement;
  const key = focused && parent.contains(focused) && focused !== parent ? keyOf(focused) : null;
  parent.replaceChildren(...children.filter((child) => child !== null));
  if (key === null) return;
  for (const candidate of parent.querySelectorAll('a, button'))
    if (candidate instanceof HTMLElement && keyOf(candidate) === key) {
      candidate.focus({ preventScroll: true });
      return;
    }
}

/** @param {Element} of */
function keyOf(of) {
  return of.getAttribute('href') ?? of.getAttribute('data-key');
}
