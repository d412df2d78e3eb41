/** What later messages of a connection repeat, as bytes to compare them with: its user, address and port. */

import { type Bytes, room } from './compare.ts';
import type { Connection } from './connection.ts';

/** Room for `USER from ADDR port PORT`; what is longer is read in full each time. */
const ROOM_BYTES = 192;
const FROM = ' from ';
const PORT = ' port ';
const PORT_CHARS = 5;

export class Known {
  /** `USER from ADDR port PORT` of the connection last asked for begins at `from`. */
  readonly bytes: Bytes;
  from = 0;
  userChars = 0;
  ipChars = 0;
  /** Of `ADDR port PORT`, or of `ADDR port ` where the port is not known. */
  peerChars = 0;

  readonly #users: (string | null)[] = [];
  readonly #ips: (string | null)[] = [];
  readonly #ports: (number | null)[] = [];
  /** -1 where there is a character that is not compared: what is no printable ASCII, and what has no room. */
  readonly #userChars: number[] = [];
  readonly #ipChars: number[] = [];
  readonly #peerChars: number[] = [];

  /** For connections whose slots are below `slots`. */
  constructor(slots: number) {
    this.bytes = room(slots * ROOM_BYTES);
  }

  /** True when there is something to compare with: then it is of this connection. */
  of(one: Connection): boolean {
    const { slot, user, ip, port } = one;
    this.from = slot * ROOM_BYTES;
    if (this.#ports[slot] !== port || this.#ips[slot] !== ip || this.#users[slot] !== user) this.#write(one);
    this.userChars = this.#userChars[slot] as number;
    this.ipChars = this.#ipChars[slot] as number;
    this.peerChars = this.#peerChars[slot] as number;
    return this.userChars >= 0;
  }

  /** Where `ADDR port PORT` begins. */
  get peerFrom(): number {
    return this.from + this.userChars + FROM.length;
  }

  #write({ slot, user, ip, port }: Connection): void {
    const alike = this.#users[slot] === user && this.#ips[slot] === ip && (this.#userChars[slot] as number) >= 0;
    this.#users[slot] = user;
    this.#ips[slot] = ip;
    this.#ports[slot] = port;
    if (!alike) this.#userChars[slot] = -1;
    if (user === null || ip === null) return;
    const from = slot * ROOM_BYTES;
    const chars = user.length + FROM.length + ip.length + PORT.length;
    if (!alike) {
      if (chars + PORT_CHARS > ROOM_BYTES || !this.#put(from, user) || !this.#put(from + user.length, FROM)) return;
      const peer = from + user.length + FROM.length;
      if (!this.#put(peer, ip) || !this.#put(peer + ip.length, PORT)) return;
      this.#userChars[slot] = user.length;
      this.#ipChars[slot] = ip.length;
    }
    this.#peerChars[slot] = ip.length + PORT.length + (port === null ? 0 : this.#putPort(from + chars, port));
  }

  #put(at: number, text: string): boolean {
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c < 32 || c > 126) return false;
      this.bytes.view.setUint8(at + i, c);
    }
    return true;
  }

  #putPort(at: number, port: number): number {
    let digits = 1;
    for (let limit = 10; port >= limit; limit *= 10) digits++;
    let rest = port;
    for (let i = digits - 1; i >= 0; i--) {
      this.bytes.view.setUint8(at + i, 48 + (rest % 10));
      rest = Math.floor(rest / 10);
    }
    return digits;
  }
}
