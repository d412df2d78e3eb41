/**
 * Messages as texts with places in them, compared byte by byte: `Failed password for {client} ssh2`. A place is either what a
 * connection is known by (`{user}`, `{ip}`, `{peer}`, `{client}`), which must stand there again, or something to be read.
 */

import { ascii, type Bytes, same } from './compare.ts';
import { addressEnd, keyEnd, lineEnd, wordEnd } from './extents.ts';
import { CLIENT, type Identities, IP, type Part, PEER, USER } from './identities.ts';

const LF = 10;
const CR = 13;
const SPACE = 32;
const NOTHING = ascii('');
const PORT_LIMIT_CHARS = 5;
const NUMBER_LIMIT_CHARS = 9;
const PREAUTH = ascii(' [preauth]');

const TEXT = 0;
/** One word of printable ASCII without a colon; an address; a port; digits; what is left of the line, as a key. */
const NEW_USER = 5;
const NEW_IP = 6;
const NEW_PORT = 7;
const NUMBER = 8;
const NEW_KEY = 9;
/** What is left of the line, whatever it is; the same where it ends in ` [preauth]`. */
const REST = 10;
const REST_PREAUTH = 11;
/** Nothing, or a space and what is left. */
const MORE = 12;

const PLACES: Readonly<Record<string, number>> = {
  user: USER,
  ip: IP,
  peer: PEER,
  client: CLIENT,
  'new user': NEW_USER,
  'new ip': NEW_IP,
  'new port': NEW_PORT,
  number: NUMBER,
  'new key': NEW_KEY,
  rest: REST,
  more: MORE,
  'rest [preauth]': REST_PREAUTH,
};

class Piece {
  readonly kind: number;
  readonly text: Bytes;

  constructor(kind: number, text: Bytes) {
    this.kind = kind;
    this.text = text;
  }
}

/** A text with places, taken apart. Throws where a place has no such name. */
export class Template {
  readonly text: string;
  readonly pieces: readonly Piece[];
  readonly first: number;

  constructor(text: string) {
    this.text = text;
    this.first = text.charCodeAt(0);
    this.pieces = text
      .split(/[{}]/)
      .map((part, i) => {
        if (i % 2 === 0) return new Piece(TEXT, ascii(part));
        const kind = PLACES[part];
        if (kind === undefined) throw new Error(`no place is called {${part}}`);
        return new Piece(kind, NOTHING);
      })
      .filter(({ kind, text: { length } }) => kind !== TEXT || length > 0);
  }
}

/** Where something stands in a line. */
class Found implements Part {
  from = 0;
  end = 0;
}

/** Compares a line with templates, and keeps where in the line the new things stand. */
export class Matcher {
  /** The line's CR or LF, once it has matched. */
  end = 0;
  readonly user = new Found();
  readonly ip = new Found();
  readonly portAt = new Found();
  readonly key = new Found();
  port = 0;
  /** The digits last read. */
  number = 0;

  /** True when the message at `from` is `template` to the end of its line, by what `known` is turned to. */
  matches({ pieces }: Template, view: Bytes, from: number, known: Identities): boolean {
    let at = from;
    for (let i = 0; i < pieces.length; i++) {
      const { kind, text } = pieces[i] as Piece;
      if (kind === TEXT) {
        if (!same(view, at, text, 0, text.length)) return false;
        at += text.length;
      } else if (kind <= CLIENT) {
        const count = known.count(kind);
        if (!same(view, at, known.bytes, known.from(kind), count)) return false;
        at += count;
      } else {
        at = this.#read(kind, view, at);
        if (at < 0) return false;
      }
    }
    return this.#ends(view, at);
  }

  /** Reads what stands at `at`; gives where it ends, or -1 where it is not there. */
  #read(kind: number, view: Bytes, at: number): number {
    let end = -1;
    switch (kind) {
      case NEW_USER:
        end = wordEnd(view, at);
        keep(this.user, at, end);
        break;
      case NEW_IP:
        end = addressEnd(view, at);
        keep(this.ip, at, end);
        break;
      case NEW_PORT:
        end = this.#digits(view, at, PORT_LIMIT_CHARS);
        if (this.number > 65_535) end = -1;
        this.port = this.number;
        keep(this.portAt, at, end);
        break;
      case NUMBER:
        end = this.#digits(view, at, NUMBER_LIMIT_CHARS);
        break;
      case NEW_KEY:
        end = keyEnd(view, at);
        keep(this.key, at, end);
        break;
      case REST:
        end = lineEnd(view, at);
        break;
      case MORE:
        end = this.#ends(view, at) ? at : at < view.length && view.byte(at) === SPACE ? lineEnd(view, at) : -1;
        break;
      case REST_PREAUTH:
        end = lineEnd(view, at);
        if (end - PREAUTH.length < at || !same(view, end - PREAUTH.length, PREAUTH, 0, PREAUTH.length)) end = -1;
    }
    return end;
  }

  #digits(view: Bytes, at: number, most: number): number {
    const limit = Math.min(at + most + 1, view.length);
    let number = 0;
    let p = at;
    for (; p < limit; p++) {
      const digit = view.byte(p) - 48;
      if (digit < 0 || digit > 9) break;
      number = number * 10 + digit;
    }
    this.number = number;
    return p === at || p === at + most + 1 ? -1 : p;
  }

  #ends(view: Bytes, at: number): boolean {
    this.end = at;
    if (at >= view.length) return false;
    const c = view.byte(at);
    return c === LF || (c === CR && at + 1 < view.length && view.byte(at + 1) === LF);
  }
}

function keep(found: Found, from: number, end: number): void {
  found.from = from;
  found.end = end;
}
