/**
 * The release of the sshd that writes a log, as far as lines say it. Since 9.8 the processes of sessions are called sshd-session, since
 * 10.0 those before a login sshd-auth (OpenSSH's release notes); at LogLevel DEBUG sshd names its version.
 */

import type { SshdProgram, SshdRelease } from '../../protocol/report.ts';

/** Only the end of what is read is looked at: a log of years says the same in each of its parts. */
const LOOKED_AT_BYTES = 4_096;
/**
 * The name in a line's tag, before any text that a client chose: the first one of the line, behind a space or a path. A line of sshd
 * itself says something only where it is one that sshd-session would have written.
 */
const TAGGED =
  /^(?!\{)[^\n]{0,200}?[ /](sshd(?:-session|-auth)?)\[\d{1,11}\]: (?=(Accepted|Failed|Invalid user|Connection closed|Received disconnect)? ?)/gm;
/** The field of an entry of the journal, which sshd does not choose; a quote in any other field is escaped. */
const NAMED = /^\{[^\n]*?[^\\]"_COMM":"(sshd(?:-session|-auth)?)"/gm;
const VERSION = /^debug1: sshd version (OpenSSH_[\w.]{1,32})/;
const RANKS: readonly SshdProgram[] = ['sshd', 'sshd-session', 'sshd-auth'];

/** Collects what the lines of one log say. */
export class SshdReleaseWatch {
  #release: SshdRelease;

  constructor(known: SshdRelease | null) {
    this.#release = known ?? { program: null, version: null };
  }

  /** What is known; null for nothing. */
  get release(): SshdRelease | null {
    const { program, version } = this.#release;
    return program === null && version === null ? null : this.#release;
  }

  /** Looks at the end of lines that were read. True where something is known that was not known before. */
  take(bytes: Uint8Array): boolean {
    const end = bytes.subarray(Math.max(0, bytes.length - LOOKED_AT_BYTES));
    const text = Buffer.from(end.buffer, end.byteOffset, end.byteLength).toString('latin1');
    const found = [
      ...[...text.matchAll(TAGGED)].flatMap(([, name, of]) => (name === 'sshd' && of === undefined ? [] : [name])),
      ...[...text.matchAll(NAMED)].map(([, name]) => name).filter((name) => name !== 'sshd'),
    ] as SshdProgram[];
    const program = found.sort((a, b) => RANKS.indexOf(b) - RANKS.indexOf(a))[0] ?? null;
    return program !== null && this.#set({ ...this.#release, program: this.#newest(program) });
  }

  /** Takes a message of sshd's listener. True where it names a version that was not known before. */
  takeMessage(message: string): boolean {
    const version = VERSION.exec(message)?.[1];
    return version !== undefined && this.#set({ ...this.#release, version });
  }

  /** sshd-auth and sshd-session write the same log: what sshd-session wrote last does not take sshd-auth back. */
  #newest(program: SshdProgram): SshdProgram {
    return program === 'sshd-session' && this.#release.program === 'sshd-auth' ? 'sshd-auth' : program;
  }

  #set(release: SshdRelease): boolean {
    const isNew = release.program !== this.#release.program || release.version !== this.#release.version;
    this.#release = release;
    return isNew;
  }
}
