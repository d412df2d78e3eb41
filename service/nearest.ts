/** Finds the word that somebody may have meant. Pure. */

/** More edits than this make another word, and not a slip. */
const EDITS_MOST = 3;

/** Counts the letters to add, take away or replace that make one word of the other (Levenshtein's distance). */
function editsBetween(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

/** Returns the known word with the fewest edits to the given one, or null where it is like none of them. */
export function nearest(given: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let least = Math.min(EDITS_MOST, Math.ceil(given.length / 3)) + 1;
  for (const word of known) {
    if (Math.abs(word.length - given.length) >= least) continue;
    const edits = editsBetween(given, word);
    if (edits < least) [best, least] = [word, edits];
  }
  return best;
}
