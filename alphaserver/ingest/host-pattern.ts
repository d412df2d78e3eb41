/** Patterns of host names: `*` is any run of characters, `?` is one, all else is itself. Letters of both cases are the same. */

/** The longest list of patterns, in characters. */
export const PATTERNS_LIMIT = 1_024;

/** True for a list of patterns that can match a host's name. */
export const isPatternList = (patterns: string): boolean =>
  patterns.length <= PATTERNS_LIMIT && /^[A-Za-z0-9._*?:,[\]-]+$/.test(patterns);

/** True when a name matches one of the patterns in a list with commas. */
export function matchesAny(patterns: string, name: string): boolean {
  return patterns.split(',').some((pattern) => matches(pattern.trim().toLowerCase(), name.toLowerCase()));
}

/** Compares from the left and, after a mismatch, moves on one character behind the last `*`: at most pattern times name steps. */
function matches(pattern: string, name: string): boolean {
  let [at, next] = [0, 0];
  let [star, resume] = [-1, 0];
  while (at < name.length) {
    if (pattern[next] === '*') {
      star = next++;
      resume = at;
    } else if (next < pattern.length && (pattern[next] === '?' || pattern[next] === name[at])) {
      next++;
      at++;
    } else if (star >= 0) {
      next = star + 1;
      at = ++resume;
    } else return false;
  }
  while (pattern[next] === '*') next++;
  return next === pattern.length;
}
