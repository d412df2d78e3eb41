/**
 * Parses sshd's messages by the table of messages: rows are found by the literal text with which a message begins, and only then is
 * its template compared.
 */

import { sentName } from './client-name.ts';
import { type LogText, logText, type Words, words } from './log-text.ts';
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
  readonly beginning: Words;
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
 * The tree over the beginnings of all rows. A node looks at the one character in which its rows differ first, so that a message is compared
 * with few rows, whatever their number. A node is a row of numbers: the index of that character, or -1 for a leaf; the number of the list of
 * rows that may end before it; the first code; how many codes there are; for each of them the child, or 0 for none. The root stands at 0.
 */
class Tree {
  readonly nodes: number[] = [];
  /** The longer beginning comes first, since it is the more exact one: `Accepted key `, `Accepted `. */
  readonly lists: (readonly Entry[])[] = [];

  constructor(entries: readonly Entry[]) {
    this.#add(
      entries.toSorted((a, b) => b.beginning.length - a.beginning.length),
      0,
    );
  }

  #add(entries: readonly Entry[], from: number): number {
    const longest = entries.reduce((most, { beginning }) => Math.max(most, beginning.length), 0);
    for (let position = from; position < longest; position++) {
      const byCode = Map.groupBy(entries, ({ beginning }) => beginning.text.charCodeAt(position));
      // Those that end before this character may be any of the others' message, too.
      const ended = byCode.get(Number.NaN) ?? [];
      byCode.delete(Number.NaN);
      if (byCode.size < 2) continue;
      const firstCode = Math.min(...byCode.keys());
      const codes = Math.max(...byCode.keys()) - firstCode + 1;
      const node = this.#node(position, ended, firstCode, codes);
      for (const [code, those] of byCode)
        this.nodes[node + NODE_HEAD + code - firstCode] = this.#add([...those, ...ended], position + 1);
      return node;
    }
    return this.#node(-1, entries, 0, 0);
  }

  #node(position: number, entries: readonly Entry[], firstCode: number, codes: number): number {
    const list = this.lists.push(entries) - 1;
    const head = [position, list, firstCode, codes];
    return this.nodes.push(...head, ...new Array<number>(codes).fill(0)) - codes - NODE_HEAD;
  }
}

const NODE_HEAD = 4;
const ENTRIES = MESSAGE_ROWS.map((row) => new Entry(row));
const { nodes, lists: LISTS } = ((): Tree => new Tree(ENTRIES))();
const NODES = Int32Array.from(nodes);
const FATAL_ERROR = ENTRIES.find(({ row }) => row.name === 'fatal-error') as Entry;

/** Returns the rows whose beginning may stand at `from`. */
function candidatesOf({ bytes }: LogText, from: number, end: number): readonly Entry[] {
  let node = 0;
  for (;;) {
    const position = NODES[node] as number;
    if (position < 0 || from + position >= end) break;
    const code = (bytes[from + position] as number) - (NODES[node + 2] as number);
    if (code < 0 || code >= (NODES[node + 3] as number)) break;
    const child = NODES[node + NODE_HEAD + code] as number;
    if (child === 0) break;
    node = child;
  }
  return LISTS[NODES[node + 1] as number] as readonly Entry[];
}

const PREAUTH = words(' [preauth]');
const ERROR = words('error: ');
const FATAL = words('fatal: ');
/** FreeBSD's sshd calls its functions by names of its own, and some messages begin with one. */
const FREEBSD = words('Fssh_');

/** sshd gives syslog no more of a message than this (`%.500s`): a long name, escaped twice, pushes the address out. */
const SYSLOG_LIMIT_BYTES = 500;
/** And `sshd -E` writes no more than this into its file; up to three bytes less, since vis(3) cuts no escape of four in two. */
const RAW_LIMIT_BYTES = 1_021;
const ESCAPE_BYTES = 4;

const BLANK = 32;
const BRACKET = 93;
/** A look at the first byte is cheaper than one at a word. */
const SMALL_E = 101;
const SMALL_F = 102;
const CAPITAL_F = 70;

/**
 * Parses one message as it is logged, which stands from `begin` to `logEnd` of a log, behind the header of its line: with its level,
 * ` [preauth]` and trailing blanks. `isRaw` is true where sshd wrote it to its standard error or to a file (`sshd -E`). Returns null for a
 * message that no row knows. Ignored messages are shared and frozen. Never throws, whatever the text is.
 */
export function parseMessageIn(log: LogText, begin: number, logEnd: number, isRaw: boolean): ParsedMessage | null {
  const { bytes } = log;
  let end = logEnd;
  // What syslogs and people leave behind a message; sshd's own words end in none that matters.
  while (end > begin && bytes[end - 1] === BLANK) end--;
  const isFatal = bytes[begin] === SMALL_F && FATAL.areAt(log, begin, logEnd);
  const isError = bytes[begin] === SMALL_E && ERROR.areAt(log, begin, logEnd);
  let from = isFatal || isError ? begin + FATAL.length : begin;
  if (bytes[from] === CAPITAL_F && FREEBSD.areAt(log, from, logEnd)) from += FREEBSD.length;
  const preauth = end - PREAUTH.length;
  const isPreauth = preauth >= begin && bytes[end - 1] === BRACKET && PREAUTH.areAt(log, preauth, end);
  end = Math.max(isPreauth ? preauth : end, from);
  const length = logEnd - begin;
  const isTruncated = isRaw ? length > RAW_LIMIT_BYTES - ESCAPE_BYTES : length === SYSLOG_LIMIT_BYTES;
  const message = find(log, from, end, isPreauth, isTruncated);
  return isFatal ? fatal(message, log.slice(from, end), isPreauth) : message;
}

/** Does the same with a message that is all of a text of Latin-1. */
export function parseMessage(logged: string, isRaw: boolean): ParsedMessage | null {
  return parseMessageIn(logText(logged), 0, logged.length, isRaw);
}

function find(log: LogText, from: number, end: number, isPreauth: boolean, isTruncated: boolean): ParsedMessage | null {
  const candidates = candidatesOf(log, from, end);
  let fallback: Entry | null = null;
  for (let i = 0; i < candidates.length; i++) {
    const entry = candidates[i] as Entry;
    const { beginning, whenTruncated } = entry;
    if (entry.isIgnored) {
      if (beginning.areAt(log, from, end)) return entry.like;
      continue;
    }
    if (isTruncated && whenTruncated === 'pid') {
      if (beginning.areAt(log, from, end)) return withoutText(entry, log, from, end, isPreauth);
      continue;
    }
    const message = read(entry, log, from, end, isPreauth, isTruncated);
    if (message !== null) return message;
    if (isTruncated && whenTruncated === 'read or pid' && beginning.areAt(log, from, end)) fallback ??= entry;
  }
  return fallback === null ? null : withoutText(fallback, log, from, end, isPreauth);
}

function read(
  entry: Entry,
  log: LogText,
  from: number,
  end: number,
  isPreauth: boolean,
  isTruncated: boolean,
): ParsedMessage | null {
  const message = messageOf(entry, isPreauth);
  if (!entry.template.read(log, message, isTruncated, from, end)) return null;
  const { interpret } = entry;
  if (interpret !== null && !interpret(message, log, from, end, isTruncated)) return null;
  // The unprivileged process escapes what it logs, and up to 10.2 the monitor, which writes it, did so again.
  if (message.user !== null && !isFromPam(message)) message.user = sentName(message.user, isPreauth ? 2 : 1);
  return message;
}

/** Reads only the row of a truncated message: its pid shows whose it is. */
function withoutText(entry: Entry, log: LogText, from: number, end: number, isPreauth: boolean): ParsedMessage {
  const message = messageOf(entry, isPreauth);
  const { row } = entry;
  if (row.kind === 'ended') message.reason ??= row.name;
  entry.interpret?.(message, log, from, end, true);
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
