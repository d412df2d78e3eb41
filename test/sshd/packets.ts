/** The binary packet protocol of SSH (RFC 4253), one cipher suite, as far as a test needs it: no peer is verified. */
import {
  type Cipheriv,
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  type Decipheriv,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
} from 'node:crypto';
import type { Socket } from 'node:net';

/** A text or bytes with their length in front (RFC 4251, section 5: string). */
export function string(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(bytes.length);
  return Buffer.concat([size, bytes]);
}

/** An unsigned number as SSH writes a big one (RFC 4251, section 5: mpint). */
function mpint(bytes: Buffer): Buffer {
  let at = 0;
  while (at < bytes.length && bytes[at] === 0) at++;
  const bare = bytes.subarray(at);
  return string((bare[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bare]) : bare);
}

/** Takes fields from a payload, one after the other. */
export class Fields {
  #at = 1;
  readonly #payload: Buffer;

  constructor(payload: Buffer) {
    this.#payload = payload;
  }

  string(): Buffer {
    const size = this.number();
    this.#at += size;
    return this.#payload.subarray(this.#at - size, this.#at);
  }

  number(): number {
    this.#at += 4;
    return this.#payload.readUInt32BE(this.#at - 4);
  }
}

const KEX = 'curve25519-sha256,curve25519-sha256@libssh.org';
const CIPHER = 'aes128-ctr';
const MAC = 'hmac-sha2-256';
const MAC_BYTES = 32;
const KEXINIT = 20;
const NEWKEYS = 21;
const KEX_REPLY = 31;
/** The 12 bytes before a raw X25519 key that make it SubjectPublicKeyInfo (RFC 8410). */
const X25519_SPKI = Buffer.from('302a300506032b656e032100', 'hex');

/** The algorithms that the peer may choose from. */
export interface Offer {
  /** Key exchange methods, comma-separated. */
  readonly kex?: string;
  /** The line that begins everything. */
  readonly banner?: string;
}

/** One SSH connection after its keys are agreed: payloads in, payloads out. */
export class Packets {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #closed = false;
  #wake: () => void = () => {};
  #out: Cipheriv | null = null;
  #in: Decipheriv | null = null;
  #outMac: Buffer = Buffer.alloc(0);
  #inMac: Buffer = Buffer.alloc(0);
  #outSeq = 0;
  #inSeq = 0;
  /** The first key exchange's hash, which signatures are bound to. */
  session: Buffer = Buffer.alloc(0);

  /** Takes over a connected socket. */
  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (data) => {
      this.#received = Buffer.concat([this.#received, data]);
      this.#wake();
    });
    for (const event of ['close', 'end', 'error'])
      socket.on(event, () => {
        this.#closed = true;
        this.#wake();
      });
  }

  /** Agrees on keys. Throws where the peer hangs up instead. */
  async begin({ kex = KEX, banner = 'SSH-2.0-test' }: Offer = {}): Promise<void> {
    this.#socket.write(`${banner}\r\n`);
    let theirBanner = '';
    while (!theirBanner.startsWith('SSH-')) theirBanner = (await this.#line()).toString('latin1');
    const lists = [kex, 'ssh-ed25519', CIPHER, CIPHER, MAC, MAC, 'none', 'none', '', ''];
    const init = Buffer.concat([Buffer.of(KEXINIT), randomBytes(16), ...lists.map(string), Buffer.alloc(5)]);
    this.send(init);
    const theirInit = await this.receive(KEXINIT);
    const own = generateKeyPairSync('x25519');
    const ownRaw = own.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
    this.send(Buffer.concat([Buffer.of(30), string(ownRaw)]));
    const reply = new Fields(await this.receive(KEX_REPLY));
    const [hostKey, theirRaw] = [reply.string(), reply.string()];
    const publicKey = createPublicKey({ key: Buffer.concat([X25519_SPKI, theirRaw]), type: 'spki', format: 'der' });
    const secret = mpint(diffieHellman({ privateKey: own.privateKey, publicKey }));
    const parts = [banner, theirBanner, init, theirInit, hostKey, ownRaw, theirRaw].map(string);
    const hash = createHash('sha256')
      .update(Buffer.concat([...parts, secret]))
      .digest();
    this.session = hash;
    const key = (letter: string, size: number) =>
      createHash('sha256')
        .update(Buffer.concat([secret, hash, Buffer.from(letter), hash]))
        .digest()
        .subarray(0, size);
    this.send(Buffer.of(NEWKEYS));
    await this.receive(NEWKEYS);
    this.#out = createCipheriv('aes-128-ctr', key('C', 16), key('A', 16));
    this.#in = createDecipheriv('aes-128-ctr', key('D', 16), key('B', 16));
    this.#outMac = key('E', MAC_BYTES);
    this.#inMac = key('F', MAC_BYTES);
  }

  /** Sends a payload. */
  send(payload: Buffer): void {
    const block = this.#out ? 16 : 8;
    const short = block - ((5 + payload.length) % block);
    const padding = short < 4 ? short + block : short;
    const packet = Buffer.concat([Buffer.alloc(5), payload, randomBytes(padding)]);
    packet.writeUInt32BE(packet.length - 4);
    packet.writeUInt8(padding, 4);
    if (this.#out)
      this.#socket.write(Buffer.concat([this.#out.update(packet), this.#mac(this.#outMac, this.#outSeq, packet)]));
    else this.#socket.write(packet);
    this.#outSeq++;
  }

  /** The next payload of one of these types; others are passed over. Throws when the peer hangs up. */
  async receive(...types: readonly number[]): Promise<Buffer> {
    for (;;) {
      const payload = await this.#packet();
      if (types.includes(payload[0] ?? 0)) return payload;
      if (payload[0] === 1) throw new Error(`disconnected: ${payload.subarray(9).toString('latin1')}`);
    }
  }

  async #packet(): Promise<Buffer> {
    const block = this.#in ? 16 : 8;
    const first = await this.#take(block);
    const head = this.#in ? this.#in.update(first) : first;
    const rest = await this.#take(head.readUInt32BE(0) + 4 - block);
    const packet = Buffer.concat([head, this.#in ? this.#in.update(rest) : rest]);
    if (this.#in && !this.#mac(this.#inMac, this.#inSeq, packet).equals(await this.#take(MAC_BYTES)))
      throw new Error('the MAC is wrong');
    this.#inSeq++;
    return packet.subarray(5, packet.length - packet.readUInt8(4));
  }

  #mac(key: Buffer, sequence: number, packet: Buffer): Buffer {
    const number = Buffer.alloc(4);
    number.writeUInt32BE(sequence);
    return createHmac('sha256', key).update(number).update(packet).digest();
  }

  async #line(): Promise<Buffer> {
    await this.#until(() => this.#received.includes(10));
    const line = await this.#take(this.#received.indexOf(10) + 1);
    return line.subarray(0, line.length - (line.at(-2) === 13 ? 2 : 1));
  }

  async #take(size: number): Promise<Buffer> {
    await this.#until(() => this.#received.length >= size);
    const taken = this.#received.subarray(0, size);
    this.#received = this.#received.subarray(size);
    return taken;
  }

  async #until(there: () => boolean): Promise<void> {
    while (!there()) {
      if (this.#closed) throw new Error('the peer hung up');
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
  }
}
