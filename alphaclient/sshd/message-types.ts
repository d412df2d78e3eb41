/** What one message of sshd says about one connection. */

/**
 * What a message says:
 * - `accepted`, `failed`: sshd's decision about one attempt.
 * - `pam-failed`: sshd's line `PAM: ...` about a failed keyboard-interactive attempt; its `Failed` line may follow.
 * - `opened`: the first line of a connection.
 * - `pending`: the authentication goes on and nothing is decided (`Postponed`, `Partial`, `Failed none`).
 * - `invalid-user`: the account that the client asked for does not exist. sshd writes it once for a connection.
 * - `account`: names the account again, or why it is refused.
 * - `evidence`: an attempt failed, though the line of its decision may never come.
 * - `pam-failure`, `pam-unknown-user`, `pam-failure-summary`: evidence written by PAM's modules, perhaps under the pid of a helper.
 * - `end-reason`: why the connection is about to end; its last line follows.
 * - `ended`: the connection is over. Without ` [preauth]` it may have been a session.
 * - `session-opened`, `session-closed`: PAM opened or closed the session of a login.
 * - `session-ended`: the connection of a session is over.
 * - `dropped`: connections refused at accept, whole in one line (`count` of them).
 */
export type Kind =
  | 'accepted'
  | 'failed'
  | 'pam-failed'
  | 'opened'
  | 'pending'
  | 'invalid-user'
  | 'account'
  | 'evidence'
  | 'pam-failure'
  | 'pam-unknown-user'
  | 'pam-failure-summary'
  | 'end-reason'
  | 'ended'
  | 'session-opened'
  | 'session-closed'
  | 'session-ended'
  | 'dropped';

/** One message, parsed. A class, so that the engine sees one shape where millions are made. Texts are Latin-1, as in the log. */
export class ParsedMessage {
  kind: Kind;
  /** Without the device: `keyboard-interactive`. Of evidence, the method that it speaks of. */
  method: string | null = null;
  user: string | null = null;
  invalidUser: boolean | null = null;
  /** A numeric address; IPv4 mapped into IPv6 is IPv4. */
  ip: string | null = null;
  /** The client's name, where the message has a name in place of an address. */
  hostName: string | null = null;
  port: number | null = null;
  reason: string | null = null;
  key: string | null = null;
  /** How many times it happened. */
  count = 1;
  /** The pid of the connection's process, where the line has it in its text; else -1. */
  pid = -1;
  /** True when the connection had not logged in: the line ends in ` [preauth]`, or its words are of no session. */
  beforeLogin = false;
  /** True for the end of a connection that had not named a user. */
  beforeUser = false;
  /** True when the message opens no connection: it goes on with one that is known, or is nobody's (it may be a session's). */
  needsKnownConnection = false;
  /** True when the connection's last line follows. */
  endFollows = false;
  /** True when sshd ends the connection with this message: no line about it follows. */
  endsConnection = false;

  constructor(kind: Kind) {
    this.kind = kind;
  }
}

/** Returns true for a message that stands for an event by itself, so that its repetition is another. */
export function isDecision({ kind }: ParsedMessage): boolean {
  return kind === 'failed' || kind === 'accepted' || kind === 'pam-failed' || kind === 'dropped';
}

/** Returns true for evidence that PAM's modules write: its pid may be that of a helper process. */
export function isFromPamModule({ kind }: ParsedMessage): boolean {
  return kind === 'pam-failure' || kind === 'pam-unknown-user' || kind === 'pam-failure-summary';
}

/** Returns true for a message about a session after its login. */
export function isOfSession({ kind }: ParsedMessage): boolean {
  return kind === 'session-opened' || kind === 'session-closed' || kind === 'session-ended';
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
  readonly cut?: () => ParsedMessage;
  /** True when every message of this kind is the same, so that nothing needs to be decoded. */
  readonly fixed?: true;
  /**
   * Takes the message apart: without `error: `, without ` [preauth]`, which `preauth` tells of. `cut` is true when its end
   * may be missing. Null when it is not this message after all.
   * Absent for a message that says nothing about an attempt.
   */
  readonly read?: (text: string, preauth: boolean, cut: boolean) => ParsedMessage | null;
}
