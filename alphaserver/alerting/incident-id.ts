/** Names of incidents. */
import { createHash } from 'node:crypto';

/** Characters of a name: 80 bits, so that a million incidents of many servers do not meet. */
const NAME_CHARACTERS = 20;

/**
 * The name of the n-th incident of a rule and key: the same whenever it is thought again, and another one in another
 * store, whose number goes in. A receiver that was told of an incident by this name knows it again.
 */
export function nameIn(store: number): (rule: string, key: string, ordinal: number) => string {
  return (rule, key, ordinal) =>
    createHash('sha256')
      .update(JSON.stringify([store, rule, key, ordinal]))
      .digest('hex')
      .slice(0, NAME_CHARACTERS);
}
