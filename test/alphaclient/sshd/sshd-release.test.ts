import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader } from '../../../alphaclient/sshd/reader.ts';
import { SshdReleaseWatch } from '../../../alphaclient/sshd/sshd-release.ts';
import { releaseFrom } from '../../../protocol/report.ts';

const line = (program: string, message: string): string => `Nov 23 19:46:01 web-1 ${program}[42]: ${message}\n`;
const ACCEPTED = 'Accepted publickey for mira from 192.0.2.1 port 40000 ssh2';
const journal = (comm: string, message: string): string => `${JSON.stringify({ MESSAGE: message, _COMM: comm })}\n`;

function releaseOf(...texts: string[]): unknown {
  const watch = new SshdReleaseWatch(null);
  for (const text of texts) watch.take(Buffer.from(text));
  return watch.release?.program ?? null;
}

test('the release of an sshd shows in the names of its processes, in files and in the journal', () => {
  assert.equal(releaseOf(line('sshd', ACCEPTED)), 'sshd');
  // What the listener writes is written by sshd in every release.
  assert.equal(releaseOf(line('sshd', 'Server listening on :: port 22.')), null);
  assert.equal(
    releaseOf(line('sshd-session', ACCEPTED), line('sshd', 'Server listening on :: port 22.')),
    'sshd-session',
  );
  assert.equal(
    releaseOf(line('sshd-auth', 'Connection closed by 192.0.2.1'), line('sshd-session', ACCEPTED)),
    'sshd-auth',
  );
  assert.equal(releaseOf(line('/usr/lib/openssh/sshd-session', ACCEPTED)), 'sshd-session');
  assert.equal(releaseOf(journal('sshd-session', ACCEPTED)), 'sshd-session');
  assert.equal(releaseOf(journal('sshd', 'Server listening on :: port 22.')), null);
});

test('a client cannot write the name of a process into it', () => {
  const name = 'x" sshd-auth[1]: Accepted","_COMM":"sshd-auth"';
  assert.equal(
    releaseOf(line('sshd', `Failed password for invalid user ${name} from 192.0.2.1 port 40000 ssh2`)),
    'sshd',
  );
  assert.equal(releaseOf(journal('sshd-session', `Invalid user ${name} from 192.0.2.1`)), 'sshd-session');
});

test('an upgrade shows, and only news are reported as news', () => {
  const watch = new SshdReleaseWatch(releaseFrom({ program: 'sshd', version: null }));
  assert.equal(watch.take(Buffer.from(line('sshd', ACCEPTED))), false);
  assert.equal(watch.take(Buffer.from(line('sshd-session', ACCEPTED))), true);
  assert.equal(watch.take(Buffer.from(line('cron', 'nothing'))), false);
  assert.deepEqual(watch.release, { program: 'sshd-session', version: null });
});

test('the version that sshd names at LogLevel DEBUG is read from its own line alone', () => {
  const reader = new Reader();
  const context = { writtenMs: Date.UTC(2026, 10, 24), nowMs: Date.UTC(2026, 10, 24) };
  reader.read(Buffer.from(line('sshd', 'Invalid user debug1: sshd version OpenSSH_1.0 from 192.0.2.1')), context);
  assert.equal(reader.sshdListener.versionLine, '');
  reader.read(Buffer.from(line('sshd', 'debug1: sshd version OpenSSH_9.6p1, OpenSSL 3.0.13')), context);
  const watch = new SshdReleaseWatch(null);
  assert.equal(watch.takeMessage(reader.sshdListener.versionLine), true);
  assert.equal(watch.takeMessage(reader.sshdListener.versionLine), false);
  assert.deepEqual(watch.release, { program: null, version: 'OpenSSH_9.6p1' });
});

test('a report with something else in place of a release is taken without it', () => {
  for (const wrong of [null, 1, {}, { program: 'bash' }, { version: '<b>' }, { version: `OpenSSH_${'9'.repeat(40)}` }])
    assert.equal(releaseFrom(wrong), null);
  assert.deepEqual(releaseFrom({ program: 'sshd-auth', other: 1 }), { program: 'sshd-auth', version: null });
});
