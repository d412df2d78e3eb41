/** The process of sshd that accepts connections, as far as a log shows it: its ports, its last start or stop, and the version it names. */

import { PORT_LIMIT } from '../../protocol/values.ts';
import type { MessageRow } from './message-types.ts';
import { IGNORED } from './messages/ignored.ts';

/** The most ports that sshd listens on (MAX_LISTEN_SOCKS). */
export const PORTS_LIMIT = 16;
const VERSION_BEGINS = 'debug1: sshd version ';
const PORT = /^Server listening on \S+ port (\d{1,5})\b/;

const rowOf = (name: string): MessageRow | undefined => IGNORED.find((row) => row.name === name);
const DEBUG = rowOf('ignored:debug1');
const LISTENING = rowOf('ignored:server-listening-on');
const SIGNALLED = rowOf('ignored:received-signal');

/** Keeps the listener's ports, and when it was started or stopped last. */
export class SshdListener {
  #ports: number[] = [];
  #ms = Number.NaN;
  /** The last line in which sshd named its version, at LogLevel DEBUG; empty for none. */
  versionLine = '';

  /** The ports that a listener of this log was started on, the newest last: PORTS_LIMIT at most. */
  get ports(): readonly number[] {
    return this.#ports;
  }

  /** The time of a listener's last start or stop, Unix milliseconds by the log; NaN where no line has it. */
  get changedMs(): number {
    return this.#ms;
  }

  /** Takes an ignored message, which may be the listener's. */
  take(row: MessageRow, text: string, ms: number): void {
    if (row === DEBUG && text.startsWith(VERSION_BEGINS)) this.versionLine = text;
    if (row !== LISTENING && row !== SIGNALLED) return;
    this.#ms = ms;
    const port = Number(PORT.exec(text)?.[1] ?? 0);
    if (port === 0 || port > PORT_LIMIT) return;
    this.#ports = [...this.#ports.filter((one) => one !== port), port].slice(-PORTS_LIMIT);
  }

  /** Plain JSON. */
  save(): { readonly ports: readonly number[]; readonly ms: number | null } {
    return { ports: this.#ports, ms: Number.isNaN(this.#ms) ? null : this.#ms };
  }

  /** Takes over what `save` gave. */
  restore(saved: unknown): void {
    const { ports, ms } = (saved ?? {}) as { ports?: unknown; ms?: unknown };
    if (Array.isArray(ports)) this.#ports = ports.filter((port) => Number.isInteger(port)).slice(-PORTS_LIMIT);
    if (typeof ms === 'number') this.#ms = ms;
  }
}
