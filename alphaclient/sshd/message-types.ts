/** A parsed message of sshd, and the rows of the table of messages. */

import type { EndCause } from '../../protocol/session.ts';
import type { LogText } from './log-text.ts';

/**
 * What a message says:
 * - `accepted`, `failed`: sshd's decision about one attempt.
 * - `pam-failed`: sshd's line `PAM: ...` about a failed keyboard-interactive attempt; its `Failed` line may follow.
 * - `opened`: the first line of a connection.
 * - `pending`: the authentication goes on and nothing is decided (`Postponed`, `Partial`, `Failed none`).
 * - `invalid-user`: the account that the client asked for does not exist. sshd writes it once for a connection.
 * - `account`: names the account again, or why it is refused.
 * - `evidence`: an attempt failed, though the line of its decision may never come.
 * - `attempts-exceeded`: evidence, too: sshd's limit of attempts is reached, also where none was logged.
 * - `pam-failure`, `pam-unknown-user`, `pam-failure-summary`: evidence written by PAM's modules, perhaps under the pid of a helper.
 * - `pam-success`: one of PAM's modules took what the client sent: what others wrote under its pid was no failed attempt.
 * - `end-reason`: why the connection is about to end; its last line follows.
 * - `ended`: the connection is over. Without ` [preauth]` it may have been a session.
 * - `session-opened`, `session-closed`: PAM opened or closed the session of a login.
 * - `session-ended`: the connection of a session is over.
 * - `dropped`: connections refused at accept, whole in one line (`count` of them).
 * - `repeated`: the message before this one came again, `count` times.
 * - `ignored`: says nothing about an attempt.
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
  | 'attempts-exceeded'
  | 'pam-failure'
  | 'pam-unknown-user'
  | 'pam-failure-summary'
  | 'pam-success'
  | 'end-reason'
  | 'ended'
  | 'session-opened'
  | 'session-closed'
  | 'session-ended'
  | 'dropped'
  | 'repeated'
  | 'ignored';

/** One row of the table: a message as OpenSSH formats it, and what it says. */
export interface MessageRow {
  /** Unique and stable: what `explain` and the docs call it. */
  readonly name: string;
  readonly kind: Kind;
  /** The OpenSSH versions that write it. */
  readonly versions: string;
  /** See template.ts. Without `error: `, `fatal: ` and ` [preauth]`, which the parser takes off every message. */
  readonly template: string;
  /** Explains to people what it means for attempts. */
  readonly meaning: string;
  /** A whole message of this row. */
  readonly example: string;
  /** Fields that every message of this row has. */
  readonly fields?: MessageFields;
  /** The end of the session of which this is a last line; absent where it does not say. */
  readonly endsSession?: EndCause;
  /** The words of the message that come before `{reason}` and are of the reason, too. */
  readonly reasonPrefix?: string;
  readonly whenTruncated?: WhenTruncated;
  /** Changes the message where a template cannot say it; returns false where it is none of this row. */
  readonly interpret?: Interpret;
}

/** Fields that a row can set for all its messages. */
export type MessageFields = Partial<
  Pick<
    ParsedMessage,
    | 'method'
    | 'user'
    | 'invalidUser'
    | 'reason'
    | 'beforeLogin'
    | 'beforeUser'
    | 'needsKnownConnection'
    | 'endFollows'
    | 'endsConnection'
  >
>;

/**
 * What becomes of a message whose end may be missing:
 * - `read`, unless the row has another: it is read like others, and unknown where that fails.
 * - `pid`: it is not read, since the client's text may stand where sshd's should; the pid alone says whose it is.
 * - `read or pid`: it is read like others; where that fails, the pid alone says whose it is.
 */
export type WhenTruncated = 'read' | 'pid' | 'read or pid';

/**
 * The text stands from `from` to `end` of a log. `message` has only the fields of the row where it was not read because it is
 * truncated.
 */
export type Interpret = (
  message: ParsedMessage,
  log: LogText,
  from: number,
  end: number,
  isTruncated: boolean,
) => boolean;

/** One message, parsed. A class, so that the engine sees one shape where millions are made. Texts are Latin-1, as in the log. */
export class ParsedMessage {
  /** The row of the table that knows it. */
  readonly row: MessageRow;
  kind: Kind;
  /** The method without the device: `keyboard-interactive`. The method of evidence is the one that it speaks of. */
  method: string | null = null;
  user: string | null = null;
  invalidUser: boolean | null = null;
  /** A numeric address; IPv4 mapped into IPv6 is IPv4. Alone among the texts it shares no memory with the log. */
  ip: string | null = null;
  /** The client's name, where the message has a name in place of an address. */
  hostName: string | null = null;
  port: number | null = null;
  reason: string | null = null;
  key: string | null = null;
  /** Counts how often it happened. */
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

  /** `like`: the message that has what is true of all messages of the row. */
  constructor(row: MessageRow, like: ParsedMessage | null = null) {
    this.row = row;
    if (like === null) {
      this.kind = row.kind;
      return;
    }
    this.kind = like.kind;
    this.method = like.method;
    this.user = like.user;
    this.invalidUser = like.invalidUser;
    this.reason = like.reason;
    this.beforeLogin = like.beforeLogin;
    this.beforeUser = like.beforeUser;
    this.needsKnownConnection = like.needsKnownConnection;
    this.endFollows = like.endFollows;
    this.endsConnection = like.endsConnection;
  }

  /** Sets what stands behind a decision: the key of an attempt by key, of others why it failed. The method is known by then. */
  setDetail(text: string): void {
    const detail = text.trim();
    if (detail === '') return;
    if (this.method === 'publickey' || this.method === 'hostbased') this.key = detail;
    else this.reason = detail;
  }

  /** Makes the end of a connection the end of a session: the client had logged in. */
  asSession(): void {
    if (this.kind === 'ended') this.kind = 'session-ended';
  }
}

/** A connection writes these once; its password may fail twice in a second. */
export const WRITTEN_ONCE: ReadonlySet<Kind> = new Set([
  'accepted',
  'opened',
  'invalid-user',
  'ended',
  'session-opened',
  'session-closed',
  'session-ended',
]);

/** Returns true for a message that stands for an event by itself, so that its repetition is another. */
export function isDecision({ kind }: ParsedMessage): boolean {
  return kind === 'failed' || kind === 'accepted' || kind === 'pam-failed' || kind === 'dropped';
}

/** Returns true for a message from which a failed attempt follows, whose own line may never come. */
export function isEvidence(message: ParsedMessage): boolean {
  const { kind } = message;
  return kind === 'evidence' || kind === 'attempts-exceeded' || isFromPamModule(message);
}

/** Returns true for evidence that PAM's modules write: its pid may be that of a helper process. */
export function isFromPamModule({ kind }: ParsedMessage): boolean {
  return kind === 'pam-failure' || kind === 'pam-unknown-user' || kind === 'pam-failure-summary';
}

/** Returns true for a message that PAM's modules write, which do not escape a name as sshd does. */
export function isFromPam(message: ParsedMessage): boolean {
  const { kind } = message;
  return isFromPamModule(message) || kind === 'pam-success' || kind === 'session-opened' || kind === 'session-closed';
}

/** Returns true for a message about a session after its login. */
export function isOfSession({ kind }: ParsedMessage): boolean {
  return kind === 'session-opened' || kind === 'session-closed' || kind === 'session-ended';
}
