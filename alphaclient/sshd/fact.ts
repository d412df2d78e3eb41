/** What one message of sshd says about one connection, and what a rule of the grammar is. */

/**
 * - `accepted`, `failed`: a decision of sshd.
 * - `pam`: a failed keyboard-interactive, told by `PAM: ...`; a `Failed` line may tell it again.
 * - `opened`: the connection is there; nothing is decided (`Connection from`, `Postponed`, `Partial`, `Failed none`).
 * - `named`: which account the client asked for (`Invalid user`, `User ... not allowed because ...`).
 * - `evidence`: a decision was made whose own line may never come.
 * - `remark`: why the connection is about to end; its last line follows.
 * - `ended`: the connection is over, or so it seems: without `[preauth]` it may be the end of a session.
 * - `session-over`: a session after a login is over; nobody tried to log in here.
 * - `refused`: a connection refused at accept, whole in one line (`count` of them).
 */
export type Says =
  | 'accepted'
  | 'failed'
  | 'pam'
  | 'opened'
  | 'named'
  | 'evidence'
  | 'remark'
  | 'ended'
  | 'session-over'
  | 'refused';

/** One message, read. A class, so that the engine sees one shape in the hottest loop of the program. */
export class Fact {
  says: Says;
  /** Without the device: `keyboard-interactive`. For evidence: the method it speaks of. */
  method: string | null = null;
  user: string | null = null;
  invalid: boolean | null = null;
  /** A numeric address; IPv4 mapped into IPv6 is IPv4. */
  ip: string | null = null;
  port: number | null = null;
  /** The client's name, where the message has a name in place of an address. */
  name: string | null = null;
  reason: string | null = null;
  key: string | null = null;
  /** How many times it happened. */
  count = 1;
  /** True when the line ended in ` [preauth]`. */
  preauth = false;
  /** The connection's pid, where it is not the line's own. */
  pid = -1;
  /** True for the first line a connection can print, or one before any user is named: one that came further is another's. */
  first = false;
  /** True when the process that wrote it may be another than the connection's (a PAM helper). */
  helper = false;
  /** True for what only goes on with a connection that must be known: PAM's summary of its failures, an end that may be a session's. */
  more = false;
  /** True when the connection's last line follows. */
  soon = false;
  /** True when sshd ends the connection with it: nothing is told of it any more. */
  last = false;

  constructor(says: Says) {
    this.says = says;
  }
}

/** One message of sshd: how it is known, what it says. */
export interface Rule {
  /** Unique, stable: what `explain` and the docs call it. */
  readonly name: string;
  /** The message as OpenSSH formats it, in the words of this project's docs. */
  readonly message: string;
  /** The OpenSSH versions it stands in. */
  readonly versions: string;
  /** What it means for attempts, for people. */
  readonly meaning: string;
  /** A whole message of this kind. */
  readonly example: string;
  /** The literal characters that it begins with, four or more: lines are told apart by them before anything is decoded. */
  readonly begins: string;
  /** What a message of this kind still says where it was cut before the address, so that the pid alone tells whose it is. */
  readonly cut?: () => Fact;
  /** True when every message of this kind is the same, so that nothing needs to be decoded. */
  readonly fixed?: true;
  /**
   * Takes the message apart: without `error: `, without ` [preauth]`, which `preauth` tells of. `cut` is true when its end
   * may be missing. Null when it is not this message after all.
   * Absent for a message that says nothing about an attempt.
   */
  readonly read?: (text: string, preauth: boolean, cut: boolean) => Fact | null;
}

/** True for a message that stands for an event by itself, so that its repetition is another. */
export function decides(fact: Fact): boolean {
  return fact.says === 'failed' || fact.says === 'accepted' || fact.says === 'pam' || fact.says === 'refused';
}
