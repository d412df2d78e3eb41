/**
 * Golden pairs: NAME.log holds lines as rsyslog writes them, NAME.ndjson what `scan` is to print. A new message of sshd is one
 * pair and one rule. Each pair is read in every form that a log can have; one whose lines need their pids to be distinguished is
 * called NAME.pid.log, and is not read as `sshd -E` would have written it.
 */

import { deepEqual } from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { scanLine } from '../../../alphaclient/commands/event-lines.ts';
import { Reader } from '../../../alphaclient/sshd/reader.ts';

interface Line {
  readonly ms: number;
  readonly host: string;
  readonly tag: string;
  readonly pid: string;
  readonly message: string;
}

type Event = Readonly<Record<string, unknown>>;

const FOLDER = join(import.meta.dirname, '..', '..', 'fixtures', 'sshd');
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const NOW = Date.UTC(2026, 10, 30);

function linesOf(text: string): Line[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [, time = '', host = '', tag = '', pid = '', message = ''] =
        /^(\S+) (\S+) ([\w-]+)\[(\d+)\]: (.*)$/.exec(line) ?? [];
      return { ms: Date.parse(time), host, tag, pid, message };
    });
}

function rfc3164(ms: number): string {
  const date = new Date(ms);
  return `${MONTHS[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2)} ${date.toISOString().slice(11, 19)}`;
}

/** `2026-11-20 10:00:07.123`. */
function spaced(ms: number): string {
  return new Date(ms).toISOString().slice(0, -1).replace('T', ' ');
}

/** How each form writes a line; and what of it is lost: fractions of a second, times, hosts, pids. */
const FORMS: Readonly<Record<string, (line: Line) => string>> = {
  'rsyslog, high precision': ({ ms, host, tag, pid, message }) =>
    `${new Date(ms).toISOString().replace('Z', '000+00:00')} ${host} ${tag}[${pid}]: ${message}`,
  'another zone': ({ ms, host, tag, pid, message }) =>
    `${new Date(ms + 19_800_000).toISOString().slice(0, -1)}+0530 ${host} ${tag}[${pid}]: ${message}`,
  'RFC 3164': ({ ms, host, tag, pid, message }) => `${rfc3164(ms)} ${host} ${tag}[${pid}]: ${message}`,
  'RFC 3164 of Solaris': ({ ms, host, tag, pid, message }) =>
    `${rfc3164(ms)} ${host} ${tag}[${pid}]: [ID 800047 auth.info] ${message}`,
  'RFC 3164 without a host': ({ ms, tag, pid, message }) => `${rfc3164(ms)} ${tag}[${pid}]: ${message}`,
  'RFC 3164 with a priority': ({ ms, host, tag, pid, message }) =>
    `<86>${rfc3164(ms)} ${host} ${tag}[${pid}]: ${message}`,
  'RFC 5424': ({ ms, host, tag, pid, message }) =>
    `<86>1 ${new Date(ms).toISOString()} ${host} ${tag} ${pid} - [a@1 b="]\\"x"] ${message}`,
  'journalctl -o json': ({ ms, host, tag, pid, message }) =>
    JSON.stringify({
      MESSAGE: message,
      _PID: pid,
      SYSLOG_IDENTIFIER: tag,
      _HOSTNAME: host,
      __REALTIME_TIMESTAMP: String(ms * 1000),
      _COMM: tag,
    }),
  'journalctl -o json, bytes': ({ ms, host, tag, pid, message }) =>
    JSON.stringify({
      _SOURCE_REALTIME_TIMESTAMP: `${ms}000`,
      SYSLOG_PID: pid,
      MESSAGE: [...Buffer.from(message)],
      SYSLOG_IDENTIFIER: tag,
      _HOSTNAME: host,
    }),
  'journalctl -o short-iso': ({ ms, host, tag, pid, message }) =>
    `${new Date(ms).toISOString().slice(0, 19)}+0000 ${host} ${tag}[${pid}]: ${message}`,
  'journalctl -o short-precise': ({ ms, host, tag, pid, message }) =>
    `${rfc3164(ms)}.${new Date(ms).toISOString().slice(20, 23)}000 ${host} ${tag}[${pid}]: ${message}`,
  'journalctl -o short-full': ({ ms, host, tag, pid, message }) =>
    `Fri ${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC ${host} ${tag}[${pid}]: ${message}`,
  'journalctl -o short-unix': ({ ms, host, tag, pid, message }) =>
    `${(ms / 1000).toFixed(6)} ${host} ${tag}[${pid}]: ${message}`,
  'journalctl -o with-unit': ({ ms, host, pid, message }) =>
    `Fri ${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC ${host} ssh.service[${pid}]: ${message}`,
  'journalctl -o with-unit of a socket': ({ ms, host, pid, message }) =>
    `Fri ${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC ${host} sshd@7-2001:db8::1:22-2001:db8::9:40000.service[${pid}]: ${message}`,
  'journalctl -o short-full in Spanish': ({ ms, host, tag, pid, message }) =>
    `mi\u00e9 ${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC ${host} ${tag}[${pid}]: ${message}`,
  ...Object.fromEntries(
    ['nov', 'nov.', '\u043d\u043e\u044f', '11\u6708', 'Kas'].map((month) => [
      `journalctl -o short, November as ${month}`,
      ({ ms, host, tag, pid, message }: Line) =>
        `${rfc3164(ms).replace('Nov', month)}.${new Date(ms).toISOString().slice(20, 23)} ${host} ${tag}[${pid}]: ${message}`,
    ]),
  ),
  'RFC 3164 with the year': ({ ms, host, tag, pid, message }) =>
    `${rfc3164(ms).slice(0, 7)}2026 ${rfc3164(ms).slice(7)} ${host} ${tag}[${pid}]: ${message}`,
  'RFC 3164 behind the year': ({ ms, host, tag, pid, message }) =>
    `2026 ${rfc3164(ms)} ${host} ${tag}[${pid}]: ${message}`,
  'RFC 3164 of BusyBox': ({ ms, host, tag, pid, message }) =>
    `${rfc3164(ms)} ${host} auth.info ${tag}[${pid}]: ${message}`,
  'RFC 3164 of OpenWrt, without a host': ({ ms, tag, pid, message }) =>
    `Fri ${rfc3164(ms)} 2026 authpriv.info ${tag}[${pid}]: ${message}`,
  'RFC 3164 of AIX': ({ ms, host, tag, pid, message }) =>
    `${rfc3164(ms)} ${host} auth|security:info ${tag}[${pid}]: ${message}`,
  'RFC 3164 of FreeBSD': ({ ms, host, tag, pid, message }) =>
    `${rfc3164(ms)} <auth.info> ${host} ${tag}[${pid}]: ${message}`,
  'RFC 3164 of macOS': ({ ms, host, tag, pid, message }) =>
    `${rfc3164(ms)} ${host} ${tag}[${pid}] <Notice>: ${message}`,
  'log show of macOS': ({ ms, host, tag, pid, message }) =>
    `${spaced(ms - 25_200_000)}000-0700  ${host} ${tag}[${pid}]: ${message}`,
  'log show of macOS, in columns, without a host': ({ ms, tag, pid, message }) =>
    `${spaced(ms - 25_200_000)}000-0700 0x14e5ecb  Default     0x0                  ${pid}  0    ${tag}: ${message}`,
  'log show of macOS, in columns, by way of a library, without a host': ({ ms, tag, pid, message }) =>
    `${spaced(ms - 25_200_000)}000-0700 0x14e5ecb  Default     0x0                  ${pid}  0    ${tag}: (libpam.2.dylib) ${message}`,
  'log show --style compact of macOS, without a host': ({ ms, tag, pid, message }) =>
    `${spaced(ms)} Df ${tag}[${pid}:5b5e5a] ${message}`,
  'log stream --style compact of macOS, by way of a library, without a host': ({ ms, tag, pid, message }) =>
    `${spaced(ms)} I  ${tag}[${pid}:12345] (libpam.2.dylib) [com.openssh:auth] ${message}`,
  'log show --style ndjson of macOS, without a host': ({ ms, tag, pid, message }) =>
    JSON.stringify({
      eventMessage: message,
      processImagePath: `/usr/libexec/${tag}`,
      timestamp: `${spaced(ms - 25_200_000)}000-0700`,
      messageType: 'Default',
      processID: Number(pid),
    }),
  'a time in brackets': ({ ms, host, tag, pid, message }) =>
    `[${new Date(ms).toISOString()}] ${host} ${tag}[${pid}]: ${message}`,
  "RFC 3164 by way of the kernel's log": ({ ms, host, tag, pid, message }) =>
    `${rfc3164(ms)} ${host} ${tag}[${pid}]: kernel: [  970.699396] ${message}`,
  'a tag with its path': ({ ms, host, tag, pid, message }) =>
    `${new Date(ms).toISOString()} ${host} /usr/sbin/${tag}[${pid}]: ${message}`,
  'journalctl -o short-monotonic': ({ ms, host, tag, pid, message }) =>
    `[${(ms / 1e6).toFixed(6).padStart(15)}] ${host} ${tag}[${pid}]: ${message}`,
  'journalctl -o short-delta': ({ ms, host, tag, pid, message }) =>
    `[${(ms / 1e6).toFixed(6)} <    0.130762 >] ${host} ${tag}[${pid}]: ${message}`,
  'socklog, with two times and without a host': ({ ms, tag, pid, message }) =>
    `${new Date(ms).toISOString().slice(0, -1)}00 auth.info: ${rfc3164(ms)} ${tag}[${pid}]: ${message}`,
  'RFC 5424 without priority and version': ({ ms, host, tag, pid, message }) =>
    `${new Date(ms).toISOString()} ${host} ${tag} ${pid} - - ${message}`,
  'RFC 5424 behind a header of RFC 3164': ({ ms, host, tag, pid, message }) =>
    `${rfc3164(ms + 2_000)} relay 1 ${new Date(ms).toISOString()} ${host} ${tag} ${pid} - - ${message}`,
  'a second header': ({ ms, host, tag, pid, message }) =>
    `${rfc3164(ms + 2_000)} relay ${new Date(ms).toISOString()} ${host} ${tag}[${pid}]: ${message}`,
  grep: ({ ms, host, tag, pid, message }) =>
    `auth.log.1:${new Date(ms).toISOString()} ${host} ${tag}[${pid}]: ${message}`,
  'RFC 3164 of Cygwin': ({ ms, host, pid, message }) => `${rfc3164(ms)} ${host} sshd: PID ${pid}: ${message}`,
  'RFC 3164 of NX-OS': ({ ms, host, tag, pid, message }) =>
    `<187>${host}: 2026 ${rfc3164(ms)} UTC: %DAEMON-6-SYSTEM_MSG: ${message} - ${tag}[${pid}]`,
  'TAI64N without a host': ({ ms, tag, pid, message }) =>
    `@4${(Math.floor(ms / 1000) + 10).toString(16).padStart(15, '0')}${((ms % 1000) * 1e6).toString(16).padStart(8, '0')} auth.info: ${rfc3164(ms)} ${tag}[${pid}]: ${message}`,
  'lines without their time': ({ host, tag, pid, message }) => `${host} ${tag}[${pid}]: ${message}`,
};

function scanned(lines: readonly string[], end = '\n'): Event[] {
  const reader = new Reader();
  const context = { writtenMs: NOW, nowMs: NOW, timeZone: 'UTC' };
  const all = [
    ...reader.read(Buffer.from(lines.map((line) => `${line}${end}`).join(''), 'utf8'), context),
    ...reader.end(),
  ];
  return all.sort((a, b) => a.line - b.line).map((located) => JSON.parse(scanLine(located)) as Event);
}

/** What every form can tell. */
function bare(events: readonly Event[], ...without: string[]): Event[] {
  return events.map((event) => Object.fromEntries(Object.entries(event).filter(([field]) => !without.includes(field))));
}

describe('golden pairs', () => {
  for (const name of readdirSync(FOLDER).filter((one) => one.endsWith('.log'))) {
    const lines = linesOf(readFileSync(join(FOLDER, name), 'utf8'));
    const golden = join(FOLDER, name.replace(/(?:\.pid)?\.log$/, '.ndjson'));
    if (process.env['UPDATE_FIXTURES'] === '1') {
      const events = scanned(lines.map((line) => (FORMS['rsyslog, high precision'] as (line: Line) => string)(line)));
      writeFileSync(golden, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    }
    const expected = readFileSync(golden, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Event);
    for (const [form, write] of Object.entries(FORMS))
      it(`${name} as ${form}`, () => {
        const without = [
          ...(/RFC 3164|short-(?:iso|full|monotonic|delta)|with-unit|without their time/.test(form) ? ['at'] : []),
          ...(form.includes('without a host') ? ['host'] : []),
        ];
        deepEqual(bare(scanned(lines.map(write)), ...without), bare(expected, ...without));
      });
    if (!name.endsWith('.pid.log'))
      it(`${name} as sshd -E writes it`, () => {
        const raw = lines
          .filter(({ message }) => !/^(?:pam_|PAM )/.test(message))
          .map(({ message }) => message.replace(/^(?:error|fatal): /, ''));
        const without = ['at', 'host', 'line', 'reason', 'trust'];
        const found = scanned(raw, '\r\n');
        deepEqual(bare(found, ...without), bare(expected, ...without));
        deepEqual(
          found.filter(({ trust }) => trust !== 'forgeable'),
          [],
        );
      });
  }
});
