/**
 * Messages as texts with places in them, compared byte by byte: `Failed password for {client} ssh2`. A place is either what a
 * connection is known by (`{user}`, `{ip}`, `{peer}`, `{client}`), which must stand there again, or something to be read.
 */

import { addressEnd, keyEnd, lineEnd, nameEnd, wordEnd } from './extents.ts';
import type { Identities } from './identities.ts';
import type { Memory } from './memory.ts';

const LF = 10;
const CR = 13;
const SPACE = 32;
const PORT_LIMIT_CHARS = 5;
const PORT_LIMIT = 65_535;
const NUMBER_LIMIT_CHARS = 9;

/** What a step of a template asks for: that the line ends here; a text; what the connection is known by; */
const END = -1;
const TEXT = 0;
const USER = 1;
const IP = 2;
const PEER = 3;
const CLIENT = 4;
/** one word of printable ASCII without a colon; an address; a port; digits; what is left of the line, as a key. */
const NEW_USER = 5;
const NEW_IP = 6;
const NEW_PORT = 7;
const NUMBER = 8;
const NEW_KEY = 9;
/** Nothing, or a space and what is left of the line. */
const MORE = 10;
/** What is left, where it ends in ` [preauth]`; the same, whatever it is. */
const REST_PREAUTH = 11;
const REST = 12;
/** A name that is no such word, up to the last ` from ` of the line. */
const ANY_USER = 13;

const PLACES: Readonly<Record<string, number>> = {
  user: USER,
  ip: IP,
  peer: PEER,
  client: CLIENT,
  'new user': NEW_USER,
  'any user': ANY_USER,
  'new ip': NEW_IP,
  'new port': NEW_PORT,
  number: NUMBER,
  'new key': NEW_KEY,
  rest: REST,
  more: MORE,
  'rest [preauth]': REST_PREAUTH,
};

const PREAUTH = ' [preauth]';

/** How many numbers a step is: what it asks for, and of a text where it stands in the memory and how long it is. */
const STEP = 3;

/**
 * Templates, taken apart into numbers, all behind each other; and their texts, each once. A memory in which lines are compared
 * with them begins with the texts.
 */
export class Templates {
  readonly #steps: number[] = [];
  readonly #places = new Map<string, number>();
  #texts = '';

  /** Takes one in; gives where its steps begin. Throws where a place has no such name. */
  add(template: string): number {
    const start = this.#steps.length;
    for (const [i, part] of template.split(/[{}]/).entries()) {
      if (i % 2 === 0) {
        if (part !== '') this.#steps.push(TEXT, ...this.#text(part));
        continue;
      }
      const kind = PLACES[part];
      if (kind === undefined) throw new Error(`no place is called {${part}}`);
      this.#steps.push(kind, ...this.#text(kind === REST_PREAUTH ? PREAUTH : ''));
    }
    this.#steps.push(END, 0, 0);
    return start;
  }

  /** Where a text of printable ASCII stands among all, and how long it is. */
  #text(text: string): [at: number, count: number] {
    let at = this.#places.get(text);
    if (at === undefined) {
      at = this.#texts.length;
      this.#places.set(text, at);
      this.#texts += text;
    }
    return [at, text.length];
  }

  /** All steps. */
  steps(): Int32Array {
    return Int32Array.from(this.#steps);
  }

  /** All texts. */
  texts(): Uint8Array {
    return Buffer.from(this.#texts, 'latin1');
  }
}

/** Compares a line with templates, and keeps where in the memory the new things stand. */
export class Matcher {
  /** The line's CR or LF, once it has matched. */
  end = 0;
  userFrom = 0;
  userEnd = 0;
  ipFrom = 0;
  ipEnd = 0;
  portFrom = 0;
  portEnd = 0;
  port = 0;
  keyFrom = 0;
  keyEnd = 0;
  restFrom = 0;
  restEnd = 0;
  /** The digits last read. */
  number = 0;

  readonly #memory: Memory;
  readonly #known: Identities;
  readonly #steps: Int32Array;

  /** `memory` begins with the texts of the templates, whose steps these are; `known` is what connections are known by. */
  constructor(memory: Memory, known: Identities, steps: Int32Array) {
    this.#memory = memory;
    this.#known = known;
    this.#steps = steps;
  }

  /**
   * True when the message at `from` is the template whose steps begin at `start`, to the end of its line, by what the connection
   * at `place` is known by.
   */
  matches(start: number, from: number, place: number): boolean {
    const memory = this.#memory;
    const known = this.#known;
    const steps = this.#steps;
    let at = from;
    for (let i = start; ; i += STEP) {
      const kind = steps[i] as number;
      let text = steps[i + 1] as number;
      let count = steps[i + 2] as number;
      if (kind > CLIENT) {
        at = this.#read(kind, at, text);
        if (at < 0) return false;
        continue;
      }
      if (kind === END) return this.#ends(at);
      if (kind !== TEXT) {
        text = kind === USER || kind === CLIENT ? known.user(place) : known.peer(place);
        count = this.#chars(kind, place);
      }
      if (!memory.same(at, text, count)) return false;
      at += count;
    }
  }

  /** How long it is what the connection at `place` is known by. */
  #chars(kind: number, place: number): number {
    const known = this.#known;
    if (kind === USER) return known.userChars[place] as number;
    if (kind === IP) return known.ipChars[place] as number;
    return kind === PEER ? (known.peerChars[place] as number) : known.clientChars(place);
  }

  /** Reads what stands at `at`, perhaps before the text at `text`; gives where it ends, or -1 where it is not there. */
  #read(kind: number, at: number, text: number): number {
    const { bytes } = this.#memory;
    switch (kind) {
      case NEW_USER:
        this.userFrom = at;
        this.userEnd = wordEnd(bytes, at);
        return this.userEnd;
      case ANY_USER:
        this.userFrom = at;
        this.userEnd = nameEnd(bytes, at);
        return this.userEnd;
      case NEW_IP:
        this.ipFrom = at;
        this.ipEnd = addressEnd(bytes, at);
        return this.ipEnd;
      case NEW_PORT:
        this.portFrom = at;
        this.portEnd = this.#digits(at, PORT_LIMIT_CHARS);
        this.port = this.number;
        return this.number > PORT_LIMIT ? -1 : this.portEnd;
      case NUMBER:
        return this.#digits(at, NUMBER_LIMIT_CHARS);
      case NEW_KEY:
        this.keyFrom = at;
        this.keyEnd = keyEnd(bytes, at);
        return this.keyEnd;
      case MORE:
        return this.#ends(at) ? at : bytes[at] === SPACE ? lineEnd(bytes, at) : -1;
      case REST_PREAUTH: {
        const preauth = lineEnd(bytes, at) - PREAUTH.length;
        this.restFrom = at;
        this.restEnd = preauth;
        const is = preauth >= at && this.#memory.same(preauth, text, PREAUTH.length);
        return is ? preauth + PREAUTH.length : -1;
      }
      default:
        return lineEnd(bytes, at);
    }
  }

  #digits(at: number, most: number): number {
    const { bytes } = this.#memory;
    const limit = at + most + 1;
    let number = 0;
    let p = at;
    for (; p < limit; p++) {
      const digit = (bytes[p] as number) - 48;
      if (digit < 0 || digit > 9) break;
      number = number * 10 + digit;
    }
    this.number = number;
    return p === at || p === limit ? -1 : p;
  }

  #ends(at: number): boolean {
    this.end = at;
    const { bytes } = this.#memory;
    const c = bytes[at];
    return c === LF || (c === CR && bytes[at + 1] === LF);
  }
}
