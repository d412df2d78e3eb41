/**
 * Compiles the templates in which the table of messages is written:
 *
 *     Failed {method} for [invalid user ]{user} from {peer}[ {protocol}][: {detail}]
 *
 * What stands in brackets may be missing (`[[` and `]]` are brackets of the message), what stands in braces is a hole with a type,
 * and the rest is literal. A template becomes its literal beginning, by which it is looked up, and one regular expression.
 *
 * A user name is the client's text: any bytes but NUL and `:`, since sshd cuts names at a colon. It reaches as far as it can before
 * that colon, up to what sshd itself wrote behind it, so that no word in a name is taken for sshd's. Every expression runs in linear
 * time: words and numbers are bounded, and at most one hole is found by going back from where the client's text may end.
 */

import { addressOf, UNKNOWN } from './address.ts';
import type { ParsedMessage } from './message-types.ts';

/** Takes what a hole found into the message; `group` is the first of its groups. Returns false where the hole's text is none. */
type Fill = (message: ParsedMessage, match: RegExpExecArray, group: number) => boolean;

interface Hole {
  readonly pattern: string;
  readonly groups: number;
  readonly fill: Fill | null;
  /** The group that is there wherever the hole is, counted from its first one: 0 where absent. */
  readonly main?: number;
}

/** What can stand where sshd prints a host: an address or a name, printable ASCII without blanks, quotes and parentheses. */
const HOST = '[#-&*-~]{1,255}';
const PEER = `(${HOST})(?: port (\\d{1,5}))?`;
/** The number behind `port` is no host, although a name may end in that word. The first group of an IPv6 address is none of these. */
const NO_PORT = '(?!(?<= port )\\d{1,5}(?:$|:?(?: |$)))';
const PORT_LIMIT = 65_535;

function fillHost(message: ParsedMessage, match: RegExpExecArray, group: number): boolean {
  const host = match[group] as string;
  message.ip = addressOf(host);
  if (message.ip === null) message.hostName = host;
  return true;
}

function fillPeer(message: ParsedMessage, match: RegExpExecArray, group: number): boolean {
  fillHost(message, match, group);
  const port = match[group + 1];
  if (port === undefined) return true;
  message.port = Number(port);
  return message.port <= PORT_LIMIT;
}

/** Refuses a name alone. */
function fillPeerBeforeText(message: ParsedMessage, match: RegExpExecArray, group: number): boolean {
  return (
    fillPeer(message, match, group) && (message.ip !== null || message.port !== null || message.hostName === UNKNOWN)
  );
}

/** A client that had logged in is `user USER` without a word before it: what ends then is a session. */
function fillUserOfClient(message: ParsedMessage, match: RegExpExecArray, group: number): void {
  const role = match[group];
  if (role === undefined) return;
  message.user = match[group + 1] ?? '';
  message.invalidUser = role === 'invalid user';
  if (role === 'user' && message.kind === 'ended') message.kind = 'session-ended';
}

function fillClient(message: ParsedMessage, match: RegExpExecArray, group: number): boolean {
  fillUserOfClient(message, match, group);
  return fillPeer(message, match, group + 2);
}

function fillClientBeforeText(message: ParsedMessage, match: RegExpExecArray, group: number): boolean {
  fillUserOfClient(message, match, group);
  return fillPeerBeforeText(message, match, group + 2);
}

/** The name behind an optional `invalid user ` (`illegal user ` up to 4.x and from PAM). */
function fillAccount(message: ParsedMessage, match: RegExpExecArray, group: number): boolean {
  const text = match[group] ?? '';
  const isInvalid = text.startsWith('invalid user ') || text.startsWith('illegal user ');
  message.user = isInvalid ? text.slice('invalid user '.length) : text;
  message.invalidUser = isInvalid;
  // Solaris writes this for a name that is no account's.
  if (text === '<invalid username>') message.invalidUser = true;
  // A tool between sshd and the log has folded the two blanks around an empty name.
  if (text === 'invalid user') {
    message.user = '';
    message.invalidUser = true;
  }
  return true;
}

function fillDetail(message: ParsedMessage, match: RegExpExecArray, group: number): boolean {
  const detail = (match[group] ?? '').trim();
  if (detail === '') return true;
  if (message.method === 'publickey' || message.method === 'hostbased') message.key = detail;
  else message.reason = detail;
  return true;
}

function reasonBehind(prefix: string): Fill {
  return (message, match, group) => {
    message.reason = prefix + (match[group] ?? '');
    return true;
  };
}

const NAME = '([^:]*)';
const TEXT = '([^]*)';

/** Every type of hole. */
const HOLES: Readonly<Record<string, Hole>> = {
  /** sshd takes methods from a fixed list. The device behind a slash is left out. */
  method: {
    pattern: '([\\w.-]{1,64})(?:/[\\w./-]{1,64})?',
    groups: 1,
    fill: (message, match, group) => {
      message.method = match[group] as string;
      return true;
    },
  },
  user: {
    pattern: NAME,
    groups: 1,
    fill: (message, match, group) => {
      message.user = match[group] ?? '';
      return true;
    },
  },
  /** `[invalid user ]{user}`. */
  account: { pattern: NAME, groups: 1, fill: fillAccount },
  /** `ADDR[ port PORT]`. */
  peer: { pattern: PEER, groups: 2, fill: fillPeer },
  /** `[authenticating user USER |invalid user USER |user USER ]ADDR[ port PORT]`, since 7.5. */
  client: {
    pattern: `(?:(invalid user|authenticating user|user)(?: ${NAME})? )?${NO_PORT}${PEER}`,
    groups: 4,
    main: 2,
    fill: fillClient,
  },
  /** An address, or a name in its place. */
  host: {
    pattern: `(${HOST})`,
    groups: 1,
    fill: fillHost,
  },
  /** An address in figures: a name makes it another message. */
  address: {
    pattern: `(${HOST})`,
    groups: 1,
    fill: (message, match, group) => {
      message.ip = addressOf(match[group] as string);
      return message.ip !== null;
    },
  },
  port: {
    pattern: '(\\d{1,5})',
    groups: 1,
    fill: (message, match, group) => {
      message.port = Number(match[group]);
      return message.port <= PORT_LIMIT;
    },
  },
  /** `ssh2`; `ssh1` up to 7.3. */
  protocol: { pattern: '(ssh\\d?)', groups: 1, fill: null },
  /** The key of an attempt by key, of others why it failed. */
  detail: { pattern: TEXT, groups: 1, fill: fillDetail },
  /** Up to the first of what follows it in the template: these are words of sshd or PAM. */
  reason: { pattern: TEXT, groups: 1, fill: reasonBehind('') },
  count: {
    pattern: '(\\d{1,9})',
    groups: 1,
    fill: (message, match, group) => {
      message.count = Number(match[group]);
      return true;
    },
  },
  pid: {
    pattern: '(\\d{1,9})',
    groups: 1,
    fill: (message, match, group) => {
      message.pid = Number(match[group]);
      return true;
    },
  },
  /** What says nothing about an attempt: digits, a word, any text, and whatever is left of the message. */
  number: { pattern: '\\d{1,20}', groups: 0, fill: null },
  word: { pattern: '[^ ]{1,1024}', groups: 0, fill: null },
  text: { pattern: '[^]*', groups: 0, fill: null },
  rest: { pattern: '[^]*', groups: 0, fill: null },
};

/** The holes that differ before a colon, where any word could be taken for a peer that is a name alone. */
const BEFORE_TEXT: Readonly<Record<string, Hole>> = {
  peer: { ...(HOLES['peer'] as Hole), fill: fillPeerBeforeText },
  client: { ...(HOLES['client'] as Hole), fill: fillClientBeforeText },
};

/** A piece of a template: literal text, a hole, or a part that may be missing. */
type Piece = { readonly literal: string } | { readonly hole: string } | { readonly optional: readonly Piece[] };

const PIECE = /\[\[|\]\]|\[|\]|\{[a-z]+\}|[^[\]{}]+/g;
const INVALID_USER = /^(?:invalid|illegal) user $/;

/** Takes a template apart. Throws where brackets or braces do not fit together. */
function piecesOf(template: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let into = pieces;
  let read = 0;
  for (const [token] of template.matchAll(PIECE)) {
    read += token.length;
    if (token === '[' && into === pieces) into = [];
    else if (token === ']' && into !== pieces) {
      pieces.push({ optional: into });
      into = pieces;
    } else if (token === '[' || token === ']') throw new Error(`brackets do not fit: ${template}`);
    else if (token.startsWith('{')) into.push({ hole: token.slice(1, -1) });
    else {
      const literal = token === '[[' || token === ']]' ? token.slice(1) : token;
      const last = into.at(-1);
      if (last !== undefined && 'literal' in last) into.splice(-1, 1, { literal: last.literal + literal });
      else into.push({ literal });
    }
  }
  if (into !== pieces || read !== template.length) throw new Error(`brackets do not fit: ${template}`);
  return joined(pieces);
}

/** `[invalid user ]{user}` is one hole: an account. */
function joined(pieces: readonly Piece[]): readonly Piece[] {
  return pieces.flatMap((piece, i): Piece[] => {
    if (isInvalidUser(piece)) return [];
    const before = pieces[i - 1];
    return 'hole' in piece && piece.hole === 'user' && before !== undefined && isInvalidUser(before)
      ? [{ hole: 'account' }]
      : [piece];
  });
}

function isInvalidUser(piece: Piece): boolean {
  if (!('optional' in piece) || piece.optional.length !== 1) return false;
  const [only] = piece.optional;
  return only !== undefined && 'literal' in only && INVALID_USER.test(only.literal);
}

function escaped(literal: string): string {
  return literal.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** True for a hole that can be empty at the end of a message. `{rest}` is none: what stands before it must be there as it is. */
function canBeEmpty(piece: Piece | undefined): boolean {
  if (piece === undefined || !('hole' in piece)) return false;
  const pattern = HOLES[piece.hole]?.pattern;
  return pattern === NAME || pattern === TEXT;
}

/** Holes that end where what follows them stands last: two of them in one template would take quadratic time. */
const BACKTRACKING: ReadonlySet<string> = new Set(['user', 'account', 'client', 'text']);

/** A hole of one template; `isOptional` where it stands in a part that may be missing. */
interface PlacedHole extends Hole {
  readonly main: number;
  readonly isOptional: boolean;
}

/** Writes the expression of a template, and collects its holes in the order of their groups. */
class Expression {
  readonly holes: PlacedHole[] = [];
  /** The group of `{protocol}`, 0 where there is none. */
  protocolGroup = 0;
  /** How many holes are found by going back from the end of the message. */
  backtracking = 0;
  #groups = 0;
  readonly #reason: Hole;

  constructor(reasonPrefix: string) {
    this.#reason = { pattern: TEXT, groups: 1, fill: reasonBehind(reasonPrefix) };
  }

  /** Returns the expression of these pieces; `isLast` where nothing of the template follows them. */
  of(pieces: readonly Piece[], isLast: boolean, isOptional = false): string {
    let text = '';
    let blankIsTaken = false;
    for (const [i, piece] of pieces.entries()) {
      const next = pieces[i + 1];
      if ('optional' in piece) text += `(?:${this.of(piece.optional, isLast && next === undefined, true)})?`;
      else if ('literal' in piece) {
        const literal = blankIsTaken ? piece.literal.slice(1) : piece.literal;
        // Syslogs take blanks off the end of a message: before the last hole one may be missing where nothing follows.
        const isCut = isLast && i === pieces.length - 2 && literal.endsWith(' ') && canBeEmpty(next);
        text += isCut ? `${escaped(literal.slice(0, -1))}(?: |$)` : escaped(literal);
        blankIsTaken = false;
      } else {
        const before = next !== undefined && 'literal' in next ? next.literal : '';
        const hole = this.#hole(piece.hole, before, isOptional);
        // An empty name leaves two blanks, which a tool between sshd and the log may have made one.
        blankIsTaken = hole.pattern === NAME && before.startsWith(' ');
        if (blankIsTaken) text += `(?:${NAME} )?`;
        else if (hole.pattern === TEXT && before !== '') text += `((?:(?!${escaped(before)})[^])*)`;
        else text += hole.pattern;
      }
    }
    return text;
  }

  #hole(name: string, before: string, isOptional: boolean): Hole {
    const hole =
      name === 'reason' ? this.#reason : ((before.startsWith(':') ? BEFORE_TEXT[name] : undefined) ?? HOLES[name]);
    if (hole === undefined) throw new Error(`no hole is called {${name}}`);
    if (BACKTRACKING.has(name)) this.backtracking++;
    if (name === 'protocol') this.protocolGroup = this.#groups + 1;
    this.#groups += hole.groups;
    if (hole.groups > 0) this.holes.push({ ...hole, main: hole.main ?? 0, isOptional });
    return hole;
  }
}

/** One template, ready to be compared with messages. */
export class Template {
  /** The literal text with which each of its messages begins. */
  readonly beginning: string;
  /** True where that and `{rest}` is all of it. */
  readonly isPrefix: boolean;
  readonly #expression: RegExp;
  readonly #holes: readonly PlacedHole[];
  readonly #protocolGroup: number;

  /** `reasonPrefix` is put before what `{reason}` finds. Throws where the template is none. */
  constructor(text: string, reasonPrefix = '') {
    const all = piecesOf(text);
    const last = all.at(-1);
    const isOpen = last !== undefined && 'hole' in last && last.hole === 'rest';
    const pieces = isOpen ? all.slice(0, -1) : all;
    const [first, second] = pieces;
    const literal = first !== undefined && 'literal' in first ? first.literal : '';
    const expression = new Expression(reasonPrefix);
    const source = expression.of(pieces, !isOpen);
    if (expression.backtracking > 1) throw new Error(`more than one hole for the client's text: ${text}`);
    this.beginning = pieces.length === 2 && !isOpen && canBeEmpty(second) ? literal.trimEnd() : literal;
    this.isPrefix = isOpen && literal !== '' && pieces.length === 1;
    this.#expression = new RegExp(`^${source}${isOpen ? '' : '$'}`);
    this.#holes = expression.holes;
    this.#protocolGroup = expression.protocolGroup;
  }

  /** Returns true for a message of this template. Cheaper than `read`. */
  matches(text: string): boolean {
    return this.#expression.test(text);
  }

  /**
   * Takes the holes of `text` into `message`. Where its end may be missing and nothing stands behind the peer, the last number may be
   * half of one and is left out. Returns false where it is no message of this template: what `message` holds then is not to be used.
   */
  read(text: string, message: ParsedMessage, isTruncated: boolean): boolean {
    const holes = this.#holes;
    if (holes.length === 0) return this.#expression.test(text);
    const match = this.#expression.exec(text);
    if (match === null) return false;
    let group = 1;
    for (let i = 0; i < holes.length; i++) {
      const hole = holes[i] as PlacedHole;
      const isMissing = hole.isOptional && match[group + hole.main] === undefined;
      if (!isMissing && hole.fill !== null && !hole.fill(message, match, group)) return false;
      group += hole.groups;
    }
    if (isTruncated && this.#protocolGroup > 0 && match[this.#protocolGroup] === undefined) withoutHalfPeer(message);
    return true;
  }
}

function withoutHalfPeer(message: ParsedMessage): void {
  if (message.port === null) {
    message.ip = null;
    message.hostName = null;
  }
  message.port = null;
}
