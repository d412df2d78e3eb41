/** Actions against an sshd, and the traces that they leave in its log. */
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { inspect } from 'node:util';
import type { LocatedEvent } from '../../alphaclient/sshd/events.ts';

/** One thing that sshd decided, or a connection on which it decided nothing. */
export interface Deed {
  readonly what: string;
  readonly outcome: 'accepted' | 'failed' | 'probe';
  readonly method: string | null;
  /** As the client sent it; null when it sent none. */
  readonly user: string | Buffer | null;
  readonly invalidUser: boolean | null;
  readonly ip: string;
  readonly port: number;
  /** True where the one line about it has no port. */
  readonly portMissing?: boolean;
}

/** sshd logs no more of a name than this. */
const NAME_LIMIT_BYTES = 100;
const SYSLOG_ESCAPES: Readonly<Record<number, string>> = {
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
};

/** The bytes of a name that sshd uses: up to a colon, and 100 of them. */
function used(name: string | Buffer): Buffer {
  const bytes = Buffer.from(name as string);
  const colon = bytes.indexOf(':');
  return bytes.subarray(0, colon < 0 ? bytes.length : colon).subarray(0, NAME_LIMIT_BYTES);
}

/** A name as an event has it: characters as they were sent, but control characters and bytes that are no UTF-8 as sshd escapes them. */
export function asShown(name: string | Buffer, raw: boolean): string {
  const bytes = used(name);
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = [1, 2, 3, 4].find((count) => at + count <= bytes.length && isUtf8(bytes.subarray(at, at + count)));
    const character = bytes.toString('utf8', at, at + (length ?? 1));
    const isPlain = length !== undefined && (length > 1 || character === '\\');
    text += isPlain ? character : asLogged(bytes.subarray(at, at + 1), raw);
    at += length ?? 1;
  }
  return text;
}

/** A name as sshd writes it once: cut at a colon and at 100 bytes, and escaped (vis(3)); with -E white space is left alone. */
export function asLogged(name: string | Buffer, raw: boolean): string {
  let text = '';
  for (const byte of used(name)) {
    const short = SYSLOG_ESCAPES[byte];
    if (byte === 0x5c) text += '\\\\';
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else if (raw && [7, 8, 9, 10, 13].includes(byte)) text += String.fromCharCode(byte);
    else text += raw || !short ? `\\${byte.toString(8).padStart(3, '0')}` : short;
  }
  return text;
}

/** Fails unless the events are those deeds, no more and no less, with all their fields. `raw`: the log is sshd's own file. */
export function assertDone(
  deeds: readonly Deed[],
  sightings: readonly LocatedEvent[],
  raw: boolean,
  log: string,
): void {
  const left = sightings.map(({ event, line }) => ({ ...event, line }));
  const missing = deeds.filter((deed) => {
    const user = deed.user === null ? null : asShown(deed.user, raw);
    const at = left.findIndex(
      (event) =>
        event.outcome === deed.outcome &&
        event.user === user &&
        event.ip === deed.ip &&
        (event.port === deed.port || (event.port === null && deed.portMissing === true)) &&
        (deed.outcome === 'probe' || (event.method === deed.method && event.invalidUser === deed.invalidUser)),
    );
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  const difference = `done, and not in the events: ${inspect(missing)}\nin the events, and not done: ${inspect(left)}`;
  assert.ok(missing.length === 0 && left.length === 0, `${difference}\nthe log:\n${log}`);
}
