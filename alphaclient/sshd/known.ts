/** What later messages of a connection repeat, as bytes to compare them with: its user, address and port. */

import type { Connection } from './connection.ts';

/** Room for `USER from ADDR port PORT ssh2`; what is longer is read in full each time. */
const ROOM_BYTES = 192;
const FROM = ' from ';
const PORT = ' port ';
const SSH2 = ' ssh2';

export class Known {
  /** `USER from ADDR port PORT ssh2` of the connection last asked for begins at `from`. */
  readonly bytes: DataView;
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
    this.bytes = new DataView(new ArrayBuffer(slots * ROOM_BYTES));
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
    this.#users[slot] = user;
    this.#ips[slot] = ip;
    this.#ports[slot] = port;
    this.#userChars[slot] = -1;
    if (user === null || ip === null) return;
    const text = `${user}${FROM}${ip}${PORT}${port ?? ''}${SSH2}`;
    if (text.length > ROOM_BYTES) return;
    const from = slot * ROOM_BYTES;
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c < 32 || c > 126) return;
      this.bytes.setUint8(from + i, c);
    }
    this.#userChars[slot] = user.length;
    this.#ipChars[slot] = ip.length;
    this.#peerChars[slot] = text.length - user.length - FROM.length - SSH2.length;
  }
}
