/** What later messages of a connection repeat, as bytes to compare them with: its user, address and port. */

import type { Connection } from './connection.ts';
import type { Memory } from './memory.ts';

/** Room for `USER from ADDR port PORT`. */
const ROOM_BYTES = 192;
const FROM = ' from ';
const PORT = ' port ';
const PORT_CHARS = 5;
const WORD_BYTES = 8;

/** What so many connections need of the memory. */
export function identitiesBytes(places: number): number {
  return places * ROOM_BYTES + 2 * WORD_BYTES;
}

/** A place for each of so many connections, where `USER from ADDR port PORT` stands, or all before the port that is not known. */
export class Identities {
  /** How long the user, the address, and `ADDR port PORT` are. */
  readonly userChars: Uint8Array;
  readonly ipChars: Uint8Array;
  readonly peerChars: Uint8Array;
  readonly #memory: Memory;
  readonly #room: number;
  /** Where the words between them stand. */
  readonly #from: number;
  readonly #port: number;

  /** For places below `places`. */
  constructor(memory: Memory, places: number) {
    this.#memory = memory;
    this.#from = memory.room(WORD_BYTES);
    this.#port = memory.room(WORD_BYTES);
    this.#room = memory.room(places * ROOM_BYTES);
    this.#put(this.#from, FROM);
    this.#put(this.#port, PORT);
    this.userChars = new Uint8Array(places);
    this.ipChars = new Uint8Array(places);
    this.peerChars = new Uint8Array(places);
  }

  /** Where the user begins in the memory of the connection at `place`. */
  user(place: number): number {
    return this.#room + place * ROOM_BYTES;
  }

  /** Where the address begins, and with it `ADDR port PORT`. */
  peer(place: number): number {
    return this.#room + place * ROOM_BYTES + (this.userChars[place] as number) + FROM.length;
  }

  /** How long `USER from ADDR port PORT` is. */
  clientChars(place: number): number {
    return (this.userChars[place] as number) + FROM.length + (this.peerChars[place] as number);
  }

  /** Where the port begins, where it is known. */
  port(place: number): number {
    return this.peer(place) + (this.ipChars[place] as number) + PORT.length;
  }

  /** Where it ends, and with it all. */
  end(place: number): number {
    return this.peer(place) + (this.peerChars[place] as number);
  }

  /** Keeps what this connection is known by; false where it cannot be compared: it is no printable ASCII, or has no room. */
  keep(place: number, { user, ip, port }: Connection): boolean {
    if (user === null || ip === null) return false;
    if (user.length + FROM.length + ip.length + PORT.length + PORT_CHARS > ROOM_BYTES) return false;
    const from = this.#room + place * ROOM_BYTES;
    const peer = from + user.length + FROM.length;
    if (!this.#put(from, user) || !this.#put(peer, ip)) return false;
    this.#put(peer - FROM.length, FROM);
    const portChars = port === null ? '' : String(port);
    this.#put(peer + ip.length, PORT + portChars);
    this.userChars[place] = user.length;
    this.ipChars[place] = ip.length;
    this.peerChars[place] = ip.length + PORT.length + portChars.length;
    return true;
  }

  /** False where the text is no printable ASCII. */
  #put(at: number, text: string): boolean {
    const { bytes } = this.#memory;
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c < 32 || c > 126) return false;
      bytes[at + i] = c;
    }
    return true;
  }

  /** The same of what stands in the memory, as `USER from ADDR port PORT` already: printable ASCII, for which there is room. */
  keepClient(place: number, user: number, userEnd: number, ip: number, ipEnd: number, portEnd: number): void {
    this.#memory.copy(this.#room + place * ROOM_BYTES, user, portEnd - user);
    this.userChars[place] = userEnd - user;
    this.ipChars[place] = ipEnd - ip;
    this.peerChars[place] = portEnd - ip;
  }

  /** The same where they stand apart, and there is no port. */
  keepParts(place: number, user: number, userEnd: number, ip: number, ipEnd: number): void {
    const memory = this.#memory;
    const userChars = userEnd - user;
    const ipChars = ipEnd - ip;
    const at = this.#room + place * ROOM_BYTES;
    const peer = at + userChars + FROM.length;
    // One behind the other: each copy may write more than its own.
    memory.copy(at, user, userChars);
    memory.copy(peer - FROM.length, this.#from, FROM.length);
    memory.copy(peer, ip, ipChars);
    memory.copy(peer + ipChars, this.#port, PORT.length);
    this.userChars[place] = userChars;
    this.ipChars[place] = ipChars;
    this.peerChars[place] = ipChars + PORT.length;
  }

  /** The port, which was not known before and stands in the memory. */
  learnPort(place: number, from: number, end: number): void {
    const chars = this.peerChars[place] as number;
    const at = this.peer(place);
    this.#memory.copy(at + chars, from, end - from);
    this.peerChars[place] = chars + end - from;
  }
}
