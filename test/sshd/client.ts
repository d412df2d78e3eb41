/**
 * An SSH client for tests. It sends exactly what the test asks for: any bytes as a user name, any number of tries, any way to
 * leave, which the machine's own ssh does not.
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Fields, type Offer, Packets, string } from './packets.ts';

const DISCONNECT = 1;
const SERVICE_REQUEST = 5;
const SERVICE_ACCEPT = 6;
const USERAUTH_REQUEST = 50;
const USERAUTH_FAILURE = 51;
const USERAUTH_SUCCESS = 52;
/** PK_OK after an offered key, INFO_REQUEST in keyboard-interactive. */
const USERAUTH_60 = 60;
const INFO_RESPONSE = 61;

/** A key pair as sshd knows it. */
export class Key {
  readonly #private: KeyObject;
  /** The public key as the protocol writes it. */
  readonly blob: Buffer;

  constructor() {
    const pair = generateKeyPairSync('ed25519');
    this.#private = pair.privateKey;
    const raw = pair.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
    this.blob = Buffer.concat([string('ssh-ed25519'), string(raw)]);
  }

  /** A line for authorized_keys. */
  get line(): string {
    return `ssh-ed25519 ${this.blob.toString('base64')}\n`;
  }

  signature(data: Buffer): Buffer {
    return Buffer.concat([string('ssh-ed25519'), string(sign(null, data, this.#private))]);
  }
}

/** Resolves with the answer of sshd; with `closed` when it hangs up instead. */
export type Answer = 'success' | 'failure' | 'closed';

/** One connection to an sshd. */
export class Client {
  readonly #socket: Socket;
  readonly #packets: Packets;
  /** This end, as sshd logs it. */
  readonly ip: string;
  readonly port: number;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.ip = socket.localAddress ?? '';
    this.port = socket.localPort ?? 0;
    this.#packets = new Packets(socket);
  }

  /** A TCP connection from `from`, and no more. */
  static async connect(port: number, from: string): Promise<Client> {
    const host = from.includes(':') ? '::1' : '127.0.0.1';
    const socket = connect({ port, host, localAddress: from });
    await once(socket, 'connect');
    return new Client(socket);
  }

  /** A connection that is ready for authentication. */
  static async ready(port: number, from: string): Promise<Client> {
    const client = await Client.connect(port, from);
    await client.begin();
    client.#packets.send(Buffer.concat([Buffer.of(SERVICE_REQUEST), string('ssh-userauth')]));
    await client.#packets.receive(SERVICE_ACCEPT);
    return client;
  }

  /** Banner and key exchange; throws when sshd hangs up. */
  begin(offer?: Offer): Promise<void> {
    return this.#packets.begin(offer);
  }

  /** Sends these bytes as they are. */
  write(bytes: string | Buffer): void {
    this.#socket.write(bytes);
  }

  /** Asks what is offered. */
  none(user: string | Buffer): Promise<Answer> {
    return this.#request(user, 'none', []);
  }

  password(user: string | Buffer, password: string): Promise<Answer> {
    return this.#request(user, 'password', [Buffer.of(0), string(password)]);
  }

  /** Offers a key; sshd refuses it, or it is used. */
  async key(user: string | Buffer, key: Key): Promise<Answer> {
    const what = [string('ssh-ed25519'), string(key.blob)];
    const offered = await this.#request(user, 'publickey', [Buffer.of(0), ...what]);
    if (offered !== 'success') return offered;
    const request = this.#body(user, 'publickey', [Buffer.of(1), ...what]);
    const signature = key.signature(Buffer.concat([string(this.#packets.session), request]));
    return this.#send(Buffer.concat([request, string(signature)]));
  }

  /** Answers every question with `answer`. */
  keyboardInteractive(user: string | Buffer, answer: string): Promise<Answer> {
    return this.#request(user, 'keyboard-interactive', [string(''), string('')], answer);
  }

  /** Sends SSH_MSG_DISCONNECT (RFC 4253, 11.1), and closes. */
  async disconnect(text: string, code = 11): Promise<void> {
    const reason = Buffer.alloc(5);
    reason[0] = DISCONNECT;
    reason.writeUInt32BE(code, 1);
    this.#packets.send(Buffer.concat([reason, string(text), string('')]));
    await this.close();
  }

  async close(): Promise<void> {
    this.#socket.end();
    await this.closed();
  }

  /** Resolves once sshd has sent something. */
  async heard(): Promise<void> {
    await once(this.#socket, 'data');
  }

  /** Breaks the connection off with a TCP reset. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Resolves once sshd has closed the connection too. */
  async closed(): Promise<void> {
    this.#socket.resume();
    // sshd resets what it has not read of; that is an end as well.
    if (!this.#socket.closed) await new Promise<void>((closed) => this.#socket.once('close', () => closed()));
  }

  #body(user: string | Buffer, method: string, more: readonly Buffer[]): Buffer {
    return Buffer.concat([
      Buffer.of(USERAUTH_REQUEST),
      ...[user, 'ssh-connection', method].map((each) => string(each)),
      ...more,
    ]);
  }

  #request(user: string | Buffer, method: string, more: readonly Buffer[], answer?: string): Promise<Answer> {
    return this.#send(this.#body(user, method, more), answer);
  }

  async #send(request: Buffer, answer?: string): Promise<Answer> {
    try {
      this.#packets.send(request);
      for (;;) {
        const reply = await this.#packets.receive(USERAUTH_FAILURE, USERAUTH_SUCCESS, USERAUTH_60);
        if (reply[0] === USERAUTH_FAILURE) return 'failure';
        if (reply[0] === USERAUTH_SUCCESS || answer === undefined) return 'success';
        this.#packets.send(responses(reply, answer));
      }
    } catch {
      return 'closed';
    }
  }
}

/** Answers every prompt of an INFO_REQUEST (RFC 4256) with one text. */
function responses(request: Buffer, answer: string): Buffer {
  const fields = new Fields(request);
  for (let i = 0; i < 3; i++) fields.string();
  const count = fields.number();
  const head = Buffer.alloc(5);
  head[0] = INFO_RESPONSE;
  head.writeUInt32BE(count, 1);
  return Buffer.concat([head, ...Array.from({ length: count }, () => string(answer))]);
}
