/**
 * Compiles the templates in which the table of messages is written:
 *
 *     Failed {method} for [invalid user ]{user} from {peer}[ {protocol}][: {detail}]
 *
 * What stands in brackets may be missing (`[[` and `]]` are brackets of the message), what stands in braces is a hole with a type,
 * and the rest is literal. A template becomes its literal beginning, by which it is looked up, one regular expression, and where its shape
 * is one of those that ordinary-form.ts knows, an ordinary form, which is tried first.
 *
 * A user name is the client's text: any bytes but NUL and `:`, since sshd cuts names at a colon. It ends where what sshd wrote behind it
 * reaches to the end of the message or to that colon, so that no word in a name is taken for sshd's. Every expression runs in linear
 * time: the end of one hole at most is searched for, and each place is tried by a look at the few words behind it.
 */

import { addressOf, portNumber, UNKNOWN } from './address.ts';
import { type LogText, type Words, words } from './log-text.ts';
import type { ParsedMessage } from './message-types.ts';
import { type OrdinaryForm, ordinaryFormOf } from './ordinary-form.ts';

/** A host as sshd prints it: an address or a name, printable ASCII without blanks, quotes and parentheses. */
const HOST = '([#-&*-~]+)';
const PEER = `${HOST}(?: port (\\d{1,5}))?`;
const NAME = '([^:]*?)';
const TEXT = '([^]*)';

/** The types of holes, with their expressions. Those without a group say nothing about an attempt. */
const PATTERNS = {
  /** The name that the client sent. */
  user: NAME,
  /** `[invalid user ]{user}`. */
  account: NAME,
  /** `ADDR[ port PORT]`. */
  peer: PEER,
  /** `[authenticating user USER |invalid user USER |user USER ]ADDR[ port PORT]`, since 7.5. */
  client: `(?:(invalid user|authenticating user|user)(?: ${NAME})?? )?${PEER}`,
  /** An address, or a name in its place. */
  host: HOST,
  /** An address in figures: a name makes it another message. */
  address: HOST,
  port: '(\\d{1,5})',
  /** sshd takes methods from a fixed list. The device behind a slash is left out. */
  method: '([\\w.-]+)(?:/[\\w./-]+)?',
  /** `ssh2`; `ssh1` up to 7.3. */
  protocol: 'ssh\\d?',
  /** The key of an attempt by key, of others why it failed. */
  detail: TEXT,
  /** Up to the first of what follows it in the template: these are words of sshd or PAM. */
  reason: TEXT,
  count: '(\\d{1,9})',
  pid: '(\\d{1,9})',
  number: '\\d+',
  word: '[^ ]+',
  /** Up to the last of what follows it in the template: this is the client's. */
  text: '[^]*',
  /** All that is left of the message. */
  rest: '[^]*',
} as const;

type HoleType = keyof typeof PATTERNS;

/** Counts the groups in the expression of a hole. */
function groupsOf(type: HoleType): number {
  return PATTERNS[type].match(/\((?!\?)/g)?.length ?? 0;
}

/** The end of these is searched for: two of them in one template would take quadratic time. */
const SEARCHED: ReadonlySet<HoleType> = new Set(['user', 'account', 'client', 'text']);

/** A hole of a template. */
interface Hole {
  readonly type: HoleType;
  /** The first of its groups. */
  readonly group: number;
  /** The group that is there wherever the hole is. */
  readonly mainGroup: number;
  /** True in a part that may be missing. */
  readonly isOptional: boolean;
  /** True before a colon, where any word could be taken for a peer that is a name alone. */
  readonly isBeforeColon: boolean;
  /** Goes before a reason. */
  readonly prefix: string;
}

/** Takes what a hole found into the message. Returns false where that is none of this type. */
function fill(hole: Hole, match: RegExpExecArray, message: ParsedMessage): boolean {
  const { group } = hole;
  const text = match[group] ?? '';
  switch (hole.type) {
    case 'peer':
      return fillPeer(text, match[group + 1], hole, message);
    case 'user':
      message.user = text;
      return true;
    case 'account':
      fillAccount(text, message);
      return true;
    case 'method':
      message.method = text;
      return true;
    case 'client':
      if (match[group] !== undefined) fillUser(text, match[group + 1] ?? '', message);
      return fillPeer(match[group + 2] ?? '', match[group + 3], hole, message);
    case 'reason':
      message.reason = hole.prefix + text;
      return true;
    case 'detail':
      message.setDetail(text);
      return true;
    case 'host':
      return fillPeer(text, undefined, hole, message);
    case 'address':
      message.ip = addressOf(text);
      return message.ip !== null;
    case 'port':
      message.port = portNumber(text);
      return message.port >= 0;
    case 'count':
      message.count = Number(text);
      return true;
    case 'pid':
      message.pid = Number(text);
      return true;
    default:
      return true;
  }
}

function fillPeer(host: string, port: string | undefined, { isBeforeColon }: Hole, message: ParsedMessage): boolean {
  const ip = addressOf(host);
  message.ip = ip;
  if (ip === null) message.hostName = host;
  if (port === undefined) return !isBeforeColon || ip !== null || host === UNKNOWN;
  message.port = portNumber(port);
  return message.port >= 0;
}

/** A client that had logged in is `user USER` without a word before it: what ends then is a session. */
function fillUser(role: string, user: string, message: ParsedMessage): void {
  message.user = user;
  message.invalidUser = role === 'invalid user';
  if (role === 'user') message.asSession();
}

/** The name behind an optional `invalid user ` (`illegal user ` up to 4.x and from PAM). */
function fillAccount(text: string, message: ParsedMessage): void {
  const isInvalid = text.startsWith('invalid user ') || text.startsWith('illegal user ');
  message.user = isInvalid ? text.slice('invalid user '.length) : text;
  message.invalidUser = isInvalid;
  if (text === 'invalid user') {
    // A tool between sshd and the log has made one of the two blanks around an empty name.
    message.user = '';
    message.invalidUser = true;
  } else if (text === '<invalid username>') {
    // Solaris writes this for a name that is no account's.
    message.invalidUser = true;
  }
}

/** A piece of a template: literal text, a hole, or a part that may be missing. */
export type Piece =
  | { readonly literal: string }
  | { readonly hole: HoleType }
  | { readonly optional: readonly Piece[] };

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
    else if (token.startsWith('{')) into.push({ hole: holeType(token.slice(1, -1), template) });
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

function holeType(name: string, template: string): HoleType {
  if (!Object.hasOwn(PATTERNS, name)) throw new Error(`no hole is called {${name}}: ${template}`);
  return name as HoleType;
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
  const pattern = PATTERNS[piece.hole];
  return pattern === NAME || pattern === TEXT;
}

/** Writes the expression of a template, and collects its holes. */
class Expression {
  readonly holes: Hole[] = [];
  /** Counts the holes whose ends are searched for. */
  searched = 0;
  readonly #reasonPrefix: string;
  #groups = 0;

  constructor(reasonPrefix: string) {
    this.#reasonPrefix = reasonPrefix;
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
        const pattern = this.#hole(piece.hole, before, isOptional);
        // An empty name leaves two blanks, which a tool between sshd and the log may have made one.
        blankIsTaken = pattern === NAME && before.startsWith(' ');
        if (blankIsTaken) text += `(?:${NAME} )??`;
        else if (pattern === TEXT && before !== '') text += `((?:(?!${escaped(before)})[^])*)`;
        else text += pattern;
      }
    }
    return text;
  }

  #hole(type: HoleType, before: string, isOptional: boolean): string {
    const group = this.#groups + 1;
    const groups = groupsOf(type);
    if (SEARCHED.has(type)) this.searched++;
    if (groups > 0)
      this.holes.push({
        type,
        group,
        mainGroup: type === 'client' ? group + 2 : group,
        isOptional,
        isBeforeColon: before.startsWith(':'),
        prefix: type === 'reason' ? this.#reasonPrefix : '',
      });
    this.#groups += groups;
    return PATTERNS[type];
  }
}

/** sshd writes this behind the peer of a decision. */
const PROTOCOL = / ssh\d?(?::|$)/;

/** One template, ready to be compared with messages. */
export class Template {
  /** The literal text with which each of its messages begins. */
  readonly beginning: Words;
  /** True where that and `{rest}` is all of it. */
  readonly isPrefix: boolean;
  readonly #holes: readonly Hole[];
  readonly #hasProtocol: boolean;
  readonly #pieces: readonly Piece[];
  readonly #isOpen: boolean;
  readonly #reasonPrefix: string;
  readonly #source: string;
  /** These two are made when a message is first compared: a log has messages of few rows, and a scan of a small one should be short. */
  #ordinary: OrdinaryForm | null | undefined;
  #expression: RegExp | null = null;

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
    if (expression.searched > 1) throw new Error(`more than one hole for the client's text: ${text}`);
    this.beginning = words(pieces.length === 2 && !isOpen && canBeEmpty(second) ? literal.trimEnd() : literal);
    this.isPrefix = isOpen && literal !== '' && pieces.length === 1;
    this.#pieces = pieces;
    this.#isOpen = isOpen;
    this.#reasonPrefix = reasonPrefix;
    this.#source = `^${source}${isOpen ? '' : '$'}`;
    this.#holes = expression.holes;
    this.#hasProtocol = text.includes('{protocol}');
  }

  /**
   * Takes the holes of what stands from `from` to `end` of a log into `message`. Where its end may be missing and no protocol stands
   * behind the peer, the last number may be half of one and is left out. Returns false where it is no message of this template: what
   * `message` holds then is not to be used.
   */
  read(log: LogText, message: ParsedMessage, isTruncated: boolean, from: number, end: number): boolean {
    if (this.isPrefix) return this.beginning.areAt(log, from, end);
    if (this.#ordinary === undefined) this.#ordinary = ordinaryFormOf(this.#pieces, this.#isOpen, this.#reasonPrefix);
    if (!isTruncated && this.#ordinary !== null && this.#ordinary.read(log, message, from, end)) return true;
    return this.readByExpression(log, message, isTruncated, from, end);
  }

  /** Does what `read` does, without a look at the ordinary form. */
  readByExpression(log: LogText, message: ParsedMessage, isTruncated: boolean, from: number, end: number): boolean {
    const text = log.slice(from, end);
    const holes = this.#holes;
    this.#expression ??= new RegExp(this.#source);
    const match = this.#expression.exec(text);
    if (match === null) return false;
    for (let i = 0; i < holes.length; i++) {
      const hole = holes[i] as Hole;
      if (hole.isOptional && match[hole.mainGroup] === undefined) continue;
      if (!fill(hole, match, message)) return false;
    }
    if (isTruncated && this.#hasProtocol && !PROTOCOL.test(text)) withoutHalfPeer(message);
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
