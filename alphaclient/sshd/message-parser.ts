/**
 * Parses sshd's messages by the table of messages: rows are found by the literal text with which a message begins, and only then is
 * its template compared.
 */

import { sentName } from './client-name.ts';
import { type Interpret, isFromPam, type MessageRow, ParsedMessage, type WhenTruncated } from './message-types.ts';
import { ACCOUNTS, DECISIONS, KEYS, PAM } from './messages/authentication.ts';
import { ENDS, NEGOTIATION, REFUSALS, SCANNERS, SESSION_ENDS } from './messages/connections.ts';
import { IGNORED, REPETITIONS } from './messages/ignored.ts';
import { Template } from './template.ts';

/** Every row, in the order of the docs. */
export const MESSAGE_ROWS: readonly MessageRow[] = [
  ...DECISIONS,
  ...ACCOUNTS,
  ...KEYS,
  ...ENDS,
  ...SESSION_ENDS,
  ...SCANNERS,
  ...NEGOTIATION,
  ...REFUSALS,
  ...PAM,
  ...REPETITIONS,
  ...IGNORED,
];

/** A row that is ready to be compared with messages. It repeats what a row may leave out, since the engine reads fields of one shape faster. */
class Entry {
  readonly row: MessageRow;
  readonly template: Template;
  readonly beginning: string;
  readonly interpret: Interpret | null;
  readonly whenTruncated: WhenTruncated;
  /** True where the beginning alone says that the message is to be ignored. */
  readonly isIgnored: boolean;
  /** The fields that all messages of the row have in common; of an ignored row, the message itself. */
  readonly like: ParsedMessage;

  constructor(row: MessageRow) {
    this.row = row;
    this.template = new Template(row.template, row.reasonPrefix);
    this.beginning = this.template.beginning;
    this.interpret = row.interpret ?? null;
    this.whenTruncated = row.whenTruncated ?? 'read';
    this.isIgnored = row.kind === 'ignored' && this.template.isPrefix;
    this.like = Object.assign(new ParsedMessage(row), row.fields);
    if (row.kind === 'ignored') Object.freeze(this.like);
  }
}

/**
 * A node of the tree over the beginnings of all rows. Each looks at the one character in which its rows differ first, so that a message
 * is compared with few rows, whatever their number.
 */
interface Node {
  /** The index of that character; -1 for a leaf. */
  readonly position: number;
  /** By the character's code, from this one on: the rows that have it there, and those that end before it. */
  readonly firstCode: number;
  readonly children: readonly (Node | null)[];
  /** The rows that end before it. The longer beginning comes first, since it is the more exact one: `Accepted key `, `Accepted `. */
  readonly entries: readonly Entry[];
}

function treeOf(entries: readonly Entry[], from: number): Node {
  const longest = entries.reduce((most, { beginning }) => Math.max(most, beginning.length), 0);
  for (let position = from; position < longest; position++) {
    const byCode = Map.groupBy(entries, ({ beginning }) => beginning.charCodeAt(position));
    // Those that end before this character may be any of the others' message, too.
    const ended = byCode.get(Number.NaN) ?? [];
    byCode.delete(Number.NaN);
    if (byCode.size < 2) continue;
    const firstCode = Math.min(...byCode.keys());
    const children: (Node | null)[] = new Array(Math.max(...byCode.keys()) - firstCode + 1).fill(null);
    for (const [code, those] of byCode) children[code - firstCode] = treeOf([...those, ...ended], position + 1);
    return { position, firstCode, children, entries: ended };
  }
  return { position: -1, firstCode: 0, children: [], entries };
}

const ENTRIES = MESSAGE_ROWS.map((row) => new Entry(row));
const TREE = treeOf(
  ENTRIES.toSorted((a, b) => b.beginning.length - a.beginning.length),
  0,
);
const FATAL_ERROR = ENTRIES.find(({ row }) => row.name === 'fatal-error') as Entry;

/** Returns the rows whose beginning may be that of `text`. */
function candidatesOf(text: string): readonly Entry[] {
  let node = TREE;
  while (node.position >= 0 && node.position < text.length) {
    const index = text.charCodeAt(node.position) - node.firstCode;
    const child = index >= 0 && index < node.children.length ? node.children[index] : null;
    if (child === undefined || child === null) break;
    node = child;
  }
  return node.entries;
}

const PREAUTH = ' [preauth]';
const ERROR = 'error: ';
const FATAL = 'fatal: ';
/** FreeBSD's sshd calls its functions by names of its own, and some messages begin with one. */
const FREEBSD = 'Fssh_';

/** sshd gives syslog no more of a message than this (`%.500s`): a long name, escaped twice, pushes the address out. */
const SYSLOG_LIMIT_BYTES = 500;
/** And `sshd -E` writes no more than this into its file; up to three bytes less, since vis(3) cuts no escape of four in two. */
const RAW_LIMIT_BYTES = 1_021;
const ESCAPE_BYTES = 4;

const BLANK = 32;
const BRACKET = 93;
/** A look at the first character is cheaper than one at a word. */
const SMALL_E = 101;
const SMALL_F = 102;
const CAPITAL_F = 70;

/**
 * Parses one message as it is logged, behind the header of its line: with its level, ` [preauth]` and trailing blanks. `isRaw` is true
 * where sshd wrote it to its standard error or to a file (`sshd -E`). Returns null for a message that no row knows. Ignored messages are
 * shared and frozen. Never throws, whatever the text is.
 */
export function parseMessage(logged: string, isRaw: boolean): ParsedMessage | null {
  let end = logged.length;
  // What syslogs and people leave behind a message; sshd's own words end in none that matters.
  while (end > 0 && logged.charCodeAt(end - 1) === BLANK) end--;
  const isFatal = logged.charCodeAt(0) === SMALL_F && logged.startsWith(FATAL);
  let from = isFatal || (logged.charCodeAt(0) === SMALL_E && logged.startsWith(ERROR)) ? FATAL.length : 0;
  if (logged.charCodeAt(from) === CAPITAL_F && logged.startsWith(FREEBSD, from)) from += FREEBSD.length;
  const isPreauth = logged.charCodeAt(end - 1) === BRACKET && logged.startsWith(PREAUTH, end - PREAUTH.length);
  const text = logged.slice(from, isPreauth ? end - PREAUTH.length : end);
  const isTruncated = isRaw ? logged.length > RAW_LIMIT_BYTES - ESCAPE_BYTES : logged.length === SYSLOG_LIMIT_BYTES;
  const message = find(text, isPreauth, isTruncated);
  return isFatal ? fatal(message, text, isPreauth) : message;
}

function find(text: string, isPreauth: boolean, isTruncated: boolean): ParsedMessage | null {
  const candidates = candidatesOf(text);
  let fallback: Entry | null = null;
  for (let i = 0; i < candidates.length; i++) {
    const entry = candidates[i] as Entry;
    if (entry.isIgnored) {
      if (entry.template.matches(text)) return entry.like;
      continue;
    }
    if (isTruncated && entry.whenTruncated === 'pid') {
      if (text.startsWith(entry.beginning)) return withoutText(entry, text, isPreauth);
      continue;
    }
    const message = read(entry, text, isPreauth, isTruncated);
    if (message !== null) return message;
    if (isTruncated && entry.whenTruncated === 'read or pid' && text.startsWith(entry.beginning)) fallback ??= entry;
  }
  return fallback === null ? null : withoutText(fallback, text, isPreauth);
}

function read(entry: Entry, text: string, isPreauth: boolean, isTruncated: boolean): ParsedMessage | null {
  const message = messageOf(entry, isPreauth);
  if (!entry.template.read(text, message, isTruncated)) return null;
  const { interpret } = entry;
  if (interpret !== null && !interpret(message, text, isTruncated)) return null;
  // The unprivileged process escapes what it logs, and up to 10.2 the monitor, which writes it, did so again.
  if (message.user !== null && !isFromPam(message)) message.user = sentName(message.user, isPreauth ? 2 : 1);
  return message;
}

/** Reads only the row of a truncated message: its pid shows whose it is. */
function withoutText(entry: Entry, text: string, isPreauth: boolean): ParsedMessage {
  const message = messageOf(entry, isPreauth);
  const { row } = entry;
  if (row.kind === 'ended') message.reason ??= row.name;
  entry.interpret?.(message, text, true);
  return message;
}

function messageOf({ row, like }: Entry, isPreauth: boolean): ParsedMessage {
  const message = new ParsedMessage(row, like);
  if (isPreauth) message.beforeLogin = true;
  return message;
}

/** Only an address has this in a fatal error. */
const ADDRESS = /\d\.\d{1,3}\.\d|[\da-f]:[\da-f]{0,4}:/i;

/**
 * A fatal error ends the process that writes it, whatever else it says: without [preauth] not always one of a connection, which must
 * be known then. One that names an address may have more to say than any row knows: it stays unknown.
 */
function fatal(message: ParsedMessage | null, text: string, isPreauth: boolean): ParsedMessage | null {
  const kind = message?.kind ?? 'ignored';
  if (kind !== 'ignored' && kind !== 'opened' && kind !== 'pending') return message;
  if (!isPreauth && ADDRESS.test(text)) return message;
  const error = new ParsedMessage(FATAL_ERROR.row);
  error.beforeLogin = isPreauth;
  error.reason = text;
  return error;
}
