/**
 * An imitation of what sshd logs, for random tests: connections of clients that send any bytes, in the words of several versions,
 * escaped and cut as sshd does it, with the truth beside. MESSAGES of sshd and recordings of it are the model.
 */

import { sentName } from '../../alphaclient/sshd/client-name.ts';
import type { Chance } from './chance.ts';
import { asLogged, asShown } from './deeds.ts';
import { hostile } from './hostile.ts';
import type { Version } from './versions.ts';

/** One line, before a log gives it its form. */
export interface Line {
  readonly ms: number;
  readonly pid: number;
  readonly tag: string;
  readonly bytes: Buffer;
}

/** The truth about one attempt or probe. */
export interface Truth {
  readonly outcome: 'accepted' | 'failed' | 'probe';
  readonly method: string | null;
  /** As an event has it; null when no line names it. */
  readonly user: string | null;
  readonly invalidUser: boolean | null;
  /** Null where no line has it. */
  readonly ip: string | null;
  readonly port: number;
  /** True where the line that tells of it has no port; another may have it. */
  readonly portMissing?: boolean;
  /** The same name, with escapes undone that the client had sent. */
  readonly userTwice?: string;
}

const SYSLOG_LIMIT_BYTES = 500;
const MESSAGE_LIMIT_BYTES = 1_023;
const NAME_LIMIT_BYTES = 100;
const IDENTITY_LIMIT_BYTES = 200;
const TEXT_LIMIT_BYTES = 400;

/** vis(3) as sshd uses it. */
function escaped(bytes: Buffer, raw: boolean): Buffer {
  const parts: string[] = [];
  let length = 0;
  for (const byte of bytes) {
    // `asLogged` cuts at a colon, which needs no escape.
    const one = byte === 0x3a ? ':' : asLogged(Buffer.of(byte), raw);
    length += one.length;
    if (length > MESSAGE_LIMIT_BYTES) break;
    parts.push(one);
  }
  return Buffer.from(parts.join(''), 'latin1');
}

/** Everything that one connection makes, as lines still without a place among the others. */
export class ImitatedConnection {
  readonly lines: Line[] = [];
  readonly truths: Truth[] = [];
  readonly #chance: Chance;
  readonly #version: Version;
  readonly #raw: boolean;
  readonly #verbose: boolean;
  readonly #pid: number;
  readonly #ip: string;
  readonly #port: number;
  #ms: number;

  constructor(
    chance: Chance,
    version: Version,
    raw: boolean,
    verbose: boolean,
    place: { pid: number; ip: string; port: number; ms: number },
  ) {
    this.#chance = chance;
    this.#version = version;
    this.#raw = raw;
    this.#verbose = verbose;
    ({ pid: this.#pid, ip: this.#ip, port: this.#port, ms: this.#ms } = place);
    const what = chance.below(10);
    if (verbose && what !== 9) this.#say(`Connection from ${this.#peer} on 192.0.2.1 port 22 rdomain ""`);
    if (what === 9) this.#dropped();
    else if (what === 0) this.#scan();
    else if (what === 1) this.#banner();
    else if (what === 2) this.#noCommon();
    else this.#user();
  }

  get #peer(): string {
    return `${this.#ip} port ${this.#port}`;
  }

  /** The peer as the first and the last lines of a connection name it. */
  get #client(): string {
    return this.#version.ports ? this.#peer : this.#ip;
  }

  /** True when no line has the port of a connection that did not come as far as a decision. */
  get #portless(): boolean {
    return !this.#version.ports && !this.#verbose;
  }

  /** One message; `level` is left out with -E, `preauth` when the unprivileged process says it. */
  #say(text: string | Buffer, { level = '', preauth = false, pid = this.#pid, tag = this.#version.tag } = {}): void {
    const raw = this.#raw;
    let bytes: Buffer = Buffer.from(text as string).subarray(0, MESSAGE_LIMIT_BYTES);
    if (preauth && !this.#version.preauth) pid = this.#pid + 1;
    else if (preauth) {
      if (this.#version.twice) bytes = escaped(bytes, raw);
      bytes = Buffer.concat([bytes, Buffer.from(' [preauth]')]).subarray(0, MESSAGE_LIMIT_BYTES);
    }
    bytes = escaped(Buffer.concat([Buffer.from(raw ? '' : level), bytes]), raw);
    this.#ms += this.#chance.below(400);
    this.lines.push({ ms: this.#ms, pid, tag, bytes: raw ? bytes : bytes.subarray(0, SYSLOG_LIMIT_BYTES) });
  }

  /** The lines of PAM's modules: syslog alone has them, and their names are not escaped. */
  #pam(text: string): void {
    if (this.#raw) return;
    this.lines.push({ ms: this.#ms, pid: this.#pid, tag: this.#version.tag, bytes: Buffer.from(text) });
  }

  #tell(
    outcome: Truth['outcome'],
    method: string | null,
    user: Buffer | null,
    invalidUser: boolean | null,
    portMissing = false,
  ): void {
    const name = user === null ? null : asShown(user, this.#raw);
    // Escapes that the client sent itself look like sshd's where a version escapes once what others escape twice.
    const userTwice =
      name === null
        ? {}
        : { userTwice: Buffer.from(sentName(Buffer.from(name).toString('latin1'), 1), 'latin1').toString() };
    this.truths.push({
      outcome,
      method,
      user: name,
      invalidUser,
      ip: this.#ip,
      port: this.#port,
      portMissing,
      ...userTwice,
    });
  }

  /** More truth about the latest attempt or probe. */
  #amend(change: Partial<Truth>): void {
    this.truths.push({ ...(this.truths.pop() as Truth), ...change });
  }

  #scan(): void {
    const preauth = this.#version.bannerPreauth;
    if (!this.#version.names) this.#say(`Did not receive identification string from ${this.#client}`);
    else {
      if (this.#verbose || !this.#version.bannerPreauth)
        this.#say('kex_exchange_identification: Connection closed by remote host', { level: 'error: ', preauth });
      this.#say(`Connection closed by ${this.#peer}`, { preauth });
    }
    this.#tell('probe', null, null, null, this.#portless);
  }

  #banner(): void {
    const preauth = this.#version.bannerPreauth;
    const text = Buffer.from(
      hostile(this.#chance, 200, this.#raw)
        .toString('latin1')
        .replace(/[\r\n].*$/s, ''),
      'latin1',
    );
    if (!this.#version.names) this.#say(around("Bad protocol version identification '", text, `' from ${this.#peer}`));
    else {
      this.#say(around('kex_exchange_identification: client sent invalid protocol identifier "', text, '"'), {
        level: 'error: ',
        preauth,
      });
      this.#say(`banner exchange: Connection from ${this.#peer}: invalid format`, { preauth });
    }
    this.#tell('probe', null, null, null);
    // The address is the end of that message, and may be cut off.
    if (!this.#version.names && this.lines.at(-1)?.bytes.length === SYSLOG_LIMIT_BYTES && !this.#raw && !this.#verbose)
      this.#amend({ ip: null, portMissing: true });
  }

  #noCommon(): void {
    if (this.#version.terse) {
      this.#say('Unable to negotiate a key exchange method', { level: 'fatal: ', preauth: true });
      // Neither an address nor [preauth], or neither that nor a pid: nobody can tell.
      if (!this.#verbose && (this.#raw || !this.#version.preauth)) return;
      this.#tell('probe', null, null, null, this.#portless);
      if (!this.#verbose) this.#amend({ ip: null });
      return;
    }
    const text = hostile(this.#chance, TEXT_LIMIT_BYTES, this.#raw);
    const before = `Unable to negotiate with ${this.#client}: no matching key exchange method found. Their offer: `;
    this.#say(around(before, text, ''), { level: this.#version.names ? '' : 'fatal: ', preauth: true });
    this.#tell('probe', null, null, null, this.#portless);
  }

  #user(): void {
    const chance = this.#chance;
    const invalid = chance.below(3) > 0;
    const whole = invalid ? this.#hostile(150) : Buffer.from(chance.one(['root', 'alice', 'j.doe-2', 'CORP\\kim']));
    // sshd cuts the name at a colon before it does anything with it.
    const colon = whole.indexOf(0x3a);
    const user = colon < 0 ? whole : whole.subarray(0, colon);
    const name = user.subarray(0, NAME_LIMIT_BYTES);
    const from = ` from ${this.#peer}`;
    const denied = !invalid && chance.below(5) === 0;
    const refused = invalid || denied;
    if (invalid) this.#say(around('Invalid user ', name, ` from ${this.#client}`));
    if (invalid && !this.#version.names)
      this.#say(around('input_userauth_request: invalid user ', name, ''), { preauth: true });
    if (denied) this.#say(around('User ', name, ` from ${this.#ip} not allowed because listed in DenyUsers`));
    const who = Buffer.concat([Buffer.from(refused ? 'invalid user ' : ''), name]);
    let decisions = 0;
    for (let i = chance.below(4); i > 0; i--) {
      const way = chance.below(4);
      if (way <= 1) {
        if (refused && !denied) this.#pam('pam_unix(sshd:auth): check pass; user unknown');
        if (decisions === 0)
          this.#pam(
            `pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=${this.#ip}${refused && !denied ? ' ' : `  user=${name}`}`,
          );
        this.#say(around('Failed password for ', who, `${from} ssh2`));
        this.#tell('failed', 'password', name, refused);
        decisions++;
      } else if (way === 2) {
        this.#keyboard(name, who, refused, from);
        decisions++;
      } else if (!refused && this.#verbose) {
        this.#say(around('Failed publickey for ', who, `${from} ssh2: ED25519 SHA256:abc`));
        this.#tell('failed', 'publickey', name, false);
        decisions++;
      }
    }
    if (!refused && chance.below(3) === 0) this.#accepted(name, from);
    else this.#leaves(user, refused, decisions);
  }

  #keyboard(name: Buffer, who: Buffer, refused: boolean, from: string): void {
    if (refused || this.#verbose)
      this.#say(around('Postponed keyboard-interactive for ', who, `${from} ssh2`), { preauth: true });
    const text = refused
      ? 'PAM: User not known to the underlying authentication module for illegal user '
      : 'PAM: Authentication failure for ';
    this.#say(around(text, name, ` from ${this.#ip}`), { level: 'error: ' });
    if (refused || this.#verbose) this.#say(around('Failed keyboard-interactive/pam for ', who, `${from} ssh2`));
    this.#tell('failed', 'keyboard-interactive', name, refused);
    // At INFO the port is on no line of this attempt; the end of the connection may still tell it.
    if (!refused && !this.#verbose) this.#amend({ portMissing: true });
  }

  #accepted(name: Buffer, from: string): void {
    const key = this.#chance.below(2) === 0;
    const id = hostile(this.#chance, 60, true)
      .toString('latin1')
      .replace(/[\r\n]/g, '');
    const more = ` ssh2: ED25519-CERT SHA256:abc ID ${id} (serial 7) CA RSA SHA256:def`;
    this.#say(
      around(
        `Accepted ${key ? 'publickey' : 'password'} for `,
        name,
        Buffer.from(`${from}${key ? more : ' ssh2'}`, 'latin1'),
      ),
    );
    this.#tell('accepted', key ? 'publickey' : 'password', name, false);
    const child = this.#pid + 2;
    this.#pam(`pam_unix(sshd:session): session opened for user ${name} by (uid=0)`);
    if (this.#verbose) this.#say(`User child is on pid ${child}`);
    this.#say(this.#disconnectMessage(), { pid: child });
    if (!this.#version.terse)
      this.#say(
        this.#version.names
          ? around('Disconnected from user ', name, ` ${this.#peer}`)
          : `Disconnected from ${this.#client}`,
        { pid: child },
      );
    this.#pam(`pam_unix(sshd:session): session closed for user ${name}`);
  }

  #disconnectMessage(): Buffer {
    const before = `Received disconnect from ${this.#client}:${this.#version.ports ? '' : ' '}11: `;
    // Where it is the only line and syslog cuts it, nobody can tell it from that of a session.
    return around(before, this.#hostile(this.#version.terse ? 60 : TEXT_LIMIT_BYTES), '');
  }

  #hostile(limitBytes: number): Buffer {
    const text = hostile(this.#chance, limitBytes, this.#raw);
    // Up to 5.8 that word is the client's: what ends in it stands like a line of a version that has it.
    return this.#version.preauth
      ? text
      : Buffer.from(text.toString('latin1').replaceAll('[preauth]', '[preauth)'), 'latin1');
  }

  #disconnecting(who: Buffer, reason: string): void {
    const before = this.#version.names ? around('Disconnecting ', who, ': ') : Buffer.from('Disconnecting: ');
    this.#say(Buffer.concat([before, Buffer.from(reason)]), { preauth: true });
  }

  #dropped(): void {
    if (this.#version.terse && !this.#verbose) return;
    const text = `drop connection #10 from [${this.#ip}]:${this.#port} on [192.0.2.1]:22 past MaxStartups`;
    this.#say(text, { pid: 7, tag: 'sshd' });
    this.#tell('probe', null, null, null);
  }

  #leaves(user: Buffer, refused: boolean, decisions: number): void {
    const identity = Buffer.concat([Buffer.from(refused ? 'invalid user ' : 'authenticating user '), user]).subarray(
      0,
      IDENTITY_LIMIT_BYTES,
    );
    const who = this.#version.names ? around('', identity, ` ${this.#peer}`) : Buffer.from(this.#client);
    const way = this.#chance.below(6);
    const timeout = way === 3 ? this.#version.timeout : null;
    const listener = timeout === 'listener' && !this.#raw;
    const named = refused || (this.#version.names && timeout !== 'own' && !listener);
    // Without [preauth] such a line may be the end of a session.
    const unknown = !this.#version.preauth && !refused && !this.#verbose && timeout === null;
    if (decisions === 0 && !unknown)
      this.#tell('probe', null, named ? user.subarray(0, NAME_LIMIT_BYTES) : null, null, listener || this.#portless);
    if (way === 0) {
      this.#say(this.#disconnectMessage(), { preauth: true });
      // So long that [preauth] was cut off it, and in `sshd -E` without a port: it may be a session's.
      const isCut = this.#raw && this.#version.preauth && !this.lines.at(-1)?.bytes.toString().endsWith(' [preauth]');
      if (isCut && !this.#version.ports && decisions === 0 && !refused && !this.#verbose) this.truths.pop();
      if (!this.#version.terse) this.#say(around('Disconnected from ', who, ''), { preauth: true });
    } else if (way === 1 && this.#version.preauth && (this.#version.names || decisions > 0)) {
      this.#disconnecting(who, 'Change of username or service not allowed: (a,ssh-connection) -> (b,ssh-connection)');
    } else if (way === 2 && decisions > 0) {
      if (this.#version.terse) {
        const text = around(
          'Disconnecting: Too many authentication failures for ',
          user.subarray(0, NAME_LIMIT_BYTES),
          '',
        );
        this.#say(text, { preauth: true });
        return;
      }
      const exceeded = around(
        'maximum authentication attempts exceeded for ',
        Buffer.concat([Buffer.from(refused ? 'invalid user ' : ''), user.subarray(0, NAME_LIMIT_BYTES)]),
        ` from ${this.#peer} ssh2`,
      );
      this.#say(exceeded, { level: 'error: ', preauth: true });
      this.#disconnecting(who, 'Too many authentication failures');
    } else if (listener)
      this.#say(`Timeout before authentication for connection from ${this.#ip} to 192.0.2.1, pid = ${this.#pid}`, {
        pid: 7,
        tag: 'sshd',
      });
    else if (timeout === 'own') this.#say(`Timeout before authentication for ${this.#client}`, { level: 'fatal: ' });
    else
      this.#say(around(way === 4 && !this.#version.terse ? 'Connection reset by ' : 'Connection closed by ', who, ''), {
        preauth: true,
      });
  }
}

function around(before: string, text: Buffer, behind: string | Buffer): Buffer {
  return Buffer.concat([Buffer.from(before), text, Buffer.from(behind as string)]);
}
