/** Lines in no form that is known, which say what only sshd says: the form is what we are blind to then. */

import { latin1 } from './latin1.ts';

/** Words of sshd that stand in this order in one of its lines. */
const SAYINGS: readonly (readonly string[])[] = [
  ['Failed ', ' for ', ' from ', ' port '],
  ['Accepted ', ' for ', ' from ', ' port '],
  ['Invalid user ', ' from '],
  ['Connection ', ' by ', ' port ', ' [preauth]'],
  ['sshd[', ']: '],
  ['sshd-session[', ']: '],
  ['sshd-auth[', ']: '],
];

/** Whether these bytes, a line or a message, read as if sshd had written them. */
export function isStray(bytes: Buffer, from: number, end: number): boolean {
  const text = latin1(bytes, from, end);
  return SAYINGS.some((words) => {
    let at = 0;
    for (const word of words) {
      at = text.indexOf(word, at);
      if (at < 0) return false;
      // The space that ends one word may begin the next.
      at += word.length - 1;
    }
    return true;
  });
}
