/**
 * The ordinary messages of ordinary connections, which most lines of a busy log are: told apart by comparing bytes with what
 * is known, so that few of them need to be decoded. What differs in any byte is read by the table, which would come to the
 * same: this changes how fast a log is read, and nothing else.
 */

import type { Bytes } from './compare.ts';
import type { Connection } from './connection.ts';
import type { Identities } from './identities.ts';
import {
  type Message,
  type Messages,
  OF_ACCEPTED,
  OF_DECIDED,
  OF_NEW,
  OF_TOLD,
  OF_UNDECIDED,
  OF_WITHOUT_PORT,
  type Said,
} from './ordinary-messages.ts';
import { Matcher } from './template.ts';

/** What it may say next, of which nothing is known where it is `undefined`. */
function messagesOf(one: Connection | undefined): Messages {
  if (one === undefined) return OF_NEW;
  if (one.accepted) return OF_ACCEPTED;
  if (one.decisions > 0) return one.over ? OF_TOLD : OF_DECIDED;
  return one.port === null ? OF_WITHOUT_PORT : OF_UNDECIDED;
}

export class Ordinary {
  /** Where in the line the new things stand that it told, and where it ends. */
  readonly found = new Matcher();
  /** Why it says so, and whether it calls the user invalid. */
  reason = '';
  invalid: boolean | null = null;

  /** What the message that begins at `from` says of `one`, which `known` is turned to; `undefined` where its pid is new. */
  read(view: Bytes, from: number, one: Connection | undefined, known: Identities): Said {
    const messages = messagesOf(one);
    const all = one?.invalid === true ? messages.invalid : messages.valid;
    const candidates = all[view.byte(from)] as readonly Message[];
    for (let i = 0; i < candidates.length; i++) {
      const { template, said, reason, invalid } = candidates[i] as Message;
      if (!this.found.matches(template, view, from, known)) continue;
      this.reason = reason;
      this.invalid = invalid;
      return said;
    }
    return 'no';
  }
}
