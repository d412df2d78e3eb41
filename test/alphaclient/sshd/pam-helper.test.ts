/** Keyboard-interactive by PAM: a helper process of the connection writes of the failure, too, under a pid of its own. */

import { deepEqual } from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ReadContext } from '../../../alphaclient/sshd/reader.ts';
import { Reader } from '../../../alphaclient/sshd/reader.ts';

const NOW = Date.UTC(2026, 10, 24, 12);
const CONTEXT: ReadContext = { writtenMs: NOW, nowMs: NOW, timeZone: 'UTC' };
const ADDRESS = '192.0.2.10';

const failure = (user: string): string =>
  `pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=${ADDRESS} ${user === '' ? '' : ` user=${user}`}`;
const refused = (user: string): string =>
  `pam_sss(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=${ADDRESS} user=${user}`;
const success = (user: string): string =>
  `pam_sss(sshd:auth): authentication success; logname= uid=0 euid=0 tty=ssh ruser= rhost=${ADDRESS} user=${user}`;
const pam = (user: string): string => `error: PAM: Authentication failure for ${user} from ${ADDRESS}`;
const failed = (user: string, port: number, method = 'password'): string =>
  `Failed ${method} for ${user} from ${ADDRESS} port ${port} ssh2`;
const closed = (user: string, port: number): string => `Connection closed by ${user} ${ADDRESS} port ${port} [preauth]`;

/** What was emitted of messages, each with the pid that wrote it, at the end too. */
function outcomes(messages: readonly (readonly [pid: number, message: string])[]): unknown[] {
  const text = messages
    .map(
      ([pid, message], i) => `2026-11-20T10:00:00.${String(i).padStart(6, '0')}+00:00 web sshd[${pid}]: ${message}\n`,
    )
    .join('');
  const reader = new Reader();
  const located = [...reader.read(Buffer.from(text), CONTEXT), ...reader.end()];
  deepEqual(reader.shapes(), []);
  return located.map(({ event: { outcome, method, user, port } }) => [outcome, method, user, port]);
}

describe("PAM's helper process", () => {
  it('is not another connection whose first line is of its own failure', () => {
    const messages: [number, string][] = [
      [1003, failure('root')],
      [2002, failure('root')],
      [2000, pam('root')],
      [1003, failed('root', 5001)],
      [1003, closed('authenticating user root', 5001)],
      [2000, closed('authenticating user root', 5002)],
    ];
    deepEqual(outcomes(messages), [
      ['failed', 'password', 'root', 5001],
      ['failed', 'keyboard-interactive', 'root', 5002],
    ]);
  });

  it('of a login is the one in which a module took the password, and of a failure it is not', () => {
    const taken: [number, string][] = [
      [642, failure('mia')],
      [642, success('mia')],
      // Of another connection.
      [700, failure('mia')],
    ];
    const other: [number, string] = [700, closed('authenticating user mia', 7)];
    const failedPassword = ['failed', 'password', 'mia', 7];
    deepEqual(
      outcomes([...taken, [640, `Accepted keyboard-interactive/pam for mia from ${ADDRESS} port 5 ssh2`], other]),
      [['accepted', 'keyboard-interactive', 'mia', 5], failedPassword],
    );
    deepEqual(outcomes([...taken, [702, failure('mia')], [701, pam('mia')], other]), [
      failedPassword,
      ['failed', 'keyboard-interactive', 'mia', null],
    ]);
  });

  it('is not one of another user, where there is one of the same', () => {
    deepEqual(
      outcomes([
        // PAM does not name a user who does not exist.
        [2102, failure('')],
        [2202, failure('root')],
        [2200, pam('root')],
        [2200, closed('authenticating user root', 5002)],
        [2100, `Invalid user admin from ${ADDRESS} port 5001`],
        [2100, failed('invalid user admin', 5001, 'keyboard-interactive/pam')],
        [2100, closed('invalid user admin', 5001)],
      ]),
      [
        ['failed', 'keyboard-interactive', 'root', 5002],
        ['failed', 'keyboard-interactive', 'admin', 5001],
      ],
    );
  });

  it('counts no failure again where a module writes of it after the helper was taken for that of another connection', () => {
    const messages: [number, string][] = [
      [613, failure('mia')],
      [602, failure('mia')],
      [602, refused('mia')],
      [601, pam('mia')],
      [601, closed('authenticating user mia', 5001)],
      [613, refused('mia')],
      [612, pam('mia')],
      [614, failure('mia')],
      [614, success('mia')],
      [612, `Accepted keyboard-interactive/pam for mia from ${ADDRESS} port 5002 ssh2`],
    ];
    deepEqual(outcomes(messages), [
      ['failed', 'keyboard-interactive', 'mia', 5001],
      ['failed', 'keyboard-interactive', 'mia', 5002],
      ['accepted', 'keyboard-interactive', 'mia', 5002],
    ]);
  });

  it('that was none after all goes on as a connection of its own', () => {
    const taken: [number, string][] = [
      [602, failure('mia')],
      [600, pam('mia')],
      [600, closed('authenticating user mia', 5001)],
    ];
    const first = ['failed', 'keyboard-interactive', 'mia', 5001];
    // By a line of sshd's own, or by another failure.
    deepEqual(outcomes([...taken, [602, refused('mia')], [602, failed('mia', 5002)]]), [
      first,
      ['failed', 'password', 'mia', 5002],
    ]);
    deepEqual(outcomes([...taken, [602, failure('mia')], [602, closed('authenticating user mia', 5002)]]), [
      first,
      ['failed', 'password', 'mia', 5002],
    ]);
    // It may be silent for longer than a connection that is about to end.
    const late = `2026-11-20T10:05:00.000000+00:00 web sshd[1]: Server listening on 0.0.0.0 port 22.\n`;
    const reader = new Reader();
    const text = [...taken, [602, `Connection from ${ADDRESS} port 5002 on 192.0.2.1 port 22`] as const]
      .map(([pid, message]) => `2026-11-20T10:00:00.000000+00:00 web sshd[${pid}]: ${message}\n`)
      .join('');
    reader.read(Buffer.from(text + late), CONTEXT);
    deepEqual(
      [...reader.connections.table].map(({ pid, port, state }) => [pid, port, state]).filter(([pid]) => pid === 602),
      [[602, 5002, 'open']],
    );
  });

  it('has a pid at most 64 above that of its connection, where it is one of two', () => {
    for (const distance of [64, 65]) {
      const reader = new Reader();
      const lines = [
        [1900, failure('root')],
        [2000 + distance, failure('root')],
        [2000, pam('root')],
      ] as const;
      const text = lines.map(([pid, message]) => `Nov 20 10:00:00 web sshd[${pid}]: ${message}\n`).join('');
      reader.read(Buffer.from(text), CONTEXT);
      // The other one is left.
      const left = [...reader.connections.table].filter(({ pamFailures }) => pamFailures > 0).map(({ pid }) => pid);
      deepEqual(left, [distance > 64 ? 2000 + distance : 1900]);
    }
  });
});
