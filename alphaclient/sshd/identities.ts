/** What later messages of a connection repeat, as bytes to compare them with: its user, address and port. */

import { ascii, type Bytes, room } from './compare.ts';
import type { Connection } from './connection.ts';

/** Room for `USER from ADDR port PORT`. */
const ROOM_BYTES = 192;
const FROM = ' from ';
const PORT = ' port ';
const PORT_CHARS = 5;

/** The parts of `USER from ADDR port PORT`, and all of it; where the port is not known, the last two end before it. */
export const USER = 1;
export const IP = 2;
export const PEER = 3;
export const CLIENT = 4;

const FROM_BYTES = ascii(FROM);
const PORT_BYTES = ascii(PORT);

/** A part of a line: from its first byte to the one behind its last. */
export interface Part {
  readonly from: number;
  readonly end: number;
}

/** A place for each of so many connections, looked at one after the other. */
export class Identities {
  readonly bytes: Bytes;
  /** The place last turned to. */
  place = 0;
  readonly #userChars: Uint8Array;
  readonly #ipChars: Uint8Array;
  readonly #peerChars: Uint8Array;

  /** For places below `places`. */
  constructor(places: number) {
    this.bytes = room(places * ROOM_BYTES);
    this.#userChars = new Uint8Array(places);
    this.#ipChars = new Uint8Array(places);
    this.#peerChars = new Uint8Array(places);
  }

  /** Where this part of the connection begins in `bytes`. */
  from(part: number): number {
    const from = this.place * ROOM_BYTES;
    return part === IP || part === PEER ? from + (this.#userChars[this.place] as number) + FROM.length : from;
  }

  /** How many bytes this part has. */
  count(part: number): number {
    const { place } = this;
    if (part === USER) return this.#userChars[place] as number;
    if (part === IP) return this.#ipChars[place] as number;
    const peerChars = this.#peerChars[place] as number;
    return part === PEER ? peerChars : (this.#userChars[place] as number) + FROM.length + peerChars;
  }

  /** Keeps what this connection is known by; false where it cannot be compared: it is no printable ASCII, or has no room. */
  keep(place: number, { user, ip, port }: Connection): boolean {
    if (user === null || ip === null) return false;
    if (user.length + FROM.length + ip.length + PORT.length + PORT_CHARS > ROOM_BYTES) return false;
    const from = place * ROOM_BYTES;
    const peer = from + user.length + FROM.length;
    if (!this.#put(from, user) || !this.#put(peer, ip)) return false;
    this.#put(peer - FROM.length, FROM);
    const portChars = port === null ? '' : String(port);
    this.#put(peer + ip.length, PORT + portChars);
    this.#userChars[place] = user.length;
    this.#ipChars[place] = ip.length;
    this.#peerChars[place] = ip.length + PORT.length + portChars.length;
    return true;
  }

  /** False where the text is no printable ASCII. */
  #put(at: number, text: string): boolean {
    const { bytes } = this.bytes;
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c < 32 || c > 126) return false;
      bytes[at + i] = c;
    }
    return true;
  }

  /** The same of what stands in `view`: printable ASCII, for which there is room. */
  keepParts(place: number, view: Bytes, user: Part, ip: Part): void {
    const { bytes } = this;
    const userChars = user.end - user.from;
    const ipChars = ip.end - ip.from;
    let at = place * ROOM_BYTES;
    bytes.copy(at, view, user.from, userChars);
    at += userChars;
    bytes.copy(at, FROM_BYTES, 0, FROM.length);
    at += FROM.length;
    bytes.copy(at, view, ip.from, ipChars);
    bytes.copy(at + ipChars, PORT_BYTES, 0, PORT.length);
    this.#userChars[place] = userChars;
    this.#ipChars[place] = ipChars;
    this.#peerChars[place] = ipChars + PORT.length;
  }

  /** The port, which was not known before and stands in `view`. */
  learnPort(place: number, view: Bytes, { from, end }: Part): void {
    const chars = this.#peerChars[place] as number;
    const at = place * ROOM_BYTES + (this.#userChars[place] as number) + FROM.length;
    this.bytes.copy(at + chars, view, from, end - from);
    this.#peerChars[place] = chars + end - from;
  }
}
