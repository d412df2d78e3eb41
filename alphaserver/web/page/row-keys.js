/** A long list as one stop of the Tab key: arrow keys move among its rows, and among the links of a row. */

/**
 * Takes a row's links out of the order of the Tab key.
 * @param {HTMLElement} row
 */
export function oneStop(row) {
  row.tabIndex = -1;
  for (const link of row.querySelectorAll('a')) link.tabIndex = -1;
  return row;
}

/**
 * Moves the focus by keys within a list whose rows were given to `oneStop`.
 * @param {HTMLElement} list takes the focus itself
 */
export function moveByKeys(list) {
  list.tabIndex = 0;
  list.addEventListener('keydown', (pressed) => {
    const at = document.activeElement;
    if (pressed.altKey || pressed.ctrlKey || pressed.metaKey || !at) return;
    const wanted = neighbour(list, at, pressed.key);
    if (!wanted) return;
    pressed.preventDefault();
    pressed.stopPropagation();
    wanted.focus();
  });
}

/**
 * @param {HTMLElement} list
 * @param {Element} at
 * @param {string} key
 * @returns {HTMLElement | null}
 */
function neighbour(list, at, key) {
  /** @type {HTMLElement[]} */
  const rows = [...list.querySelectorAll('li')].filter(
    ({ tabIndex, className }) => tabIndex === -1 && className !== 'none',
  );
  const row = at.closest('li');
  const place = row ? rows.indexOf(row) : -1;
  const links = row ? [...row.querySelectorAll('a')] : [];
  const link = links.indexOf(/** @type {HTMLAnchorElement} */ (at));
  switch (key) {
    case 'ArrowDown':
      return rows[Math.min(place + 1, rows.length - 1)] ?? null;
    case 'ArrowUp':
      return place < 0 ? null : (rows[place - 1] ?? list);
    case 'Home':
      return rows[0] ?? null;
    case 'End':
      return rows.at(-1) ?? null;
    case 'ArrowRight':
      return links[link + 1] ?? null;
    case 'ArrowLeft':
      return link > 0 ? (links[link - 1] ?? null) : link === 0 ? row : null;
    case 'Escape':
      return at === list ? null : list;
    default:
      return null;
  }
}
