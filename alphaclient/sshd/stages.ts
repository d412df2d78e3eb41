/** Which connections say ordinary messages, how far each has come, and with it what it may say next. */

import type { Connection } from './connection.ts';

const INVALID = 1;
const WITHOUT_PORT = 2;
const UNDECIDED = 4;
const DECIDED = 6;
const TOLD = 8;
const ACCEPTED = 10;
const REMARKED = 12;
const GONE = 14;

/**
 * By number; the next odd one where its user is `INVALID`. To be taken apart into constants of one's own where it is used for each
 * line: V8 knows the value of a module's own constant, and looks that of another's up and checks it each time.
 */
export const STAGES = {
  /** Nothing is known of it. */
  NEW: 0,
  INVALID,
  /** PAM alone has spoken of it. */
  WITHOUT_PORT,
  UNDECIDED,
  /** Refused at least once. */
  DECIDED,
  /** Refused, and turned away. */
  TOLD,
  ACCEPTED,
  /** A remark was made of it, and nothing else is known. */
  REMARKED,
  /** Its client has said goodbye, and nothing else is known. */
  GONE,
} as const;

/** What is or is not so, as a number; to be taken apart likewise. */
export const ANSWERS = { NO: 0, YES: 1, UNKNOWN: 2 } as const;

/** How far this one has come. */
export function stageOf({ accepted, decisions, over, port, invalid }: Connection): number {
  const odd = invalid === true ? INVALID : 0;
  if (accepted) return ACCEPTED + odd;
  if (decisions > 0) return (over ? TOLD : DECIDED) + odd;
  return (port === null ? WITHOUT_PORT : UNDECIDED) + odd;
}

/** How sshd tells names that are no account's: a client's name that begins so is for the table to tell apart. */
const TWO_MEANINGS = ['invalid user', 'illegal user', '<invalid username>'];

/** True where all that its next lines can say is told by comparing them: see ordinary.ts. */
export function isOrdinary({
  pid,
  name,
  user,
  ip,
  port,
  held,
  swallow,
  ending,
  over,
  decisions,
  accepted,
}: Connection): boolean {
  if (pid < 0 || name !== null || user === null || ip === null || held !== null) return false;
  if (swallow || ending || over || (port === null && (decisions > 0 || accepted))) return false;
  // A name has no colon, since sshd cuts it there: what has one is for the table to make sense of.
  return !user.includes(':') && !TWO_MEANINGS.some((words) => user.startsWith(words));
}
