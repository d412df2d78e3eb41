/**
 * The ordinary form of messages: names of one word, addresses of IPv4. Nearly every message has it, and it can be read from left to right,
 * which takes a third of the time of the template's expression. Whatever has another form is left to the expression: without this file,
 * messages are read as they are with it.
 */

import { endOfIpv4, portOf } from './address.ts';
import { type LogText, type Words, words } from './log-text.ts';
import type { ParsedMessage } from './message-types.ts';
import type { Piece } from './template.ts';

/** What names a client: nothing but its address; a user; an account, which may be invalid; a role and a user, either of which may be missing. */
type Naming = 'nobody' | 'user' | 'account' | 'client';
/** What stands behind the peer: nothing; words; these and anything, as a reason, a key or a reason, or as nothing. */
type Tail = 'nothing' | 'words' | 'reason' | 'detail' | 'rest';

const NO_WORDS = words('');
const PORT = words(' port ');
const PROTOCOL = words(' ssh');
const INVALID_USER = words('invalid user ');
const AUTHENTICATING_USER = words('authenticating user ');
const SESSION_USER = words('user ');

const BLANK = 32;
const SLASH = 47;
const COLON = 58;

/** The methods as strings that are there already. */
const METHODS: readonly Words[] = [
  'password',
  'publickey',
  'keyboard-interactive',
  'none',
  'gssapi-with-mic',
  'hostbased',
].map(words);

/** The parts of the form of one template: `BEGINNING[METHOD for ][NAME from ]ADDR[ port PORT][ ssh2]TAIL`. */
interface Parts {
  readonly beginning: string;
  /** Empty where there is no method. */
  readonly behindMethod: string;
  readonly naming: Naming;
  readonly behindName: string;
  readonly mustHavePort: boolean;
  readonly hasProtocol: boolean;
  readonly tail: Tail;
  readonly tailWords: string;
  readonly mustHaveTail: boolean;
}

/** Takes pieces off a template, from its beginning. */
class Pieces {
  readonly #pieces: readonly Piece[];
  #at = 0;

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
  }

  get isEmpty(): boolean {
    return this.#at === this.#pieces.length;
  }

  /** The next piece where it is literal text; else null. */
  literal(): string | null {
    const piece = this.#pieces[this.#at];
    if (piece === undefined || !('literal' in piece)) return null;
    this.#at++;
    return piece.literal;
  }

  /** The type of the next piece where it is a hole of one of these types; else null. */
  hole(...types: readonly string[]): string | null {
    const piece = this.#pieces[this.#at];
    if (piece === undefined || !('hole' in piece) || !types.includes(piece.hole)) return null;
    this.#at++;
    return piece.hole;
  }

  /** The next piece where it may be missing and is literal text and a hole of one of these types; else null. */
  optional(...types: readonly string[]): { readonly literal: string; readonly hole: string } | null {
    const piece = this.#pieces[this.#at];
    const part = new Pieces(piece !== undefined && 'optional' in piece ? piece.optional : []);
    const literal = part.literal();
    const hole = part.hole(...types);
    if (literal === null || hole === null || !part.isEmpty) return null;
    this.#at++;
    return { literal, hole };
  }
}

/** Returns the parts of a template, or null where it has no ordinary form. `isOpen`: whatever may follow the pieces. */
function partsOf(all: readonly Piece[], isOpen: boolean): Parts | null {
  const pieces = new Pieces(all);
  const beginning = pieces.literal();
  if (beginning === null) return null;
  const behindMethod = pieces.hole('method') === null ? '' : pieces.literal();
  if (behindMethod === null) return null;
  const naming = (pieces.hole('user', 'account', 'client') ?? 'nobody') as Naming;
  let behindName: string | null = ' ';
  if (naming === 'user' || naming === 'account') behindName = pieces.literal();
  if (behindName === null || !behindName.startsWith(' ')) return null;
  let mustHavePort = false;
  if (naming !== 'client' && pieces.hole('peer') === null) {
    mustHavePort = pieces.hole('host') !== null && pieces.literal() === PORT.text && pieces.hole('port') !== null;
    if (!mustHavePort) return null;
  }
  const hasProtocol = pieces.optional('protocol')?.literal === ' ';
  const tail = tailOf(pieces, isOpen);
  return tail === null || !pieces.isEmpty
    ? null
    : { beginning, behindMethod, naming, behindName, mustHavePort, hasProtocol, ...tail };
}

function tailOf(pieces: Pieces, isOpen: boolean): Pick<Parts, 'tail' | 'tailWords' | 'mustHaveTail'> | null {
  if (pieces.isEmpty) return { tail: isOpen ? 'rest' : 'nothing', tailWords: '', mustHaveTail: false };
  const optional = pieces.optional('detail', 'rest');
  if (optional !== null)
    return isOpen ? null : { tail: optional.hole as Tail, tailWords: optional.literal, mustHaveTail: false };
  const tailWords = pieces.literal();
  if (tailWords === null) return null;
  if (isOpen) return { tail: 'rest', tailWords, mustHaveTail: true };
  return { tail: (pieces.hole('reason', 'detail') as Tail | null) ?? 'words', tailWords, mustHaveTail: true };
}

/** Returns the ordinary form of a template, or null where it has none. `isOpen`: whatever may follow the pieces. `reasonPrefix` goes before a reason. */
export function ordinaryFormOf(pieces: readonly Piece[], isOpen: boolean, reasonPrefix: string): OrdinaryForm | null {
  const parts = partsOf(pieces, isOpen);
  return parts === null ? null : new OrdinaryForm(parts, reasonPrefix);
}

/** The ordinary form of one template. */
export class OrdinaryForm {
  readonly #beginning: Words;
  readonly #hasMethod: boolean;
  readonly #behindMethod: Words;
  readonly #isNamed: boolean;
  readonly #isClient: boolean;
  /** True for an account or a client: a word may say that it is invalid. */
  readonly #mayBeInvalid: boolean;
  readonly #behindName: Words;
  readonly #mustHavePort: boolean;
  readonly #hasProtocol: boolean;
  readonly #tail: Tail;
  /** True where something must stand behind the tail's words. */
  readonly #isTailHole: boolean;
  readonly #tailWords: Words;
  readonly #mustHaveTail: boolean;
  readonly #reasonPrefix: string;

  constructor(parts: Parts, reasonPrefix: string) {
    this.#beginning = words(parts.beginning);
    this.#hasMethod = parts.behindMethod !== '';
    this.#behindMethod = words(parts.behindMethod);
    this.#isNamed = parts.naming === 'user' || parts.naming === 'account';
    this.#isClient = parts.naming === 'client';
    this.#mayBeInvalid = this.#isClient || parts.naming === 'account';
    this.#behindName = words(parts.behindName);
    this.#mustHavePort = parts.mustHavePort;
    this.#hasProtocol = parts.hasProtocol;
    this.#tail = parts.tail;
    this.#isTailHole = parts.tail === 'reason' || parts.tail === 'detail';
    this.#tailWords = words(parts.tailWords);
    this.#mustHaveTail = parts.mustHaveTail;
    this.#reasonPrefix = reasonPrefix;
  }

  /**
   * Takes what stands from `from` to `end` of a log into `message`. Returns false where it has not this form: then `message` is as it was, and
   * the expression decides.
   */
  read(log: LogText, message: ParsedMessage, from: number, end: number): boolean {
    const { bytes } = log;
    if (!this.#beginning.areAt(log, from, end)) return false;
    const methodFrom = from + this.#beginning.length;
    let at = methodFrom;
    let methodEnd = at;
    if (this.#hasMethod) {
      while (methodEnd < end && isMethodChar(bytes[methodEnd] as number)) methodEnd++;
      at = bytes[methodEnd] === SLASH ? behindDevice(bytes, methodEnd + 1, end) : methodEnd;
      if (methodEnd === methodFrom || at < 0 || !this.#behindMethod.areAt(log, at, end)) return false;
      at += this.#behindMethod.length;
    }
    let role = NO_WORDS;
    if (this.#mayBeInvalid && INVALID_USER.areAt(log, at, end)) role = INVALID_USER;
    else if (this.#isClient && AUTHENTICATING_USER.areAt(log, at, end)) role = AUTHENTICATING_USER;
    else if (this.#isClient && SESSION_USER.areAt(log, at, end)) role = SESSION_USER;
    const userFrom = at + role.length;
    let userEnd = userFrom;
    const isNamed = this.#isNamed || role.length > 0;
    if (isNamed) {
      while (userEnd < end && bytes[userEnd] !== BLANK && bytes[userEnd] !== COLON) userEnd++;
      if (!this.#behindName.areAt(log, userEnd, end)) return false;
      at = userEnd + this.#behindName.length;
    }
    const ipFrom = at;
    const ipEnd = endOfIpv4(bytes, at, end);
    if (ipEnd < 0 || (ipEnd < end && bytes[ipEnd] !== BLANK)) return false;
    at = ipEnd;
    let port = -1;
    if (PORT.areAt(log, at, end)) {
      const portFrom = at + PORT.length;
      at = portFrom;
      while (at < end && isDigit(bytes[at] as number)) at++;
      port = portOf(bytes, portFrom, at);
      if (port < 0) return false;
    } else if (this.#mustHavePort) return false;
    if (this.#hasProtocol && PROTOCOL.areAt(log, at, end)) {
      at += PROTOCOL.length;
      if (at < end && isDigit(bytes[at] as number)) at++;
    }
    if (at < end || this.#mustHaveTail) {
      if (!this.#tailWords.areAt(log, at, end)) return false;
      at += this.#tailWords.length;
      if (this.#isTailHole ? at === end : at < end) return false;
    }
    if (this.#hasMethod) message.method = methodAt(log, methodFrom, methodEnd);
    if (isNamed) {
      message.user = log.slice(userFrom, userEnd);
      if (this.#mayBeInvalid) message.invalidUser = role === INVALID_USER;
      if (role === SESSION_USER) message.asSession();
    }
    message.ip = log.detached(ipFrom, ipEnd);
    if (port >= 0) message.port = port;
    if (this.#tail === 'reason') message.reason = this.#reasonPrefix + log.slice(at, end);
    else if (this.#tail === 'detail') message.setDetail(log.slice(at, end));
    return true;
  }
}

/** The method from `from` to `end`. */
function methodAt(log: LogText, from: number, end: number): string {
  for (let i = 0; i < METHODS.length; i++) {
    const method = METHODS[i] as Words;
    if (method.length === end - from && method.areAt(log, from, end)) return method.text;
  }
  return log.slice(from, end);
}

/** The index behind a device's name at `from`; -1 where none stands there. */
function behindDevice(bytes: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && (isMethodChar(bytes[at] as number) || bytes[at] === SLASH)) at++;
  return at === from ? -1 : at;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** True for a letter, a digit, `_`, `-` and `.`. */
function isMethodChar(code: number): boolean {
  const isLetter = (code >= 97 && code <= 122) || (code >= 65 && code <= 90);
  return isLetter || isDigit(code) || code === 95 || code === 45 || code === 46;
}
