import { deepEqual } from 'node:assert/strict';
import { it } from 'node:test';
import { journalEntry } from '../../../alphaclient/sshd/journal-entry.ts';

const writer = (message: string, fields: Record<string, string> = {}) =>
  journalEntry({ SYSLOG_IDENTIFIER: 'sshd', _TRANSPORT: 'syslog', MESSAGE: message, ...fields })?.writer;
const FAILED = 'Failed password for root from 192.0.2.10 port 50022 ssh2';

it('an entry whose sender journald could see is taken by who it was', () => {
  deepEqual(
    [
      writer(FAILED, { _UID: '0', _EXE: '/usr/sbin/sshd', _COMM: 'sshd' }),
      writer(FAILED, { _UID: '0', _COMM: 'sshd' }),
      writer(FAILED, { _UID: '1000', _EXE: '/usr/bin/logger', _COMM: 'logger' }),
      writer(FAILED),
    ],
    ['sshd', 'sshd', 'forged', 'sshd'],
  );
});

it("an entry of a user's process that was gone is forged where it tells of an attempt, and a session's end otherwise", () => {
  const gone = { _UID: '1000', _COMM: 'sshd' };
  deepEqual(
    [
      writer(FAILED, gone),
      writer(
        'pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.10',
        gone,
      ),
      writer('something that no sshd says', gone),
      writer('Transferred: sent 1520, received 408 bytes', gone),
      writer('Connection closed by 192.0.2.10 port 50022', gone),
    ],
    ['forged', 'forged', 'forged', 'other', 'other'],
  );
});
